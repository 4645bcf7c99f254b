//! Segments: files of records that only grow, each record one frame of JSON that names its number and
//! the digest of the record before it, across all files of a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use serde_json::{Map, Value};

use crate::frame::{self, Frame, HEAD};

/// The folder in a gateway's home.
pub const FOLDER: &str = "records";
/// How names of segments end; before it is the number of their first record.
const ENDING: &str = "seg";

/// What the first record of all names as the one before it.
pub(crate) const NOTHING: Digest = Digest::from_bytes([0; 32]);

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// The number of its first record.
    pub(crate) first: u64,
}

impl Segment {
    /// The one that begins with this record.
    pub(crate) fn beginning(folder: &Path, first: u64) -> Self {
        let path = folder.join(format!("{first:020}.{ENDING}"));
        Self { path, first }
    }

    /// Those of a folder, in order; none where there is no folder.
    pub(crate) fn of(folder: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut segments = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let first = stem.and_then(|stem| stem.parse().ok());
            if let Some(first) = first.filter(|_| path.extension().is_some_and(|is| is == ENDING)) {
                segments.push(Self { path, first });
            }
        }
        segments.sort_unstable_by_key(|segment| segment.first);
        Ok(segments)
    }

    /// When it was begun, as its first record says.
    pub(crate) fn begun(&self) -> Option<Timestamp> {
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.path).ok()?;
        io::Read::read_to_end(&mut io::Read::take(file, 4096), &mut bytes).ok()?;
        match frame::first(&bytes) {
            Frame::Sound(body) => Record::read(body)?.at(),
            Frame::Changed | Frame::Unfinished | Frame::Unreadable => None,
        }
    }
}

/// A piece of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// The body of a record, as it was written.
    Record(&'a [u8]),
    /// So many bytes that are no record any more.
    Damaged(usize),
    /// So many at the end, of a record that was not written to its end.
    Torn(usize),
}

/// Goes through the bytes of a segment, piece by piece.
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    fn take(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.at += len;
    }

    /// How many bytes there are to the next record; all, if there is none.
    fn gap(&self) -> (usize, bool) {
        let all = self.rest.len();
        let next = (1..all.saturating_sub(HEAD)).find(|at| {
            let rest = self.rest.get(*at..).unwrap_or_default();
            // A frame without a body is none of ours, and zeros would be nothing but such.
            matches!(frame::first(rest), Frame::Sound(body) if !body.is_empty())
        });
        (next.unwrap_or(all), next.is_some())
    }
}

/// Each piece with the byte that it begins at.
impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.at;
        let piece = match frame::first(self.rest) {
            Frame::Sound(body) if !body.is_empty() => {
                self.take(HEAD + body.len());
                Piece::Record(body)
            }
            // Its length may be of what was there before: the next record is where one is found.
            Frame::Sound(_) | Frame::Changed | Frame::Unfinished | Frame::Unreadable => {
                let (len, more) = self.gap();
                self.take(len);
                match more {
                    true => Piece::Damaged(len),
                    false => Piece::Torn(len),
                }
            }
        };
        Some((at, piece))
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number; they count up from 1.
    pub seq: u64,
    /// The digest of the record before it.
    pub previous: Digest,
    /// Its own.
    pub digest: Digest,
    /// All that it says.
    pub body: Map<String, Value>,
}

impl Record {
    /// Reads the body of a frame; `None` when it is no record.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let text = str::from_utf8(body).ok()?;
        let read: Map<String, Value> = serde_json::from_str(text).ok()?;
        Some(Self {
            seq: read.get("seq")?.as_u64()?,
            previous: Digest::from_hex(read.get("previous")?.as_str()?)?,
            digest: Digest::of(body),
            body: read,
        })
    }

    /// The text of one that has the members of this object too.
    pub(crate) fn write(seq: u64, previous: &Digest, said: &str) -> String {
        let said = said.strip_prefix('{').unwrap_or("}");
        let comma = if said == "}" { "" } else { "," };
        let head = format!(r#"{{"seq":{seq},"previous":"{previous}"{comma}"#);
        [&head, said].concat()
    }

    /// A member that is text; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.body
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What it is: `decision`, `outcome`, and those about the records themselves.
    #[must_use]
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self.text("at"))
    }
}

#[cfg(test)]
mod tests;
