//! A feed that was recorded, proven without its authority: each frame, that it continues the one
//! before, and the root's statements in between.

use mcps_core::feed::{Cursor, Frame, Position, Snapshot, Unverified};
use mcps_core::json::Document;
use mcps_core::trust::TrustBundle;

use crate::follower::{Alert, Follower, Progress, SKEW, Turn};

/// Proves a recording line by line.
#[derive(Debug)]
pub struct Recording<'a> {
    bundle: &'a TrustBundle,
    follower: Follower,
    /// Whether the next frame begins a run of its own: the first does, and the first after what an
    /// authority had lost.
    begins: bool,
    line: usize,
    proven: Proven,
}

/// How much of a recording holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Frames.
    pub frames: usize,
    /// Events in them, each counted once.
    pub events: u64,
    /// Statements on epochs.
    pub epochs: usize,
    /// Runs of frames that do not continue one another, because an authority lost events.
    pub runs: usize,
    /// Before the first event.
    pub from: Option<Cursor>,
    /// After the last.
    pub to: Option<Cursor>,
}

/// The first line that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Flaw {
    /// Which, from 1.
    pub line: usize,
    /// Why.
    pub why: Alert,
}

impl<'a> Recording<'a> {
    /// Of the authority of that key set, which was verified.
    #[must_use]
    pub fn new(bundle: &'a TrustBundle) -> Self {
        Self {
            bundle,
            follower: Follower::new(bundle.authority()),
            begins: true,
            line: 0,
            proven: Proven::default(),
        }
    }

    /// Takes the next line. Empty ones are passed over.
    ///
    /// # Errors
    /// The [`Flaw`] of the line.
    pub fn take(&mut self, text: &str) -> Result<(), Flaw> {
        self.line += 1;
        if text.trim().is_empty() {
            return Ok(());
        }
        let line = self.line;
        let taken = if is_epoch(text) {
            self.epoch(text)
        } else {
            self.frame(text)
        };
        taken.map_err(|why| Flaw { line, why })
    }

    /// What holds of the lines so far.
    #[must_use]
    pub const fn proven(&self) -> &Proven {
        &self.proven
    }

    fn frame(&mut self, text: &str) -> Result<(), Alert> {
        let frame = Unverified::read(text).and_then(|frame| frame.verify(self.bundle))?;
        // As it was when it was sent.
        let now = frame.iat();
        if self.begins {
            frame.check().map_err(Alert::Broken)?;
            self.begin(&frame)?;
        }
        let have = self.follower.position().map_or(0, |at| at.seq);
        let latest = self.follower.latest();
        match self.follower.hear(Ok(&frame), now)? {
            Progress::Moved(news) => self.proven.events += news.len() as u64,
            Progress::Known if latest.is_some_and(|latest| latest > now.plus(SKEW)) => {
                let to = frame.to();
                return Err(Alert::Replayed { have, to });
            }
            Progress::Heartbeat | Progress::Known | Progress::Waiting => {}
        }
        self.proven.frames += 1;
        self.proven.to = self.follower.position().map(|at| at.cursor());
        Ok(())
    }

    /// Starts from before a frame.
    fn begin(&mut self, frame: &Frame) -> Result<(), Alert> {
        let start = Snapshot {
            authority: frame.authority().to_owned(),
            position: Position {
                epoch: frame.epoch(),
                seq: frame.before(),
                chain: *frame.prev(),
            },
            iat: frame.iat(),
            fresh_until: frame.iat(),
            entries: Vec::new(),
        };
        self.follower.adopt(&start, frame.iat())?;
        self.begins = false;
        self.proven.runs += 1;
        let at = start.position.cursor();
        self.proven.from.get_or_insert(at);
        Ok(())
    }

    fn epoch(&mut self, text: &str) -> Result<(), Alert> {
        match self.follower.turn(text, self.bundle)? {
            Turn::Wanted { .. } => self.begins = true,
            Turn::Followed | Turn::Known => {}
        }
        self.proven.epochs += 1;
        Ok(())
    }
}

/// Whether a line is a statement on an epoch, by what it has and frames have not.
fn is_epoch(text: &str) -> bool {
    let document = Document::parse(text);
    document.is_ok_and(|document| document.root().get("previous_epoch").is_some())
}

#[cfg(test)]
mod tests;
