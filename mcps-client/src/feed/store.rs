//! What is known of the feed in a file of the home. Several processes share one home, so each
//! replaces only what it has seen.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::digest::Digest;
use tokio::time::{sleep, timeout};

use super::Feed;
use crate::error::ClientError;
use crate::follower::{Follower, Meeting};
use crate::home::Home;

/// The file's name.
pub const FILE: &str = "feed.json";

/// News are gathered for so long before they are stored.
const GATHER: Duration = Duration::from_secs(1);
/// Without news, how often it is stored how fresh they are.
const EVERY: Duration = Duration::from_secs(30);

impl Feed {
    /// As far as this home has come with the feed of the authority of that name.
    #[must_use]
    pub fn load(home: &Home, authority: &str) -> Self {
        let stored = home.read(FILE);
        let (follower, damaged) = match &stored {
            Ok(Some(text)) => match Follower::restore(authority, text) {
                Ok(follower) => (follower, None),
                Err(error) => {
                    let mut follower = Follower::new(authority);
                    follower.replace(Some(Digest::of(text.as_bytes())));
                    (follower, Some(error.to_string()))
                }
            },
            Ok(None) => (Follower::new(authority), None),
            Err(error) => (Follower::new(authority), Some(error.to_string())),
        };
        if let Some(why) = damaged {
            tracing::warn!(
                error = why,
                "{FILE} is not used: {why}; the revocation feed starts from a snapshot"
            );
        }
        Self::new(follower)
    }

    /// Stores what is known; where another process stored something since, it is taken into
    /// account first. Waits for the disk.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn store(&self, home: &Home) -> Result<(), ClientError> {
        // A home that was removed while we ran shall not come back.
        if self.read(|follower| follower.position().is_none()) || !home.dir().is_dir() {
            return Ok(());
        }
        let _alone = home.lock()?;
        // What cannot be read is replaced.
        let present = home.read(FILE).ok().flatten();
        let digest = present.as_ref().map(|text| Digest::of(text.as_bytes()));
        let met = self.change(|follower| {
            if follower.stored_as() == digest {
                return None;
            }
            let other =
                present.and_then(|text| Follower::restore(follower.authority(), &text).ok());
            follower.replace(digest);
            other.map(|other| follower.meet(&other))
        });
        match met {
            Some(Meeting::Forked) => tracing::warn!(
                "two processes of this home were told different histories by the trust authority; \
                 what either revokes is refused, and a snapshot decides the rest"
            ),
            Some(Meeting::Behind | Meeting::Further) | None => {}
        }
        if met.is_some() {
            self.tell();
        }
        let saved = self.read(Follower::save);
        let Some(saved) = saved.filter(|saved| Some(saved.digest) != digest) else {
            return Ok(());
        };
        home.write(FILE, &saved.text)?;
        self.change(|follower| follower.stored(&saved));
        Ok(())
    }

    /// Stores for ever: soon after news, and once in a while.
    pub(crate) async fn keep(self: &Arc<Self>, home: &Home) -> std::convert::Infallible {
        let mut changes = self.changes();
        let mut failed = false;
        loop {
            // The sender is ours, so this ends by news or by time.
            if timeout(EVERY, changes.changed()).await.is_ok() {
                sleep(GATHER).await;
            }
            changes.mark_unchanged();
            let (feed, home) = (Arc::clone(self), home.clone());
            let storing = tokio::task::spawn_blocking(move || feed.store(&home));
            match storing.await {
                Ok(Err(error)) if !failed => {
                    failed = true;
                    tracing::warn!(error = %error, "how far the revocation feed was followed is not kept: {error}");
                }
                Ok(Ok(())) => failed = false,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
