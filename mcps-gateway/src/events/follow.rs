//! Reads a folder of segments from some place on, again and again, while a gateway writes there.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::frame::HEAD;
use crate::segment::{Piece, Pieces, Record, Segment};

/// What was found.
pub(crate) enum Found {
    /// A record.
    Record(Record),
    /// Something that is none any more: in which file, at which byte, how many.
    Damaged(PathBuf, u64, usize),
    /// The end of the last file, of a record that is not there to its end.
    Torn(PathBuf, u64, usize),
}

/// A place in a folder of segments.
pub(crate) struct Follow {
    folder: PathBuf,
    current: Option<Segment>,
    at: u64,
}

impl Follow {
    /// From the beginning of the segment that has the record of this number, or the first that there is.
    pub(crate) fn from(folder: &Path, seq: u64) -> io::Result<Self> {
        let segments = Segment::of(folder)?;
        let before = segments.iter().rev().find(|segment| segment.first <= seq);
        Ok(Self {
            folder: folder.to_owned(),
            current: before.or_else(|| segments.first()).cloned(),
            at: 0,
        })
    }

    /// What has come since, in order, up to the end of one segment; `false` when there is no more.
    pub(crate) fn read<E: From<io::Error>>(
        &mut self,
        mut take: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(current) = self.current.clone() else {
            self.current = Segment::of(&self.folder)?.into_iter().next();
            return Ok(self.current.is_some());
        };
        // Looked for first: what is written to the last segment meanwhile is not missed.
        let segments = Segment::of(&self.folder)?;
        let next = segments
            .into_iter()
            .find(|segment| segment.first > current.first);
        let bytes = match rest(&current.path, self.at) {
            Ok(bytes) => bytes,
            // It was removed because it is too old.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let begin = self.at;
        for (at, piece) in Pieces::of(&bytes) {
            let at = begin + u64::try_from(at).unwrap_or(u64::MAX);
            let path = || current.path.clone();
            let (found, len) = match piece {
                Piece::Record(body) => {
                    let len = HEAD + body.len();
                    match Record::read(body) {
                        Some(record) => (Found::Record(record), len),
                        None => (Found::Damaged(path(), at, len), len),
                    }
                }
                Piece::Damaged(len) => (Found::Damaged(path(), at, len), len),
                Piece::Torn(len) if next.is_some() => (Found::Damaged(path(), at, len), len),
                Piece::Torn(len) => {
                    take(Found::Torn(path(), at, len))?;
                    break;
                }
            };
            self.at = at + u64::try_from(len).unwrap_or(u64::MAX);
            take(found)?;
        }
        let more = next.is_some();
        if more {
            (self.current, self.at) = (next, 0);
        }
        Ok(more)
    }
}

fn rest(path: &Path, from: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All that a folder has.
pub(super) fn all(
    folder: &Path,
    from: u64,
    mut take: impl FnMut(Found) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |source| Failure::File {
        path: folder.to_owned(),
        source,
    };
    let mut follow = Follow::from(folder, from).map_err(failed)?;
    if follow.current.is_none() {
        return Err(Failure::None(folder.to_owned()));
    }
    while follow.read(&mut take)? {}
    Ok(())
}
