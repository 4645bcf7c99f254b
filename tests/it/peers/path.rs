//! The command that stands between a client and its server.

use std::path::{Path as FilePath, PathBuf};

use super::plan::Plan;
use crate::world::{World, bin};

/// `mcps connect -- mcps-wrap -- SERVER`, or `mcps-wrap -- SERVER` for a plain client.
pub(super) struct Path {
    agent: Option<PathBuf>,
    server: PathBuf,
    connect: Vec<String>,
    wrap: Vec<String>,
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

    /// The whole command, as words.
    pub(super) fn command(&self, server: &[String]) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(agent) = &self.agent {
            words.extend(program("mcps", agent));
            words.push("connect".to_owned());
            words.extend(self.connect.iter().cloned());
            words.push("--".to_owned());
        }
        words.extend(program("mcps-wrap", &self.server));
        // What was verified, one line a message.
        words.extend([
            "--log-level".to_owned(),
            "info,mcps_server_wrapper=debug".to_owned(),
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
