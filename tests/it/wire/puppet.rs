//! A server on somebody else's standard input and output whose both ends the test holds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

use super::process::{PATIENCE, eventually};
use crate::world::World;

/// Copies its standard input to one named pipe and another one to its standard output.
const SCRIPT: &str = r#"exec 4>"$0/down" 3<"$0/up"
cat <&3 4>&- &
exec cat >&4 3<&- 4>&-"#;

/// A server: what its client wrote is read here, what is written here its client reads.
pub(crate) struct Puppet {
    dir: PathBuf,
    input: Lines<BufReader<Receiver>>,
    output: Option<Sender>,
}

impl Puppet {
    /// A server that waits for its [`Puppet::command`] to be started, once.
    pub(crate) fn new(world: &World) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = world.dir().join(format!("puppet-{number}"));
        std::fs::create_dir(&dir).unwrap();
        for name in ["up", "down"] {
            let made = Command::new("mkfifo").arg(dir.join(name)).status().unwrap();
            assert!(made.success());
        }
        let input = OpenOptions::new().open_receiver(dir.join("down")).unwrap();
        Self {
            input: BufReader::new(input).lines(),
            output: None,
            dir,
        }
    }

    /// The server's command.
    pub(crate) fn command(&self) -> Vec<String> {
        let dir = self.dir.to_str().unwrap();
        ["sh", "-c", SCRIPT, dir].map(str::to_owned).to_vec()
    }

    /// Waits until the command runs. Until then nobody holds the other end of the pipe, and
    /// reading it would find its end.
    pub(crate) async fn connected(&mut self) -> &mut Sender {
        if self.output.is_none() {
            let path: &Path = &self.dir.join("up");
            let open = async || OpenOptions::new().open_sender(path).ok();
            self.output = Some(eventually("the server's command runs", open).await);
        }
        self.output.as_mut().unwrap()
    }

    /// Writes bytes as they are to the client.
    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) {
        let output = self.connected().await;
        let written = tokio::time::timeout(PATIENCE, output.write_all(bytes)).await;
        written.expect("the client does not read").unwrap();
    }

    /// Writes one line to the client, if that still reads.
    pub(crate) async fn try_write(&mut self, line: &str) -> bool {
        let output = self.connected().await;
        let line = format!("{line}\n");
        let written = tokio::time::timeout(PATIENCE, output.write_all(line.as_bytes())).await;
        written.expect("the client does not read").is_ok()
    }

    /// Writes one line to the client.
    pub(crate) async fn write(&mut self, line: &str) {
        self.write_bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Reads one line of the client; `None` when it closed its end.
    pub(crate) async fn read_to_end(&mut self) -> Option<String> {
        self.connected().await;
        let line = tokio::time::timeout(PATIENCE, self.input.next_line()).await;
        line.expect("the client writes nothing").unwrap()
    }

    /// Reads one line of the client.
    pub(crate) async fn read(&mut self) -> String {
        self.read_to_end().await.expect("the client closed its end")
    }

    /// Makes ready for being started again.
    pub(crate) async fn reset(&mut self) {
        self.output = None;
        let path = self.dir.join("down");
        let input = OpenOptions::new().open_receiver(path).unwrap();
        self.input = BufReader::new(input).lines();
    }

    /// Ends the server's output, as its death would.
    pub(crate) async fn hang_up(&mut self) {
        self.connected().await;
        // Another try to connect must not succeed.
        std::fs::remove_file(self.dir.join("up")).unwrap();
        self.output = None;
    }
}
