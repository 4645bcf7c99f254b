//! The database: PostgreSQL or SQLite behind one SQL text.
//!
//! [`Pool`] is an enum of the two. `on!` and `transaction!` expand one body against each, so
//! both arms are typed by sqlx and no trait bounds appear. The dialect is what both engines share:
//! `TEXT BIGINT SMALLINT BYTEA`, `$1` placeholders, `RETURNING`, `ON CONFLICT`; no `now()`, no
//! arrays, no JSON operators.

mod acks;
mod actions;
mod approvals;
mod audit;
mod backup;
mod batches;
mod challenges;
mod compromises;
mod deliveries;
mod disabling;
mod enrolments;
mod evidence;
mod feed;
mod fetched;
mod founding;
mod hooks;
mod incidents;
mod keys;
mod lifting;
mod manifests;
mod old_incidents;
mod operators;
mod origins;
mod passports;
mod policies;
mod polls;
mod reach;
mod reports;
mod restrictions;
mod revocations;
mod rotations;
mod row;
mod scanners;
mod schema;
mod servers;
mod status_lists;
mod tenants;
mod trust;
mod verdicts;
mod wall;
mod webhooks;

pub use acks::{FollowerId, FollowerRecord, Heard, Reach};
pub use actions::{ActionRecord, Deed, Done, Outcome};
pub use approvals::{ApproverKey, NewApproval};
pub use audit::{AuditRow, Disagreement, IssuedRow, PAGE, Scribe};
pub use backup::{Cell, Part, TABLES};
pub use batches::Request;
use challenges::Swept;
pub use challenges::{Binding, Challenge};
pub use deliveries::{DeliveryRecord, DueDelivery};
pub use enrolments::{NewToken, TokenRecord, TokenState};
pub use feed::{CHANNEL, Head, StoredEvent};
pub use fetched::WaitingDelivery;
pub use founding::Founding;
pub use incidents::{Admitted, IncidentFilter};
pub use keys::{Handover, KeyChange};
pub use lifting::Lifted;
pub use manifests::{ManifestRecord, ManifestSummary, Outcome as Publication, RefusedManifest};
pub use operators::{Credential, NewOperator, OperatorRecord, OperatorShown};
pub use passports::{Filter, NewPassport};
pub use policies::{NewPolicy, PolicyVersion, Pushed};
pub use polls::{DuePoll, PollRecord};
pub use restrictions::Restricted;
pub use revocations::{Reason, Revocation, Revoked};
pub use row::{Record, RevokedRecord};
pub use schema::newest_schema;
pub use servers::{NewServer, ServerChange, ServerFilter, ServerRecord};
pub use status_lists::LIST;
pub use tenants::TenantRecord;
pub use trust::{Inputs, Told};
pub use verdicts::{NewVerdict, Ordered, VerdictOrder};

use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::access::Tenants;

/// How long a request waits for a connection, and SQLite for the write lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an idle connection is believed to be alive.
const TRIED_AFTER: Duration = Duration::from_secs(1);
/// Statements that a connection to PostgreSQL keeps prepared.
const STATEMENTS: usize = 400;
/// Connections to PostgreSQL.
const CONNECTIONS: u32 = 16;
/// How long one more connection may take to open that nobody waits for.
const OPENING: Duration = Duration::from_millis(500);
/// Connections to PostgreSQL for what may be lost.
const LIGHT: u32 = 4;

/// Runs one body against whichever pool there is.
macro_rules! pools {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db.pool() {
            $crate::store::Pool::Postgres($pool) => $body,
            $crate::store::Pool::Sqlite($pool) => $body,
        }
    };
}

/// Runs one body with a connection to whichever database there is: `&mut` of it, for one statement. It
/// sees the tenants that `$db` is for.
macro_rules! on {
    ($db:expr, $connection:ident => $body:expr) => {
        match $db.pool() {
            $crate::store::Pool::Postgres(pool) => {
                let mut held = $crate::store::wall::Held::take(pool, $db.scope()).await?;
                let $connection = held.connection();
                let value = $body;
                held.end().await?;
                value
            }
            $crate::store::Pool::Sqlite(pool) => {
                let mut held = pool.acquire().await?;
                let $connection = &mut *held;
                $body
            }
        }
    };
}

