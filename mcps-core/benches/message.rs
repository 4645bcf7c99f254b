//! Sealing and opening messages, beside the bare ECDSA operation over the same bytes:
//! `cargo bench -p mcps-core --bench message`.
//!
//! What is compared runs in turn within every round, so that a noisy neighbour hits all alike. A
//! share is the bare operation's time over ours in the same round; the median over the rounds is
//! printed. Time is that of the processor, and the wall's beside it: under load the two differ.
//! `seal` and `open` are the whole way: parse the text, sign and place the envelope; parse,
//! read the envelope, verify, take it out again.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a benchmark prints, asks the machine for randomness, and stops when something is wrong"
)]

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::key::SecretKey;
use mcps_core::message::Message;
use mcps_core::passport::PassportId;
use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;

/// A `tools/call` of so many bytes.
fn call(bytes: usize) -> String {
    let head = r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"write","arguments":{"path":"/notes","text":""#;
    let tail = r#""}}}"#;
    let line = "What a line of a document looks like, about this long.\\n";
    let room = bytes - head.len() - tail.len();
    let text = line.repeat(room / line.len());
    let fill = "x".repeat(room - text.len());
    format!("{head}{text}{fill}{tail}")
}

fn fields() -> Fields {
    let stamped = Timestamp::from_millis(1_795_262_400_000);
    Fields {
        passport_id: PassportId::generate(&SeededRandom::new(1)).unwrap(),
        timestamp: stamped.to_string(),
        stamped,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
        aud: "https://server.example/mcp".to_owned(),
        session: "ffeeddccbbaa99887766554433221100".to_owned(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    }
}

fn seal(text: &str, fields: &Fields, key: &SecretKey) -> String {
    let message = Message::parse(text).unwrap();
    envelope::seal(message, Carrier::Native, fields, key)
        .unwrap()
        .text
}

fn open(text: &str, key: &SecretKey) -> String {
    let message = Message::parse(text).unwrap();
    let sealed = Sealed::read(message, Carrier::Native).unwrap();
    sealed.verify(key.public_key()).unwrap();
    sealed.strip().unwrap().into_text()
}

/// Nanoseconds of one call, over `times` calls.
#[derive(Clone, Copy)]
struct Taken {
    cpu: f64,
    wall: f64,
}

fn time(times: u32, run: &mut dyn FnMut()) -> Taken {
    let cpu = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
    };
    let (wall, start) = (Instant::now(), cpu());
    for _ in 0..times {
        run();
    }
    let each = f64::from(times);
    Taken {
        cpu: (cpu() - start) / each,
        wall: wall.elapsed().as_secs_f64() * 1e9 / each,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times `runs` in turn and prints one line each; the first of each is what the others are held to.
fn compare(rounds: usize, times: u32, name: &str, runs: &mut [(&str, &mut dyn FnMut())]) {
    let mut taken = vec![Vec::with_capacity(rounds); runs.len()];
    for _ in 0..rounds {
        for (taken, (_, run)) in taken.iter_mut().zip(runs.iter_mut()) {
            taken.push(time(times, run));
        }
    }
    for (own, (what, _)) in taken.iter().zip(runs.iter()) {
        let share = taken[0]
            .iter()
            .zip(own)
            .map(|(bare, ours)| bare.cpu / ours.cpu)
            .collect();
        let cpu = median(own.iter().map(|taken| taken.cpu).collect()) / 1000.0;
        let wall = median(own.iter().map(|taken| taken.wall).collect()) / 1000.0;
        let (rate, share) = (1e6 / cpu, median(share));
        println!("{name:<8} {what:<18} {cpu:>9.1} µs {wall:>9.1} µs {rate:>8.0} /s {share:>6.2}");
    }
}

fn main() {
    let measure = std::env::args().any(|argument| argument == "--bench");
    let (rounds, scale) = if measure { (61, 1) } else { (1, 100) };
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public =
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).unwrap();
    let (random, key, fields) = (
        SystemRandom::new(),
        SecretKey::generate(&SeededRandom::new(1)).unwrap(),
        fields(),
    );
    println!(
        "{:<8} {:<18} {:>12} {:>12} {:>11} {:>6}",
        "message", "operation", "cpu", "wall", "per cpu", "share"
    );
    for (name, bytes, times) in [
        ("150 B", 150, 400 / scale),
        ("64 KiB", 64 << 10, 100 / scale),
    ] {
        let text = call(bytes);
        assert_eq!(text.len(), bytes);
        let signature = pair.sign(&random, text.as_bytes()).unwrap();
        let sealed = seal(&text, &fields, &key);
        let digest = Digest::of(text.as_bytes());
        let own = key.sign(&digest).unwrap();
        assert_eq!(open(&sealed, &key), text);
        compare(
            rounds,
            times.max(1),
            name,
            &mut [
                ("aws-lc-rs sign", &mut || {
                    black_box(pair.sign(&random, black_box(text.as_bytes())).unwrap());
                }),
                ("seal", &mut || {
                    black_box(seal(black_box(&text), &fields, &key));
                }),
            ],
        );
        compare(
            rounds,
            times.max(1),
            name,
            &mut [
                ("aws-lc-rs verify", &mut || {
                    public
                        .verify_sig(black_box(text.as_bytes()), signature.as_ref())
                        .unwrap()
                }),
                ("open", &mut || {
                    black_box(open(black_box(&sealed), &key));
                }),
                ("p256 verify", &mut || {
                    let digest = Digest::of(black_box(text.as_bytes()));
                    key.public_key().cross_check(&digest, &own).unwrap();
                }),
            ],
        );
    }
}
