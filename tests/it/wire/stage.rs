//! An authority, an agent and a server that enrolled with it, and our programs for both.

use std::path::{Path, PathBuf};

use mcps_core::random::{SystemRandom, hex16};

use super::{Process, Puppet};
use crate::world::{World, bin};

/// Where a test takes place.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// The agent's home, L2.
    pub(crate) agent: PathBuf,
    /// The server's home, L2.
    pub(crate) server: PathBuf,
}

impl Stage {
    /// Starts an authority and enrols both.
    pub(crate) fn set() -> Self {
        let world = World::start();
        Self {
            agent: world.enrol("agent", "agent", 2),
            server: world.enrol("server", "server", 2),
            world,
        }
    }

    /// A session that nobody had before.
    pub(crate) fn session() -> String {
        hex16(&SystemRandom).unwrap()
    }

    /// `mcps-wrap OPTIONS -- SERVER` for the home `server`, told its session.
    pub(crate) fn wrap(
        &self,
        server: &Path,
        session: &str,
        options: &[&str],
        command: &[String],
    ) -> Process {
        let mut wrap = self.world.program("mcps-wrap");
        wrap.arg("--home")
            .arg(server)
            .args(options)
            .arg("--")
            .args(command);
        if !session.is_empty() {
            wrap.env("MCPS_SESSION", session);
        }
        Process::start(&self.world, wrap)
    }

    /// `mcps connect OPTIONS -- COMMAND` for the home `agent`.
    pub(crate) fn connect(&self, agent: &Path, options: &[&str], command: &[String]) -> Process {
        let mut mcps = self.world.mcps(agent);
        mcps.arg("connect").args(options).arg("--").args(command);
        Process::start(&self.world, mcps)
    }

    /// The words of `mcps-wrap OPTIONS -- SERVER`, for `mcps connect` to start.
    pub(crate) fn wrapped(&self, server: &Path, options: &[&str], command: &Puppet) -> Vec<String> {
        let wrap = bin("mcps-wrap").display().to_string();
        let home = server.display().to_string();
        let mut words = vec![wrap, "--home".to_owned(), home];
        words.extend(options.iter().map(|option| (*option).to_owned()));
        words.push("--".to_owned());
        words.extend(command.command());
        words
    }

    /// Revokes the passport of a home.
    pub(crate) fn revoke(&self, home: &Path) {
        let passport = mcps_client::home::Home::new(home).passport().unwrap();
        let mut command = self.world.mcps(home);
        command
            .args(["passport", "revoke", passport.id().as_str()])
            .args(["--reason", "policy", "--operator-key-file"])
            .arg(self.world.operator_key_file());
        crate::world::run(&mut command).succeeded();
    }
}
