//! Registered servers.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::passport::Kind;

use super::audit::{Entry, audit};
use super::trust::{Told, reassess};
use super::{Db, on, transaction, within};
use crate::access::Tenants;
use crate::error::Error;
use crate::levels::{Policy, Subject};
use crate::registry::{ServerId, ServerState};

/// A server about to be registered.
#[derive(Clone, Debug)]
pub struct NewServer {
    /// Its id, for good.
    pub id: ServerId,
    /// The tenant's id.
    pub tenant: String,
    /// Its name, as in its passports.
    pub name: String,
    /// Where it lives, as in its passports.
    pub origin: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// When.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The same for every repetition of one order.
    pub once: String,
    /// SHA-256 of what was ordered.
    pub body: Digest,
}

/// A registered server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRecord {
    /// Its id.
    pub id: ServerId,
    /// The tenant's id.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub origin: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Whether it may publish.
    pub state: ServerState,
    /// Counts its changes.
    pub revision: i64,
    /// How many manifests it has published.
    pub manifests: i64,
    /// Since when.
    pub added_at: Timestamp,
    /// By whom it was registered.
    pub added_by: String,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// And by whom.
    pub changed_by: String,
}

impl ServerRecord {
    /// Whom its passports are for.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            tenant: self.tenant.clone(),
            kind: Kind::Server,
            name: self.name.clone(),
        }
    }
}

/// Which servers to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct ServerFilter {
    /// Only of these tenants.
    pub tenants: Tenants,
    /// Only of this tenant; empty for all.
    pub tenant: String,
    /// Only of this name; empty for all.
    pub name: String,
    /// Only of this owner; empty for all.
    pub owner: String,
    /// Only in this state.
    pub state: Option<ServerState>,
    /// Only those that come after this one.
    pub after: Option<ServerId>,
    /// At most so many.
    pub limit: i64,
}

/// What is changed of a server.
#[derive(Clone, Debug)]
pub struct ServerChange {
    /// Another state.
    pub state: Option<ServerState>,
    /// Another owner.
    pub owner: Option<String>,
    /// The revision that the change is meant for; `None` for any.
    pub expected: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
}

/// A row as both engines return it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    server_id: String,
    tenant: String,
    name: String,
    origin: Option<String>,
    owner: String,
    state: String,
    revision: i64,
    manifests: i64,
    added_at: i64,
    added_by: String,
    changed_at: i64,
    changed_by: String,
}

impl TryFrom<Row> for ServerRecord {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let id = ServerId::parse(&row.server_id);
        Ok(Self {
            id: id.ok_or_else(|| sqlx::Error::ColumnDecode {
                index: "server_id".to_owned(),
                source: "not a value of this column".into(),
            })?,
            state: ServerState::read(&row.state),
            tenant: row.tenant,
            name: row.name,
            origin: row.origin,
            owner: row.owner,
            revision: row.revision,
            manifests: row.manifests,
            added_at: Timestamp::from_millis(row.added_at),
            added_by: row.added_by,
            changed_at: Timestamp::from_millis(row.changed_at),
            changed_by: row.changed_by,
        })
    }
}

/// Selects [`Row`]s; what follows begins with `WHERE`.
macro_rules! select_servers {
    ($rest:literal) => {
        concat!(
            "SELECT server_id, tenant, name, origin, owner, state, revision, manifests, added_at, ",
            "added_by, changed_at, changed_by FROM servers ",
            $rest
        )
    };
}

/// Locks one server until the transaction ends.
pub(super) const LOCK_SERVER: &str = concat!(
    "UPDATE servers SET revision = revision WHERE server_id = $1 RETURNING server_id, tenant, name, ",
    "origin, owner, state, revision, manifests, added_at, added_by, changed_at, changed_by"
);