/// Runs one body inside a write transaction and commits it. A `return` or `?` rolls back.
///
/// SQLite takes its write lock at the start, or a reader that turns writer could be refused.
macro_rules! transaction {
    ($db:expr, $tx:ident => $body:expr) => {
        match $db.pool() {
            $crate::store::Pool::Postgres(pool) => {
                let begin = $crate::store::wall::begin($db.scope());
                let mut $tx = pool.begin_with(begin).await?;
                let value = $body;
                match $db.is_rehearsal() {
                    true => $tx.rollback().await?,
                    false => $tx.commit().await?,
                }
                value
            }
            $crate::store::Pool::Sqlite(pool) => {
                let mut $tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let value = $body;
                match $db.is_rehearsal() {
                    true => $tx.rollback().await?,
                    false => $tx.commit().await?,
                }
                value
            }
        }
    };
}

/// Holds a row's `tenant` against [`crate::access::Tenants::filter`] at that place. Its parts are such
/// that one tenant is looked for in an index.
macro_rules! within {
    ($place:literal) => {
        concat!(
            "(",
            $place,
            " = '*' OR tenant = ",
            $place,
            " OR (SUBSTR(",
            $place,
            ", 1, 1) = ',' AND ",
            $place,
            " LIKE '%,' || tenant || ',%'))"
        )
    };
}

use {on, pools, transaction, within};

/// A database, and who records what is changed in it.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
    /// Connections for what may be lost when the database crashes.
    light: Light,
    /// Whose rows there are for whoever asks by this.
    tenants: Tenants,
    /// Nothing stays of what is changed by this.
    rehearsal: bool,
    /// Set once the keys are there. Without it nothing can be changed that leaves a record.
    scribe: Arc<OnceLock<Scribe>>,
    swept: Arc<Swept>,
}

/// Connections whose commits do not wait for the disk: PostgreSQL's `synchronous_commit = off`. What is
/// written by them may be gone after a crash, and nothing else is; who redeems a challenge that is gone
/// asks for another.
#[derive(Clone, Debug)]
struct Light(Pool);

impl Light {
    const fn pool(&self) -> &Pool {
        &self.0
    }

    /// They are for the authority's own work alone.
    #[expect(clippy::unused_self, reason = "as `Db` is asked")]
    const fn scope(&self) -> &Tenants {
        &Tenants::All
    }
}

/// Connections to one of the two engines.
#[derive(Clone, Debug)]
pub enum Pool {
    /// PostgreSQL, shared by any number of replicas.
    Postgres(PgPool),
    /// One SQLite file in the data directory.
    Sqlite(SqlitePool),
}

impl Db {
    fn over(pool: Pool, light: Pool) -> Self {
        Self {
            pool,
            light: Light(light),
            tenants: Tenants::All,
            rehearsal: false,
            scribe: Arc::default(),
            swept: Arc::new(Swept::never()),
        }
    }

    /// The connections.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The same database, for whoever asks on behalf of those tenants: on PostgreSQL there are the rows of
    /// no others.
    #[must_use]
    pub fn within(&self, tenants: &Tenants) -> Self {
        Self {
            tenants: tenants.clone(),
            ..self.clone()
        }
    }

    /// The same database, for a dry run where that is asked for: every change takes the same path, its record
    /// and its event with it, and is rolled back at the end of its transaction.
    #[must_use]
    pub fn rehearsing(&self, dry_run: bool) -> Self {
        Self {
            rehearsal: self.rehearsal || dry_run,
            ..self.clone()
        }
    }

    /// Whether nothing stays of what is changed.
    const fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// Whose rows there are.
    const fn scope(&self) -> &Tenants {
        &self.tenants
    }

