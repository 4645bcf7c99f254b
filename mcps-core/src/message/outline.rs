//! What can be told of bytes that are no message, so that whoever waits for one hears of it.

use crate::json::Document;

use super::{Id, Kind};

/// Longest id that is guessed, in bytes.
const MAX_ID: usize = 1024;
/// Longest name of a member that matters.
const LONGEST_NAME: usize = "method".len();

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
        let mut sketch = Sketch::default();
        sketch.add(bytes);
        sketch.finish()
    }
}

/// The id alone of [`Outline::of`].
#[must_use]
pub fn id_of(bytes: &[u8]) -> Option<Id> {
    Outline::of(bytes).id
}

/// An outline that is drawn while the bytes go by: of a line too long to keep. Holds a name and
/// an id at most.
#[derive(Clone, Default)]
pub struct Sketch {
    place: Place,
    string: Quoted,
    depth: usize,
    name: Vec<u8>,
    value: Vec<u8>,
    seen: Seen,
}

/// Where in the outermost object the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// Before the first name, where the object may end too.
    First,
    Name,
    Colon,
    Value,
    End,
    /// It is no object.
    Lost,
}

/// Whether the next byte stands in a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Quoted {
    #[default]
    No,
    Yes,
    /// Behind a backslash.
    Escaped,
}

/// The members that matter.
#[derive(Clone, Default)]
struct Seen {
    ids: usize,
    id: Option<Id>,
    method: bool,
    result: bool,
    error: bool,
}

impl Sketch {
    /// The next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.place == Place::Lost {
                return;
            }
            self.step(*byte);
        }
    }

    /// What it came to, if it was a whole object.
    #[must_use]
    pub fn finish(self) -> Outline {
        match self.place {
            Place::End => self.seen.outline(),
            _ => Outline::default(),
        }
    }

    fn step(&mut self, byte: u8) {
        if self.string != Quoted::No {
            return self.quoted(byte);
        }
        let space = byte.is_ascii_whitespace();
        self.place = match (self.place, byte) {
            (Place::Value, _) => return self.value(byte),
            (place, _) if space => place,
            (Place::Start, b'{') => Place::First,
            (Place::First, b'}') => Place::End,
            (Place::First | Place::Name, b'"') => {
                self.name.clear();
                self.string = Quoted::Yes;
                Place::Name
            }
            (Place::Colon, b':') => {
                self.value.clear();
                Place::Value
            }
            _ => Place::Lost,
        };
    }

    /// A byte of a string, the closing quote included.
    fn quoted(&mut self, byte: u8) {
        self.string = match (self.string, byte) {
            (Quoted::Yes, b'"') => Quoted::No,
            (Quoted::Yes, b'\\') => Quoted::Escaped,
            _ => Quoted::Yes,
        };
        if self.place == Place::Value {
            self.keep(byte);
        } else if self.string == Quoted::No {
            self.place = Place::Colon;
        } else if self.name.len() <= LONGEST_NAME {
            self.name.push(byte);
        }
    }

    /// A byte of a value outside its strings.
    fn value(&mut self, byte: u8) {
        match byte {
            b'"' => self.string = Quoted::Yes,
            b'{' | b'[' => self.depth += 1,
            b',' | b'}' | b']' if self.depth == 0 => {
                self.seen.note(&self.name, &self.value);
                self.place = match byte {
                    b',' => Place::Name,
                    b'}' => Place::End,
                    _ => Place::Lost,
                };
                return;
            }
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        self.keep(byte);
    }

    fn keep(&mut self, byte: u8) {
        // One more than is read, so that what is cut off counts as too long.
        if self.name == b"id" && self.value.len() <= MAX_ID {
            self.value.push(byte);
        }
    }
}

impl Seen {
    fn note(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"id" => {
                self.ids += 1;
                let short = (self.ids == 1 && value.len() <= MAX_ID).then(|| value.trim_ascii());
                let id = short.and_then(|id| Document::parse(id).ok());
                self.id = id.and_then(|id| Id::from_value(id.root()));
            }
            b"method" => self.method = true,
            b"result" => self.result = true,
            b"error" => self.error = true,
            _ => {}
        }
    }

    fn outline(self) -> Outline {
        let kind = match (self.method, self.result, self.error) {
            (true, false, false) if self.ids == 0 => Some(Kind::Notification),
            (true, false, false) => Some(Kind::Request),
            (false, true, false) => Some(Kind::Response),
            // With a result beside it, it is an answer all the same, and not a good one.
            (false, _, true) => Some(Kind::Error),
            _ => None,
        };
        Outline { kind, id: self.id }
    }
}

/// Shows no bytes: they may be arguments.
impl std::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sketch")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