impl Db {
    /// Registers a server. The same order again is answered with what it made.
    ///
    /// # Errors
    /// [`Error::ServerExists`] when name or origin are taken in the tenant, [`Error::OtherBody`],
    /// [`Error::Database`].
    pub async fn add_server(&self, new: &NewServer) -> Result<(ServerRecord, bool), Error> {
        let added = transaction!(self, tx => {
            let rows = sqlx::query(
                "INSERT INTO servers (server_id, tenant, name, origin, owner, state, revision, \
                 manifests, added_at, added_by, once_key, body, changed_at, changed_by) \
                 VALUES ($1, $2, $3, $4, $5, 'active', 1, 0, $6, $7, $8, $9, $6, $7) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(new.id.as_str())
            .bind(&new.tenant)
            .bind(&new.name)
            .bind(&new.origin)
            .bind(&new.owner)
            .bind(new.at.as_millis())
            .bind(&new.by)
            .bind(&new.once)
            .bind(new.body.as_bytes().as_slice())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows == 0 {
                let before: Option<(String, Vec<u8>)> = sqlx::query_as(
                    "SELECT server_id, body FROM servers WHERE added_by = $1 AND once_key = $2",
                )
                .bind(&new.by)
                .bind(&new.once)
                .fetch_optional(&mut *tx)
                .await?;
                let taken: Option<(String,)> = sqlx::query_as(
                    "SELECT server_id FROM servers WHERE tenant = $1 AND state <> 'retired' \
                     AND (name = $2 OR origin = $3) ORDER BY added_at LIMIT 1",
                )
                .bind(&new.tenant)
                .bind(&new.name)
                .bind(&new.origin)
                .fetch_optional(&mut *tx)
                .await?;
                match (before, taken) {
                    (Some((id, body)), _) if body == new.body.as_bytes() => (id, false),
                    (Some(_), _) => return Err(Error::OtherBody),
                    (None, Some((holder,))) => return Err(Error::ServerExists { holder }),
                    // Whoever was in the way has been retired since.
                    (None, None) => return Err(Error::Contended),
                }
            } else {
                let mut detail = vec![
                    ("tenant", new.tenant.clone()),
                    ("name", new.name.clone()),
                    ("owner", new.owner.clone()),
                ];
                detail.extend(new.origin.clone().map(|origin| ("origin", origin)));
                audit!(self, tx, Entry {
                    at: new.at,
                    by: &new.by,
                    action: "server.add",
                    subject: new.id.as_str(),
                    detail: &detail,
                });
                (new.id.as_str().to_owned(), true)
            }
        });
        let (id, fresh) = added;
        let id = ServerId::parse(&id).ok_or(Error::ServerId)?;
        let record = self.server(&id).await?.ok_or(Error::ServerNotFound)?;
        Ok((record, fresh))
    }

    /// A server by its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn server(&self, id: &ServerId) -> Result<Option<ServerRecord>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(select_servers!("WHERE server_id = $1"))
                .bind(id.as_str())
                .fetch_optional(pool)
                .await?
        });
        row.map(ServerRecord::try_from).transpose()
    }

    /// Registered servers, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn servers(&self, filter: &ServerFilter) -> Result<Vec<ServerRecord>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(concat!(
                select_servers!(
                    "WHERE ($1 = '' OR tenant = $1) AND ($2 = '' OR name = $2) \
                     AND ($3 = '' OR owner = $3) AND ($4 = '' OR state = $4) \
                     AND ($5 = '' OR (added_at, server_id) < \
                     (SELECT added_at, server_id FROM servers WHERE server_id = $5)) AND "
                ),
                within!("$7"),
                " ORDER BY added_at DESC, server_id DESC LIMIT $6",
            ))
            .bind(&filter.tenant)
            .bind(&filter.name)
            .bind(&filter.owner)
            .bind(filter.state.map_or("", ServerState::as_str))
            .bind(filter.after.as_ref().map_or("", ServerId::as_str))
            .bind(filter.limit)
            .bind(filter.tenants.filter())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(ServerRecord::try_from).collect()
    }

    /// Changes state or owner of a server, and gives it as it is then. Tells the feed of a level that
    /// changes with it.
    ///
    /// # Errors
    /// [`Error::ServerNotFound`], [`Error::Changed`] when it is not as expected any more,
    /// [`Error::Retired`], [`Error::Database`], [`Error::Event`].
    pub async fn change_server(
        &self,
        id: &ServerId,
        change: &ServerChange,
        policy: &Policy,
    ) -> Result<(ServerRecord, Told), Error> {
        Ok(transaction!(self, tx => {
            let row: Option<Row> = sqlx::query_as(LOCK_SERVER)
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            let mut record = ServerRecord::try_from(row.ok_or(Error::ServerNotFound)?)?;
            if change.expected.is_some_and(|expected| expected != record.revision) {
                return Err(Error::Changed);
            }
            if record.state == ServerState::Retired {
                return Err(Error::Retired);
            }
            let mut told = Told::default();
            let state = change.state.unwrap_or(record.state);
            let owner = change.owner.as_ref().unwrap_or(&record.owner).clone();
            if (state, &owner) != (record.state, &record.owner) {
                record = ServerRecord {
                    state,
                    owner,
                    revision: record.revision.saturating_add(1),
                    changed_at: change.at,
                    changed_by: change.by.clone(),
                    ..record
                };
                sqlx::query(
                    "UPDATE servers SET state = $2, owner = $3, revision = $4, changed_at = $5, \
                     changed_by = $6 WHERE server_id = $1",
                )
                .bind(id.as_str())
                .bind(record.state.as_str())
                .bind(&record.owner)
                .bind(record.revision)
                .bind(change.at.as_millis())
                .bind(&change.by)
                .execute(&mut *tx)
                .await?;
                let subject = record.subject();
                told = reassess!(tx, &subject, policy, change.at, "server_changed", false);
                let mut detail = vec![
                    ("tenant", record.tenant.clone()),
                    ("state", record.state.as_str().to_owned()),
                    ("owner", record.owner.clone()),
                    ("revision", record.revision.to_string()),
                ];
                detail.extend(told.detail());
                audit!(self, tx, Entry {
                    at: change.at,
                    by: &change.by,
                    action: "server.change",
                    subject: id.as_str(),
                    detail: &detail,
                });
            }
            (record, told)
        }))
    }
}
