//! A fresh database for each test, on either engine.

use mcps_authority::store::Db;
use mcps_core::random::{SystemRandom, hex16};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const BOTH: [Engine; 2] = [Self::Sqlite, Self::Postgres];

    /// The URL of a new database; `None` for SQLite, which lives in the data directory.
    pub(crate) async fn fresh_url(self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(fresh_postgres().await),
        }
    }

    /// A new, migrated store with a feed. The folder must outlive it.
    pub(super) async fn fresh_store(self) -> (Db, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let db = match self.fresh_url().await {
            Some(url) => Db::open_postgres(&url).await.unwrap(),
            None => Db::open_sqlite(&folder.path().join("authority.db"))
                .await
                .unwrap(),
        };
        db.migrate().await.unwrap();
        db.begin_feed("ta").await.unwrap();
        (db, folder)
    }
}

#[expect(clippy::disallowed_methods, reason = "where the test server is")]
fn server() -> String {
    std::env::var("MCPS_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("MCPS_TEST_POSTGRES_URL is not set, and half of this test needs it: run `make test`")
    })
}

/// Runs one statement on the server, outside every test's database.
pub(super) async fn on_server(statement: String) {
    let mut connection = sqlx::PgConnection::connect(&server()).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

async fn fresh_postgres() -> String {
    let name = format!("authority_{}", hex16(&SystemRandom).unwrap());
    on_server(format!("CREATE DATABASE {name}")).await;
    let server = server();
    let (base, options) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').unwrap();
    format!("{host}/{name}?{options}")
}
