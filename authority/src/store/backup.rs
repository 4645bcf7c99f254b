//! The whole database as rows, the same from either engine, and back into an empty one.

use futures_util::TryStreamExt as _;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Epoch, genesis};
use sqlx::{AssertSqlSafe, Row as _};

use super::audit::{Entry, audit};
use super::feed::{LOCK_HEAD, position, signed};
use super::{Db, LIST, Pool, on, pools, transaction};
use crate::error::Error;

/// Every table that is kept, such that whatever refers to another comes after it. Challenges lapse
/// within a minute and are not; nor is what followers say of themselves, which they say again.
pub const TABLES: [&str; 37] = [
    "authority",
    "authority_keys",
    "operators",
    "operator_roles",
    "enrolment_tokens",
    "subjects",
    "subject_keys",
    "passports",
    "feed",
    "epochs",
    "events",
    "restrictions",
    "actions",
    "hooks",
    "incidents",
    "webhooks",
    "deliveries",
    "webhook_cursor",
    "status_lists",
    "servers",
    "manifests",
    "manifest_refusals",
    "evidence",
    "approver_keys",
    "evidence_approvals",
    "scanners",
    "reports",
    "report_space",
    "origin_challenges",
    "trust",
    "tenants",
    "tenant_policies",
    "tenant_verdicts",
    "audit_lanes",
    "audit_records",
    "audit_checkpoints",
    "audit_runs",
];

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// BIGINT and SMALLINT.
    Number(i64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Bytes(Vec<u8>),
}

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
}

/// A table's columns in their order.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<String>,
    kinds: Vec<Kind>,
}

impl Columns {
    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// A piece of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A table begins; its columns.
    Table(String, Vec<String>),
    /// A row of it.
    Row(Vec<Cell>),
}

/// Moves the head into the new epoch and records it.
macro_rules! begin_epoch {
    ($db:expr, $tx:ident, $epoch:expr, $statement:expr, $now:expr, $action:expr, $detail:expr) => {{
        sqlx::query("INSERT INTO epochs (epoch, statement) VALUES ($1, $2)")
            .bind(signed($epoch.epoch))
            .bind(&$statement)
            .execute(&mut *$tx)
            .await?;
        let chain = genesis(&$epoch.authority, $epoch.epoch);
        // Places that were given away since the backup must not be given to others.
        sqlx::query("UPDATE status_lists SET next = (next / $1 + 1) * $1")
            .bind(LIST)
            .execute(&mut *$tx)
            .await?;
        sqlx::query("UPDATE feed SET epoch = $1, seq = 0, chain = $2, pruned = 0")
            .bind(signed($epoch.epoch))
            .bind(chain.as_bytes().as_slice())
            .execute(&mut *$tx)
            .await?;
        // What was used since is open again in an older state.
        sqlx::query(
            "UPDATE enrolment_tokens SET withdrawn_at = $1, withdrawn_by = 'command line' \
             WHERE used_at IS NULL AND withdrawn_at IS NULL",
        )
        .bind($now.as_millis())
        .execute(&mut *$tx)
        .await?;
        let mut detail = $detail.to_vec();
        detail.push(("epoch", $epoch.epoch.to_string()));
        detail.push(("after", format!("{}:{}", $epoch.previous_epoch, $epoch.seq)));
        audit!(
            $db,
            $tx,
            Entry {
                at: $now,
                by: $crate::COMMAND,
                action: $action,
                subject: &$epoch.authority,
                detail: &detail,
            }
        );
    }};
}

impl Db {
    /// The version of the newest migration in force.
    ///
    /// # Errors
    /// When the database does not answer, or has none.
    pub async fn schema(&self) -> Result<i64, sqlx::Error> {
        let (version,): (i64,) = on!(self, pool => {
            sqlx::query_as("SELECT MAX(version) FROM _sqlx_migrations")
                .fetch_one(pool)
                .await?
        });
        Ok(version)
    }

    /// The names of all tables there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tables(&self) -> Result<Vec<String>, sqlx::Error> {
        const POSTGRES: &str = "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema() ORDER BY 1";
        const SQLITE: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND name NOT LIKE 'sqlite_%' ORDER BY 1";
        let query = self.dialect(POSTGRES, SQLITE);
        let rows: Vec<(String,)> = on!(self, pool => sqlx::query_as(query).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    const fn dialect(&self, postgres: &'static str, sqlite: &'static str) -> &'static str {
        match &self.pool {
            Pool::Postgres(_) => postgres,
            Pool::Sqlite(_) => sqlite,
        }
    }

