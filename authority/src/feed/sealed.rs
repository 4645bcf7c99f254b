//! A signed frame, ready to be sent.

use bytes::Bytes;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Cursor, Draft, FeedError};
use mcps_core::signer::Signer;

/// A signed frame as both forms of transport carry it; sent to any number of followers.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The number before its first event; for a heartbeat the last number.
    pub after: u64,
    /// The position at its end.
    pub cursor: Cursor,
    /// When it was signed.
    pub iat: Timestamp,
    /// Until when it vouches; `iat` when it does not.
    pub fresh_until: Timestamp,
    /// As an event of a stream (WHATWG HTML §9.2): `id` and `data`.
    pub event: Bytes,
    json: std::ops::Range<usize>,
}

impl Sealed {
    /// Signs a frame.
    ///
    /// # Errors
    /// [`FeedError`], when the signer fails or what is stored does not hold together.
    pub fn sign(draft: &Draft<'_>, signer: &dyn Signer) -> Result<Self, FeedError> {
        let json = draft.sign(signer)?;
        let cursor = Cursor {
            epoch: draft.epoch,
            seq: draft
                .events
                .last()
                .map_or(draft.after, mcps_core::feed::Event::seq),
        };
        let head = format!("id: {cursor}\ndata: ");
        let range = head.len()..head.len() + json.len();
        Ok(Self {
            after: draft.after,
            cursor,
            iat: draft.iat,
            fresh_until: draft.fresh_until,
            event: Bytes::from(format!("{head}{json}\n\n")),
            json: range,
        })
    }

    /// The frame's JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        let json = self.event.get(self.json.clone());
        json.and_then(|json| std::str::from_utf8(json).ok())
            .unwrap_or_default()
    }

    /// Whether it says that nothing came after it.
    #[must_use]
    pub fn vouches(&self) -> bool {
        self.fresh_until > self.iat
    }
}
