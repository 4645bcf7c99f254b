//! Strict I-JSON (RFC 7493), the one way in for bytes from a peer.
//!
//! [`Document::parse`] reads the text once into a flat tape of nodes: each node is a byte range of
//! the text and the place where its subtree ends. Nothing is copied, so what was judged can be
//! forwarded byte for byte ([`Document::text`]), and canonical bytes ([`crate::jcs`]) are written
//! from slices of the source. Refused: anything but UTF-8 without a byte order mark, a member name
//! twice in one object (compared after decoding), lone surrogates, integers beyond ±(2^53−1),
//! numbers that are no finite double, nesting and sizes beyond [`Limits`].

use std::fmt;

mod error;
mod node;
mod order;
mod parser;
mod scan;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use error::JsonError;
pub use text::quote;
pub use value::{Array, ArrayIter, Kind, Member, Object, ObjectIter, Value};

pub(crate) use order::utf16_order;
pub(crate) use text::{Piece, Pieces, escape};

use node::Node;

/// How much one document may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes. Values above 64 MiB count as 64 MiB.
    pub bytes: usize,
    /// Arrays and objects inside one another; `[]` is 1. Values above 512 count as 512.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            depth: 64,
        }
    }
}

/// A JSON text that was found to be strict I-JSON, and the tape of what is where in it.
#[derive(Clone)]
pub struct Document {
    text: String,
    /// One node per value and member name in the order of the text; a container comes before its
    /// content. Never empty.
    nodes: Vec<Node>,
    /// Member names in UTF-16 order, for the objects that are written in another one.
    orders: Vec<u32>,
}

impl Document {
    /// Reads `text` within the default [`Limits`]. Any value may stand at the top.
    ///
    /// # Errors
    /// What is wrong and where, when `text` is not strict I-JSON.
    pub fn parse(text: impl Into<Vec<u8>>) -> Result<Self, JsonError> {
        Self::parse_with(text.into(), Limits::default())
    }

    /// Reads `text` within `limits`.
    ///
    /// # Errors
    /// What is wrong and where, when `text` is not strict I-JSON.
    pub fn parse_with(text: Vec<u8>, limits: Limits) -> Result<Self, JsonError> {
        let limit = limits.bytes.min(parser::MAX_BYTES);
        if text.len() > limit {
            return Err(JsonError::TooLarge { limit });
        }
        if text.starts_with(b"\xEF\xBB\xBF") {
            return Err(JsonError::ByteOrderMark);
        }
        let text = String::from_utf8(text).map_err(|error| JsonError::NotUtf8 {
            offset: error.utf8_error().valid_up_to(),
        })?;
        let (nodes, orders) = parser::parse(&text, limits.depth)?;
        Ok(Self {
            text,
            nodes,
            orders,
        })
    }

    /// The value at the top.
    #[must_use]
    pub const fn root(&self) -> Value<'_> {
        Value::at(self, 0)
    }

    /// The text, exactly as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives the text back.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Shows sizes, never content.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.text.len())
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}
