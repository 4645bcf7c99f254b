//! The signed-MCP protocol: strict JSON, canonical bytes, keys, passports, envelopes, tools,
//! trust levels, replay and the one table of codes. Nothing here does IO.
//!
//! Bytes from a peer enter through [`json::Document::parse`]; everything else works on what that
//! accepted. See `docs/protocol.md` for the wire.

pub mod approval;
pub mod audit;
pub mod binding;
pub mod chain;
pub mod clock;
pub mod code;
pub mod digest;
pub mod dsse;
pub mod envelope;
pub mod feed;
#[cfg(test)]
mod fixture;
pub mod jcs;
pub mod json;
pub mod key;
pub mod level;
pub mod manifest;
pub mod message;
pub mod passport;
pub mod pin;
pub mod random;
pub mod refusal;
pub mod replay;
pub mod signature;
pub mod signer;
pub mod statement;
pub mod status;
pub mod status_list;
pub mod stream;
pub mod tenant;
pub mod terminal;
pub mod tool;
pub mod trust;
pub mod verdict;
