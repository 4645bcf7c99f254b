//! Records of what is changed: written in the transaction that changes it, signed, and chained.

mod entry;

pub(super) use entry::Entry;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcps_core::audit::{Checkpoint, Draft, LANES, genesis};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::trust::KeyUse;

use super::feed::digest;
use super::{Db, on, transaction, within};
use crate::access::Tenants;
use crate::error::Error;
use crate::keys::Keys;

/// How many rows are read at once.
pub const PAGE: i64 = 500;

/// Locks a lane until the transaction ends. It comes last in every transaction, so it is held only as
/// long as a record takes.
pub(super) const LOCK_LANE: &str =
    "UPDATE audit_lanes SET seq = seq WHERE lane = $1 RETURNING seq, digest";
pub(super) const INSERT_RECORDS: &str =
    "INSERT INTO audit_records (lane, seq, at, action, subject, record, tenant) ";
pub(super) const MOVE_LANE: &str = "UPDATE audit_lanes SET seq = $2, digest = $3 WHERE lane = $1";

/// Who writes the records.
#[derive(Debug)]
pub struct Scribe {
    keys: Arc<Keys>,
    turn: AtomicU64,
}

/// A record about to be stored.
pub(super) struct Written {
    pub(super) seq: i64,
    pub(super) text: String,
    pub(super) digest: Digest,
}

impl Scribe {
    /// Signs by the audit key among those.
    #[must_use]
    pub fn new(keys: Arc<Keys>) -> Self {
        // Replicas and restarts begin somewhere, or all would meet in the first lane.
        let turn = AtomicU64::new(u64::from(std::process::id()));
        Self { keys, turn }
    }

    /// The lane of the next record: each in turn.
    pub(super) fn lane(&self) -> i64 {
        let lane = self.turn.fetch_add(1, Ordering::Relaxed) % LANES;
        i64::try_from(lane).unwrap_or_default()
    }

    pub(super) fn write(
        &self,
        lane: i64,
        head: &(i64, Vec<u8>),
        entry: Entry<'_>,
    ) -> Result<Written, Error> {
        let (seq, prev) = (head.0.saturating_add(1), digest(&head.1)?);
        let ring = self.keys.ring();
        let signer = self.keys.signer(KeyUse::Audit)?;
        let draft = Draft {
            authority: ring.bundle().authority(),
            lane: lane.unsigned_abs(),
            seq: seq.unsigned_abs(),
            prev,
            at: entry.at,
            by: entry.by,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        };
        let text = draft.sign(signer.as_ref())?;
        let digest = Digest::of(text.as_bytes());
        Ok(Written { seq, text, digest })
    }
}

/// Records changes inside the transaction that makes them, as the last thing in it. All of them in one
/// lane: who held one and waited for another could wait for ever.
macro_rules! audit_all {
    ($db:expr, $tx:ident, $entries:expr) => {{
        let entries: &[$crate::store::audit::Entry<'_>] = $entries;
        let scribe = $db.scribe()?;
        let lane = scribe.lane();
        let mut head: (i64, Vec<u8>) = sqlx::query_as($crate::store::audit::LOCK_LANE)
            .bind(lane)
            .fetch_one(&mut *$tx)
            .await?;
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries {
            let written = scribe.write(lane, &head, *entry)?;
            head = (written.seq, written.digest.as_bytes().to_vec());
            records.push((entry, written));
        }
        let mut query = sqlx::QueryBuilder::new($crate::store::audit::INSERT_RECORDS);
        query.push_values(&records, |mut row, (entry, written)| {
            row.push_bind(lane)
                .push_bind(written.seq)
                .push_bind(entry.at.as_millis())
                .push_bind(entry.action)
                .push_bind(entry.subject)
                .push_bind(&written.text)
                .push_bind(entry.tenant());
        });
        query.build().execute(&mut *$tx).await?;
        sqlx::query($crate::store::audit::MOVE_LANE)
            .bind(lane)
            .bind(head.0)
            .bind(&head.1)
            .execute(&mut *$tx)
            .await?;
    }};
}

/// Records one change inside the transaction that makes it, as the last thing in it, and once.
macro_rules! audit {
    ($db:expr, $tx:ident, $entry:expr) => {{
        let entry: $crate::store::audit::Entry<'_> = $entry;
        $crate::store::audit::audit_all!($db, $tx, &[entry])
    }};
}

pub(super) use {audit, audit_all};

/// A row of the trail, as it lies there.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// Which chain.
    pub lane: i64,
    /// Its number there, as the row claims.
    pub seq: i64,
    /// What the row says was done, to be found by.
    pub action: String,
    /// What the row says whom it was done to, to be found by.
    pub subject: String,
    /// What was signed.
    pub record: String,
}

