//! Making a frame.

use super::{Frame, Unverified};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::feed::{Event, FeedError, link};
use crate::json::quote;
use crate::signer::Signer;
use crate::statement;

/// The content of a frame that is yet to be signed.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The authority's name.
    pub authority: &'a str,
    /// The epoch, from 1.
    pub epoch: u64,
    /// The number of the last event before these; 0 when there is none.
    pub after: u64,
    /// The chain at that number.
    pub prev: Digest,
    /// At most 256, numbered from `after` + 1. None make a heartbeat.
    pub events: &'a [Event],
    /// The present instant.
    pub iat: Timestamp,
    /// Until when it vouches that nothing came after these; `iat` when more has come already.
    pub fresh_until: Timestamp,
}

impl Draft<'_> {
    /// The signed JSON, by the authority's feed key. What no follower would read is not signed.
    ///
    /// # Errors
    /// What [`Unverified::read`] and [`Frame::check`] say of it; [`FeedError::Signer`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, FeedError> {
        let fold = |chain, event: &Event| link(&chain, event);
        let chain = self.events.iter().fold(self.prev, fold);
        let (first, last) = (self.events.first(), self.events.last());
        let from = first.map_or(self.after, |_| self.after.saturating_add(1));
        let to = last.map_or(self.after, Event::seq);
        let events: Vec<&str> = self.events.iter().map(Event::canonical).collect();
        let mut json = String::from(r#"{"authority":"#);
        quote(self.authority, &mut json);
        json.push_str(&format!(
            r#","epoch":{},"from":{from},"to":{to},"prev":"{}","events":[{}],"chain":"{chain}","iat":"{}","fresh_until":"{}","kid":"{}"}}"#,
            self.epoch,
            self.prev,
            events.join(","),
            self.iat,
            self.fresh_until,
            signer.public_key().key_id(),
        ));
        let read: Frame = Unverified::read(json.as_str())?.frame;
        read.check()?;
        let signed = statement::sign(statement::FEED, &json, signer);
        signed.map_err(|_| FeedError::Signer)
    }
}
