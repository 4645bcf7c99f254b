//! What followers say of themselves: how far each enforces the feed.

use std::collections::HashSet;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Ack, Cursor, Target};
use mcps_core::key::KeyId;
use mcps_core::passport::{Kind, PassportId};
use sqlx::QueryBuilder;

use super::feed::{signed, unsigned};
use super::restrictions::reaches;
use super::row::{Row, damaged, passport_id, select_issued};
use super::{Db, Record, on};

/// Rows in one statement. SQLite binds at most 32,766 values.
const ROWS: usize = 500;

/// Which process of whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FollowerId {
    /// Its tenant.
    pub tenant: String,
    /// What kind of subject.
    pub kind: Kind,
    /// The subject's name.
    pub name: String,
    /// Which of its processes.
    pub instance: String,
}

/// An acknowledgement that is believed.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Whose.
    pub id: FollowerId,
    /// What it says.
    pub ack: Ack,
    /// When it came.
    pub at: Timestamp,
}

/// A follower as it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowerRecord {
    /// Who.
    pub id: FollowerId,
    /// The passport by which it signed last.
    pub passport_id: PassportId,
    /// Up to where it enforces the feed.
    pub position: Cursor,
    /// Since when it does, by its own clock.
    pub enforced_at: Timestamp,
    /// When it was first heard of.
    pub since: Timestamp,
    /// When it first said that it enforces this position.
    pub reached_at: Timestamp,
    /// When it was last heard of.
    pub heard_at: Timestamp,
}

/// What is revoked beside single passports and keys: whole agents, owners, tenants, issuers.
#[derive(Clone, Debug, Default)]
pub struct Reach(HashSet<String>);

impl Reach {
    /// Whether it reaches nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it reaches a passport.
    #[must_use]
    pub fn reaches(&self, record: &Record) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut targets = reaches(
            &record.tenant,
            record.kind,
            &record.name,
            &record.owner,
            &record.kid,
        );
        targets.push(Target::Passport(record.id.clone()));
        targets.extend(KeyId::parse(&record.issuer_kid).map(Target::Issuer));
        targets
            .iter()
            .any(|target| self.0.contains(&target.to_json()))
    }
}

#[derive(sqlx::FromRow)]
struct FollowerRow {
    tenant: String,
    kind: String,
    name: String,
    instance: String,
    passport_id: String,
    epoch: i64,
    seq: i64,
    enforced_at: i64,
    since: i64,
    reached_at: i64,
    heard_at: i64,
}

impl TryFrom<FollowerRow> for FollowerRecord {
    type Error = sqlx::Error;

    fn try_from(row: FollowerRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            passport_id: passport_id(&row.passport_id)?,
            position: Cursor {
                epoch: unsigned(row.epoch)?,
                seq: unsigned(row.seq)?,
            },
            id: FollowerId {
                kind: row.kind.parse().map_err(|_| damaged("kind"))?,
                tenant: row.tenant,
                name: row.name,
                instance: row.instance,
            },
            enforced_at: Timestamp::from_millis(row.enforced_at),
            since: Timestamp::from_millis(row.since),
            reached_at: Timestamp::from_millis(row.reached_at),
            heard_at: Timestamp::from_millis(row.heard_at),
        })
    }
}

