//! What several gateways remember together, in one Redis or Valkey: the nonces that were used, and
//! what sessions, callers and tenants did.
//!
//! All of it belongs to one *store*, which a marker names: who made it, when, and whether something was
//! lost when it was made. Every script asks for the marker first. One that is gone, is another, or
//! counts fewer writes than were seen already means that the store forgot: a new one is made in which
//! older messages are refused and everybody may have done everything.

mod cells;
mod error;
mod line;
mod marker;
mod nonces;
mod note;
mod secret;
mod store;
mod together;
mod turns;

#[cfg(test)]
mod model;

pub use error::SharedError;
pub(crate) use line::check;
pub use nonces::SharedNonces;
pub use note::{leave, was_shared};
pub use secret::Secret;
pub use store::{Past, Store, Way};
pub(crate) use together::Together;
