//! Frames: a run of events, or none, signed by the authority's feed key.

mod draft;

pub use draft::Draft;

use super::member::{digest, key_id, number, only, text, time};
use super::{Event, FeedError, MAX_BYTES, MAX_EVENTS, MAX_LIFE, link};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Document, Limits, Value};
use crate::key::KeyId;
use crate::statement;
use crate::trust::{KeyUse, TrustBundle};

const MEMBERS: [&str; 11] = [
    "authority",
    "chain",
    "epoch",
    "events",
    "fresh_until",
    "from",
    "iat",
    "kid",
    "prev",
    "signature",
    "to",
];

/// A frame as it was received: read, and not yet believed.
#[derive(Clone, Debug)]
pub struct Unverified {
    document: Document,
    kid: KeyId,
    frame: Frame,
}

/// A frame that a feed key of the authority signed. What it says of itself may still not hold
/// together ([`Frame::check`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    authority: String,
    epoch: u64,
    from: u64,
    to: u64,
    prev: Digest,
    events: Vec<Event>,
    chain: Digest,
    iat: Timestamp,
    fresh_until: Timestamp,
}

impl Unverified {
    /// Reads a frame of at most 1 MiB and 256 events.
    ///
    /// # Errors
    /// [`FeedError`] saying what is not of its form.
    pub fn read(text_of_frame: impl Into<Vec<u8>>) -> Result<Self, FeedError> {
        let bytes = text_of_frame.into();
        if bytes.len() > MAX_BYTES {
            let (bytes, limit) = (bytes.len(), MAX_BYTES);
            return Err(FeedError::TooLarge { bytes, limit });
        }
        let limits = Limits {
            bytes: MAX_BYTES,
            depth: 16,
        };
        let document = Document::parse_with(bytes, limits)?;
        let object = document
            .root()
            .as_object()
            .ok_or(FeedError::Member("frame"))?;
        if !only(object, &MEMBERS) {
            return Err(FeedError::UnknownMember);
        }
        let events = object.get("events").and_then(Value::as_array);
        let events = events.ok_or(FeedError::Member("events"))?;
        if events.len() > MAX_EVENTS {
            let count = events.len();
            return Err(FeedError::TooManyEvents { count });
        }
        let frame = Frame {
            authority: text(object, "authority")?,
            epoch: number(object, "epoch", 1)?,
            from: number(object, "from", 0)?,
            to: number(object, "to", 0)?,
            prev: digest(object, "prev")?,
            events: events.iter().map(Event::read).collect::<Result<_, _>>()?,
            chain: digest(object, "chain")?,
            iat: time(object, "iat")?,
            fresh_until: time(object, "fresh_until")?,
        };
        let kid = key_id(object, "kid")?;
        Ok(Self {
            document,
            kid,
            frame,
        })
    }

    /// Believes the frame if a feed key of `bundle` signed it.
    ///
    /// # Errors
    /// [`FeedError::ForeignAuthority`], [`FeedError::ForeignKey`] or [`FeedError::BadSignature`].
    pub fn verify(self, bundle: &TrustBundle) -> Result<Frame, FeedError> {
        if self.frame.authority != bundle.authority() {
            return Err(FeedError::ForeignAuthority);
        }
        let mut keys = bundle.usable(KeyUse::Feed);
        let key = keys.find(|key| *key.public_key.key_id() == self.kid);
        let key = key.ok_or(FeedError::ForeignKey)?;
        statement::verify(statement::FEED, self.document.root(), &key.public_key)
            .map_err(|_| FeedError::BadSignature)?;
        Ok(self.frame)
    }
}

impl Frame {
    /// Reads, verifies and checks a frame.
    ///
    /// # Errors
    /// As [`Unverified::read`], [`Unverified::verify`] and [`Frame::check`].
    pub fn verify(text: impl Into<Vec<u8>>, bundle: &TrustBundle) -> Result<Self, FeedError> {
        let frame = Unverified::read(text)?.verify(bundle)?;
        frame.check()?;
        Ok(frame)
    }

    /// Whether the frame holds together: its numbers count up by one from `from` to `to`, its chain
    /// follows from `prev` and the events, and it vouches for a time that a frame may vouch for.
    ///
    /// # Errors
    /// [`FeedError::Range`], [`FeedError::OutOfOrder`], [`FeedError::BrokenChain`] or
    /// [`FeedError::Lifetime`].
    pub fn check(&self) -> Result<(), FeedError> {
        let mut expected = self.from;
        let mut chain = self.prev;
        for event in &self.events {
            if event.seq() != expected {
                let found = event.seq();
                return Err(FeedError::OutOfOrder { expected, found });
            }
            expected += 1;
            chain = link(&chain, event);
        }
        let after = if self.events.is_empty() {
            self.from
        } else {
            expected - 1
        };
        if self.to != after {
            return Err(FeedError::Range);
        }
        if self.chain != chain {
            return Err(FeedError::BrokenChain);
        }
        if self.fresh_until < self.iat || self.fresh_until > self.iat.plus(MAX_LIFE) {
            return Err(FeedError::Lifetime);
        }
        Ok(())
    }

    /// The chain after event `seq`, when that stands in this frame or right before it. Says
    /// something only of a frame that holds together.
    #[must_use]
    pub fn chain_at(&self, seq: u64) -> Option<Digest> {
        if seq == self.to {
            return Some(self.chain);
        }
        if seq > self.to || seq < self.before() {
            return None;
        }
        let known = self.events.iter().take_while(|event| event.seq() <= seq);
        Some(known.fold(self.prev, |chain, event| link(&chain, event)))
    }

    /// The number that the frame continues: that of the last event before it.
    #[must_use]
    pub fn before(&self) -> u64 {
        if self.events.is_empty() {
            self.from
        } else {
            self.from.saturating_sub(1)
        }
    }

    /// The authority's name.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The epoch, from 1.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of its first event; of the last event so far when it carries none.
    #[must_use]
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// The number of its last event; of the last event so far when it carries none.
    #[must_use]
    pub const fn to(&self) -> u64 {
        self.to
    }

    /// The chain before its events.
    #[must_use]
    pub const fn prev(&self) -> &Digest {
        &self.prev
    }

    /// Its events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The chain after its events.
    #[must_use]
    pub const fn chain(&self) -> &Digest {
        &self.chain
    }

    /// When it was signed.
    #[must_use]
    pub const fn iat(&self) -> Timestamp {
        self.iat
    }

    /// Until when a follower at `to` may rely on having missed nothing.
    #[must_use]
    pub const fn fresh_until(&self) -> Timestamp {
        self.fresh_until
    }

    /// Whether `to` was the last number when it was signed. A frame after which there was more
    /// already says `fresh_until` = `iat`, and vouches for nothing.
    #[must_use]
    pub fn vouches(&self) -> bool {
        self.fresh_until > self.iat
    }
}

#[cfg(test)]
mod tests;
