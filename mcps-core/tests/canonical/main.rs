//! Canonical JSON against what others published: RFC 8785's vectors, the ES6 number corpus, a
//! second implementation, and tables of what is and is not I-JSON.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test states what it expects by panicking otherwise"
)]

mod laws;
mod numbers;
mod refusals;
mod rfc8785;
mod suite;

use mcps_core::jcs;
use mcps_core::json::{Document, JsonError};

/// The canonical form of `text`, which must be I-JSON.
fn canonical(text: &str) -> String {
    match Document::parse(text) {
        Ok(document) => jcs::to_string(document.root()),
        Err(error) => panic!("{error}: {text}"),
    }
}

/// Why `bytes` are refused, which they must be.
fn refusal(bytes: impl AsRef<[u8]>) -> JsonError {
    let bytes = bytes.as_ref();
    match Document::parse(bytes) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(bytes)),
        Err(error) => error,
    }
}
