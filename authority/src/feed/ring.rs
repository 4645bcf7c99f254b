//! The newest frames, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use mcps_core::feed::{Cursor, Position};

use super::Sealed;

/// Most frames kept.
const MAX_FRAMES: usize = 1024;
/// Most bytes of frames kept.
const MAX_BYTES: usize = 8 << 20;

/// The newest frames with events, without a gap, and the latest that vouches for the head.
#[derive(Debug, Default)]
pub struct Ring {
    head: Option<Position>,
    frames: VecDeque<Arc<Sealed>>,
    bytes: usize,
    latest: Option<Arc<Sealed>>,
}

impl Ring {
    /// After the last event that was published.
    #[must_use]
    pub const fn head(&self) -> Option<Position> {
        self.head
    }

    /// The latest frame that vouches for the head.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Sealed>> {
        self.latest.clone()
    }

    /// The frames for one who has everything up to `seq`: those with events after it, or the latest.
    /// `None` when they go further back than what is kept.
    #[must_use]
    pub fn after(&self, seq: u64) -> Option<Vec<Arc<Sealed>>> {
        let head = self.head?;
        if seq >= head.seq {
            return Some(self.latest.clone().into_iter().collect());
        }
        let from = self.frames.partition_point(|frame| frame.cursor.seq <= seq);
        let first = self.frames.get(from)?;
        if first.after > seq {
            return None;
        }
        let mut frames: Vec<_> = self.frames.range(from..).cloned().collect();
        // The last of them vouches for the head only as long as it is fresh.
        let vouched =
            |latest: &Arc<Sealed>| frames.last().is_none_or(|last| !Arc::ptr_eq(last, latest));
        let latest = self.latest.clone().filter(vouched);
        frames.extend(latest);
        Some(frames)
    }

    /// Starts over from a position, as at the start and in a new epoch.
    pub(super) fn start(&mut self, head: Position) {
        *self = Self {
            head: Some(head),
            ..Self::default()
        };
    }

    /// Adds what was published: events up to `head`, or a heartbeat at it.
    pub(super) fn push(&mut self, frame: Arc<Sealed>, head: Position) {
        self.head = Some(head);
        if frame.vouches() {
            self.latest = Some(Arc::clone(&frame));
        } else {
            // What vouched before does not know of these events.
            self.latest = None;
        }
        if frame.after == frame.cursor.seq {
            return;
        }
        self.bytes += frame.event.len();
        self.frames.push_back(frame);
        while self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.frames.pop_front() else {
                return;
            };
            self.bytes -= oldest.event.len();
        }
    }

    /// Where the next frame has to begin.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.head.map(|head| head.cursor())
    }
}
