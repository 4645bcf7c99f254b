//! The trust authority over HTTP and its store, each on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says on which engine"
)]

mod access;
mod acks;
mod approvals;
mod audit;
mod backups;
mod batches;
mod budgets;
mod ca;
mod clients;
mod compromises;
mod conformance;
mod custody;
mod draft;
pub(crate) mod engine;
mod enrolling;
mod feed;
mod fetching;
mod foreseen;
mod hooks;
mod hostile;
mod incidents;
mod issuing;
mod key_commands;
mod key_sets;
mod keys;
mod late_approvals;
mod lessons;
mod manifests;
mod metrics;
mod migrations;
mod mutual;
mod oidc;
mod old_incidents;
mod openapi;
mod orders;
mod origin_records;
mod origins;
mod outages;
mod paging;
mod policies;
mod polling;
mod races;
mod recorded;
mod recorded_keys;
mod registry;
mod rehearsals;
mod renewing;
mod reports;
mod revoking;
mod root_places;
mod roots;
mod rotating;
mod scanners;
mod signals;
mod starting;
mod stating;
mod status;
mod status_lists;
mod store;
mod tenancy;
mod tokens;
mod transmitting;
mod trust;
mod two_phases;
mod verdicts;
mod walks;
mod webhooks;
mod world;
