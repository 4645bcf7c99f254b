//! Output that is mostly the source again: neighbouring pieces of it go out as one.

use std::ops::Range;

use super::Sink;

/// Gathers ranges of the source that follow each other, and hands them to the sink as one slice.
pub(super) struct Runs<'d, 's, S> {
    source: &'d [u8],
    /// The part of the source that is due.
    due: Range<usize>,
    sink: &'s mut S,
}

impl<'d, 's, S: Sink> Runs<'d, 's, S> {
    pub(super) const fn new(source: &'d str, sink: &'s mut S) -> Self {
        Self {
            source: source.as_bytes(),
            due: 0..0,
            sink,
        }
    }

    /// Writes `range` of the source.
    #[inline]
    pub(super) fn copy(&mut self, range: Range<usize>) {
        if range.start != self.due.end {
            self.flush();
            self.due.start = range.start;
        }
        self.due.end = range.end;
    }

    /// Writes `byte`, which as a rule stands before `range` in the source, and then `range`.
    #[inline]
    pub(super) fn copy_after(&mut self, byte: u8, range: Range<usize>) {
        let before = range.start.wrapping_sub(1);
        if self.source.get(before) == Some(&byte) {
            self.copy(before..range.end);
        } else {
            self.mark(byte);
            self.copy(range);
        }
    }

    /// Writes one byte of punctuation, which as a rule is the next one of the source.
    #[inline]
    pub(super) fn mark(&mut self, byte: u8) {
        if self.source.get(self.due.end) == Some(&byte) {
            self.due.end += 1;
        } else {
            self.put(&[byte]);
        }
    }

    /// Writes what is not in the source.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.flush();
        self.sink.put(bytes);
    }

    /// Hands over what is due. To be called at the end.
    #[inline]
    pub(super) fn flush(&mut self) {
        let due = self.source.get(self.due.clone()).unwrap_or_default();
        if !due.is_empty() {
            self.sink.put(due);
        }
        self.due.start = self.due.end;
    }
}
