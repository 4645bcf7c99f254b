//! The trust authority over HTTP and its store, each on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says on which engine"
)]

mod acks;
mod audit;
mod backups;
mod custody;
mod draft;
mod engine;
mod feed;
mod hooks;
mod hostile;
mod issuing;
mod key_commands;
mod key_sets;
mod keys;
mod openapi;
mod orders;
mod outages;
mod races;
mod renewing;
mod revoking;
mod starting;
mod status;
mod store;
mod tokens;
mod two_phases;
mod world;
