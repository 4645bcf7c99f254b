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
        let mut process = Command::new(bin("mcps-authority"))
            .args(["serve", "--listen", listen, "--log-format", "text"])
            .args(more)
            .arg("--data-dir")
            .arg(data_dir)
            .arg("--operator-key-file")
            .arg(operator_key_file)
            .env("MCPS_LOG", "warn")
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
        let url = url
            .recv_timeout(START)
            .expect("mcps-authority did not say where it listens");
        Self { process, url }
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
