//! The hash chain over the events of one epoch.

use super::Event;
use crate::digest::{Digest, Hasher};
use crate::json::quote;

/// Before the first event of an epoch: SHA-256(0x00 ‖ JCS({authority, epoch})). The two leading
/// bytes keep this from being the hash of any event (as in RFC 6962 §2.1).
#[must_use]
pub fn genesis(authority: &str, epoch: u64) -> Digest {
    let mut json = String::from(r#"{"authority":"#);
    quote(authority, &mut json);
    json.push_str(&format!(r#","epoch":{epoch}}}"#));
    let mut hasher = Hasher::new();
    hasher.put(&[0]);
    hasher.put(json.as_bytes());
    hasher.finish()
}

/// After an event: SHA-256(0x01 ‖ the chain before it ‖ JCS(event)).
#[must_use]
pub fn link(prev: &Digest, event: &Event) -> Digest {
    let mut hasher = Hasher::new();
    hasher.put(&[1]);
    hasher.put(prev.as_bytes());
    hasher.put(event.canonical().as_bytes());
    hasher.finish()
}
