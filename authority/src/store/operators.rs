//! Operators: the hashes of what they present, and what they hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::random::{Random, RandomError, hex16};

use super::audit::{Entry, audit};
use super::{Db, on, transaction};
use crate::access::{Grant, Grants, Role, Tenants};
use crate::error::Error;
use crate::operator_key::OperatorKey;
use crate::subject::Tenant;

/// How an operator proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By an API key.
    Key,
    /// By a client certificate of that name.
    Certificate(String),
    /// By a token: its issuer and subject.
    Oidc(String),
}

impl Credential {
    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Certificate(_) => "certificate",
            Self::Oidc(_) => "oidc",
        }
    }

    /// The name that somebody else vouches for.
    #[must_use]
    pub fn presents(&self) -> Option<&str> {
        match self {
            Self::Key => None,
            Self::Certificate(name) | Self::Oidc(name) => Some(name),
        }
    }

    /// What stands in the place of a key's hash. No text of an API key is like that, so no key has it.
    #[must_use]
    pub fn hash(&self) -> Option<Digest> {
        let name = self.presents()?;
        let text = format!("{}\n{name}", self.as_str());
        Some(Digest::of(text.as_bytes()))
    }
}

/// An operator to be stored.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// `op_` and 32 hex digits.
    pub operator_id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of what is presented.
    pub key_hash: Digest,
    /// How it is presented.
    pub credential: Credential,
    /// What is held; unless stated nothing, which allows nothing.
    pub grants: Grants,
    /// Until when; for good unless stated.
    pub expires_at: Option<Timestamp>,
}

impl NewOperator {
    /// An operator of that name with that key, who holds nothing yet.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn new(name: &str, key: &OperatorKey, random: &dyn Random) -> Result<Self, RandomError> {
        let operator_id = format!("op_{}", hex16(random)?);
        Ok(Self {
            operator_id,
            name: name.to_owned(),
            key_hash: key.hash(),
            credential: Credential::Key,
            grants: Grants::default(),
            expires_at: None,
        })
    }

    /// Who holds that.
    #[must_use]
    pub fn holding(self, grants: Grants) -> Self {
        Self { grants, ..self }
    }

    /// Who is one until then.
    #[must_use]
    pub fn until(self, expires_at: Option<Timestamp>) -> Self {
        Self { expires_at, ..self }
    }

    /// Who presents that instead of a key.
    #[must_use]
    pub fn presenting(self, credential: Credential) -> Self {
        let key_hash = credential.hash().unwrap_or(self.key_hash);
        Self {
            key_hash,
            credential,
            ..self
        }
    }

    /// As it is shown once `by` has added it.
    #[must_use]
    pub fn shown(&self, by: &str, now: Timestamp) -> OperatorShown {
        OperatorShown {
            operator_id: self.operator_id.clone(),
            name: self.name.clone(),
            credential: self.credential.as_str().to_owned(),
            presents: self.credential.presents().map(str::to_owned),
            grants: self.grants.clone(),
            created_at: now,
            added_by: Some(by.to_owned()),
            expires_at: self.expires_at,
            disabled_at: None,
        }
    }

    fn detail(&self) -> Vec<(&'static str, String)> {
        let mut detail = vec![("name", self.name.clone()), ("roles", self.grants.text())];
        let presents = self.credential.presents();
        detail.extend(presents.map(|name| (self.credential.as_str(), name.to_owned())));
        detail.extend(self.expires_at.map(|at| ("until", at.to_string())));
        detail.extend(tenant_of(&self.grants));
        detail
    }
}

/// Of an operator of one tenant: which.
pub(super) fn tenant_of(grants: &Grants) -> Option<(&'static str, String)> {
    match grants.tenants() {
        Tenants::Only(tenants) if tenants.len() == 1 => {
            tenants.into_iter().next().map(|tenant| ("tenant", tenant))
        }
        _ => None,
    }
}

/// Whoever presented something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorRecord {
    /// `op_` and 32 hex digits.
    pub operator_id: String,
    /// For people.
    pub name: String,
    /// What is held, without what is held in tenants that are disabled.
    pub grants: Grants,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// An operator, for those who say who the operators are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorShown {
    /// `op_` and 32 hex digits.
    pub operator_id: String,
    /// For people.
    pub name: String,
    /// `key`, `certificate` or `oidc`.
    pub credential: String,
    /// The name that somebody else vouches for.
    pub presents: Option<String>,
    /// What is held.
    pub grants: Grants,
    /// Since when.
    pub created_at: Timestamp,
    /// By whom; not known of those of before.
    pub added_by: Option<String>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Since when not any more.
    pub disabled_at: Option<Timestamp>,
}

