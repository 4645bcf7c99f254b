//! Where a frame belongs, or why it belongs nowhere.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{FeedError, Frame};

use super::{Alert, Follower, SKEW};

/// What an acceptable frame is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It continues the position, and says that there was nothing more.
    Fresh,
    /// It continues the position; there was more, or there has been time for more since.
    CatchUp,
}

impl Follower {
    pub(super) fn place(&self, frame: &Frame, now: Timestamp) -> Result<Place, Alert> {
        if frame.authority() != self.authority {
            return Err(Alert::Refused(FeedError::ForeignAuthority));
        }
        let at = self.position.ok_or(Alert::Cold)?;
        let (have, found) = (at.epoch, frame.epoch());
        if found < have {
            return Err(Alert::OldEpoch { have, found });
        }
        frame.check().map_err(Alert::Broken)?;
        if found > have {
            return Err(Alert::UnannouncedEpoch { have, found });
        }
        let (have, after, to) = (at.seq, frame.before(), frame.to());
        if frame.iat() > now.plus(SKEW) {
            return Err(Alert::FromFuture { have });
        }
        if after > have {
            return Err(Alert::Gap { have, after });
        }
        if to < have {
            let old = self.latest.is_some_and(|latest| frame.iat() <= latest);
            // Those who catch up are sent frames of earlier times; nothing says that the authority
            // has no more, unless the frame vouches for it now.
            let vouches = frame.vouches() && frame.fresh_until() > now;
            return Err(if old || !vouches {
                Alert::Replayed { have, to }
            } else {
                Alert::RolledBack { have, to }
            });
        }
        if frame.chain_at(have) != Some(at.chain) {
            return Err(Alert::Forked { seq: have });
        }
        if !frame.vouches() {
            return Ok(Place::CatchUp);
        }
        if frame.fresh_until() > now {
            return Ok(Place::Fresh);
        }
        // Only frames with events are kept for those who catch up.
        if self.in_step || frame.events().is_empty() {
            return Err(Alert::Expired { have });
        }
        Ok(Place::CatchUp)
    }
}
