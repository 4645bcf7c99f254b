//! Enrolment tokens: each is redeemed once, in the transaction that prepares its passport.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::random::{Random, RandomError, hex16};

use super::audit::{Entry, audit};
use super::{Db, on, transaction, within};
use crate::access::Tenants;
use crate::enrolment::{EnrolmentToken, Grant, Named};
use crate::error::Error;

/// Selects [`Row`]s.
macro_rules! select_token {
    () => {
        "SELECT token_id, tenant, kind, name, is_prefix, owner, capabilities, origin, trust_level, \
         life, created_at, created_by, expires_at, used_at, passport_id, withdrawn_at \
         FROM enrolment_tokens"
    };
}

/// Redeems a token. Of any number at once one wins: the others wait for its row and find it used,
/// or find it as it was when the winner's passport could not be prepared after all. Nobody enrols
/// by what an operator gave whose key was taken away since, or whose time is over.
pub(super) const REDEEM: &str = "UPDATE enrolment_tokens SET used_at = $2, passport_id = $3 \
     WHERE token_id = $1 AND used_at IS NULL AND withdrawn_at IS NULL AND expires_at > $2 \
     AND NOT EXISTS (SELECT 1 FROM operators WHERE operator_id = created_by \
     AND (disabled_at IS NOT NULL OR operators.expires_at <= $2))";
pub(super) const SELECT_BY_ID: &str = concat!(select_token!(), " WHERE token_id = $1");

/// Redeems a token inside the transaction that prepares its passport.
macro_rules! redeem {
    ($tx:ident, $token:expr, $now:expr, $passport:expr) => {
        let redeemed = sqlx::query($crate::store::enrolments::REDEEM)
            .bind($token)
            .bind($now)
            .bind($passport)
            .execute(&mut *$tx)
            .await?
            .rows_affected();
        if redeemed == 0 {
            let row: Option<$crate::store::enrolments::Row> =
                sqlx::query_as($crate::store::enrolments::SELECT_BY_ID)
                    .bind($token)
                    .fetch_optional(&mut *$tx)
                    .await?;
            return Err($crate::store::enrolments::refused(row, $now));
        }
    };
}

pub(super) use redeem;

/// A token about to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// `enr_` and 32 hex digits.
    pub id: String,
    /// SHA-256 of the token.
    pub hash: Digest,
    /// What it entitles to.
    pub grant: Grant,
    /// The operator's id.
    pub created_by: String,
    /// From when on.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl NewToken {
    /// What is stored of `token`.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn new(
        token: &EnrolmentToken,
        grant: Grant,
        operator: &str,
        (now, validity): (Timestamp, Duration),
        random: &dyn Random,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            id: format!("enr_{}", hex16(random)?),
            hash: token.hash(),
            grant,
            created_by: operator.to_owned(),
            created_at: now,
            expires_at: now.plus(validity),
        })
    }
}

impl NewToken {
    /// What is recorded of it.
    fn detail(&self) -> Vec<(&'static str, String)> {
        let grant = &self.grant;
        let named = match &grant.named {
            Named::Exactly(name) => ("name", name.clone()),
            Named::Beginning(prefix) => ("name_prefix", prefix.clone()),
        };
        vec![
            ("tenant", grant.tenant.clone()),
            ("kind", grant.kind.as_str().to_owned()),
            named,
            ("owner", grant.owner.clone()),
            ("level", grant.trust_level.number().to_string()),
            ("until", self.expires_at.to_string()),
        ]
    }
}

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// May be redeemed.
    Open,
    /// Was redeemed.
    Used,
    /// Was not redeemed in time.
    Lapsed,
    /// An operator took it back.
    Withdrawn,
}

/// A stored token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// `enr_` and 32 hex digits.
    pub id: String,
    /// What it entitles to.
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// By which operator.
    pub created_by: String,
    /// Until when it may be redeemed.
    pub expires_at: Timestamp,
    /// When it was redeemed.
    pub used_at: Option<Timestamp>,
    /// For which passport.
    pub passport_id: Option<String>,
    /// When it was taken back.
    pub withdrawn_at: Option<Timestamp>,
}

impl TokenRecord {
    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.used_at.is_some() {
            TokenState::Used
        } else if self.withdrawn_at.is_some() {
            TokenState::Withdrawn
        } else if self.expires_at <= now {
            TokenState::Lapsed
        } else {
            TokenState::Open
        }
    }
}

/// A row as both engines return it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    token_id: String,
    tenant: String,
    kind: String,
    name: String,
    is_prefix: i16,
    owner: String,
    capabilities: String,
    origin: Option<String>,
    trust_level: i16,
    life: i64,
    created_at: i64,
    created_by: String,
    expires_at: i64,
    used_at: Option<i64>,
    passport_id: Option<String>,
    withdrawn_at: Option<i64>,
}

