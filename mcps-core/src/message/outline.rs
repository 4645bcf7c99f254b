//! What can be told of bytes that are no message, so that whoever waits for one hears of it.

use crate::json::Document;

use super::{Id, Kind};

/// Longest id that is guessed, in bytes.
const MAX_ID: usize = 1024;

/// The shape of a JSON object that strict JSON or JSON-RPC refuses: a number out of range or a
/// repeated member somewhere inside does not hide what it was meant to be. A guess, to answer
/// with; never evidence of anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// What it was meant to be, if it has the members of exactly one kind.
    pub kind: Option<Kind>,
    /// Its id, if it has exactly one.
    pub id: Option<Id>,
}

impl Outline {
    /// Reads the members of the outermost object and skips what is in them. Empty for anything
    /// else.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut seen = Seen::default();
        match (Reader { rest: bytes }).object(&mut seen) {
            Some(()) => seen.outline(),
            None => Self::default(),
        }
    }
}

/// The id alone of [`Outline::of`].
#[must_use]
pub fn id_of(bytes: &[u8]) -> Option<Id> {
    Outline::of(bytes).id
}

/// The members that matter, as they stand.
#[derive(Default)]
struct Seen<'b> {
    ids: Vec<&'b [u8]>,
    method: bool,
    result: bool,
    error: bool,
}

impl<'b> Seen<'b> {
    fn note(&mut self, name: &[u8], value: &'b [u8]) {
        match name {
            b"id" => self.ids.push(value),
            b"method" => self.method = true,
            b"result" => self.result = true,
            b"error" => self.error = true,
            _ => {}
        }
    }

    fn outline(&self) -> Outline {
        let id = match self.ids.as_slice() {
            [id] if id.len() <= MAX_ID => Document::parse(*id)
                .ok()
                .and_then(|id| Id::from_value(id.root())),
            _ => None,
        };
        let kind = match (self.method, self.result, self.error) {
            (true, false, false) if self.ids.is_empty() => Some(Kind::Notification),
            (true, false, false) => Some(Kind::Request),
            (false, true, false) => Some(Kind::Response),
            // With a result beside it, it is an answer all the same, and not a good one.
            (false, _, true) => Some(Kind::Error),
            _ => None,
        };
        Outline { kind, id }
    }
}

/// Walks over JSON without checking more of it than where strings and brackets end.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn object(&mut self, seen: &mut Seen<'b>) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_none() {
            loop {
                let name = self.string()?;
                self.eat(b':')?;
                let value = self.value()?;
                seen.note(name, value);
                if self.eat(b',').is_none() {
                    self.eat(b'}')?;
                    break;
                }
            }
        }
        self.skip_space();
        self.rest.is_empty().then_some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// What stands between the quotes.
    fn string(&mut self) -> Option<&'b [u8]> {
        self.eat(b'"')?;
        let mut escaped = false;
        let end = self.rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        })?;
        let (string, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(string)
    }

    /// Everything up to the comma or bracket that ends it.
    fn value(&mut self) -> Option<&'b [u8]> {
        self.skip_space();
        let from = self.rest;
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'"' => _ = self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.step()?;
                }
                b',' | b'}' | b']' if depth == 0 => break,
                b'}' | b']' => {
                    depth -= 1;
                    self.step()?;
                }
                _ => self.step()?,
            }
        }
        from.get(..from.len() - self.rest.len())
            .map(<[u8]>::trim_ascii)
    }

    fn step(&mut self) -> Option<()> {
        self.rest = self.rest.get(1..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests;