    /// The columns of a table.
    ///
    /// # Errors
    /// When the database does not answer, or a column is of a type that is not ours.
    pub async fn columns(&self, table: &str) -> Result<Columns, sqlx::Error> {
        const POSTGRES: &str = "SELECT column_name::text, udt_name::text \
             FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";
        const SQLITE: &str = "SELECT name, type FROM pragma_table_info($1) ORDER BY cid";
        let query = self.dialect(POSTGRES, SQLITE);
        let rows: Vec<(String, String)> = on!(self, pool => {
            sqlx::query_as(query).bind(table).fetch_all(pool).await?
        });
        let (mut names, mut kinds) = (Vec::new(), Vec::new());
        for (name, kind) in rows {
            kinds.push(match kind.as_str() {
                "int2" | "int8" | "BIGINT" | "SMALLINT" => Kind::Number,
                "text" | "TEXT" => Kind::Text,
                "bytea" | "BYTEA" => Kind::Bytes,
                _ => return Err(sqlx::Error::TypeNotFound { type_name: kind }),
            });
            names.push(name);
        }
        Ok(Columns { names, kinds })
    }

    /// Reads everything as of one instant, part by part.
    ///
    /// # Errors
    /// [`Error::Database`], and what `take` says.
    pub async fn dump<E: From<Error>>(
        &self,
        mut take: impl FnMut(Part) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut tables = Vec::new();
        for table in TABLES {
            let columns = self.columns(table).await.map_err(Error::from)?;
            tables.push((table, columns));
        }
        // One snapshot, while others write.
        let begin = self.dialect("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN");
        pools!(self, pool => {
            let mut tx = pool.begin_with(begin).await.map_err(Error::from)?;
            for (table, columns) in tables {
                take(Part::Table(table.to_owned(), columns.names.clone()))?;
                let query = AssertSqlSafe(select(table, &columns));
                let mut rows = sqlx::query(query).fetch(&mut *tx);
                while let Some(row) = rows.try_next().await.map_err(Error::from)? {
                    let cells = (0..).zip(&columns.kinds).map(|(at, kind): (usize, _)| {
                        Ok(match kind {
                            Kind::Number => row.try_get::<Option<i64>, _>(at)?.map(Cell::Number),
                            Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
                            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cell::Bytes),
                        }
                        .unwrap_or(Cell::Null))
                    });
                    let cells = cells.collect::<Result<Vec<Cell>, sqlx::Error>>();
                    take(Part::Row(cells.map_err(Error::from)?))?;
                }
            }
        });
        Ok(())
    }

    /// Fills the empty database and begins a new epoch of the feed, all or nothing. `parts` gives the
    /// next part, `epoch` the root's statement on the new epoch after the position that was restored.
    ///
    /// # Errors
    /// [`Error::Database`], and what `parts` and `epoch` say.
    pub async fn load<E: From<Error> + From<sqlx::Error>>(
        &self,
        mut parts: impl FnMut() -> Result<Option<Part>, E>,
        epoch: impl FnOnce(mcps_core::feed::Position) -> Result<(Epoch, String), E>,
        now: Timestamp,
        detail: &[(&str, String)],
    ) -> Result<Epoch, E> {
        let mut known = Vec::new();
        for table in TABLES {
            known.push((table, self.columns(table).await?));
        }
        let begun = transaction!(self, tx => {
            // Its one row was made together with the table.
            sqlx::query("DELETE FROM status_lists").execute(&mut *tx).await?;
            let (mut insert, mut kinds) = (String::new(), Vec::new());
            // A passport may renew one that comes later in the file.
            let (mut is_passports, mut renews_at, mut id_at) = (false, 0, 0);
            let mut renewals: Vec<(String, String)> = Vec::new();
            while let Some(part) = parts()? {
                let mut cells = match part {
                    Part::Table(table, columns) => {
                        is_passports = table == "passports";
                        let at = |name: &str| columns.iter().position(|own| own == name);
                        (renews_at, id_at) = (
                            at("renews").unwrap_or(usize::MAX),
                            at("passport_id").unwrap_or(usize::MAX),
                        );
                        kinds = kinds_of(&known, &table, &columns)?;
                        insert = insert_into(&table, &columns);
                        continue;
                    }
                    Part::Row(cells) => cells,
                };
                if is_passports
                    && let Some(Cell::Text(id)) = cells.get(id_at).cloned()
                    && let Some(cell @ Cell::Text(_)) = cells.get_mut(renews_at)
                    && let Cell::Text(renewed) = std::mem::replace(cell, Cell::Null)
                {
                    renewals.push((id, renewed));
                }
                let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
                if cells.len() != kinds.len() {
                    return Err(unfit("a row has other columns than its table").into());
                }
                for (cell, kind) in cells.into_iter().zip(&kinds) {
                    query = match (kind, cell) {
                        (Kind::Number, Cell::Null) => query.bind(None::<i64>),
                        (Kind::Text, Cell::Null) => query.bind(None::<String>),
                        (Kind::Bytes, Cell::Null) => query.bind(None::<Vec<u8>>),
                        (Kind::Number, Cell::Number(number)) => query.bind(number),
                        (Kind::Text, Cell::Text(text)) => query.bind(text),
                        (Kind::Bytes, Cell::Bytes(bytes)) => query.bind(bytes),
                        _ => return Err(unfit("a value is of another type than its column").into()),
                    };
                }
                query.execute(&mut *tx).await?;
            }
            for (id, renewed) in renewals {
                sqlx::query("UPDATE passports SET renews = $2 WHERE passport_id = $1")
                    .bind(id)
                    .bind(renewed)
                    .execute(&mut *tx)
                    .await?;
            }
            let head: (i64, i64, Vec<u8>) = sqlx::query_as(LOCK_HEAD).fetch_one(&mut *tx).await?;
            let (begun, statement) = epoch(position(head)?)?;
            begin_epoch!(self, tx, begun, statement, now, "authority.restore", detail);
            begun
        });
        Ok(begun)
    }

    /// Begins a new epoch of the feed, after whoever keeps the database brought an older state of it
    /// back.
    ///
    /// # Errors
    /// [`Error::Database`], and what `epoch` says.
    pub async fn begin_epoch<E: From<Error> + From<sqlx::Error>>(
        &self,
        epoch: impl FnOnce(mcps_core::feed::Position) -> Result<(Epoch, String), E>,
        now: Timestamp,
        detail: &[(&str, String)],
    ) -> Result<Epoch, E> {
        let begun = transaction!(self, tx => {
            let head: (i64, i64, Vec<u8>) = sqlx::query_as(LOCK_HEAD).fetch_one(&mut *tx).await?;
            let (begun, statement) = epoch(position(head)?)?;
            begin_epoch!(self, tx, begun, statement, now, "feed.begin_epoch", detail);
            begun
        });
        Ok(begun)
    }
}

