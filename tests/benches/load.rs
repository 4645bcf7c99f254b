//! Load in full size: `make load`, or `cargo bench -p mcps-tests --bench load` after
//! `cargo build --release --bins`. What it does is in `tests/it/listen/load.rs`, of which the tests
//! run a smaller size; here it takes minutes. Whatever is lost, crossed, done twice or not given
//! back ends it with a panic.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod listen;
    pub(crate) mod wire;
    pub(crate) mod world;
}

use it::listen::load::{Calls, Deaths, Restarts, Streams};
use it::{listen, wire, world};

const CALLS: Calls = Calls {
    clients: 180,
    connected: 20,
    calls: 50,
};

/// Three minutes of ten events a second at each client, after half a minute of the same.
const STREAMS: Streams = Streams {
    clients: 50,
    every_ms: 100,
    settle: 300,
    events: 1800,
};

const DEATHS: Deaths = Deaths {
    victims: 20,
    connected: 4,
    bystanders: 20,
    rounds: 20,
};

const RESTARTS: Restarts = Restarts {
    clients: 50,
    connected: 4,
    rounds: 10,
    between: 1000,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    println!("{CALLS:?}\n{}\n", CALLS.bear().await);
    println!("{DEATHS:?}\n{}\n", DEATHS.bear().await);
    println!("{RESTARTS:?}\n{}\n", RESTARTS.bear().await);
    println!("{STREAMS:?}\n{}", STREAMS.bear().await);
}
