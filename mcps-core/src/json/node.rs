//! One entry of the tape: 16 bytes.

use super::Kind;

/// A value or a member name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// First byte in the text.
    pub(super) start: u32,
    /// One past the last byte.
    pub(super) end: u32,
    /// The node after this one and everything in it.
    pub(super) next: u32,
    /// Kind (3 bits), flags (4 bits) and a container's [`Node::extra`] (25 bits).
    tag: u32,
}

const KIND_MASK: u32 = 0b111;
const EXTRA_SHIFT: u32 = 7;

/// A string has escapes, so its text is not its value.
pub(super) const ESCAPED: u32 = 1 << 3;
/// The source text of the whole subtree is its canonical form (RFC 8785).
pub(super) const CANONICAL: u32 = 1 << 4;
/// An object's members are written in ascending UTF-16 order of their names.
pub(super) const ORDERED: u32 = 1 << 5;
/// A number without fraction and exponent.
pub(super) const INTEGER: u32 = 1 << 6;

impl Node {
    /// Stands in for a node that is not there; no handle made by this crate refers to one.
    pub(super) const NULL: Self = Self {
        start: 0,
        end: 0,
        next: 0,
        tag: Kind::Null as u32 | CANONICAL,
    };

    pub(super) const fn new(kind: Kind, flags: u32, start: u32, end: u32, next: u32) -> Self {
        Self {
            start,
            end,
            next,
            tag: kind as u32 | flags,
        }
    }

    pub(super) const fn with_extra(self, extra: u32) -> Self {
        Self {
            tag: self.tag | (extra << EXTRA_SHIFT),
            ..self
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self.tag & KIND_MASK {
            1 => Kind::Bool,
            2 => Kind::Number,
            3 => Kind::String,
            4 => Kind::Array,
            5 => Kind::Object,
            _ => Kind::Null,
        }
    }

    pub(super) const fn has(self, flag: u32) -> bool {
        self.tag & flag != 0
    }

    /// Arrays and [`ORDERED`] objects: how many elements or members. Other objects: where their
    /// entry in the table of orders starts.
    pub(super) const fn extra(self) -> u32 {
        self.tag >> EXTRA_SHIFT
    }
}
