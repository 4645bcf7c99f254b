//! The command that stands between a client and its server.

use std::path::{Path as FilePath, PathBuf};

use super::listening::Listening;
use super::plan::Plan;
use crate::world::{World, bin};

/// `mcps connect -- mcps-wrap -- SERVER`, or `mcps-wrap -- SERVER` for a plain client, or
/// `mcps connect --url` to `mcps-wrap --listen -- SERVER`.
pub(super) struct Path {
    agent: Option<PathBuf>,
    server: PathBuf,
    connect: Vec<String>,
    wrap: Vec<String>,
    http: bool,
}

/// A path that stands: what the client is to start, and what runs beside it.
pub(super) struct Standing {
    pub(super) command: Vec<String>,
    listening: Option<Listening>,
}

impl Standing {
    /// `mcps connect --url`, as this agent, to what listens.
    pub(super) fn at(agent: &FilePath, listening: Listening) -> Self {
        let mut command = Vec::from(program("mcps", agent));
        command.extend(["connect", "--url", listening.url()].map(str::to_owned));
        Self {
            command,
            listening: Some(listening),
        }
    }

    /// What the programs beside the client's own have logged.
    pub(super) fn said(&self) -> String {
        self.listening
            .as_ref()
            .map(Listening::said)
            .unwrap_or_default()
    }
}

impl Path {
    /// Between an agent and this plan's server, both enrolled at level 2.
    pub(super) fn new(world: &World, plan: Plan) -> Self {
        Self::between(world, plan.name())
    }

    /// Between an agent and a server of this name, both enrolled at level 2.
    pub(super) fn between(world: &World, server: &str) -> Self {
        let home = |kind: &str, name: &str| {
            let home = world.home(name);
            if home.exists() {
                home
            } else {
                world.enrol(kind, name, 2)
            }
        };
        Self {
            agent: Some(home("agent", "agent")),
            server: home("server", server),
            connect: Vec::new(),
            wrap: Vec::new(),
            http: false,
        }
    }

    /// With further options of `mcps connect`.
    pub(super) fn connect_with(mut self, options: &[&str]) -> Self {
        self.connect
            .extend(options.iter().map(|word| (*word).to_owned()));
        self
    }

    /// With further options of `mcps-wrap`.
    pub(super) fn wrap_with(mut self, options: &[&str]) -> Self {
        self.wrap
            .extend(options.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Without `mcps connect`: the client itself speaks to `mcps-wrap`.
    pub(super) fn plain(mut self) -> Self {
        self.agent = None;
        self
    }

    /// Over Streamable HTTP instead of standard input and output.
    pub(super) fn over_http(mut self) -> Self {
        self.http = true;
        self
    }

    /// The command that the client starts, after what has to run before it; that works in `dir`.
    pub(super) fn open(&self, server: &[String], dir: &FilePath) -> Standing {
        if !self.http {
            return Standing {
                command: self.command(server),
                listening: None,
            };
        }
        let wrap = self.wrapped(&["--listen", "127.0.0.1:0"], server);
        let listening = Listening::start(&wrap, dir);
        let mut command = self.connect();
        command.extend(["--url".to_owned(), listening.url().to_owned()]);
        Standing {
            command,
            listening: Some(listening),
        }
    }

    /// The whole command over standard input and output, as words.
    pub(super) fn command(&self, server: &[String]) -> Vec<String> {
        let mut words = self.connect();
        if !words.is_empty() {
            words.push("--".to_owned());
        }
        words.extend(self.wrapped(&[], server));
        words
    }

    /// `mcps connect` and its options; nothing for a plain client.
    fn connect(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(agent) = &self.agent {
            words.extend(program("mcps", agent));
            words.push("connect".to_owned());
            words.extend(self.connect.iter().cloned());
        }
        words
    }

    /// `mcps-wrap` with its options, `more` of them, and the server.
    fn wrapped(&self, more: &[&str], server: &[String]) -> Vec<String> {
        let mut words = Vec::from(program("mcps-wrap", &self.server));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        // What was verified, one line a message.
        words.extend([
            "--log-level".to_owned(),
            "info,mcps_server_wrapper=debug,mcps_client::listen=debug".to_owned(),
        ]);
        words.extend(self.wrap.iter().cloned());
        words.push("--".to_owned());
        words.extend(server.iter().cloned());
        words
    }
}

fn program(name: &str, home: &FilePath) -> [String; 3] {
    [
        bin(name).display().to_string(),
        "--home".to_owned(),
        home.display().to_string(),
    ]
}