/// How each of those columns is written.
fn kinds_of(
    known: &[(&str, Columns)],
    table: &str,
    columns: &[String],
) -> Result<Vec<Kind>, sqlx::Error> {
    let mut tables = known.iter();
    let (_, own) = tables
        .find(|(name, _)| *name == table)
        .ok_or_else(|| unfit("a table is not known here"))?;
    let kinds = columns.iter().map(|column| {
        let mut names = own.names.iter().zip(&own.kinds);
        let found = names.find(|(name, _)| *name == column);
        found.map(|(_, kind)| *kind)
    });
    let kinds: Option<Vec<Kind>> = kinds.collect();
    kinds.ok_or_else(|| unfit("a column is not known here"))
}

fn unfit(why: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(why.into())
}

fn select(table: &str, columns: &Columns) -> String {
    let cells = columns.names.iter().zip(&columns.kinds);
    let cells: Vec<String> = cells
        .map(|(name, kind)| match kind {
            // SMALLINT is read as what it fits in.
            Kind::Number => format!("CAST({name} AS BIGINT)"),
            Kind::Text | Kind::Bytes => name.clone(),
        })
        .collect();
    format!("SELECT {} FROM {table}", cells.join(", "))
}

fn insert_into(table: &str, columns: &[String]) -> String {
    let places: Vec<String> = (1..=columns.len()).map(|at| format!("${at}")).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        places.join(", ")
    )
}
