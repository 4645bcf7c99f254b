//! What was changed at an authority, by whom and when, so that nobody can change it afterwards, not
//! even whoever has the database.
//!
//! Each record is signed by the audit key and names the digest of the record before it. Records stand
//! in [`LANES`] independent chains, so that changes at the same time need not wait for each other; a
//! [`Checkpoint`] says, signed as well, how far each of them goes. [`Examiner`] names what was edited,
//! cut, inserted or moved. `docs/audit.md` has the wire form.

mod checkpoint;
mod error;
mod examiner;
mod fault;
mod record;

pub use checkpoint::Checkpoint;
pub use error::AuditError;
pub use examiner::{Examined, Examiner};
pub use fault::{Fault, MAX_FAULTS, Place, Wrong};
pub use record::{Draft, Record};

use crate::digest::{Digest, Hasher};
use crate::json::quote;

/// How many chains there are; they are numbered from 0.
pub const LANES: u64 = 8;
/// Largest record, in bytes of its JSON.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;

/// Before the first record of a lane: SHA-256(0x02 ‖ JCS({authority, lane})). The leading byte keeps
/// this from being the digest of a record.
#[must_use]
pub fn genesis(authority: &str, lane: u64) -> Digest {
    let mut json = String::from(r#"{"authority":"#);
    quote(authority, &mut json);
    json.push_str(&format!(r#","lane":{lane}}}"#));
    let mut hasher = Hasher::new();
    hasher.put(&[2]);
    hasher.put(json.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests;
