//! The parser: one pass over the text, one node per value and member name.
//!
//! Its functions take the place where they start and give the one where they stopped, so that it
//! stays in a register.

use std::cmp::Ordering;

use super::node::{CANONICAL, Node, ORDERED};
use super::{JsonError, Kind};

mod names;
mod number;
mod string;

use names::Name;

/// The longest text the tape's offsets are made for.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// The parser calls itself for nested values; this bounds its stack whatever the caller allows.
const MAX_DEPTH: usize = 512;

/// A refusal on its way out. Boxed because the way in is the one that has to be fast.
type Fault = Box<JsonError>;

/// Reads `text`; gives the tape and the table of member orders.
pub(super) fn parse(text: &str, depth: usize) -> Result<(Vec<Node>, Vec<u32>), JsonError> {
    let max_depth = depth.min(MAX_DEPTH);
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        nodes: Vec::with_capacity((text.len() / 8).clamp(8, 4096)),
        orders: Vec::new(),
        names: Vec::new(),
        deviations: 0,
        max_depth,
    };
    parser.top().map_err(|fault| *fault)?;
    Ok((parser.nodes, parser.orders))
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    nodes: Vec<Node>,
    orders: Vec<u32>,
    /// The names read so far of every object that is open, outermost first.
    names: Vec<Name>,
    /// How many things were seen that canonical JSON writes differently. A value is canonical when
    /// none was added between its start and its end.
    deviations: u32,
    max_depth: usize,
}

/// The byte at a place, or 0 at the end of the text: no token is or starts with 0.
type Token = u8;

impl Parser<'_> {
    #[inline]
    fn byte(&self, at: usize) -> Token {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The first byte from `at` on that is no white space, and its place.
    #[inline]
    fn token(&mut self, at: usize) -> (Token, usize) {
        match self.byte(at) {
            byte if byte > b' ' => (byte, at),
            _ => self.token_after_space(at),
        }
    }

    /// Skips white space (RFC 8259 §2), if there is any.
    #[inline(never)]
    fn token_after_space(&mut self, at: usize) -> (Token, usize) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let space = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let at = at + space.count();
        self.deviations += 1;
        (self.byte(at), at)
    }

    #[inline]
    fn push(&mut self, kind: Kind, flags: u32, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes
            .push(Node::new(kind, flags, start as u32, end as u32, next));
    }

    fn top(&mut self) -> Result<(), Fault> {
        let (first, at) = self.token(0);
        let at = self.value(first, at, self.max_depth)?;
        let (_, at) = self.token(at);
        if at < self.bytes.len() {
            expected(at, "the end of the text")
        } else {
            Ok(())
        }
    }

    /// Reads the value at `at` that starts with `first`; `room` is how many containers may still be
    /// opened. Inlined into the two containers, so that a string or number costs no call.
    #[inline(always)]
    fn value(&mut self, first: Token, at: usize, room: usize) -> Result<usize, Fault> {
        match first {
            b'"' => self.string(at),
            b'{' => self.object(at, room),
            b'[' => self.array(at, room),
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.literal("true", Kind::Bool, at),
            b'f' => self.literal("false", Kind::Bool, at),
            b'n' => self.literal("null", Kind::Null, at),
            _ => expected(at, "a value"),
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind, at: usize) -> Result<usize, Fault> {
        let end = at + word.len();
        if self.bytes.get(at..end) != Some(word.as_bytes()) {
            return expected(at, word);
        }
        self.push(kind, CANONICAL, at, end);
        Ok(end)
    }

    #[inline(never)]
    fn array(&mut self, start: usize, room: usize) -> Result<usize, Fault> {
        let open = self.open(start, room)?;
        let mut len = 0;
        let (mut token, mut at) = self.token(start + 1);
        if token != b']' {
            loop {
                at = self.value(token, at, room - 1)?;
                len += 1;
                (token, at) = self.token(at);
                if token != b',' {
                    break;
                }
                (token, at) = self.token(at + 1);
            }
            if token != b']' {
                return expected(at, "',' or ']'");
            }
        }
        self.close(&open, at + 1, Kind::Array, 0, len);
        Ok(at + 1)
    }

    #[inline(never)]
    fn object(&mut self, start: usize, room: usize) -> Result<usize, Fault> {
        let open = self.open(start, room)?;
        let first = self.names.len();
        let (mut previous, mut ordered) = (None, true);
        let (mut token, mut at) = self.token(start + 1);
        if token != b'}' {
            loop {
                let (name, end) = self.name(token, at)?;
                if ordered && let Some(previous) = &previous {
                    match self.compare(previous, &name) {
                        Ordering::Less => {}
                        Ordering::Equal => return Err(self.repeated(name.node)),
                        Ordering::Greater => ordered = false,
                    }
                }
                self.names.push(name);
                previous = Some(name);
                (token, at) = self.token(end);
                if token != b':' {
                    return expected(at, "':'");
                }
                (token, at) = self.token(at + 1);
                at = self.value(token, at, room - 1)?;
                (token, at) = self.token(at);
                if token != b',' {
                    break;
                }
                (token, at) = self.token(at + 1);
            }
            if token != b'}' {
                return expected(at, "',' or '}'");
            }
        }
        if ordered {
            let len = self.names.len() - first;
            self.close(&open, at + 1, Kind::Object, ORDERED, len as u32);
        } else {
            self.deviations += 1;
            let entry = self.sort_names(first)?;
            self.close(&open, at + 1, Kind::Object, 0, entry);
        }
        self.names.truncate(first);
        Ok(at + 1)
    }

    /// Makes place for the node of a container, if there is `room` for one.
    fn open(&mut self, start: usize, room: usize) -> Result<Open, Fault> {
        if room == 0 {
            return Err(Box::new(JsonError::TooDeep {
                limit: self.max_depth,
            }));
        }
        let open = Open {
            node: self.nodes.len(),
            start,
            deviations: self.deviations,
        };
        self.nodes.push(Node::NULL);
        Ok(open)
    }

    /// Fills that place when the container has been read.
    fn close(&mut self, open: &Open, end: usize, kind: Kind, flags: u32, extra: u32) {
        let canonical = if self.deviations == open.deviations {
            CANONICAL
        } else {
            0
        };
        let next = self.nodes.len() as u32;
        let (start, end) = (open.start as u32, end as u32);
        if let Some(node) = self.nodes.get_mut(open.node) {
            *node = Node::new(kind, flags | canonical, start, end, next).with_extra(extra);
        }
    }
}

/// A container whose end has not been read.
struct Open {
    node: usize,
    start: usize,
    deviations: u32,
}

#[cold]
fn expected<T>(offset: usize, expected: &'static str) -> Result<T, Fault> {
    Err(Box::new(JsonError::Syntax { offset, expected }))
}
