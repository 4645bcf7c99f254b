//! A Redis of a test's own, which it may stop, hold up and make forget.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mcps_core::random::{SystemRandom, hex16};
use tempfile::TempDir;

use crate::certificates::Ca;
use crate::wire::PATIENCE;

/// The marker of a store that gateways have had for long, in which nothing happened.
const STORE: &str = "HSET mcps:store id 0123456789abcdef0123456789abcdef seq 0 rev 1 made 0 floor 0 lost 0 before \"\"";

/// One that keeps nothing on disk, unless it is told to.
pub(super) struct Redis {
    child: Option<Child>,
    dir: TempDir,
    port: u16,
    /// What opens it.
    pub(super) password: String,
    durable: bool,
    /// Where it speaks TLS too.
    encrypted: Option<u16>,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Redis {
    /// One whose memory is gone when it ends.
    pub(super) fn forgetful() -> Self {
        Self::with_store(Self::new(false))
    }

    /// One that writes everything down before it answers.
    pub(super) fn durable() -> Self {
        Self::with_store(Self::new(true))
    }

    /// One that no gateway ever saw.
    pub(super) fn empty() -> Self {
        let mut redis = Self::new(false);
        redis.start();
        redis
    }

    /// One that speaks TLS, by a certificate authority that is in `redis-ca.pem` beside the configuration.
    pub(super) fn encrypted() -> Self {
        let mut redis = Self::new(false);
        let ca = Ca::new();
        ca.certify(redis.dir.path());
        std::fs::write(redis.dir.path().join("ca.pem"), &ca.pem).unwrap();
        redis.encrypted = Some(free_port());
        Self::with_store(redis)
    }

    fn with_store(mut redis: Self) -> Self {
        redis.start();
        redis.say(STORE);
        redis
    }

    fn new(durable: bool) -> Self {
        Self {
            child: None,
            dir: tempfile::tempdir().unwrap(),
            port: free_port(),
            password: hex16(&SystemRandom).unwrap(),
            durable,
            encrypted: None,
        }
    }

    /// Starts it at the same port, with what it wrote down.
    pub(super) fn start(&mut self) {
        let mut child = Command::new("redis-server")
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "redis-server is not there: run this with `make test` or under scripts/test-env",
            );
        let append = if self.durable { "yes" } else { "no" };
        let dir = self.dir.path().display();
        let mut config = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {}\nsave \"\"\nappendonly {append}\nappendfsync always\ndir {dir}\n",
            self.port, self.password,
        );
        if let Some(port) = self.encrypted {
            config += &format!(
                "tls-port {port}\ntls-cert-file {dir}/cert.pem\ntls-key-file {dir}/key.pem\ntls-auth-clients no\n"
            );
        }
        let mut input = child.stdin.take().unwrap();
        input.write_all(config.as_bytes()).unwrap();
        drop(input);
        self.child = Some(child);
        let since = Instant::now();
        while !self
            .try_say("PING")
            .is_some_and(|said| said.contains("PONG"))
        {
            assert!(since.elapsed() < PATIENCE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without a word.
    pub(super) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends it a signal, as STOP and CONT.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Has it do something.
    pub(super) fn say(&self, command: &str) -> String {
        self.try_say(command).unwrap()
    }

    fn try_say(&self, command: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let text = format!("AUTH {}\r\n{command}\r\nQUIT\r\n", self.password);
        socket.write_all(text.as_bytes()).ok()?;
        let mut said = String::new();
        socket.read_to_string(&mut said).ok()?;
        Some(said)
    }

    /// `[shared]`, for a configuration beside which the password's file is.
    pub(super) fn table(&self, beside: &Path) -> String {
        std::fs::write(beside.join("redis-password"), &self.password).unwrap();
        let at = match self.encrypted {
            None => format!("redis://127.0.0.1:{}\"", self.port),
            Some(port) => {
                let ca = self.dir.path().join("ca.pem");
                std::fs::copy(ca, beside.join("redis-ca.pem")).unwrap();
                format!("rediss://127.0.0.1:{port}\"\nca = \"redis-ca.pem\"")
            }
        };
        format!("[shared]\nurl = \"{at}\npassword_file = \"redis-password\"\n")
    }

    /// Its port.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}
