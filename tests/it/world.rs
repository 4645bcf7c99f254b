//! A world of real processes: a trust authority on an ephemeral port, homes that enrolled with it,
//! and the programs under test, each as `cargo build --bins` left it.
//!
//! Everything lives in one temporary directory and ends with the [`World`].

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails and says why; programs are found by the real PATH"
)]

mod authority;
mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub(crate) use authority::Authority;
pub(crate) use programs::{Done, bin, run, run_with_input};

/// A running authority and a place for homes.
pub(crate) struct World {
    authority: Option<Authority>,
    url: String,
    operator_key: String,
    /// Who certified the authority's TLS certificate.
    ca: Option<PathBuf>,
    folder: TempDir,
}

impl World {
    /// Starts an authority of its own, on SQLite, and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[])
    }

    /// The same with further arguments for the authority; what they name is in the folder.
    pub(crate) fn start_in(folder: TempDir, more: &[&str]) -> Self {
        let key_file = folder.path().join("operator.key");
        let data_dir = folder.path().join("authority");
        let authority = Authority::start_at("127.0.0.1:0", &data_dir, &key_file, more);
        let operator_key = std::fs::read_to_string(&key_file)
            .unwrap()
            .trim()
            .to_owned();
        Self {
            url: authority.url().to_owned(),
            authority: Some(authority),
            operator_key,
            ca: None,
            folder,
        }
    }

    /// From here on our programs trust whoever these certificates are of, and nobody else.
    pub(crate) fn trust(&mut self, ca: Option<PathBuf>) {
        self.ca = ca;
    }

    /// The authority's base address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The first operator's key.
    pub(crate) fn operator_key(&self) -> &str {
        &self.operator_key
    }

    /// The file that holds it.
    pub(crate) fn operator_key_file(&self) -> PathBuf {
        self.dir().join("operator.key")
    }

    /// The directory that holds everything; removed at the end.
    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// A home's directory, whether or not it has been made.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.dir().join("homes").join(name)
    }

    /// Ends the authority: from here on it cannot be reached.
    pub(crate) fn stop_authority(&mut self) {
        self.authority = None;
    }

    /// Lets the authority do nothing for a while, or go on: `STOP` or `CONT`.
    pub(crate) fn signal_authority(&self, signal: &str) {
        let authority = self.authority.as_ref().unwrap();
        let mut kill = Command::new("kill");
        let sent = kill.args(["-s", signal, &authority.id().to_string()]);
        assert!(sent.status().unwrap().success());
    }

    /// One of our programs, in an environment that holds nothing of the developer's: `HOME` is
    /// this world's directory.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(bin(name));
        command.env_clear().env("HOME", self.dir());
        if let Some(ca) = &self.ca {
            command.env("SSL_CERT_FILE", ca);
        }
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// `mcps --home HOME`, ready for a subcommand.
    pub(crate) fn mcps(&self, home: &Path) -> Command {
        let mut command = self.program("mcps");
        command.arg("--home").arg(home);
        command
    }

    /// Makes a home with a key and a passport: `kind` is `agent`, `server` or `gateway`, `level` 0
    /// to 2. Returns its directory.
    pub(crate) fn enrol(&self, kind: &str, name: &str, level: u8) -> PathBuf {
        self.enrol_with(kind, name, level, &[])
    }

    /// The same with further arguments of `mcps passport request`.
    pub(crate) fn enrol_with(&self, kind: &str, name: &str, level: u8, more: &[&str]) -> PathBuf {
        let more = [&["--owner", "tests@example.com"], more].concat();
        self.enrol_of(kind, name, level, &more)
    }

    /// The same where they say who the owner is.
    pub(crate) fn enrol_of(&self, kind: &str, name: &str, level: u8, more: &[&str]) -> PathBuf {
        let home = self.home(name);
        let mut command = self.mcps(&home);
        command.args([
            "passport",
            "request",
            "--authority",
            &self.url,
            "--name",
            name,
        ]);
        command.args(["--kind", kind, "--level", &level.to_string()]);
        command
            .arg("--operator-key-file")
            .arg(self.operator_key_file())
            .args(more);
        run(&mut command).succeeded();
        home
    }
}
