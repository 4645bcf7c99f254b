//! One `mcps-authority` process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::programs::bin;

/// How long it may take to come up, on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running authority; killed when dropped.
pub(crate) struct Authority {
    process: Child,
    url: String,
}

impl Authority {
    /// One that listens there, with further arguments.
    pub(crate) fn start_at(
        listen: &str,
        data_dir: &Path,
        operator_key_file: &Path,
        more: &[&str],
    ) -> Self {
        let started = Self::start_mortal(listen, data_dir, operator_key_file, more, None);
        started.expect("mcps-authority did not say where it listens")
    }

    /// One that dies at a kill point, as `signed:3` says; `None` when it has died before it listens.
    pub(crate) fn start_mortal(
        listen: &str,
        data_dir: &Path,
        operator_key_file: &Path,
        more: &[&str],
        kill_at: Option<&str>,
    ) -> Option<Self> {
        let mut process = Command::new(bin("mcps-authority"))
            .args(["serve", "--listen", listen, "--log-format", "text"])
            .args(more)
            .arg("--data-dir")
            .arg(data_dir)
            .arg("--operator-key-file")
            .arg(operator_key_file)
            .args(kill_at.map(|point| format!("--kill-at={point}")))
            // What goes wrong on purpose fills no log.
            .env("MCPS_LOG", if kill_at.is_some() { "off" } else { "warn" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (found, url) = mpsc::channel();
        // Read to the end: a pipe nobody reads would end the authority in its first words.
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    drop(found.send(url.to_owned()));
                }
            }
        });
        match url.recv_timeout(START) {
            Ok(url) => Some(Self { process, url }),
            Err(_) => {
                drop(process.kill());
                drop(process.wait());
                None
            }
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