/// An issued passport beside the record of its issuing.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct IssuedRow {
    /// The passport's id.
    pub passport_id: String,
    /// The tenant.
    pub tenant: String,
    /// The kind of its subject.
    pub kind: String,
    /// Its subject's name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// The thumbprint of its key.
    pub kid: String,
    /// The level it states.
    pub trust_level: i16,
    /// When it says that it was issued, in milliseconds.
    pub issued_at: i64,
    /// Until when, in milliseconds.
    pub expires_at: i64,
    /// What was to be signed.
    pub to_be_signed: String,
    /// The signature; `None` where it was never signed.
    pub signature: Option<String>,
    /// The thumbprint of the key that signed it.
    pub issuer_kid: String,
    /// The record, if there is one.
    pub record: Option<String>,
}

/// What is in the trail and not in the tables, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// Issued by the trail; there is no such passport.
    PassportGone(String),
    /// Revoked by the trail; the passport is not.
    Unrevoked(String),
    /// Blocked by the trail; the key is not.
    Unblocked(String),
    /// Nobody added that operator.
    Operator(String),
}

impl Db {
    /// Has every change recorded from now on. The first who is named stays.
    pub fn record_by(&self, scribe: Scribe) {
        // A second one would sign with the same keys.
        let _ = self.scribe.set(scribe);
    }

    pub(super) fn scribe(&self) -> Result<&Scribe, Error> {
        self.scribe.get().ok_or(Error::NoScribe)
    }

