//! The JSON Canonicalization Scheme (RFC 8785), written straight into a [`Sink`].
//!
//! What is canonical in the source already, down from any value, goes to the sink as one slice of
//! it. An [`Overlay`] leaves members out and adds some to the root, so that what is signed
//! ("the message without its envelope", "the statement with its context") needs no second tree.

use crate::digest::{Digest, Hasher};
use crate::json::Value;

mod number;
mod runs;
mod writer;

#[cfg(test)]
mod tests;

/// Takes canonical bytes, piece after piece.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Hasher {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        Self::put(self, bytes);
    }
}

/// What is written other than it stands in the document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overlay<'a> {
    /// Members, at any depth, whose value is one of these nodes are left out.
    pub without: &'a [Value<'a>],
    /// Members with string values that are merged into the value written, when that is an object.
    /// In any order. A name that the object keeps as well is a mistake of the caller: both are
    /// written, and the result is not I-JSON.
    pub with: &'a [(&'a str, &'a str)],
}

/// Writes the canonical form of `value`.
pub fn write(value: Value<'_>, sink: &mut impl Sink) {
    writer::write(value, &Overlay::default(), sink);
}

/// Writes the canonical form of `value` as `overlay` changes it.
pub fn write_overlaid(value: Value<'_>, overlay: &Overlay<'_>, sink: &mut impl Sink) {
    writer::write(value, overlay, sink);
}

/// SHA-256 of the canonical form of `value`.
#[must_use]
pub fn digest(value: Value<'_>) -> Digest {
    let mut hasher = Hasher::new();
    write(value, &mut hasher);
    hasher.finish()
}

/// The canonical form of `value`.
#[must_use]
pub fn to_string(value: Value<'_>) -> String {
    let mut bytes = Vec::with_capacity(value.span().len());
    write(value, &mut bytes);
    // Slices of UTF-8 and ASCII make UTF-8, so there is no other case.
    String::from_utf8(bytes).unwrap_or_default()
}