    /// Whether rows of other tenants are kept back by the database itself, too: by PostgreSQL, unless the
    /// role that is connected may see all rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_walled(&self) -> Result<bool, sqlx::Error> {
        match &self.pool {
            Pool::Postgres(pool) => wall::stands(pool).await,
            Pool::Sqlite(_) => Ok(false),
        }
    }

    /// Opens the SQLite file, creating it if need be. The caller sets its permissions.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub async fn open_sqlite(file: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A revocation that was acknowledged must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .acquire_timeout(PATIENCE);
        let pool = Pool::Sqlite(pool.connect_with(options).await?);
        Ok(Self::over(pool.clone(), pool))
    }

    /// Connects to `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// Whatever PostgreSQL or the network says; the message has no password.
    pub async fn open_postgres(url: &str) -> Result<Self, sqlx::Error> {
        // Nobody waits for ever for a row that a replica holds which has stopped.
        let patience = format!("{}ms", PATIENCE.as_millis());
        let options = PgConnectOptions::from_str(url)?
            .options([("lock_timeout", patience.as_str()), (wall::SETTING, "*")])
            // What is done for several at once has a statement for each number of them.
            .statement_cache_capacity(STATEMENTS);
        let light = options.clone().options([("synchronous_commit", "off")]);
        let light = postgres_pool(LIGHT).connect_lazy_with(light);
        let pool = postgres_pool(CONNECTIONS).connect_with(options).await?;
        Ok(Self::over(Pool::Postgres(pool), Pool::Postgres(light)))
    }

    /// A few connections to the same database for one use alone, which no other can starve. What
    /// leaves a record is not changed through them.
    ///
    /// # Errors
    /// Whatever the database or the network says.
    pub async fn apart(&self) -> Result<Self, sqlx::Error> {
        const FEW: u32 = 3;
        let pool = match &self.pool {
            Pool::Postgres(pool) => {
                let options = postgres_pool(FEW);
                let connect = pool.connect_options();
                Pool::Postgres(options.connect_with((*connect).clone()).await?)
            }
            Pool::Sqlite(pool) => {
                let options = SqlitePoolOptions::new()
                    .max_connections(FEW)
                    .acquire_timeout(PATIENCE);
                let connect = pool.connect_options();
                Pool::Sqlite(options.connect_with((*connect).clone()).await?)
            }
        };
        Ok(Self::over(pool.clone(), pool))
    }

    /// Brings the tables up to date. Replicas that start together wait for each other.
    ///
    /// # Errors
    /// When a migration fails, or the database was written by a newer version.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        self.migrate_to(i64::MAX).await?;
        match &self.pool {
            Pool::Postgres(pool) => Ok(wall::raise(pool).await?),
            Pool::Sqlite(_) => Ok(()),
        }
    }

    /// Brings the tables up to the migration of that number, and no further.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    pub async fn migrate_to(&self, newest: i64) -> Result<(), sqlx::migrate::MigrateError> {
        let migrator = schema::up_to(newest);
        pools!(self, pool => migrator.run(pool).await)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        on!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(|_| ()))
    }

    /// How many connections there are, and how many of them are idle.
    #[must_use]
    pub fn connections(&self) -> (u32, i64) {
        let (open, idle) = pools!(self, pool => (pool.size(), pool.num_idle()));
        (open, i64::try_from(idle).unwrap_or(i64::MAX))
    }

    /// Opens the connections that are not open, one after the other. Who has to open one first waits for
    /// it, and when thousands ask at the same moment that is seconds. Those that are idle are held meanwhile,
    /// so it gives up soon where the database has no more.
    ///
    /// # Errors
    /// When the database does not answer at once.
    pub async fn open_all(&self) -> Result<(), sqlx::Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(());
        };
        let mut held = Vec::new();
        while pool.size() < CONNECTIONS {
            let opened = tokio::time::timeout(OPENING, pool.acquire()).await;
            held.push(opened.map_err(|_| sqlx::Error::PoolTimedOut)??);
        }
        Ok(())
    }

    /// Closes every connection after its present work.
    pub async fn close(&self) {
        pools!(self, pool => pool.close().await);
        pools!(self.light, pool => pool.close().await);
    }

    /// How many may issue at once, so that some connections are always left for what cuts off. SQLite
    /// has one writer: more would only queue for it.
    #[must_use]
    pub const fn issuing(&self) -> usize {
        match self.pool {
            Pool::Postgres(_) => 12,
            Pool::Sqlite(_) => 4,
        }
    }

    /// `PostgreSQL` or `SQLite`, for people.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self.pool {
            Pool::Postgres(_) => "PostgreSQL",
            Pool::Sqlite(_) => "SQLite",
        }
    }
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        // Each is tried when it is given back. To try it again at once would be another round trip for
        // every statement.
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                if known.idle_for > TRIED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}
