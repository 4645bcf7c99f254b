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
mod batches;
mod budgets;
mod ca;
mod compromises;
mod conformance;
mod custody;
mod draft;
pub(crate) mod engine;
mod enrolling;
mod feed;
mod foreseen;
mod hooks;
mod hostile;
mod incidents;
mod issuing;
mod key_commands;
mod key_sets;
mod keys;
mod lessons;
mod manifests;
mod metrics;
mod migrations;
mod openapi;
mod orders;
mod origins;
mod outages;
mod paging;
mod policies;
mod races;
mod recorded;
mod recorded_keys;
mod registry;
mod renewing;
mod revoking;
mod root_places;
mod roots;
mod rotating;
mod signals;
mod starting;
mod stating;
mod status;
mod status_lists;
mod store;
mod tokens;
mod trust;
mod two_phases;
mod verdicts;
mod webhooks;
mod world;
