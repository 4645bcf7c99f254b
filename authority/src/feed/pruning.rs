//! What of the feed is not kept any more: whoever was away for longer starts from a snapshot.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::Event;

use crate::error::Error;
use crate::store::Db;

/// The newest events stay, however old they are.
pub const KEPT: u64 = 1024;

/// Drops the events that are older than `keep`, and gives the number of the last of them if there are
/// any.
///
/// # Errors
/// [`Error::Database`]; [`Error::Event`] for a stored event that is none, of which nothing is dropped.
pub async fn prune(db: &Db, keep: Duration, now: Timestamp) -> Result<Option<u64>, Error> {
    let head = db.head().await?;
    let (epoch, oldest) = (head.position.epoch, now.minus(keep));
    let newest = head.position.seq.saturating_sub(KEPT);
    let mut last = head.pruned;
    'feed: while last < newest {
        let page = db.events_after(epoch, last).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            let event = Event::parse(&stored.event)?;
            if event.at() >= oldest || event.seq() > newest {
                break 'feed;
            }
            last = event.seq();
        }
    }
    if last > head.pruned {
        db.prune(epoch, last, now).await?;
    }
    // Also what a process that ended in the middle of it left.
    db.delete_pruned().await?;
    Ok((last > head.pruned).then_some(last))
}
