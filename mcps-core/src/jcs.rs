//! The JSON Canonicalization Scheme (RFC 8785), written straight into a [`Sink`].
//!
//! What is canonical in the source already, down from any value, goes to the sink as one slice of
//! it. An [`Overlay`] leaves members out and adds some to the root, so that what is signed
//! ("the message without its envelope", "the statement with its context") needs no second tree.

use crate::digest::{Digest, Hasher};
use crate::json::{Kind, Member, Object, Piece, Pieces, Value, escape, utf16_order};

mod number;

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
    write_without(value, &[], sink);
}

/// Writes the canonical form of `value` as `overlay` changes it.
pub fn write_overlaid(value: Value<'_>, overlay: &Overlay<'_>, sink: &mut impl Sink) {
    match value.as_object() {
        Some(object) if !overlay.with.is_empty() => write_merged(object, overlay, sink),
        _ => write_without(value, overlay.without, sink),
    }
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

fn write_without(value: Value<'_>, without: &[Value<'_>], sink: &mut impl Sink) {
    if value.is_canonical() && !without.iter().any(|&gone| value.encloses(gone)) {
        return sink.put(value.raw().as_bytes());
    }
    match value.kind() {
        Kind::Object => {
            let mut separator = "{";
            if let Some(object) = value.as_object() {
                for member in object.sorted().filter(|member| is_kept(*member, without)) {
                    write_member(member, without, separator, sink);
                    separator = ",";
                }
            }
            close(separator, "{", "{}", "}", sink);
        }
        Kind::Array => {
            let mut separator = "[";
            for element in value.as_array().into_iter().flatten() {
                sink.put(separator.as_bytes());
                write_without(element, without, sink);
                separator = ",";
            }
            close(separator, "[", "[]", "]", sink);
        }
        Kind::String => write_string(value, sink),
        Kind::Number => number::write(value, sink),
        Kind::Bool | Kind::Null => sink.put(value.raw().as_bytes()),
    }
}

/// Ends a container; `empty` when nothing has been written of it.
fn close(separator: &str, open: &str, empty: &str, end: &str, sink: &mut impl Sink) {
    sink.put(if separator == open { empty } else { end }.as_bytes());
}

/// Writes an object with the members of `overlay.with` where they belong.
fn write_merged(object: Object<'_>, overlay: &Overlay<'_>, sink: &mut impl Sink) {
    let mut extra = overlay.with.to_vec();
    extra.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
    let mut extra = extra.into_iter().peekable();
    let mut separator = "{";
    for member in object
        .sorted()
        .filter(|member| is_kept(*member, overlay.without))
    {
        let name = member.name();
        while let Some((name, text)) = extra.next_if(|(extra, _)| utf16_order(extra, &name).is_lt())
        {
            write_extra(name, text, separator, sink);
            separator = ",";
        }
        write_member(member, overlay.without, separator, sink);
        separator = ",";
    }
    for (name, text) in extra {
        write_extra(name, text, separator, sink);
        separator = ",";
    }
    close(separator, "{", "{}", "}", sink);
}

fn is_kept(member: Member<'_>, without: &[Value<'_>]) -> bool {
    !without.iter().any(|gone| gone.same(member.value()))
}

fn write_member(member: Member<'_>, without: &[Value<'_>], separator: &str, sink: &mut impl Sink) {
    sink.put(separator.as_bytes());
    write_string(member.name_value(), sink);
    sink.put(b":");
    write_without(member.value(), without, sink);
}

fn write_extra(name: &str, text: &str, separator: &str, sink: &mut impl Sink) {
    sink.put(separator.as_bytes());
    write_quoted(name, sink);
    sink.put(b":");
    write_quoted(text, sink);
}

fn write_quoted(text: &str, sink: &mut impl Sink) {
    sink.put(b"\"");
    escape(text, |part| sink.put(part.as_bytes()));
    sink.put(b"\"");
}

/// Writes a string or a member name.
fn write_string(string: Value<'_>, sink: &mut impl Sink) {
    if string.is_canonical() {
        return sink.put(string.raw().as_bytes());
    }
    let (content, _) = string.content().unwrap_or_default();
    sink.put(b"\"");
    for piece in Pieces::new(content) {
        match piece {
            Piece::Run(run) => sink.put(run.as_bytes()),
            Piece::Escape(character) => {
                escape(character.encode_utf8(&mut [0; 4]), |part| {
                    sink.put(part.as_bytes())
                });
            }
        }
    }
    sink.put(b"\"");
}
