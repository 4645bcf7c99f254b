//! The segments of a gateway, open at their end.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use serde_json::json;

use super::Keep;
use crate::frame;
use crate::segment::{NOTHING, Piece, Pieces, Record, Segment};

/// After how long another segment is begun though the last is not full: what is kept is kept by whole
/// segments.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A segment that is written no more.
#[derive(Debug)]
struct Past {
    path: PathBuf,
    bytes: u64,
    ended: Timestamp,
}

/// What of the last segment could not be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes at its end that are no record; they were put aside.
    pub(super) torn: Option<(u64, PathBuf)>,
    /// At which bytes something before the end was damaged.
    pub(super) damaged: Vec<u64>,
}

/// The last segment, and what is known of those before it.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    keep: Keep,
    past: VecDeque<Past>,
    current: Segment,
    file: Arc<File>,
    len: u64,
    begun: Timestamp,
    /// The number of the next record.
    next: u64,
    /// The digest of the last.
    last: Digest,
    /// What went wrong with this file may go wrong again: the next record is in another.
    fresh: bool,
    /// Behind its sound part this file has a piece of a record that could not be taken back.
    spoilt: bool,
    /// How many records could not be written, and since when.
    lost: Option<(u64, Timestamp)>,
    /// Files that were written and are not known to be on the disk.
    unsynced: Vec<Arc<File>>,
}

