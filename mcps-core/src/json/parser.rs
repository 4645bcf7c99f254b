//! The parser: one pass over the text, one node per value and member name.

use std::cmp::Ordering;

use names::{Name, compare};

use super::node::{CANONICAL, Node, ORDERED};
use super::{JsonError, Kind};

mod names;
mod number;
mod string;

/// The longest text the tape's offsets are made for.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// The parser calls itself for nested values; this bounds its stack whatever the caller allows.
const MAX_DEPTH: usize = 512;

/// Reads `text`; gives the tape and the table of member orders.
pub(super) fn parse(text: &str, depth: usize) -> Result<(Vec<Node>, Vec<u32>), JsonError> {
    let max_depth = depth.min(MAX_DEPTH);
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        nodes: Vec::with_capacity((text.len() / 12).clamp(8, 1024)),
        orders: Vec::new(),
        deviations: 0,
        max_depth,
    };
    parser.space();
    parser.value(max_depth)?;
    parser.space();
    match parser.peek() {
        None => Ok((parser.nodes, parser.orders)),
        Some(_) => Err(parser.expected("the end of the text")),
    }
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    orders: Vec<u32>,
    /// How many things were seen that canonical JSON writes differently. A value is canonical when
    /// none was added between its start and its end.
    deviations: u32,
    max_depth: usize,
}

impl<'t> Parser<'t> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[cold]
    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax {
            offset: self.at,
            expected,
        }
    }

    /// Skips white space (RFC 8259 §2).
    #[inline]
    fn space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.skip_space();
        }
    }

    fn skip_space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
            .count();
        self.at += len;
        self.deviations += 1;
    }

    #[inline]
    fn push(&mut self, kind: Kind, flags: u32, start: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes
            .push(Node::new(kind, flags, start as u32, self.at as u32, next));
    }

    /// Reads one value; `room` is how many containers may still be opened.
    fn value(&mut self, room: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(self.enter(room)?),
            Some(b'[') => self.array(self.enter(room)?),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Kind::Bool),
            Some(b'f') => self.literal("false", Kind::Bool),
            Some(b'n') => self.literal("null", Kind::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn enter(&self, room: usize) -> Result<usize, JsonError> {
        room.checked_sub(1).ok_or(JsonError::TooDeep {
            limit: self.max_depth,
        })
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        let start = self.at;
        self.at += word.len();
        self.push(kind, CANONICAL, start);
        Ok(())
    }

    fn array(&mut self, room: usize) -> Result<(), JsonError> {
        let open = self.open();
        let mut len = 0;
        if self.peek() != Some(b']') {
            loop {
                self.value(room)?;
                len += 1;
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.expected("',' or ']'")),
                }
                self.space();
            }
        }
        self.close(&open, Kind::Array, 0, len);
        Ok(())
    }

    fn object(&mut self, room: usize) -> Result<(), JsonError> {
        let open = self.open();
        let (mut len, mut ordered, mut escaped) = (0, true, false);
        let mut previous: Option<Name<'t>> = None;
        if self.peek() != Some(b'}') {
            loop {
                let start = self.at;
                if self.peek() != Some(b'"') {
                    return Err(self.expected("a member name in quotes"));
                }
                let name = self.string()?;
                escaped |= name.escaped;
                if ordered && let Some(previous) = &previous {
                    match compare(previous, &name) {
                        Ordering::Less => {}
                        Ordering::Equal => {
                            return Err(JsonError::DuplicateMember { offset: start });
                        }
                        Ordering::Greater => ordered = false,
                    }
                }
                previous = Some(name);
                len += 1;
                self.space();
                if self.peek() != Some(b':') {
                    return Err(self.expected("':'"));
                }
                self.at += 1;
                self.space();
                self.value(room)?;
                self.space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.expected("',' or '}'")),
                }
                self.space();
            }
        }
        if ordered {
            self.close(&open, Kind::Object, ORDERED, len);
        } else {
            self.deviations += 1;
            let entry = self.sort_names(open.node + 1, len, escaped)?;
            self.close(&open, Kind::Object, 0, entry);
        }
        Ok(())
    }

    fn open(&mut self) -> Open {
        let open = Open {
            node: self.nodes.len(),
            start: self.at,
            deviations: self.deviations,
        };
        self.nodes.push(Node::NULL);
        self.at += 1;
        self.space();
        open
    }

    fn close(&mut self, open: &Open, kind: Kind, flags: u32, extra: u32) {
        self.at += 1;
        let canonical = if self.deviations == open.deviations {
            CANONICAL
        } else {
            0
        };
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(open.node) {
            *node = Node::new(
                kind,
                flags | canonical,
                open.start as u32,
                self.at as u32,
                next,
            )
            .with_extra(extra);
        }
    }

    fn node(&self, index: u32) -> Node {
        self.nodes
            .get(index as usize)
            .copied()
            .unwrap_or(Node::NULL)
    }

    fn content(&self, node: Node) -> &'t str {
        let span = node.start as usize + 1..(node.end as usize).saturating_sub(1);
        self.text.get(span).unwrap_or_default()
    }
}

/// A container whose end has not been read.
struct Open {
    node: usize,
    start: usize,
    deviations: u32,
}
