//! What signing adds to one `tools/call` over stdio: `cargo bench -p mcps-tests --bench stdio`,
//! after `cargo build --release --bins` and `cargo build --release -p mcps-transport --examples`.
//!
//! Three paths to the same server are asked in turn, one call in flight: directly, through two
//! relays that look at nothing (what two more processes cost), and through `mcps connect` and
//! `mcps-wrap`. Beside them stands what the two signatures and two verifications of a call cost in
//! bare aws-lc-rs, measured in the same rounds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod world;
}

#[path = "parts/session.rs"]
mod session;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use it::world::{World, bin};
use mcps_core::digest::Digest;
use mcps_core::key::SecretKey;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use session::Session;

fn signed(world: &World, agent: &Path, server: &Path) -> Command {
    let mut command = world.mcps(agent);
    command.arg("connect").arg("--").arg(bin("mcps-wrap"));
    command.arg("--home").arg(server).arg("--");
    command.arg(bin("mcps-demo-server"));
    command
}

fn relayed() -> Command {
    let relay = bin("examples/relay");
    let mut command = Command::new(&relay);
    command.arg(&relay).arg(bin("mcps-demo-server"));
    command
}

/// Two signatures and two verifications.
fn crypto(key: &SecretKey, digest: &Digest) -> Duration {
    let start = Instant::now();
    for _ in 0..2 {
        let signature = key.sign(digest).unwrap();
        key.public_key().verify(digest, &signature).unwrap();
    }
    start.elapsed()
}

fn percentile(taken: &mut [Duration], percent: usize) -> f64 {
    taken.sort_unstable();
    taken[(taken.len() - 1) * percent / 100].as_secs_f64() * 1e6
}

fn main() {
    let measure = std::env::args().any(|argument| argument == "--bench");
    if !measure {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    let (rounds, calls) = (40, 50);
    let world = World::start();
    let agent = world.enrol("agent", "agent", 2);
    let server = world.enrol("server", "server", 2);
    let names = ["direct", "two bare relays", "mcps connect + mcps-wrap"];
    let mut sessions = [
        Session::open(Command::new(bin("mcps-demo-server"))),
        Session::open(relayed()),
        Session::open(signed(&world, &agent, &server)),
    ];
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let digest = Digest::of(b"a message");
    let mut taken = [const { Vec::new() }; 3];
    let mut bare = Vec::new();
    for round in 0..=rounds {
        for (session, taken) in sessions.iter_mut().zip(&mut taken) {
            let round_taken = (0..calls).map(|_| session.call()).collect::<Vec<_>>();
            // The first round warms up.
            if round > 0 {
                taken.extend(round_taken);
            }
        }
        bare.extend((0..calls).map(|_| crypto(&key, &digest)));
    }
    let crypto = percentile(&mut bare, 50);
    let direct = percentile(&mut taken[0], 50);
    println!("{} calls a path, one in flight, µs", rounds * calls);
    println!(
        "{:<26} {:>8} {:>8} {:>8} {:>12}",
        "path", "p50", "p90", "p99", "added at p50"
    );
    for (name, taken) in names.iter().zip(&mut taken) {
        let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(taken, percent));
        println!(
            "{name:<26} {p50:>8.0} {p90:>8.0} {p99:>8.0} {:>12.0}",
            p50 - direct
        );
    }
    let added = percentile(&mut taken[2], 50) - direct;
    println!(
        "bare signatures of a call  {crypto:>8.0}; their share of what is added: {:.2}",
        crypto / added
    );
}