/// Stores an operator, and what it holds.
macro_rules! insert_operator {
    ($tx:ident, $operator:expr, $by:expr, $now:expr) => {{
        let operator: &$crate::store::NewOperator = $operator;
        sqlx::query(
            "INSERT INTO operators (operator_id, name, key_hash, created_at, expires_at, \
             credential, presents, added_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&operator.operator_id)
        .bind(&operator.name)
        .bind(operator.key_hash.as_bytes().as_slice())
        .bind($now.as_millis())
        .bind(
            operator
                .expires_at
                .map(mcps_core::clock::Timestamp::as_millis),
        )
        .bind(operator.credential.as_str())
        .bind(operator.credential.presents())
        .bind($by)
        .execute(&mut *$tx)
        .await?;
        for grant in operator.grants.iter() {
            sqlx::query(
                "INSERT INTO operator_roles (operator_id, tenant, role) VALUES ($1, $2, $3)",
            )
            .bind(&operator.operator_id)
            .bind(grant.tenant())
            .bind(grant.role().as_str())
            .execute(&mut *$tx)
            .await?;
        }
    }};
}

/// Selects [`HeldRow`]s of operators who are not disabled; what follows begins with `AND`.
macro_rules! select_held {
    () => {
        "SELECT o.key_hash, o.operator_id, o.name, o.expires_at, r.tenant, r.role \
         FROM operators o LEFT JOIN operator_roles r ON r.operator_id = o.operator_id \
         AND NOT EXISTS (SELECT 1 FROM tenants t \
         WHERE t.tenant = r.tenant AND t.disabled_at IS NOT NULL) \
         WHERE o.disabled_at IS NULL"
    };
}

pub(super) use {insert_operator, select_held};

/// One of what an operator holds: hash, id, name, until when, tenant and role.
pub(super) type HeldRow = (
    Vec<u8>,
    String,
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
);

/// The operators of such rows, by the hash of what they present.
pub(super) fn gathered(rows: Vec<HeldRow>) -> HashMap<Vec<u8>, OperatorRecord> {
    let mut held: BTreeMap<Vec<u8>, (OperatorRecord, Vec<Grant>)> = BTreeMap::new();
    for (hash, operator_id, name, expires_at, tenant, role) in rows {
        let (_, grants) = held.entry(hash).or_insert_with(|| {
            let record = OperatorRecord {
                operator_id,
                name,
                grants: Grants::default(),
                expires_at: expires_at.map(Timestamp::from_millis),
            };
            (record, Vec::new())
        });
        grants.extend(grant(tenant, role));
    }
    let operators = held.into_iter().map(|(hash, (record, grants))| {
        let grants = Grants::new(grants);
        (hash, OperatorRecord { grants, ..record })
    });
    operators.collect()
}

/// A role that this version does not know allows nothing.
fn grant(tenant: Option<String>, role: Option<String>) -> Option<Grant> {
    let role = Role::parse(&role?)?;
    let tenant = tenant?;
    if tenant == "*" {
        return Some(Grant::everywhere(role));
    }
    Some(Grant::within(&Tenant::try_from(tenant).ok()?, role))
}

/// Operators all of whose roles are held within `$1`.
const SHOWN: &str = "SELECT o.operator_id, o.name, o.credential, o.presents, o.created_at, \
     o.added_by, o.expires_at, o.disabled_at FROM operators o \
     WHERE ($1 = '*' OR (EXISTS (SELECT 1 FROM operator_roles r \
     WHERE r.operator_id = o.operator_id) AND NOT EXISTS (SELECT 1 FROM operator_roles r \
     WHERE r.operator_id = o.operator_id AND $1 NOT LIKE '%,' || r.tenant || ',%'))) \
     AND ($2 = '' OR o.operator_id = $2) AND o.operator_id > $3 ORDER BY o.operator_id LIMIT $4";

type ShownRow = (
    String,
    String,
    String,
    Option<String>,
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

impl Db {
    /// Adds an operator.
    ///
    /// # Errors
    /// [`Error::Database`] also when the key is already somebody's; [`Error::Audit`],
    /// [`Error::KeyUnusable`].
    pub async fn add_operator(
        &self,
        operator: &NewOperator,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let detail = operator.detail();
        transaction!(self, tx => {
            insert_operator!(tx, operator, by, now);
            audit!(self, tx, Entry {
                at: now,
                by,
                action: "operator.add",
                subject: &operator.operator_id,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// The operator who presents what has this hash, unless disabled. The index is searched by a hash
    /// of 256 random bits, so how long the search takes says nothing about the key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn operator_by_key(
        &self,
        key_hash: &Digest,
    ) -> Result<Option<OperatorRecord>, sqlx::Error> {
        let rows: Vec<HeldRow> = on!(self, pool => {
            sqlx::query_as(concat!(select_held!(), " AND o.key_hash = $1"))
                .bind(key_hash.as_bytes().as_slice())
                .fetch_all(pool)
                .await?
        });
        Ok(gathered(rows).into_values().next())
    }

    /// Remembers an operator for whom somebody else vouches, so that it has an id and can be disabled.
    /// Whoever is known stays as it is.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn meet_operator(&self, operator: &NewOperator, now: Timestamp) -> Result<(), Error> {
        let detail = operator.detail();
        transaction!(self, tx => {
            let met = sqlx::query(
                "INSERT INTO operators (operator_id, name, key_hash, created_at, credential, \
                 presents, added_by) VALUES ($1, $2, $3, $4, $5, $6, $5) \
                 ON CONFLICT (key_hash) DO NOTHING",
            )
            .bind(&operator.operator_id)
            .bind(&operator.name)
            .bind(operator.key_hash.as_bytes().as_slice())
            .bind(now.as_millis())
            .bind(operator.credential.as_str())
            .bind(operator.credential.presents())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if met == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by: operator.credential.as_str(),
                    action: "operator.meet",
                    subject: &operator.operator_id,
                    detail: &detail,
                });
            }
        });
        Ok(())
    }

    /// Operators all of whose roles are held in those tenants, by id: after one, or that one alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn operators(
        &self,
        within: &Tenants,
        only: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<OperatorShown>, sqlx::Error> {
        let rows: Vec<ShownRow> = on!(self, pool => {
            sqlx::query_as(SHOWN)
                .bind(within.listed())
                .bind(only.unwrap_or_default())
                .bind(after)
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        let mut shown = Vec::with_capacity(rows.len());
        for row in rows {
            let held: Vec<(String, String)> = on!(self, pool => {
                sqlx::query_as("SELECT tenant, role FROM operator_roles WHERE operator_id = $1")
                    .bind(&row.0)
                    .fetch_all(pool)
                    .await?
            });
            let grants = held.into_iter();
            let grants = grants.filter_map(|(tenant, role)| grant(Some(tenant), Some(role)));
            let grants = Grants::new(grants);
            let (operator_id, name, credential, presents, created_at, added_by, ends, disabled) =
                row;
            shown.push(OperatorShown {
                operator_id,
                name,
                credential,
                presents,
                grants,
                created_at: Timestamp::from_millis(created_at),
                added_by,
                expires_at: ends.map(Timestamp::from_millis),
                disabled_at: disabled.map(Timestamp::from_millis),
            });
        }
        Ok(shown)
    }

    /// What every operator holds, by id, as `ROLE@TENANT`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_roles(&self) -> Result<BTreeMap<String, BTreeSet<String>>, sqlx::Error> {
        let rows: Vec<(String, String, String)> = on!(self, pool => {
            sqlx::query_as("SELECT operator_id, tenant, role FROM operator_roles")
                .fetch_all(pool)
                .await?
        });
        let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (id, tenant, role) in rows {
            held.entry(id)
                .or_default()
                .insert(format!("{role}@{tenant}"));
        }
        Ok(held)
    }

    /// The same of one operator.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn roles_of(&self, id: &str) -> Result<BTreeSet<String>, sqlx::Error> {
        let rows: Vec<(String, String)> = on!(self, pool => {
            sqlx::query_as("SELECT tenant, role FROM operator_roles WHERE operator_id = $1")
                .bind(id)
                .fetch_all(pool)
                .await?
        });
        let roles = rows.into_iter();
        Ok(roles
            .map(|(tenant, role)| format!("{role}@{tenant}"))
            .collect())
    }

    /// Gives an operator another key; the one before opens nothing from then on. `false` for one who
    /// was disabled, or presents no key.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn rotate_operator(
        &self,
        operator: &OperatorShown,
        key: &OperatorKey,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let detail: Vec<_> = tenant_of(&operator.grants).into_iter().collect();
        let rotated = transaction!(self, tx => {
            let rotated = sqlx::query(
                "UPDATE operators SET key_hash = $2 WHERE operator_id = $1 \
                 AND disabled_at IS NULL AND credential = 'key'",
            )
            .bind(&operator.operator_id)
            .bind(key.hash().as_bytes().as_slice())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rotated == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: "operator.rotate",
                    subject: &operator.operator_id,
                    detail: &detail,
                });
            }
            rotated
        });
        Ok(rotated == 1)
    }
}