impl Db {
    /// The records of those of `ids` that were issued.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn passports_among(&self, ids: &[PassportId]) -> Result<Vec<Record>, sqlx::Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(ROWS) {
            let rows: Vec<Row> = on!(self, pool => {
                let mut query = QueryBuilder::new(select_issued!("AND passport_id IN ("));
                let mut list = query.separated(", ");
                for id in ids {
                    list.push_bind(id.as_str());
                }
                list.push_unseparated(")");
                query.build_query_as().fetch_all(pool).await?
            });
            for row in rows {
                found.push(Record::try_from(row)?);
            }
        }
        Ok(found)
    }

    /// What is revoked beside single passports and keys.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoked_reach(&self) -> Result<Reach, sqlx::Error> {
        let rows: Vec<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT target FROM restrictions WHERE held = 'revoked'")
                .fetch_all(pool)
                .await?
        });
        Ok(Reach(rows.into_iter().map(|(target,)| target).collect()))
    }

    /// Keeps what followers say, at most one word of each, and gives those of whom it was news. What is
    /// older than what is kept, or further back, changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_acks(&self, words: &[Heard]) -> Result<HashSet<FollowerId>, sqlx::Error> {
        let mut news = HashSet::new();
        for words in words.chunks(ROWS) {
            let rows: Vec<(String, String, String, String)> = on!(self, pool => {
                let mut query = QueryBuilder::new(
                    "INSERT INTO feed_acks (tenant, kind, name, instance, passport_id, epoch, seq, \
                     enforced_at, said_at, since, reached_at, heard_at) ",
                );
                query.push_values(words, |mut row, word| {
                    row.push_bind(&word.id.tenant)
                        .push_bind(word.id.kind.as_str())
                        .push_bind(&word.id.name)
                        .push_bind(&word.id.instance)
                        .push_bind(word.ack.passport_id.as_str())
                        .push_bind(signed(word.ack.position.epoch))
                        .push_bind(signed(word.ack.position.seq))
                        .push_bind(word.ack.enforced_at.as_millis())
                        .push_bind(word.ack.at.as_millis())
                        .push_bind(word.at.as_millis())
                        .push_bind(word.at.as_millis())
                        .push_bind(word.at.as_millis());
                });
                query.push(UPDATE_ACK);
                query.build_query_as().fetch_all(pool).await?
            });
            for (tenant, kind, name, instance) in rows {
                let kind = kind.parse().map_err(|_| damaged("kind"))?;
                news.insert(FollowerId {
                    tenant,
                    kind,
                    name,
                    instance,
                });
            }
        }
        Ok(news)
    }

    /// Forgets followers of whom nothing was heard since `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_acks(&self, before: Timestamp) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query("DELETE FROM feed_acks WHERE heard_at < $1")
                .bind(before.as_millis())
                .execute(pool)
                .await
                .map(|_| ())
        })
    }

    /// Who was heard of since `since` and has a passport that is good at `now`, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn followers(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<FollowerRecord>, sqlx::Error> {
        let rows: Vec<FollowerRow> = on!(self, pool => {
            sqlx::query_as(
                "SELECT a.tenant, a.kind, a.name, a.instance, a.passport_id, a.epoch, a.seq, \
                 a.enforced_at, a.since, a.reached_at, a.heard_at \
                 FROM feed_acks a JOIN passports p ON p.passport_id = a.passport_id \
                 WHERE a.heard_at >= $1 AND p.revoked_at IS NULL AND p.expires_at > $2 \
                 ORDER BY a.tenant, a.kind, a.name, a.instance",
            )
            .bind(since.as_millis())
            .bind(now.as_millis())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(FollowerRecord::try_from).collect()
    }

    /// One event in its canonical form, if it is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn event(&self, at: Cursor) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT event FROM events WHERE epoch = $1 AND seq = $2")
                .bind(signed(at.epoch))
                .bind(signed(at.seq))
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(event,)| event))
    }
}

/// Words may overtake each other on the way: the latest one counts, and nobody goes back. When a
/// position was first heard of is kept as long as it stays the same.
const UPDATE_ACK: &str = " ON CONFLICT (tenant, kind, name, instance) DO UPDATE SET \
    passport_id = excluded.passport_id, epoch = excluded.epoch, seq = excluded.seq, \
    said_at = excluded.said_at, heard_at = excluded.heard_at, \
    enforced_at = CASE WHEN feed_acks.epoch = excluded.epoch AND feed_acks.seq = excluded.seq \
        THEN feed_acks.enforced_at ELSE excluded.enforced_at END, \
    reached_at = CASE WHEN feed_acks.epoch = excluded.epoch AND feed_acks.seq = excluded.seq \
        THEN feed_acks.reached_at ELSE excluded.reached_at END \
    WHERE feed_acks.said_at < excluded.said_at AND (feed_acks.epoch < excluded.epoch \
        OR (feed_acks.epoch = excluded.epoch AND feed_acks.seq <= excluded.seq)) \
    RETURNING tenant, kind, name, instance";
