//! Follows an authority's revocation feed: a state machine without clock, socket or task. Frames,
//! statements, snapshots and the time are arguments; what to fetch next is an answer.
//!
//! | state | means | left for |
//! |---|---|---|
//! | Cold | no position | Syncing, by [`Follower::start`], [`Follower::adopt`] or [`Follower::restore`] |
//! | Syncing | position known, the newest frames are not | Live, by a frame that is fresh |
//! | Live | a fresh frame within [`LAG`] | Lagging, by the clock; Syncing, by an [`Alert`] |
//! | Lagging | no fresh frame for [`LAG`] | Live, by one; Stale, at its `fresh_until` |
//! | Stale | what was last heard has lapsed | Live, by a frame that is fresh |
//!
//! What was once revoked for good stays so, whatever comes later. A frame that does not continue the
//! position moves nothing; what it revokes counts all the same, if the authority signed it.

mod alert;
mod blocks;
mod freshness;
mod meeting;
mod placing;
mod saved;
mod snapshot;

pub use alert::{Alert, Resync};
pub use blocks::{Block, Blocks, MAX_ENTRIES};
pub use freshness::{Freshness, State};
pub use meeting::Meeting;
pub use saved::{Saved, SavedError};
pub use snapshot::Turn;

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Event, FeedError, Frame, Position, Unverified, genesis};
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Passport;
use mcps_core::trust::TrustBundle;

use freshness::Heard;
use placing::Place;

/// Two heartbeats were missed.
pub const LAG: Duration = Duration::from_secs(10);

/// How far the authority's clock may be ahead of ours.
pub const SKEW: Duration = Duration::from_secs(60);

/// What a frame brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// These events are new, in order. Among them may be some that are not understood, a change of
    /// the policy, or of the authority's keys, all of which are for the caller to follow.
    Moved(Vec<Event>),
    /// Nothing new, at a later time.
    Heartbeat,
    /// What was known already.
    Known,
    /// It would fit; but something went wrong before, and [`Follower::wants`] says what is to be done.
    Waiting,
}

/// Follows one authority.
#[derive(Clone, Debug)]
pub struct Follower {
    authority: String,
    position: Option<Position>,
    blocks: Blocks,
    heard: Option<Heard>,
    /// When the latest frame was signed that was followed.
    latest: Option<Timestamp>,
    /// When something was not understood: until then, all was.
    doubt: Option<Timestamp>,
    /// A fresh frame was accepted since the last connection began.
    in_step: bool,
    wants: Option<Resync>,
    /// Two histories were seen, so that nothing a snapshot leaves out may be forgotten.
    divided: bool,
    /// An epoch that the root announced and whose snapshot is wanted.
    announced: Option<u64>,
    /// The digest of what was last stored or restored.
    stored: Option<Digest>,
}

