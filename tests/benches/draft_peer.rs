//! Verified messages a second beside the draft's reference package, PyPI `mcps-secure`:
//! `scripts/test-env cargo bench -p mcps-tests --bench draft_peer`.
//!
//! Both get the text of one message of the draft carrier and verify it again and again, each on
//! one core, in turn; time is the processor's. Neither looks into a nonce store here, so that the
//! same message can be used throughout.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::key::SecretKey;
use mcps_core::message::Message;
use mcps_core::passport::PassportId;
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::signer::Signer as _;
use serde_json::{Value, json};

/// The reference package in a process of its own.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Self {
        let peers = std::env::var_os("MCPS_TEST_PEERS").expect(
            "MCPS_TEST_PEERS is not set: run this with `make bench` or under scripts/test-env",
        );
        let mut child = Command::new(PathBuf::from(peers).join("bin/mcps-secure-python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/draft00.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Seconds of its processor time for one verification.
    fn verify(&mut self, text: &str, pem: &str, times: u32) -> f64 {
        let request = json!({"do": "verify_rate", "text": text, "pem": pem, "times": times});
        writeln!(self.input.as_ref().unwrap(), "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        answer["ok"].as_f64().expect("the peer refused the message") / f64::from(times)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.input = None;
        self.child.wait().unwrap();
    }
}

/// A `tools/call` with that much text.
fn call(bytes: usize) -> String {
    let text = "What a line of a document looks like, about this long. ".repeat(bytes / 55 + 1);
    let text = &text[..bytes];
    json!({"jsonrpc": "2.0", "id": 17, "method": "tools/call",
        "params": {"name": "write", "arguments": {"path": "/notes", "text": text}}})
    .to_string()
}

fn seal(text: &str, key: &SecretKey) -> String {
    let now = SystemClock.now();
    let fields = Fields {
        passport_id: PassportId::generate(&SystemRandom).unwrap(),
        timestamp: now.to_string(),
        stamped: now,
        nonce: hex16(&SystemRandom).unwrap(),
        aud: "https://server.example/mcp".to_owned(),
        session: hex16(&SystemRandom).unwrap(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    };
    envelope::seal(
        Message::parse(text).unwrap(),
        Carrier::Draft00,
        &fields,
        key,
    )
    .unwrap()
    .text
}

/// From text to verdict: parse, read the envelope, verify.
fn verify(text: &str, key: &SecretKey) {
    let message = Message::parse(text).unwrap();
    let sealed = Sealed::read(message, Carrier::Draft00).unwrap();
    sealed.verify(key.public_key()).unwrap();
}

/// Seconds of our processor time for one verification.
fn ours(text: &str, key: &SecretKey, times: u32) -> f64 {
    let cpu = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
    };
    let start = cpu();
    for _ in 0..times {
        verify(text, key);
    }
    (cpu() - start) / f64::from(times)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let pem = key.public_key().to_pem().unwrap();
    let mut peer = Peer::start();
    println!(
        "{:<10} {:>14} {:>14} {:>8}",
        "verify", "mcps-secure /s", "ours /s", "ratio"
    );
    for (name, bytes, times) in [("150 B", 40, 200), ("64 KiB", 65_300, 50)] {
        let text = seal(&call(bytes), &key);
        let (mut theirs, mut own) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            theirs.push(peer.verify(&text, &pem, times));
            own.push(ours(&text, &key, times));
        }
        let ratio = theirs
            .iter()
            .zip(&own)
            .map(|(theirs, own)| theirs / own)
            .collect();
        let (theirs, own) = (1.0 / median(theirs), 1.0 / median(own));
        println!(
            "{name:<10} {theirs:>14.0} {own:>14.0} {:>8.1}",
            median(ratio)
        );
    }
}