    /// Begins the trail of the authority of that name, unless it has begun. The first record says what
    /// there was before.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn begin_audit(&self, authority: &str, now: Timestamp) -> Result<(), Error> {
        transaction!(self, tx => {
            let mut begun = 0;
            for lane in 0..LANES {
                begun += sqlx::query(
                    "INSERT INTO audit_lanes (lane, seq, digest) VALUES ($1, 0, $2) \
                     ON CONFLICT (lane) DO NOTHING",
                )
                .bind(i64::try_from(lane).unwrap_or_default())
                .bind(genesis(authority, lane).as_bytes().as_slice())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            }
            if begun == 0 {
                return Ok(());
            }
            let mut detail = Vec::new();
            for (name, count) in [
                ("operators", "SELECT COUNT(*) FROM operators"),
                ("passports", "SELECT COUNT(*) FROM passports"),
                ("events", "SELECT COUNT(*) FROM events"),
            ] {
                let (count,): (i64,) = sqlx::query_as(count).fetch_one(&mut *tx).await?;
                detail.push((name, count.to_string()));
            }
            audit!(self, tx, Entry {
                at: now,
                by: "authority",
                action: "trail.begin",
                subject: authority,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// How far each lane goes, in order: its number and its last digest.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn audit_heads(&self) -> Result<Vec<(u64, Digest)>, Error> {
        // One statement: it sees what was committed at one instant.
        let rows: Vec<(i64, Vec<u8>)> = on!(self, pool => {
            sqlx::query_as("SELECT seq, digest FROM audit_lanes ORDER BY lane")
                .fetch_all(pool)
                .await?
        });
        let heads = rows.into_iter();
        let heads = heads.map(|(seq, bytes)| Ok((seq.unsigned_abs(), digest(&bytes)?)));
        heads
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::from)
    }

    /// Rows of a lane after a number, in the order of the numbers they claim.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit_rows(
        &self,
        lane: i64,
        after: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT lane, seq, action, subject, record FROM audit_records \
                 WHERE lane = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            )
            .bind(lane)
            .bind(after)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// The newest rows of those tenants, newest first; about one subject, or all when it is empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_audit_rows(
        &self,
        tenants: &Tenants,
        subject: &str,
        limit: i64,
    ) -> Result<Vec<AuditRow>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(concat!(
                "SELECT lane, seq, action, subject, record FROM audit_records \
                 WHERE (subject = $1 OR $1 = '') AND ",
                within!("$3"),
                " ORDER BY at DESC, lane DESC, seq DESC LIMIT $2",
            ))
            .bind(subject)
            .bind(limit)
            .bind(tenants.filter())
            .fetch_all(pool)
            .await
        })
    }

    /// Checkpoints after a number, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoints(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, String)>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT number, checkpoint FROM audit_checkpoints \
                 WHERE number > $1 ORDER BY number LIMIT $2",
            )
            .bind(after)
            .bind(limit)
            .fetch_all(pool)
            .await
        })
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest_checkpoint(&self) -> Result<Option<(i64, String)>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT number, checkpoint FROM audit_checkpoints ORDER BY number DESC LIMIT 1",
            )
            .fetch_optional(pool)
            .await
        })
    }

    /// Says how far the records go now, if that is further than the newest checkpoint says.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn checkpoint(&self, now: Timestamp) -> Result<Option<Checkpoint>, Error> {
        let keys = &self.scribe()?.keys;
        let ring = keys.ring();
        let newest = self.newest_checkpoint().await?;
        let lanes = self.audit_heads().await?;
        let known = newest
            .as_ref()
            .and_then(|(_, text)| Checkpoint::verify(text, ring.bundle()).ok());
        if known.is_some_and(|known| known.lanes == lanes) {
            return Ok(None);
        }
        let number = newest.map_or(0, |(number, _)| number).saturating_add(1);
        let checkpoint = Checkpoint {
            authority: ring.bundle().authority().to_owned(),
            number: number.unsigned_abs(),
            at: now,
            lanes,
        };
        let text = checkpoint.sign(keys.signer(KeyUse::Audit)?.as_ref())?;
        let stored = on!(self, pool => {
            sqlx::query(
                "INSERT INTO audit_checkpoints (number, checkpoint) VALUES ($1, $2) \
                 ON CONFLICT (number) DO NOTHING",
            )
            .bind(number)
            .bind(&text)
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok((stored == 1).then_some(checkpoint))
    }

    /// Takes the day's examination on; `false` when another replica has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_audit_run(&self, day: i64, now: Timestamp) -> Result<bool, sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "INSERT INTO audit_runs (day, at) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING",
            )
            .bind(day)
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|done| done.rows_affected() == 1)
        })
    }

    /// Records what an examination found.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn note_examination(&self, now: Timestamp, wrong: u64) -> Result<(), Error> {
        let detail = [("wrong", wrong.to_string())];
        transaction!(self, tx => audit!(self, tx, Entry {
            at: now,
            by: "authority",
            action: "trail.examine",
            subject: "everything",
            detail: &detail,
        }));
        Ok(())
    }

    /// Passports after an id, each with the record of its issuing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issued_with_records(&self, after: &str) -> Result<Vec<IssuedRow>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT p.passport_id, p.tenant, p.kind, p.name, p.owner, p.kid, p.trust_level, \
                 p.issued_at, p.expires_at, p.to_be_signed, p.signature, p.issuer_kid, r.record FROM passports p LEFT JOIN audit_records r \
                 ON r.subject = p.passport_id AND r.action = 'passport.issue' \
                 WHERE p.passport_id > $1 ORDER BY p.passport_id LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(pool)
            .await
        })
    }

    /// Whether that key is blocked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_blocked(&self, key: &str) -> Result<bool, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT kid FROM subject_keys WHERE kid = $1 AND blocked_at IS NOT NULL",
            )
            .bind(key)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.is_some())
    }

    /// Where trail and tables disagree, by what the columns say. Operators of before `begun` need no
    /// record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn disagreements(&self, begun: i64) -> Result<Vec<Disagreement>, sqlx::Error> {
        type Kind = fn(String) -> Disagreement;
        const GONE: &str = "SELECT r.subject FROM audit_records r LEFT JOIN passports p \
             ON p.passport_id = r.subject WHERE r.action = 'passport.issue' \
             AND p.passport_id IS NULL AND r.at >= $1 ORDER BY r.subject LIMIT 1000";
        const UNREVOKED: &str = "SELECT r.subject FROM audit_records r JOIN passports p \
             ON p.passport_id = r.subject WHERE r.action = 'passport.revoke' \
             AND p.revoked_at IS NULL AND r.at >= $1 ORDER BY r.subject LIMIT 1000";
        const UNBLOCKED: &str = "SELECT r.subject FROM audit_records r LEFT JOIN subject_keys k \
             ON k.kid = r.subject WHERE r.action = 'key.block' \
             AND k.blocked_at IS NULL AND r.at >= $1 ORDER BY r.subject LIMIT 1000";
        const OPERATOR: &str = "SELECT o.operator_id FROM operators o LEFT JOIN audit_records r \
             ON r.subject = o.operator_id AND r.action IN ('operator.add', 'operator.meet') \
             WHERE r.seq IS NULL AND o.created_at > $1 ORDER BY o.operator_id LIMIT 1000";
        let mut found = Vec::new();
        let kinds: [(&str, Kind); 4] = [
            (GONE, Disagreement::PassportGone),
            (UNREVOKED, Disagreement::Unrevoked),
            (UNBLOCKED, Disagreement::Unblocked),
            (OPERATOR, Disagreement::Operator),
        ];
        for (query, kind) in kinds {
            let rows: Vec<(String,)> = on!(self, pool => {
                sqlx::query_as(query).bind(begun).fetch_all(pool).await?
            });
            found.extend(rows.into_iter().map(|(subject,)| kind(subject)));
        }
        Ok(found)
    }
}
