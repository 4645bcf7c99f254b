//! Frames for those who were away for long: signed when the first of them asks, and kept, since
//! after an outage many ask for the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcps_core::feed::{Draft, Event, MAX_EVENTS};

use super::{Feed, Sealed};
use crate::error::Error;

/// Most pages kept.
const MAX_PAGES: usize = 64;

/// Frames of up to 256 events from before what is in memory, by the number before their first.
#[derive(Debug, Default)]
pub(super) struct Pages {
    epoch: u64,
    frames: BTreeMap<u64, Arc<Sealed>>,
}

impl Feed {
    /// The frame that has the event after `seq`, and vouches for nothing. All begin at a multiple of
    /// 256, so that those who ask from different positions are given the same.
    pub(super) async fn page(&self, epoch: u64, seq: u64) -> Result<Arc<Sealed>, Error> {
        let pruned = self.db.head().await?.pruned;
        if seq < pruned {
            return Err(Error::Pruned { pruned });
        }
        let begin = (seq - seq % MAX_EVENTS as u64).max(pruned);
        // One at a time: whoever asks for the same finds it when the first is done.
        let mut pages = self.pages.lock().await;
        if pages.epoch != epoch {
            *pages = Pages {
                epoch,
                ..Pages::default()
            };
        }
        if let Some(page) = pages.frames.get(&begin)
            && page.cursor.seq > seq
        {
            return Ok(Arc::clone(page));
        }
        let iat = self.instant();
        let prev = self.db.chain_at(&self.authority, epoch, begin).await?;
        let prev = prev.ok_or(Error::Pruned { pruned })?;
        let stored = self.db.events_after(epoch, begin).await?;
        let stored = stored.iter().take(MAX_EVENTS);
        let events: Result<Vec<Event>, _> =
            stored.map(|stored| Event::parse(&stored.event)).collect();
        let draft = Draft {
            authority: &self.authority,
            epoch,
            after: begin,
            prev,
            events: &events?,
            iat,
            fresh_until: iat,
        };
        let page = Arc::new(Sealed::sign(&draft, self.signer()?.as_ref())?);
        if page.cursor.seq <= seq {
            return Err(Error::FeedBehind);
        }
        if pages.frames.len() >= MAX_PAGES {
            // The oldest: those who are that far behind are the fewest.
            pages.frames.pop_first();
        }
        pages.frames.insert(begin, Arc::clone(&page));
        Ok(page)
    }
}