impl Follower {
    /// Knows nothing yet of the authority of that name.
    #[must_use]
    pub fn new(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
            position: None,
            blocks: Blocks::default(),
            heard: None,
            latest: None,
            doubt: None,
            in_step: false,
            wants: Some(Resync::Snapshot),
            divided: false,
            announced: None,
            stored: None,
        }
    }

    /// Follows an epoch from before its first event, without a snapshot. Does nothing when a
    /// position is known.
    pub fn start(&mut self, epoch: u64) {
        if self.position.is_none() {
            self.position = Some(self.beginning(epoch));
            self.wants = None;
        }
    }

    /// Takes a frame as it was received.
    ///
    /// # Errors
    /// What is wrong with it; nothing was moved, and [`Follower::wants`] says what is to be done.
    pub fn receive(
        &mut self,
        text: impl Into<Vec<u8>>,
        bundle: &TrustBundle,
        now: Timestamp,
    ) -> Result<Progress, Alert> {
        let frame = Unverified::read(text).and_then(|frame| frame.verify(bundle));
        self.hear(frame.as_ref().map_err(|error| *error), now)
    }

    /// Takes a frame that was read and verified, or the reason why it could not be.
    ///
    /// # Errors
    /// As [`Follower::receive`].
    pub fn hear(
        &mut self,
        frame: Result<&Frame, FeedError>,
        now: Timestamp,
    ) -> Result<Progress, Alert> {
        let frame = frame.map_err(|error| self.refuse(Alert::Refused(error)))?;
        match self.place(frame, now) {
            Ok(_) if self.wants.is_some() => {
                self.keep(frame, self.position.map(|at| at.seq));
                Ok(Progress::Waiting)
            }
            Ok(place) => Ok(self.advance(frame, place)),
            Err(alert) => {
                if frame.authority() == self.authority {
                    self.keep(frame, alert.news_after());
                }
                Err(self.refuse(alert))
            }
        }
    }

    /// A connection begins: the position to ask from, or `None` when something else is wanted first.
    pub fn resume(&mut self) -> Option<Position> {
        if !matches!(self.wants, None | Some(Resync::Resume)) {
            return None;
        }
        self.wants = None;
        self.in_step = false;
        self.position
    }

    /// What has to be fetched before anything moves again.
    #[must_use]
    pub const fn wants(&self) -> Option<Resync> {
        self.wants
    }

    /// The authority's name.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How far it has come.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// When the latest frame was signed that was followed.
    #[must_use]
    pub const fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// Whatever is in force.
    #[must_use]
    pub const fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// What stands against a passport whose chain was verified: `relied` is
    /// [`mcps_core::trust::Standing::relied`], `anchor` the authority's key that signed the last of
    /// them. How old the knowledge is, [`Follower::freshness`] says.
    ///
    /// # Errors
    /// The gravest [`Block`].
    pub fn judge(
        &self,
        passport: &Passport,
        relied: usize,
        anchor: Option<&KeyId>,
        now: Timestamp,
    ) -> Result<(), Block> {
        let block = self.blocks.passport(passport, relied, anchor, now);
        block.map_or(Ok(()), Err)
    }

    /// The level recorded since the passport was issued, when there was a change.
    #[must_use]
    pub fn recorded(&self, passport: &Passport) -> Option<TrustLevel> {
        self.blocks.level(passport)
    }

    fn beginning(&self, epoch: u64) -> Position {
        Position {
            epoch,
            seq: 0,
            chain: genesis(&self.authority, epoch),
        }
    }

    fn refuse(&mut self, alert: Alert) -> Alert {
        self.wants = self.wants.max(Some(alert.resync()));
        self.in_step = false;
        self.divided |= alert.divides();
        alert
    }

    fn advance(&mut self, frame: &Frame, place: Place) -> Progress {
        let known = self.position.map_or(0, |position| position.seq);
        let fresh: Vec<Event> = frame
            .events()
            .iter()
            .filter(|event| event.seq() > known)
            .cloned()
            .collect();
        for event in &fresh {
            self.blocks.apply(event);
            if !event.is_understood() && !event.is_ignorable() && self.doubt.is_none() {
                let before = self.heard.map_or(frame.iat(), |heard| heard.iat);
                self.doubt = Some(before.min(frame.iat()));
            }
        }
        self.position = Some(Position {
            epoch: frame.epoch(),
            seq: frame.to(),
            chain: *frame.chain(),
        });
        self.latest = self.latest.max(Some(frame.iat()));
        let later = self.heard.is_none_or(|heard| heard.iat < frame.iat());
        if place == Place::Fresh {
            self.in_step = true;
            if later {
                self.heard = Some(Heard {
                    iat: frame.iat(),
                    fresh_until: frame.fresh_until(),
                });
            }
        }
        match fresh.is_empty() {
            false => Progress::Moved(fresh),
            true if later && place == Place::Fresh => Progress::Heartbeat,
            true => Progress::Known,
        }
    }

    /// Keeps what a frame takes away that may not be followed: what is for good, and of what can be
    /// given back that after event `news`. What came before may have been given back since, and
    /// whoever repeats old frames shall not suspend anybody again.
    fn keep(&mut self, frame: &Frame, news: Option<u64>) {
        for event in frame.events() {
            let for_good = matches!(
                event.action(),
                Some(
                    Action::Revoke(_)
                        | Action::KeyBlock(_)
                        | Action::ToolRevoke(_)
                        | Action::AuthorityKey { .. }
                )
            );
            if for_good || news.is_some_and(|news| event.seq() > news) {
                self.blocks.restrict(event);
            }
        }
    }
}