impl Log {
    /// Opens a folder, or begins it. An end that was torn off is cut, and put aside.
    pub(super) fn open(folder: &Path, keep: Keep, now: Timestamp) -> io::Result<(Self, Found)> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let mut segments = Segment::of(folder)?;
        let last = segments.pop();
        let mut past: VecDeque<Past> = VecDeque::new();
        let ends = segments.iter().skip(1).chain(&last);
        for (segment, next) in segments.iter().zip(ends) {
            past.push_back(Past {
                path: segment.path.clone(),
                bytes: fs::metadata(&segment.path)?.len(),
                ended: next.begun().unwrap_or(now),
            });
        }
        let mut found = Found::default();
        let current = last
            .clone()
            .unwrap_or_else(|| Segment::beginning(folder, 1));
        let mut end = End {
            len: 0,
            next: current.first,
            last: NOTHING,
        };
        if last.is_some() {
            end = End::of(&current, &mut found)?;
        }
        let empty = end.len == 0;
        if empty && let Some(before) = segments.last() {
            // Of the last segment nothing is left: the one before it says where to go on.
            end.last = End::of(before, &mut Found::default())?.last;
        }
        let mut log = Self {
            folder: folder.to_owned(),
            keep,
            past,
            file: Arc::new(opened(&current.path)?),
            len: end.len,
            begun: current.begun().unwrap_or(now),
            current,
            next: end.next,
            last: end.last,
            fresh: false,
            spoilt: false,
            lost: None,
            unsynced: Vec::new(),
        };
        if empty {
            log.put(&[&head(now)])?;
            File::open(folder)?.sync_all()?;
        }
        Ok((log, found))
    }

    /// Writes a record with the members of this object, and says its number and its text. What could not be
    /// written before is said first.
    pub(super) fn append(&mut self, said: &str, now: Timestamp) -> io::Result<(u64, String)> {
        self.rotate(now);
        let Some((lost, since)) = self.lost else {
            return self
                .put(&[said])
                .inspect_err(|_| self.lost = Some((1, now)));
        };
        let gap = json!({"event": "gap", "at": now.to_string(), "lost": lost, "since": since.to_string()});
        // Both or none: else each that fails would leave a gap of its own.
        let wrote = self.put(&[&gap.to_string(), said]);
        self.lost = wrote.is_err().then_some((lost + 1, since));
        wrote
    }

    /// The last record.
    pub(super) const fn end(&self) -> (u64, Digest) {
        (self.next.saturating_sub(1), self.last)
    }

    /// What is to be brought to the disk.
    pub(super) fn unsynced(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.unsynced)
    }

    /// Whether the disk failed: what follows is in another file.
    pub(super) const fn leave(&mut self) {
        self.fresh = true;
    }

    /// Writes records, all or none; number and text of the last.
    fn put(&mut self, all: &[&str]) -> io::Result<(u64, String)> {
        if self.spoilt {
            self.file.set_len(self.len)?;
            self.spoilt = false;
        }
        let (mut next, mut last) = (self.next, self.last);
        let (mut bytes, mut text) = (Vec::new(), String::new());
        for said in all {
            text = Record::write(next, &last, said);
            frame::put(text.as_bytes(), &mut bytes);
            last = Digest::of(text.as_bytes());
            next += 1;
        }
        if let Err(error) = (&*self.file).write_all(&bytes) {
            // A part of it must not stand before what follows.
            self.spoilt = self.file.set_len(self.len).is_err();
            self.fresh |= self.spoilt;
            return Err(error);
        }
        self.len += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        (self.next, self.last) = (next, last);
        if !self
            .unsynced
            .iter()
            .any(|file| Arc::ptr_eq(file, &self.file))
        {
            self.unsynced.push(Arc::clone(&self.file));
        }
        Ok((next.saturating_sub(1), text))
    }

    /// Begins another segment where the last is full or a day old. Where that fails the last goes on.
    fn rotate(&mut self, now: Timestamp) {
        let old = now.since(self.begun) >= i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        if self.len < self.keep.segment_bytes && !old && !self.fresh {
            return;
        }
        if let Err(error) = self.begin(now) {
            tracing::error!(error = %error, "no other segment of records can be begun: {error}");
            return;
        }
        self.fresh = false;
        self.prune(now);
    }

    fn begin(&mut self, now: Timestamp) -> io::Result<()> {
        let next = Segment::beginning(&self.folder, self.next);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&next.path)?;
        let before = (Arc::clone(&self.file), self.len);
        let spoilt = std::mem::take(&mut self.spoilt);
        self.file = Arc::new(file);
        self.len = 0;
        if let Err(error) = self.put(&[&head(now)]) {
            (self.file, self.len) = before;
            self.spoilt = spoilt;
            // Nobody is to find a segment without a beginning.
            drop(fs::remove_file(&next.path));
            return Err(error);
        }
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            tracing::error!(error = %error, "the folder of records cannot be synced: {error}");
        }
        self.past.push_back(Past {
            path: std::mem::replace(&mut self.current, next).path,
            bytes: before.1,
            ended: now,
        });
        self.begun = now;
        Ok(())
    }

    /// Removes what is older than is kept, and the oldest of what is more than is kept.
    pub(super) fn prune(&mut self, now: Timestamp) {
        let mut bytes: u64 = self.len + self.past.iter().map(|past| past.bytes).sum::<u64>();
        while let Some(oldest) = self.past.front() {
            let old = oldest.ended < now.minus(self.keep.age);
            if !old && bytes <= self.keep.bytes {
                return;
            }
            if let Err(error) = fs::remove_file(&oldest.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(error = %error, "{} cannot be removed: {error}", oldest.path.display());
                return;
            }
            tracing::info!(segment = %oldest.path.display(), "records were removed that are older or more than is kept");
            bytes = bytes.saturating_sub(oldest.bytes);
            self.past.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn replace(&mut self, file: File) {
        self.file = Arc::new(file);
    }
}

/// Where a segment ends.
struct End {
    len: u64,
    next: u64,
    last: Digest,
}

impl End {
    /// Reads a segment; a torn end is cut and put aside.
    fn of(segment: &Segment, found: &mut Found) -> io::Result<Self> {
        let bytes = fs::read(&segment.path)?;
        let (mut sound, mut end) = (0_usize, None);
        let mut damaged = Vec::new();
        for (at, piece) in Pieces::of(&bytes) {
            match piece {
                Piece::Record(body) => {
                    sound = at + frame::HEAD + body.len();
                    match Record::read(body) {
                        Some(record) => end = Some((record.seq, record.digest)),
                        None => damaged.push(at),
                    }
                }
                Piece::Damaged(_) => damaged.push(at),
                Piece::Torn(_) => {}
            }
        }
        let number = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
        found.damaged = damaged.into_iter().map(number).collect();
        let torn = bytes.get(sound..).unwrap_or_default();
        if !torn.is_empty() {
            let aside = segment.path.with_extension("torn");
            fs::write(&aside, torn)?;
            let file = OpenOptions::new().write(true).open(&segment.path)?;
            file.set_len(number(sound))?;
            file.sync_all()?;
            found.torn = Some((number(torn.len()), aside));
        }
        let (next, last) = end.map_or((segment.first, NOTHING), |(seq, digest)| (seq + 1, digest));
        Ok(Self {
            len: number(sound),
            next,
            last,
        })
    }
}

/// The first record of a segment.
fn head(now: Timestamp) -> String {
    json!({"event": "segment", "at": now.to_string(), "version": 1}).to_string()
}

fn opened(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
