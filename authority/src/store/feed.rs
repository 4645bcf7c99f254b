//! The feed's rows: the head, whose lock gives out the numbers, and the events.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Event, FeedError, MAX_EVENTS, Position, genesis, link};

use super::audit::{Entry, audit};
use super::{Db, Pool, on, transaction};
use crate::error::Error;

/// Locks the head until the transaction ends. It comes last in every transaction that takes other
/// locks, so it is held only as long as writing an event takes.
pub(super) const LOCK_HEAD: &str =
    "UPDATE feed SET seq = seq WHERE singleton = 1 RETURNING epoch, seq, chain";
pub(super) const INSERT_EVENT: &str =
    "INSERT INTO events (epoch, seq, event, chain) VALUES ($1, $2, $3, $4)";
pub(super) const MOVE_HEAD: &str = "UPDATE feed SET seq = $1, chain = $2 WHERE singleton = 1";

/// Writes events into the feed, inside a transaction, and gives the position after them.
macro_rules! append {
    ($tx:ident, $at:expr, $actions:expr, $reason:expr) => {{
        let head: (i64, i64, Vec<u8>) = sqlx::query_as($crate::store::feed::LOCK_HEAD)
            .fetch_one(&mut *$tx)
            .await?;
        let head = $crate::store::feed::position(head)?;
        let numbered = $crate::store::feed::number(&head, $at, $actions, $reason)?;
        for (event, chain) in &numbered {
            sqlx::query($crate::store::feed::INSERT_EVENT)
                .bind($crate::store::feed::signed(head.epoch))
                .bind($crate::store::feed::signed(event.seq()))
                .bind(event.canonical())
                .bind(chain.as_bytes().as_slice())
                .execute(&mut *$tx)
                .await?;
        }
        let after = $crate::store::feed::after(&head, &numbered);
        sqlx::query($crate::store::feed::MOVE_HEAD)
            .bind($crate::store::feed::signed(after.seq))
            .bind(after.chain.as_bytes().as_slice())
            .execute(&mut *$tx)
            .await?;
        $crate::kill::at($crate::kill::Point::HeadMoved);
        after
    }};
}

pub(super) use append;

/// Where the feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// After the last event.
    pub position: Position,
    /// Nobody can start from a position before this number any more.
    pub pruned: u64,
}

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its canonical form.
    pub event: String,
    /// The chain at it.
    pub chain: Digest,
}

/// The events for `actions`, in order, each with the chain at it.
pub(super) fn number(
    head: &Position,
    at: Timestamp,
    actions: &[Action],
    reason: &str,
) -> Result<Vec<(Event, Digest)>, FeedError> {
    let mut chain = head.chain;
    let numbers = head.seq.saturating_add(1)..;
    let events = numbers.zip(actions).map(|(seq, action)| {
        let event = Event::new(seq, at, action, reason)?;
        chain = link(&chain, &event);
        Ok((event, chain))
    });
    events.collect()
}

pub(super) fn after(head: &Position, numbered: &[(Event, Digest)]) -> Position {
    numbered.last().map_or(*head, |(event, chain)| Position {
        epoch: head.epoch,
        seq: event.seq(),
        chain: *chain,
    })
}

pub(super) fn position(row: (i64, i64, Vec<u8>)) -> Result<Position, sqlx::Error> {
    let (epoch, seq, chain) = row;
    Ok(Position {
        epoch: unsigned(epoch)?,
        seq: unsigned(seq)?,
        chain: digest(&chain)?,
    })
}

/// As the database counts. The feed ends at 2^53−1.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(number).map_err(|_| damaged("a number below 0"))
}

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, sqlx::Error> {
    let bytes = bytes.try_into().map_err(|_| damaged("not 32 bytes"))?;
    Ok(Digest::from_bytes(bytes))
}

fn damaged(why: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: "feed".to_owned(),
        source: why.into(),
    }
}

