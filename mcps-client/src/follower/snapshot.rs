//! Starting anew: from a snapshot, and in a new epoch.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Epoch, FeedError, Position, Snapshot};
use mcps_core::trust::TrustBundle;

use super::freshness::Heard;
use super::{Alert, Follower, Resync, SKEW};

/// How a new epoch was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is followed from before its first event: the authority knows what we know.
    Followed,
    /// The authority knows another history than we do; its snapshot is wanted. Nothing that we know
    /// is forgotten.
    Wanted {
        /// How many events we know that it has lost; 0 when it has none less.
        lost: u64,
    },
    /// It is followed already.
    Known,
}

impl Follower {
    /// Takes a snapshot for the position. What was revoked for good stays so even where it is not
    /// in the snapshot; what can be taken back is what the snapshot says, unless the authority has
    /// told two histories.
    ///
    /// # Errors
    /// An [`Alert`] when it lies behind the position, is of another history, or of an epoch that
    /// the root has not announced; the position is what it was then.
    pub fn adopt(&mut self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Alert> {
        if snapshot.authority != self.authority {
            return Err(self.refuse(Alert::Refused(FeedError::ForeignAuthority)));
        }
        if let Some(alert) = self.misplaced(&snapshot.position, snapshot.iat, now) {
            return Err(self.refuse(alert));
        }
        if !self.divided {
            self.blocks.forget_reversible();
        }
        for entry in &snapshot.entries {
            self.blocks.hold(entry);
        }
        self.position = Some(snapshot.position);
        if self.heard.is_none_or(|heard| heard.iat < snapshot.iat) {
            self.heard = Some(Heard {
                iat: snapshot.iat,
                fresh_until: snapshot.fresh_until.max(snapshot.iat),
            });
        }
        self.latest = self.latest.max(Some(snapshot.iat));
        self.doubt = None;
        self.divided = false;
        self.announced = None;
        self.in_step = false;
        self.wants = None;
        Ok(())
    }

    fn misplaced(&self, to: &Position, iat: Timestamp, now: Timestamp) -> Option<Alert> {
        if iat > now.plus(SKEW) {
            let have = self.position.map_or(0, |at| at.seq);
            return Some(Alert::FromFuture { have });
        }
        let at = self.position?;
        let (have, found) = (at.epoch, to.epoch);
        if found < have {
            return Some(Alert::OldEpoch { have, found });
        }
        if found > have {
            let announced = self.announced == Some(found);
            return (!announced).then_some(Alert::UnannouncedEpoch { have, found });
        }
        let (have, to_seq) = (at.seq, to.seq);
        if to_seq < have {
            return Some(Alert::Behind { have, to: to_seq });
        }
        (to_seq == have && to.chain != at.chain).then_some(Alert::Forked { seq: have })
    }

    /// Takes the root's statement on a new epoch, as it was received. `bundle` must have been
    /// verified by the pinned root.
    ///
    /// # Errors
    /// An [`Alert`] when the root did not sign it, or the epoch has ended; nothing was changed then.
    pub fn turn(&mut self, text: &str, bundle: &TrustBundle) -> Result<Turn, Alert> {
        let epoch = match Epoch::verify(text, bundle) {
            Ok(epoch) if epoch.authority == self.authority => epoch,
            Ok(_) => return Err(Alert::Refused(FeedError::ForeignAuthority)),
            Err(error) => return Err(Alert::Refused(error)),
        };
        let lost = match self.position {
            Some(at) if epoch.epoch < at.epoch => {
                let (have, found) = (at.epoch, epoch.epoch);
                return Err(Alert::OldEpoch { have, found });
            }
            Some(at) if epoch.epoch == at.epoch => return Ok(Turn::Known),
            Some(at) if epoch.previous_epoch == at.epoch => {
                if (epoch.seq, epoch.chain) == (at.seq, at.chain) {
                    self.position = Some(self.beginning(epoch.epoch));
                    self.in_step = false;
                    self.wants = None;
                    return Ok(Turn::Followed);
                }
                at.seq.saturating_sub(epoch.seq)
            }
            _ => 0,
        };
        self.announced = Some(epoch.epoch);
        self.divided |= lost > 0;
        self.in_step = false;
        self.wants = Some(Resync::Snapshot);
        Ok(Turn::Wanted { lost })
    }

    /// The chain held, when the position is at `seq` of `epoch`.
    #[must_use]
    pub fn chain_at(&self, epoch: u64, seq: u64) -> Option<Digest> {
        let at = self
            .position
            .filter(|at| (at.epoch, at.seq) == (epoch, seq));
        at.map(|at| at.chain)
    }
}
