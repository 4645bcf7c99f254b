//! Members of an object.

use std::borrow::Cow;
use std::ops::Range;

use super::Value;
use crate::json::node::{CANONICAL, ORDERED};
use crate::json::text;

/// An object of a document.
#[derive(Clone, Copy, Debug)]
pub struct Object<'d>(Value<'d>);

impl<'d> Object<'d> {
    pub(super) const fn new(value: Value<'d>) -> Self {
        Self(value)
    }

    /// How many members it has.
    #[must_use]
    pub fn len(self) -> usize {
        let node = self.0.node();
        if node.has(ORDERED) {
            node.extra() as usize
        } else {
            self.order().len()
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where it stands in the text, in bytes, braces included.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.0.span()
    }

    /// The value of the member named `name`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'d>> {
        self.member(name).map(Member::value)
    }

    /// The member named `name`.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Member<'d>> {
        self.iter().find(|member| member.is_named(name))
    }

    /// The members in the order of the text.
    #[must_use]
    pub fn iter(self) -> ObjectIter<'d> {
        let object = self.0;
        ObjectIter {
            next: Value::at(object.document, object.index + 1),
            end: object.node().next,
        }
    }

    /// The members in ascending UTF-16 order of their names (RFC 8785 §3.2.3).
    #[inline]
    pub(crate) fn sorted(self) -> impl Iterator<Item = Member<'d>> {
        let document = self.0.document;
        let mut order = self.order().iter();
        let mut written = self.iter();
        if order.len() > 0 {
            written.end = 0;
        }
        std::iter::from_fn(move || match order.next() {
            Some(&index) => Some(Member {
                name: Value::at(document, index),
            }),
            None => written.next(),
        })
    }

    /// The names in UTF-16 order, for an object that is written in another one.
    fn order(self) -> &'d [u32] {
        let node = self.0.node();
        if node.has(ORDERED) {
            return &[];
        }
        let entry = self
            .0
            .document
            .orders
            .get(node.extra() as usize..)
            .unwrap_or_default();
        match entry.split_first() {
            Some((&len, names)) => names.get(..len as usize).unwrap_or_default(),
            None => &[],
        }
    }
}

impl<'d> IntoIterator for Object<'d> {
    type Item = Member<'d>;
    type IntoIter = ObjectIter<'d>;

    fn into_iter(self) -> ObjectIter<'d> {
        self.iter()
    }
}

/// The members of an [`Object`] in the order of the text.
#[derive(Clone, Debug)]
pub struct ObjectIter<'d> {
    next: Value<'d>,
    end: u32,
}

impl<'d> Iterator for ObjectIter<'d> {
    type Item = Member<'d>;

    #[inline]
    fn next(&mut self) -> Option<Member<'d>> {
        if self.next.index >= self.end {
            return None;
        }
        let member = Member { name: self.next };
        self.next.index = member.value().node().next;
        Some(member)
    }
}

/// One name and its value.
#[derive(Clone, Copy, Debug)]
pub struct Member<'d> {
    name: Value<'d>,
}

impl<'d> Member<'d> {
    /// The decoded name.
    #[must_use]
    pub fn name(self) -> Cow<'d, str> {
        let (content, escaped) = self.name.content().unwrap_or_default();
        text::unescape(content, escaped)
    }

    /// The value.
    #[must_use]
    #[inline]
    pub fn value(self) -> Value<'d> {
        Value::at(self.name.document, self.name.index + 1)
    }

    /// From the first quote of the name to the end of the value, in bytes of the text.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.name.span().start..self.value().span().end
    }

    /// [`Member::span`], when what stands there is canonical.
    #[inline]
    pub(crate) fn canonical_span(self) -> Option<Range<usize>> {
        let (name, value) = (self.name.node(), self.value().node());
        (name.has(CANONICAL) && value.has(CANONICAL) && value.start == name.end + 1)
            .then_some(name.start as usize..value.end as usize)
    }

    /// The name as a string value.
    pub(crate) const fn name_value(self) -> Value<'d> {
        self.name
    }

    fn is_named(self, name: &str) -> bool {
        match self.name.content() {
            Some((content, false)) => content == name,
            _ => self.name() == name,
        }
    }
}