impl Db {
    /// Begins the feed of the authority of that name, unless it has begun.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_feed(&self, authority: &str) -> Result<(), sqlx::Error> {
        let chain = genesis(authority, 1);
        on!(self, pool => {
            sqlx::query(
                "INSERT INTO feed (singleton, epoch, seq, chain, pruned) VALUES (1, 1, 0, $1, 0) \
                 ON CONFLICT (singleton) DO NOTHING",
            )
            .bind(chain.as_bytes().as_slice())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// Where the feed stands.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn head(&self) -> Result<Head, sqlx::Error> {
        let (epoch, seq, chain, pruned): (i64, i64, Vec<u8>, i64) = on!(self, pool => {
            sqlx::query_as("SELECT epoch, seq, chain, pruned FROM feed WHERE singleton = 1")
                .fetch_one(pool)
                .await?
        });
        Ok(Head {
            position: position((epoch, seq, chain))?,
            pruned: unsigned(pruned)?,
        })
    }

    /// The events after `seq`, in order: as many as one frame holds, and one more if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_after(
        &self,
        epoch: u64,
        seq: u64,
    ) -> Result<Vec<StoredEvent>, sqlx::Error> {
        let rows: Vec<(String, Vec<u8>)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT event, chain FROM events WHERE epoch = $1 AND seq > $2 AND seq <= $3 \
                 ORDER BY seq",
            )
            .bind(signed(epoch))
            .bind(signed(seq))
            .bind(signed(seq.saturating_add(MAX_EVENTS as u64 + 1)))
            .fetch_all(pool)
            .await?
        });
        let stored = rows.into_iter().map(|(event, chain)| {
            let chain = digest(&chain)?;
            Ok(StoredEvent { event, chain })
        });
        stored.collect()
    }

    /// The chain at `seq`, if that event is kept; before the first event it follows from the name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chain_at(
        &self,
        authority: &str,
        epoch: u64,
        seq: u64,
    ) -> Result<Option<Digest>, sqlx::Error> {
        if seq == 0 {
            return Ok(Some(genesis(authority, epoch)));
        }
        let row: Option<(Vec<u8>,)> = on!(self, pool => {
            sqlx::query_as("SELECT chain FROM events WHERE epoch = $1 AND seq = $2")
                .bind(signed(epoch))
                .bind(signed(seq))
                .fetch_optional(pool)
                .await?
        });
        row.map(|(chain,)| digest(&chain)).transpose()
    }

    /// The root's statement on an epoch after the first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn epoch(&self, epoch: u64) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT statement FROM epochs WHERE epoch = $1")
                .bind(signed(epoch))
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(statement,)| statement))
    }

    /// Writes events into the feed that rest on nothing else in the database.
    ///
    /// # Errors
    /// [`Error::Event`] for what no follower would understand; [`Error::Database`].
    pub async fn tell(
        &self,
        at: Timestamp,
        actions: &[Action],
        reason: &str,
    ) -> Result<Position, Error> {
        Ok(transaction!(self, tx => append!(tx, at, actions, reason)))
    }

    /// Says that nobody can start from before an event any more.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn prune(&self, epoch: u64, last: u64, now: Timestamp) -> Result<(), Error> {
        transaction!(self, tx => {
            // An epoch that ended meanwhile is not touched.
            let moved = sqlx::query(
                "UPDATE feed SET pruned = $2 WHERE singleton = 1 AND epoch = $1 AND pruned < $2 \
                 AND seq >= $2",
            )
            .bind(signed(epoch))
            .bind(signed(last))
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if moved == 0 {
                return Ok(());
            }
            audit!(self, tx, Entry {
                at: now,
                by: "authority",
                action: "feed.prune",
                subject: &format!("{epoch}:{last}"),
                detail: &[],
            });
        });
        Ok(())
    }

    /// Deletes the events from before where somebody can start, and those of earlier epochs once
    /// anything was pruned of this one. The row of the last stays: the next rests on its chain.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delete_pruned(&self) -> Result<(), sqlx::Error> {
        // A few at a time, and without the head's lock: no order waits for it.
        const AT_ONCE: u64 = 500;
        loop {
            let deleted = on!(self, pool => {
                sqlx::query(
                    "DELETE FROM events WHERE (epoch, seq) IN (SELECT events.epoch, events.seq \
                     FROM events, feed WHERE pruned > 0 AND (events.epoch < feed.epoch \
                     OR (events.epoch = feed.epoch AND events.seq < pruned)) LIMIT $1)",
                )
                .bind(signed(AT_ONCE))
                .execute(pool)
                .await?
                .rows_affected()
            });
            if deleted < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Wakes the other replicas: there is news in the feed. Never waited for, and nothing is lost
    /// with it: every replica looks by itself once a second.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wake_replicas(&self) -> Result<(), sqlx::Error> {
        match self.pool() {
            // Only PostgreSQL has replicas, and it can push.
            Pool::Postgres(pool) => {
                let notify = format!("NOTIFY {CHANNEL}");
                sqlx::query(sqlx::AssertSqlSafe(notify))
                    .execute(pool)
                    .await
                    .map(|_| ())
            }
            Pool::Sqlite(_) => Ok(()),
        }
    }
}

/// Where PostgreSQL tells replicas of news.
pub const CHANNEL: &str = "mcps_feed";
