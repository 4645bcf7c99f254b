//! A fresh database for each test, on either engine.

use std::sync::Arc;

use mcps_authority::keys::{Keyring, Keys};
use mcps_authority::store::{Db, Scribe};
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::signer::Signer as _;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

use super::world::new_key;

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
        db.record_by(Scribe::new(Arc::new(audit_key())));
        let now = Timestamp::from_millis(1_800_000_000_000);
        db.begin_audit("ta", now).await.unwrap();
        (db, folder)
    }
}

/// The keys of an authority that has an audit key and nothing else.
fn audit_key() -> Keys {
    let key = new_key();
    let keys = [TrustedKey {
        usage: KeyUse::Audit,
        state: KeyState::Active,
        public_key: key.public_key().clone(),
    }];
    let now = Timestamp::from_millis(1_800_000_000_000);
    let kid = key.public_key().key_id();
    let unsigned = TrustBundle::unsigned_json("ta", 1, now, kid, &keys);
    let bundle = TrustBundle::parse(&unsigned).unwrap();
    let ring = Keyring::of(bundle, &[(KeyUse::Audit, Arc::new(key))]);
    Keys::fixed(ring, Arc::new(ManualClock::new(now)))
}

#[expect(clippy::disallowed_methods, reason = "where the test server is")]
pub(super) fn server() -> String {
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
