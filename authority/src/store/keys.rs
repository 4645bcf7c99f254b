//! The key set, and the history of the keys in it.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Position};
use mcps_core::key::KeyId;

use super::audit::{Entry, audit};
use super::feed::{append, signed};
use super::{Db, on, transaction};
use crate::error::Error;

/// What became of a key in one key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The number of the key set.
    pub number: i64,
    /// Which key.
    pub kid: KeyId,
    /// What it signs.
    pub usage: String,
    /// Where it stands since.
    pub state: String,
    /// Since when.
    pub at: Timestamp,
    /// From when on it signs, if it is active.
    pub signs_from: Option<Timestamp>,
    /// The operator, or who ran the command.
    pub by: String,
    /// In the operator's words; kept here, not told.
    pub note: Option<String>,
}

/// What changes with the root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The root that signed until now.
    pub from: KeyId,
    /// The present epoch and the new root's statement on it; `None` in the first, which has none.
    pub epoch: Option<(u64, String)>,
}

type Row = (
    i64,
    String,
    String,
    String,
    i64,
    Option<i64>,
    String,
    Option<String>,
);

impl KeyChange {
    fn read(row: Row) -> Result<Self, sqlx::Error> {
        let (number, kid, usage, state, at, signs_from, by, note) = row;
        Ok(Self {
            number,
            kid: KeyId::parse(&kid).ok_or_else(|| sqlx::Error::ColumnDecode {
                index: "kid".to_owned(),
                source: "no thumbprint".into(),
            })?,
            usage,
            state,
            at: Timestamp::from_millis(at),
            signs_from: signs_from.map(Timestamp::from_millis),
            by,
            note,
        })
    }
}

impl Db {
    /// What became of each key, earliest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn key_changes(&self) -> Result<Vec<KeyChange>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(
                "SELECT number, kid, usage, state, at, signs_from, by_whom, note \
                 FROM authority_keys ORDER BY number",
            )
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(KeyChange::read).collect()
    }

    /// Takes the key set `next` into use where `present` is in use, and tells the feed, all or
    /// nothing. `None` when another process was first; then nothing was written. With another
    /// root its statement on the epoch takes the place of the one before.
    ///
    /// # Errors
    /// [`Error::Event`], [`Error::Database`].
    pub async fn change_key(
        &self,
        (present, next): (&str, &str),
        change: &KeyChange,
        action: Action,
        reason: &str,
        handover: Option<&Handover>,
    ) -> Result<Option<Position>, Error> {
        let position = transaction!(self, tx => {
            let taken = sqlx::query("UPDATE authority SET bundle = $2 WHERE bundle = $1")
                .bind(present)
                .bind(next)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if taken == 0 {
                return Ok(None);
            }
            sqlx::query(
                "INSERT INTO authority_keys \
                 (number, kid, usage, state, at, signs_from, by_whom, note) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(change.number)
            .bind(change.kid.as_str())
            .bind(&change.usage)
            .bind(&change.state)
            .bind(change.at.as_millis())
            .bind(change.signs_from.map(Timestamp::as_millis))
            .bind(&change.by)
            .bind(&change.note)
            .execute(&mut *tx)
            .await?;
            if let Some((number, statement)) = handover.and_then(|over| over.epoch.as_ref()) {
                sqlx::query("UPDATE epochs SET statement = $2 WHERE epoch = $1")
                    .bind(signed(*number))
                    .bind(statement)
                    .execute(&mut *tx)
                    .await?;
            }
            let position = append!(tx, change.at, &[action], reason);
            let mut detail = vec![
                ("use", change.usage.clone()),
                ("key_set", change.number.to_string()),
                ("position", position.cursor().to_string()),
            ];
            detail.extend(change.signs_from.map(|from| ("signs_from", from.to_string())));
            detail.extend(handover.map(|over| ("follows", over.from.to_string())));
            detail.extend(change.note.clone().map(|note| ("note", note)));
            audit!(self, tx, Entry {
                at: change.at,
                by: &change.by,
                action: &format!("authority_key.{}", change.state),
                subject: change.kid.as_str(),
                detail: &detail,
            });
            position
        });
        Ok(Some(position))
    }
}
