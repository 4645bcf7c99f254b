//! Handles on the values of a document.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::node::{CANONICAL, ESCAPED, INTEGER, Node};
use super::{Document, text};

mod array;
mod object;

pub use array::{Array, ArrayIter};
pub use object::{Member, Object, ObjectIter};

/// The six kinds of JSON value (RFC 8259 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `null`.
    Null = 0,
    /// `true` or `false`.
    Bool = 1,
    /// A finite double.
    Number = 2,
    /// Unicode text.
    String = 3,
    /// Values in order.
    Array = 4,
    /// Named values, each name once.
    Object = 5,
}

/// One value of a [`Document`]. Costs nothing to copy.
#[derive(Clone, Copy)]
pub struct Value<'d> {
    document: &'d Document,
    index: u32,
}

impl<'d> Value<'d> {
    pub(super) const fn at(document: &'d Document, index: u32) -> Self {
        Self { document, index }
    }

    #[inline]
    fn node(self) -> Node {
        self.document
            .nodes
            .get(self.index as usize)
            .copied()
            .unwrap_or(Node::NULL)
    }

    /// Which of the six kinds it is.
    #[must_use]
    #[inline]
    pub fn kind(self) -> Kind {
        self.node().kind()
    }

    /// The text of this value as it was written.
    #[must_use]
    pub fn raw(self) -> &'d str {
        self.document.text.get(self.span()).unwrap_or_default()
    }

    /// Where [`Value::raw`] stands in [`Document::text`], in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// The object, when it is one.
    #[must_use]
    pub fn as_object(self) -> Option<Object<'d>> {
        (self.kind() == Kind::Object).then_some(Object::new(self))
    }

    /// The array, when it is one.
    #[must_use]
    pub fn as_array(self) -> Option<Array<'d>> {
        (self.kind() == Kind::Array).then_some(Array::new(self))
    }

    /// The decoded text, when it is a string.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let (content, escaped) = self.content()?;
        Some(text::unescape(content, escaped))
    }

    /// `true` or `false`, when it is one of them.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// The number, when it is written without fraction and exponent: `1.0` is `None`.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        let node = self.node();
        if node.kind() == Kind::Number && node.has(INTEGER) {
            self.raw().parse().ok()
        } else {
            None
        }
    }

    /// The number, when it is one: the double nearest to what is written.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        if self.kind() == Kind::Number {
            self.raw().parse().ok()
        } else {
            None
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The member named `name`, when this is an object that has one.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'d>> {
        self.as_object()?.get(name)
    }

    /// Whether both are the same place of the same document. Equal content elsewhere is not.
    #[must_use]
    pub fn same(self, other: Value<'_>) -> bool {
        self.index == other.index && std::ptr::eq(self.document, other.document)
    }

    /// The text of the whole document.
    pub(crate) fn source(self) -> &'d str {
        self.document.text()
    }

    /// Whether `inner` is this value or stands somewhere in it.
    pub(crate) fn encloses(self, inner: Value<'_>) -> bool {
        std::ptr::eq(self.document, inner.document)
            && (self.index..self.node().next).contains(&inner.index)
    }

    /// Whether [`Value::raw`] is the canonical form already (RFC 8785).
    #[inline]
    pub(crate) fn is_canonical(self) -> bool {
        self.node().has(CANONICAL)
    }

    /// What stands between a string's quotes, and whether it has escapes.
    #[inline]
    pub(crate) fn content(self) -> Option<(&'d str, bool)> {
        let node = self.node();
        if node.kind() != Kind::String {
            return None;
        }
        let span = node.start as usize + 1..(node.end as usize).saturating_sub(1);
        Some((
            self.document.text.get(span).unwrap_or_default(),
            node.has(ESCAPED),
        ))
    }
}

/// Shows kind and place, never content.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("kind", &self.kind())
            .field("span", &self.span())
            .finish()
    }
}
