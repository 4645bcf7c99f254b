//! What is written down: a decision before a request is forwarded, and an outcome before its answer
//! leaves. No arguments, results or tokens, only their digests.

pub(crate) mod checkpoint;
mod disk;
mod entry;
mod lines;
mod log;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::signer::Signer;
use serde::Serialize;

use crate::call::Call;
use crate::error::GatewayError;
use crate::judge::{Denial, Grounds, Permit};
use disk::Disk;
pub(crate) use entry::written;
use entry::{Decision, Ended, Run};
use lines::Lines;
use log::{Found, Log};

/// Few records are longer, in bytes.
const COMMON: usize = 1024;

/// Why a record could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It cannot be written.
    #[error("the record cannot be written")]
    Unwritable,
    /// It was written, and may not be there after the machine has stopped.
    #[error("the record cannot be brought to the disk")]
    Unsynced,
}

/// How much is kept, and in which portions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// A segment of so many bytes is full.
    pub segment_bytes: u64,
    /// All segments together; the oldest go first.
    pub bytes: u64,
    /// How long after its end a segment stays.
    pub age: Duration,
}

/// How well a decision must be on record before its call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Written: a crash of this process loses nothing.
    Written,
    /// On the disk: a crash of the machine loses nothing either.
    Durable,
}

/// Writes records, in the order in which they were made.
#[derive(Debug)]
pub struct Recorder {
    disk: Disk,
    lines: Lines,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    /// Into segments in a folder, and as lines to a file or to standard output. With a signer it is
    /// signed every second how far they go.
    ///
    /// # Errors
    /// [`GatewayError::Record`], [`GatewayError::Segments`].
    pub fn open(
        folder: &Path,
        keep: Keep,
        lines: Option<&Path>,
        signer: Option<Arc<dyn Signer>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::Segments {
            path: folder.to_owned(),
            source,
        };
        let (log, found) = Log::open(folder, keep, clock.now()).map_err(failed)?;
        let lines = Lines::open(lines).map_err(|source| GatewayError::Record {
            path: lines
                .unwrap_or_else(|| Path::new("standard output"))
                .to_owned(),
            source,
        })?;
        let disk = Disk::new(log, signer, Arc::clone(&clock)).map_err(failed)?;
        let recorder = Self { disk, lines, clock };
        recorder.begin(&found);
        Ok(recorder)
    }

    /// Says that another run begins, and what the last one left.
    fn begin(&self, found: &Found) {
        if let Some((bytes, aside)) = &found.torn {
            tracing::warn!(
                bytes, aside = %aside.display(),
                "the last record was not written to its end; its {bytes} bytes are in {}", aside.display()
            );
        }
        if !found.damaged.is_empty() {
            tracing::error!(
                "the last segment of records is damaged at bytes {:?}; see `mcps events verify`",
                found.damaged
            );
        }
        // Whoever cannot write is told so at the first call.
        let _ = self.put(&Run::started(found, self.clock.now()));
    }

    fn put(&self, said: &impl Serialize) -> Result<u64, RecordError> {
        let mut text = Vec::with_capacity(COMMON);
        serde_json::to_writer(&mut text, said).map_err(|_| RecordError::Unwritable)?;
        let said = str::from_utf8(&text).map_err(|_| RecordError::Unwritable)?;
        let (seq, text) = self.disk.write(said)?;
        self.lines.put(text);
        Ok(seq)
    }

    /// Writes a decision; nothing is forwarded before that is done.
    ///
    /// # Errors
    /// [`RecordError`], and the request must not go on unless somebody has said that it may.
    pub async fn decision(
        &self,
        call: &Call,
        decided: Result<&Permit, &Denial>,
        need: Need,
    ) -> Result<(), RecordError> {
        let seq = self.decided(call, decided)?;
        match need {
            Need::Written => Ok(()),
            Need::Durable => {
                let synced = self.disk.synced(seq).await;
                if synced.is_err() {
                    // It was permitted, and does not go on.
                    let code = Code::RecordUnavailable.id();
                    self.outcome(call, &Outcome::Failed { code });
                }
                synced
            }
        }
    }

    /// Writes a decision; the number of its record.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub fn decided(
        &self,
        call: &Call,
        decided: Result<&Permit, &Denial>,
    ) -> Result<u64, RecordError> {
        self.put(&Decision::of(call, decided))
    }

    /// Writes what came of a request that was forwarded, before its caller has it.
    pub fn outcome(&self, call: &Call, outcome: &Outcome) {
        let put = self.put(&Ended::of(call, outcome, self.clock.now()));
        if let Err(error) = put {
            tracing::error!(decision_id = call.decision_id, error = %error, "an outcome is not on record: {error}");
        }
    }

    /// Removes what is older than is kept.
    pub fn prune(&self) {
        self.disk.prune();
    }
}

/// That the end is the end: nothing was cut off behind it.
impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.put(&Run::stopped(self.clock.now()));
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answered(Answer),
    /// The answer was kept back.
    Withheld {
        /// What the caller is told.
        code: &'static str,
        /// Why.
        reason: String,
        /// What that rests on.
        grounds: Box<Grounds>,
        /// The answer.
        answer: Option<Answer>,
    },
    /// There was none.
    Failed {
        /// What the caller is told.
        code: &'static str,
    },
    /// Nobody waited for it any more.
    Left,
    /// It is a server's, and its caller has it; what they answer is said to the server.
    PassedOn,
}

impl Outcome {
    /// As records have it.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Withheld { .. } => "withheld",
            Self::Failed { .. } => "failed",
            Self::Left => "left",
            Self::PassedOn => "passed_on",
        }
    }
}

/// An answer of a server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Digest of it as its caller has it.
    pub hash: Digest,
    /// The number of the server's error, if it is one.
    pub error: Option<i64>,
    /// Whether it is an error, or the result of a tool that says that it failed.
    pub failed: bool,
    /// Its size.
    pub bytes: u64,
    /// From when the request was on record until the answer was here.
    pub server: Duration,
    /// What policies made of it.
    pub grounds: Box<Grounds>,
}

#[cfg(test)]
mod tests;
