//! The second wall between tenants: row-level security of PostgreSQL. Whoever asks on behalf of an
//! operator of some tenants does so in a transaction that says which; a statement that forgets to ask for
//! them finds the rows of no others all the same. The authority's own work says `*`, and a connection
//! that says nothing finds nothing.

use std::collections::HashSet;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{
    AssertSqlSafe, Executor as _, PgConnection, Postgres, SqlSafeStr as _, SqlStr, Transaction,
};

use crate::access::Tenants;

/// What says for which tenants a connection asks: `*`, or ids with a comma before and after each.
pub(super) const SETTING: &str = "mcps.tenants";
/// The policy's name; another one where what it says changes.
const POLICY: &str = "mcps_tenants_1";
/// Replicas that start together raise the wall one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7236837201)";

/// Whose a row is.
#[derive(Clone, Copy)]
enum Whose {
    /// That of the tenant in its column.
    Tenant,
    /// As that. Whoever changes something leaves a record, whatever that is about.
    Record,
    /// Whosever the row is that it belongs to: by which column, in which table.
    Parent(&'static str, &'static str),
}

/// Every table with something of a tenant's in it.
const WALLS: [(&str, Whose); 25] = [
    ("actions", Whose::Tenant),
    ("audit_records", Whose::Record),
    ("challenges", Whose::Tenant),
    ("deliveries", Whose::Parent("webhook_id", "webhooks")),
    ("enrolment_tokens", Whose::Tenant),
    ("evidence", Whose::Tenant),
    (
        "evidence_approvals",
        Whose::Parent("evidence_id", "evidence"),
    ),
    ("feed_acks", Whose::Tenant),
    ("hooks", Whose::Tenant),
    ("incidents", Whose::Tenant),
    ("manifest_refusals", Whose::Parent("server_id", "servers")),
    ("manifests", Whose::Parent("server_id", "servers")),
    ("operator_roles", Whose::Tenant),
    ("origin_challenges", Whose::Tenant),
    ("passports", Whose::Tenant),
    ("report_space", Whose::Tenant),
    ("reports", Whose::Tenant),
    ("scanners", Whose::Tenant),
    ("servers", Whose::Tenant),
    ("subjects", Whose::Tenant),
    ("tenant_policies", Whose::Tenant),
    ("tenant_verdicts", Whose::Tenant),
    ("tenants", Whose::Tenant),
    ("trust", Whose::Tenant),
    ("webhooks", Whose::Tenant),
];

/// What `BEGIN` is for whoever asks for those tenants. Ids of tenants have no quote in them.
pub(super) fn begin(tenants: &Tenants) -> SqlStr {
    // The row locks that keep issuing and revoking apart want each statement to see what was committed
    // before it, whatever the database's default.
    const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    match tenants {
        Tenants::All => BEGIN.into_sql_str(),
        Tenants::Only(_) => {
            let listed = tenants.listed();
            AssertSqlSafe(format!("{BEGIN}; SET LOCAL {SETTING} = '{listed}'")).into_sql_str()
        }
    }
}

/// A connection, behind the wall where it is for some tenants.
pub(super) enum Held {
    /// The authority's own.
    Whole(PoolConnection<Postgres>),
    /// For some tenants.
    Confined(Transaction<'static, Postgres>),
}

impl Held {
    pub(super) async fn take(pool: &PgPool, tenants: &Tenants) -> Result<Self, sqlx::Error> {
        match tenants {
            Tenants::All => pool.acquire().await.map(Self::Whole),
            Tenants::Only(_) => pool.begin_with(begin(tenants)).await.map(Self::Confined),
        }
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Whole(connection) => connection,
            Self::Confined(transaction) => transaction,
        }
    }

    /// Keeps what was done.
    pub(super) async fn end(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Whole(_) => Ok(()),
            Self::Confined(transaction) => transaction.commit().await,
        }
    }
}

/// Raises the wall where there is none yet.
pub(super) async fn raise(pool: &PgPool) -> Result<(), sqlx::Error> {
    if missing(&mut *pool.acquire().await?).await?.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    tx.execute(LOCK).await?;
    for (table, whose) in missing(&mut tx).await? {
        let row = whose.row();
        let check = match whose {
            Whose::Record => "TRUE".to_owned(),
            Whose::Tenant | Whose::Parent(..) => row.clone(),
        };
        let raised = format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; \
             ALTER TABLE {table} FORCE ROW LEVEL SECURITY; \
             DROP POLICY IF EXISTS {POLICY} ON {table}; \
             CREATE POLICY {POLICY} ON {table} USING ({row}) WITH CHECK ({check})"
        );
        tx.execute(AssertSqlSafe(raised)).await?;
    }
    tx.commit().await
}

/// Whether the wall stands for whoever is connected: superusers, and roles that may, walk through it.
pub(super) async fn stands(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let query = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user";
    let (stands,): (bool,) = sqlx::query_as(query).fetch_one(pool).await?;
    Ok(stands)
}

async fn missing(connection: &mut PgConnection) -> Result<Vec<(&'static str, Whose)>, sqlx::Error> {
    let raised: Vec<(String,)> = sqlx::query_as(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_policy p ON p.polrelid = c.oid WHERE n.nspname = current_schema() \
         AND c.relrowsecurity AND c.relforcerowsecurity AND p.polname = $1",
    )
    .bind(POLICY)
    .fetch_all(connection)
    .await?;
    let raised: HashSet<String> = raised.into_iter().map(|(table,)| table).collect();
    let walls = WALLS.into_iter();
    Ok(walls
        .filter(|(table, _)| !raised.contains(*table))
        .collect())
}

impl Whose {
    /// Which rows there are.
    fn row(self) -> String {
        let asked = format!("current_setting('{SETTING}', TRUE)");
        let own = match self {
            Self::Tenant | Self::Record => format!("strpos({asked}, ',' || tenant || ',') > 0"),
            // Behind the wall itself.
            Self::Parent(column, table) => {
                format!("{column} IN (SELECT own.{column} FROM {table} own)")
            }
        };
        format!("{asked} = '*' OR {own}")
    }
}
