//! The trust authority over HTTP and its store, each on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says on which engine"
)]

mod audit;
mod backups;
mod budgets;
mod ca;
mod compromises;
mod custody;
mod draft;
mod engine;
mod enrolling;
mod feed;
mod foreseen;
mod hooks;
mod hostile;
mod issuing;
mod key_commands;
mod key_sets;
mod keys;
mod openapi;
mod orders;
mod outages;
mod paging;
mod races;
mod recorded;
mod renewing;
mod revoking;
mod rotating;
mod starting;
mod status;
mod store;
mod tokens;
mod two_phases;
mod world;
