//! The file that histories are kept in: records one after the other, of which the last of each history
//! counts. Each begins with its length and its checksum, so that a torn end is seen.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};

use super::{HistoryError, Key};
use crate::frame::{self, Frame, HEAD, number};

/// Beyond so many bytes since it was written anew, it is written anew.
const ANEW_AFTER: u64 = 64 * 1024 * 1024;
/// Histories that nothing was added to for so long are not kept, unless a rule asks for more.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Key, time and length of one history.
const ENTRY: usize = 32 + 8 + 4;

/// A history and when it was written; where it is to be kept for longer, so much later.
type Kept = HashMap<Key, (Timestamp, Vec<u8>)>;

/// A history to be written down.
#[derive(Debug)]
pub struct Entry {
    /// Whose it is.
    pub key: Key,
    /// What it has.
    pub bytes: Vec<u8>,
    /// For how long it is kept, if nothing is added to it.
    pub keep: Duration,
}

/// What a journal has.
#[derive(Debug, Default)]
pub struct Found {
    /// The histories.
    pub stored: HashMap<Key, Vec<u8>>,
    /// Something in the middle cannot be read: nobody knows whose history it was.
    pub damaged: bool,
}

/// The file, open at its end.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// How long it was when it was written anew, and is.
    anew: u64,
    len: u64,
    clock: Arc<dyn Clock>,
}

impl Journal {
    /// Opens or begins the file. An end that was torn off in the middle of a write is cut away: what it
    /// was about did not go on.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<(Self, Found), HistoryError> {
        let failed = |source| HistoryError::Unwritable {
            path: path.to_owned(),
            source,
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let (kept, damaged) = read(&bytes);
        let (file, len) = anew(path, &kept, clock.now()).map_err(failed)?;
        let journal = Self {
            path: path.to_owned(),
            file,
            anew: len,
            len,
            clock,
        };
        let stored = kept.into_iter().map(|(key, (_, bytes))| (key, bytes));
        let stored = stored.collect();
        Ok((journal, Found { stored, damaged }))
    }

    /// Writes histories down, all of them or none.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), HistoryError> {
        let now = self.clock.now();
        let entries = entries.iter().map(|entry| {
            let at = now.plus(entry.keep.saturating_sub(KEPT));
            (&entry.key, at, entry.bytes.as_slice())
        });
        let record = record(entries);
        self.write(&record)
            .map_err(|source| HistoryError::Unwritable {
                path: self.path.clone(),
                source,
            })
    }

    #[cfg(test)]
    pub(super) fn replace(&mut self, file: File) {
        self.file = file;
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if self.len.saturating_sub(self.anew) >= ANEW_AFTER {
            let (kept, _) = read(&std::fs::read(&self.path)?);
            (self.file, self.anew) = anew(&self.path, &kept, self.clock.now())?;
            self.len = self.anew;
        }
        if let Err(error) = self.file.write_all(record) {
            // A part of it would make all that follows unreadable.
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += u64::try_from(record.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

fn record<'a>(entries: impl Iterator<Item = (&'a Key, Timestamp, &'a [u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, at, bytes) in entries {
        body.extend_from_slice(&key.0);
        body.extend_from_slice(&at.as_millis().to_le_bytes());
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(bytes);
    }
    let mut record = Vec::with_capacity(HEAD + body.len());
    frame::put(&body, &mut record);
    record
}

/// Writes the file anew with what is not too old, and opens it at its end, which is said too.
fn anew(path: &Path, kept: &Kept, now: Timestamp) -> io::Result<(File, u64)> {
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    for (key, (at, bytes)) in kept {
        if *at >= now.minus(KEPT) {
            file.write_all(&record([(key, *at, bytes.as_slice())].into_iter()))?;
        }
    }
    file.sync_all()?;
    let len = file.metadata()?.len();
    std::fs::rename(&next, path)?;
    Ok((OpenOptions::new().append(true).open(path)?, len))
}

/// The last of each history, and whether anything before the end could not be read.
fn read(bytes: &[u8]) -> (Kept, bool) {
    let mut kept = Kept::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        match frame::first(rest) {
            Frame::Sound(body) if take(body, &mut kept) => {
                rest = rest.get(HEAD + body.len()..).unwrap_or_default();
            }
            // The last write did not end.
            Frame::Unfinished => return (kept, false),
            Frame::Sound(_) | Frame::Changed | Frame::Unreadable => return (kept, true),
        }
    }
    (kept, false)
}

fn take(mut body: &[u8], kept: &mut Kept) -> bool {
    while !body.is_empty() {
        let Some((head, after)) = body.split_at_checked(ENTRY) else {
            return false;
        };
        let (key, head) = head.split_at(32);
        let (at, len) = head.split_at(8);
        let (Ok(key), Ok(at)) = (key.try_into(), at.try_into()) else {
            return false;
        };
        let len = usize::try_from(number(len)).unwrap_or(usize::MAX);
        let Some((bytes, after)) = after.split_at_checked(len) else {
            return false;
        };
        let at = Timestamp::from_millis(i64::from_le_bytes(at));
        kept.insert(Key(key), (at, bytes.to_vec()));
        body = after;
    }
    true
}

#[cfg(test)]
mod tests;
