//! Texts of others on a terminal of ours.

pub use mcps_core::terminal::{printable, printable_json};
