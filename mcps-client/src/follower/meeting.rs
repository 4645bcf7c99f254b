//! Two followers of one authority, in processes that share a home.

use mcps_core::digest::Digest;
use mcps_core::feed::Held;

use super::{Alert, Follower, Resync};

/// How far another process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Not as far as we, or just as far.
    Behind,
    /// Further: we go on from there, by a new connection.
    Further,
    /// The same number, and another history.
    Forked,
}

impl Follower {
    /// Takes into account what another follower of the same authority stored. What either knows to
    /// be revoked for good is revoked.
    pub fn meet(&mut self, other: &Self) -> Meeting {
        let place = |follower: &Self| follower.position.map(|at| at.cursor());
        let (own, theirs) = (place(self), place(other));
        let meeting = if theirs > own {
            let before = std::mem::replace(self, other.clone());
            self.remember(&before);
            self.in_step = false;
            self.wants = self.wants.max(Some(Resync::Resume));
            Meeting::Further
        } else {
            self.remember(other);
            if theirs == own && own.is_some() && self.position != other.position {
                let seq = own.map_or(0, |at| at.seq);
                self.refuse(Alert::Forked { seq });
                Meeting::Forked
            } else {
                Meeting::Behind
            }
        };
        self.divided |= other.divided && theirs >= own;
        meeting
    }

    fn remember(&mut self, other: &Self) {
        let entries = other.blocks.entries();
        for entry in entries.take_while(|entry| entry.held == Held::Revoked) {
            self.blocks.hold(&entry);
        }
    }

    /// The digest of what was last stored or restored.
    #[must_use]
    pub const fn stored_as(&self) -> Option<Digest> {
        self.stored
    }

    /// What is stored now, whatever it is, may be replaced.
    pub const fn replace(&mut self, stored: Option<Digest>) {
        self.stored = stored;
    }
}