impl TryFrom<Row> for TokenRecord {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let level = TrustLevel::from_number(i64::from(row.trust_level));
        let life = u64::try_from(row.life).map(Duration::from_millis);
        let capabilities = serde_json::from_str(&row.capabilities);
        let grant = Grant {
            tenant: row.tenant,
            kind: row.kind.parse().map_err(|_| damaged("kind"))?,
            named: match row.is_prefix {
                0 => Named::Exactly(row.name),
                _ => Named::Beginning(row.name),
            },
            owner: row.owner,
            capabilities: capabilities.map_err(|_| damaged("capabilities"))?,
            origin: row.origin,
            trust_level: level.ok_or_else(|| damaged("trust_level"))?,
            life: life.map_err(|_| damaged("life"))?,
        };
        Ok(Self {
            id: row.token_id,
            grant,
            created_at: Timestamp::from_millis(row.created_at),
            created_by: row.created_by,
            expires_at: Timestamp::from_millis(row.expires_at),
            used_at: row.used_at.map(Timestamp::from_millis),
            passport_id: row.passport_id,
            withdrawn_at: row.withdrawn_at.map(Timestamp::from_millis),
        })
    }
}

fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "not a value of this column".into(),
    }
}

/// Why a token that could not be redeemed could not be.
pub(super) fn refused(row: Option<Row>, now: i64) -> Error {
    let record = match row.map(TokenRecord::try_from) {
        Some(Ok(record)) => record,
        Some(Err(error)) => return Error::Database(error),
        None => return Error::TokenRefused("is not one of this authority"),
    };
    Error::TokenRefused(match record.state(Timestamp::from_millis(now)) {
        TokenState::Used => "was used",
        TokenState::Lapsed => "has lapsed",
        TokenState::Withdrawn => "was withdrawn",
        TokenState::Open => "was given by an operator who is none any more",
    })
}

impl Db {
    /// Stores a token.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn add_token(&self, new: &NewToken) -> Result<(), Error> {
        let grant = &new.grant;
        let (name, is_prefix) = match &grant.named {
            Named::Exactly(name) => (name, 0_i16),
            Named::Beginning(prefix) => (prefix, 1),
        };
        let capabilities = serde_json::Value::from(grant.capabilities.clone()).to_string();
        let life = i64::try_from(grant.life.as_millis()).unwrap_or(i64::MAX);
        transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO enrolment_tokens (token_id, token_hash, tenant, kind, name, is_prefix, \
                 owner, capabilities, origin, trust_level, life, created_at, created_by, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            )
            .bind(&new.id)
            .bind(new.hash.as_bytes().as_slice())
            .bind(&grant.tenant)
            .bind(grant.kind.as_str())
            .bind(name)
            .bind(is_prefix)
            .bind(&grant.owner)
            .bind(&capabilities)
            .bind(&grant.origin)
            .bind(i16::from(grant.trust_level.number()))
            .bind(life)
            .bind(new.created_at.as_millis())
            .bind(&new.created_by)
            .bind(new.expires_at.as_millis())
            .execute(&mut *tx)
            .await?;
            audit!(self, tx, Entry {
                at: new.created_at,
                by: &new.created_by,
                action: "token.create",
                subject: &new.id,
                detail: &new.detail(),
            });
        });
        Ok(())
    }

    /// The token with this hash. The index is searched by a hash of 256 random bits, so how long the
    /// search takes says nothing about the token.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_by_hash(&self, hash: &Digest) -> Result<Option<TokenRecord>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(concat!(select_token!(), " WHERE token_hash = $1"))
                .bind(hash.as_bytes().as_slice())
                .fetch_optional(pool)
                .await?
        });
        row.map(TokenRecord::try_from).transpose()
    }

    /// Tokens of those tenants, newest first: after the one with that id if one is named.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tokens(
        &self,
        tenants: &Tenants,
        after: &str,
        limit: i64,
    ) -> Result<Vec<TokenRecord>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(concat!(
                select_token!(),
                " WHERE ($1 = '' OR (created_at, token_id) < \
                 (SELECT created_at, token_id FROM enrolment_tokens WHERE token_id = $1)) AND ",
                within!("$3"),
                " ORDER BY created_at DESC, token_id DESC LIMIT $2"
            ))
            .bind(after)
            .bind(limit)
            .bind(tenants.filter())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(TokenRecord::try_from).collect()
    }

    /// The token of that id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token(&self, id: &str) -> Result<Option<TokenRecord>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(SELECT_BY_ID).bind(id).fetch_optional(pool).await?
        });
        row.map(TokenRecord::try_from).transpose()
    }

    /// Takes a token back, so that nobody redeems it; repeating it changes nothing. `None` when
    /// there is none of that id. One that was used stays used.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn withdraw_token(
        &self,
        id: &str,
        operator: &str,
        now: Timestamp,
    ) -> Result<Option<TokenRecord>, Error> {
        let row: Option<Row> = transaction!(self, tx => {
            let tenant: Option<(String,)> =
                sqlx::query_as("SELECT tenant FROM enrolment_tokens WHERE token_id = $1")
                    .bind(id)
                    .fetch_optional(&mut *tx)
                    .await?;
            let detail: Vec<_> = tenant.map(|(tenant,)| ("tenant", tenant)).into_iter().collect();
            let withdrawn = sqlx::query(
                "UPDATE enrolment_tokens SET withdrawn_at = $3, withdrawn_by = $2 \
                 WHERE token_id = $1 AND used_at IS NULL AND withdrawn_at IS NULL",
            )
            .bind(id)
            .bind(operator)
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if withdrawn == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by: operator,
                    action: "token.withdraw",
                    subject: id,
                    detail: &detail,
                });
            }
            sqlx::query_as(SELECT_BY_ID).bind(id).fetch_optional(&mut *tx).await?
        });
        Ok(row.map(TokenRecord::try_from).transpose()?)
    }
}
