//! Histories in a store: read with a tag, and written only where the tag is still the one that was
//! read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::SharedError;
use super::marker::Marker;
use crate::history::Key;

/// What a history was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tag {
    /// Nobody looked yet.
    Unread,
    /// There was none.
    Absent,
    /// As whoever wrote it left it: the store's id, the number of the write, and what is in no other's tag.
    Written(Vec<u8>),
}

/// A history of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// As in [`Tag::Written`].
    pub(super) tag: Vec<u8>,
    /// [`crate::policy::Memory::to_bytes`].
    pub(super) bytes: Vec<u8>,
}

/// One history of a call.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Whose.
    pub(super) key: Key,
    /// What the decision rests on.
    pub(super) rests_on: Tag,
    /// What it becomes, where that is something else.
    pub(super) becomes: Option<Vec<u8>>,
}

/// What became of the three of a call.
#[derive(Debug)]
pub(super) enum Committed {
    /// All are as they should be; what was written has this tag.
    Done(Vec<u8>),
    /// One of them was another, so that none was written: this is what they are.
    Stale([Option<Stored>; 3]),
    /// The store is not the one that was meant any more.
    Moved,
}

/// Whether it was done, as soon as that is known.
pub(super) type Committing<'a> =
    Pin<Box<dyn Future<Output = Result<Committed, SharedError>> + Send + 'a>>;

/// The three histories of a call as one.
pub(super) trait Cells: std::fmt::Debug + Send + Sync {
    /// The store that is known.
    fn marker(&self) -> Arc<Marker>;

    /// Writes what is to be written, all of it or none; what is written is kept for `keep`.
    fn commit<'a>(
        &'a self,
        marker: &'a Marker,
        cells: &'a [Cell; 3],
        keep: Duration,
    ) -> Committing<'a>;

    /// Finds out which store it is now.
    fn find<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), SharedError>> + Send + 'a>>;
}
