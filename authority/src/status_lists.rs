//! Token Status Lists: a place for every passport, and the signed lists as they are fetched.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::Cursor;
use mcps_core::passport::StatusReference;
use mcps_core::status_list::{StatusList, StatusListError, StatusListToken};
use mcps_core::trust::{KeyState, KeyUse};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::keys::Keys;
use crate::store::{Db, LIST};

/// After how long there may be a newer list, and there is one when something changed meanwhile.
pub const TTL: Duration = Duration::from_secs(60);
/// How long a list may be relied upon.
const LIFE: Duration = Duration::from_secs(3600);
/// A list is made anew at most so often.
const PAUSE_MS: i64 = 1000;
/// How many places a process takes at once, so that issuing does not wait for a row they share.
const BLOCK: i64 = 256;
/// Lists that are kept in memory.
const KEPT: usize = 8;
/// Valid, invalid, suspended.
const BITS: u8 = 2;

/// A list as it is served.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The compact JWT.
    pub token: Arc<str>,
    made_at: Timestamp,
    /// The feed's position and the key set's number that it rests on.
    rests_on: (Cursor, i64),
}

/// The lists of one process.
#[derive(Debug)]
pub struct StatusLists {
    /// Where they are fetched, before the list's number.
    base: String,
    places: Mutex<Range<i64>>,
    kept: Mutex<HashMap<i64, Listed>>,
}

impl StatusLists {
    /// Lists that are fetched from the authority at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            base: format!("{}/v1/status-lists/", url.trim_end_matches('/')),
            places: Mutex::new(0..0),
            kept: Mutex::default(),
        }
    }

    /// A place for a passport, and how it is written in it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn place(&self, db: &Db) -> Result<(i64, StatusReference), Error> {
        let mut places = self.places.lock().await;
        let place = match places.next() {
            Some(place) => place,
            None => {
                *places = db.take_places(BLOCK).await?;
                places.next().unwrap_or_default()
            }
        };
        drop(places);
        let reference = StatusReference {
            uri: self.uri(place / LIST),
            index: (place % LIST).unsigned_abs(),
        };
        Ok((place, reference))
    }

    fn uri(&self, list: i64) -> String {
        format!("{}{list}", self.base)
    }

    /// The list of that number, signed; at most a minute old, and a second when the feed has moved.
    ///
    /// # Errors
    /// [`Error::NoSuchList`], [`Error::Database`], [`Error::KeyUnusable`].
    pub async fn list(
        &self,
        number: i64,
        db: &Db,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Listed, Error> {
        // Whoever asks at the same time gets what the first one makes.
        let mut kept = self.kept.lock().await;
        let ring = keys.ring();
        if let Some(listed) = kept.get(&number) {
            let age = now.since(listed.made_at);
            if (0..PAUSE_MS).contains(&age) {
                return Ok(listed.clone());
            }
            let rests_on = (db.head().await?.position.cursor(), ring.bundle().number());
            let fresh = i64::try_from(TTL.as_millis()).unwrap_or_default();
            if rests_on == listed.rests_on && (0..fresh).contains(&age) {
                return Ok(listed.clone());
            }
        }
        let given = db.places().await?;
        if number < 0 || number.saturating_mul(LIST) >= given {
            return Err(Error::NoSuchList);
        }
        // Before the tables are read: what is committed later is in the next one.
        let rests_on = (db.head().await?.position.cursor(), ring.bundle().number());
        let keys_of_old = ring.bundle().keys().iter();
        let revoked = keys_of_old
            .filter(|key| key.usage == KeyUse::Passport && key.state == KeyState::Revoked)
            .map(|key| key.public_key.key_id().to_string());
        let revoked: Vec<String> = revoked.collect();
        let set = db.listed(number, &revoked, now).await?;
        let count = usize::try_from(LIST).unwrap_or_default();
        let full = Error::StatusList(StatusListError::TooLarge);
        let mut list = StatusList::new(BITS, count).ok_or(full)?;
        for (at, status) in set {
            list.set(at.unsigned_abs(), status);
        }
        let token = StatusListToken {
            uri: self.uri(number),
            issued_at: now,
            expires_at: now.plus(LIFE),
            ttl_s: TTL.as_secs(),
            list,
        };
        let signer = keys.signer(KeyUse::Status)?;
        let listed = Listed {
            token: token
                .sign(signer.as_ref())
                .map_err(Error::StatusList)?
                .into(),
            made_at: now,
            rests_on,
        };
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(number, listed.clone());
        Ok(listed)
    }
}
