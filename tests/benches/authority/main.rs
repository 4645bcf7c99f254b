//! The authority's figures: `make bench` or, after `cargo build --release --bins`,
//! `MCPS_TEST_DURABLE=1 scripts/test-env cargo bench -p mcps-tests --bench authority -- [fanout|incident|cutoff|issuing|million]`.
//!
//! One `mcps-authority` process on PostgreSQL, everything on this machine. Thirty-two followers read,
//! verify and follow each frame as a verifier does, and their time is that of the refusal; the others
//! are light: they read each frame to its end and look at its numbers. All times begin when the order
//! is sent. For comparison one task writes as many bytes to as many sockets, without HTTP, signature
//! or database, and the database commits single rows.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../../it"]
mod it {
    pub(crate) mod world;
}

mod cutoff;
mod fanout;
mod followers;
mod ground;
mod incident;
mod issuing;
mod million;
mod subjects;
mod table;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    let mut named = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'));
    let named = named.next().map_or("", String::as_str);
    let wanted = |part: &str| part.contains(named);
    if wanted("fanout") {
        for (followers, tls) in [(1000, false), (5000, false), (1000, true), (5000, true)] {
            fanout::measure(followers, tls).await;
        }
    }
    if wanted("incident") {
        incident::measure().await;
    }
    if wanted("cutoff") {
        cutoff::measure().await;
    }
    if wanted("issuing") {
        issuing::measure().await;
    }
    if wanted("million") {
        million::measure().await;
    }
}
