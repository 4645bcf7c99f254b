//! One integration binary: the real services in-process, on ephemeral ports, with a manual clock.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod alertmanager;
mod arrows;
mod authority;
mod bad_input;
mod certificates;
mod cli;
mod draft00;
mod faults;
mod gateway;
mod holes;
mod http;
mod installation;
mod listen;
mod peers;
mod pushed;
mod tampering;
mod tour;
mod walkthroughs;
mod wire;
mod world;
