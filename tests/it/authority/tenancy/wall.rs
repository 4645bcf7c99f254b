//! Row-level security of PostgreSQL: the wall that stands when a statement forgets whom it asks for.

use std::collections::BTreeSet;

use mcps_authority::Config;
use mcps_authority::access::Tenants;
use mcps_authority::store::{Db, Filter, ServerFilter};
use mcps_core::random::{SystemRandom, hex16};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::super::engine::{on_server, server};
use super::super::world::World;
use super::Furnished;

/// An authority whose role in PostgreSQL may not see all rows, as that of the tests may; and its URL.
async fn world() -> (World, String, tempfile::TempDir) {
    let name = format!("walled_{}", hex16(&SystemRandom).unwrap());
    on_server(format!("CREATE ROLE {name} LOGIN PASSWORD '{name}'")).await;
    on_server(format!("CREATE DATABASE {name} OWNER {name}")).await;
    let url = server();
    let (_, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (address, options) = place.split_once('?').unwrap_or((place, ""));
    let (host, _) = address.rsplit_once('/').unwrap();
    let url = format!("postgres://{name}:{name}@{host}/{name}?{options}");
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        database_url: Some(url.clone()),
        ..Config::local(folder.path().join("data"))
    };
    (World::start_on(config).await, url, folder)
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let query = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let (count,): (i64,) = sqlx::query_as(query).fetch_one(connection).await.unwrap();
    count
}

async fn walled(connection: &mut PgConnection) -> BTreeSet<String> {
    let query = "SELECT relname::text FROM pg_class WHERE relrowsecurity AND relforcerowsecurity";
    let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(connection).await.unwrap();
    rows.into_iter().map(|(table,)| table).collect()
}

#[tokio::test]
async fn every_table_with_a_tenant_is_behind_the_wall() {
    let (_world, url, _folder) = world().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let query = "SELECT table_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND column_name = 'tenant'";
    let rows: Vec<(String,)> = sqlx::query_as(query)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let walled = walled(&mut connection).await;
    for (table,) in rows {
        assert!(
            walled.contains(&table),
            "{table} is to be named in store/wall.rs"
        );
    }
    for table in ["manifests", "manifest_refusals", "evidence_approvals"] {
        assert!(walled.contains(table), "{table}");
    }
}

#[tokio::test]
async fn a_connection_that_says_for_whom_finds_theirs_and_one_that_says_nothing_finds_nothing() {
    let (world, url, _folder) = world().await;
    Furnished::new(&world, "amber").await;
    Furnished::new(&world, "blue").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let tables = walled(&mut connection).await;
    let mut filled = 0;
    for table in &tables {
        sqlx::query("RESET mcps.tenants")
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(count(&mut connection, table).await, 0, "{table}");
        let mut counts = Vec::new();
        for tenants in ["*", ",amber,", ",blue,", ",amber,blue,", ",never,", ""] {
            let set = AssertSqlSafe(format!("SET mcps.tenants = '{tenants}'"));
            sqlx::query(set).execute(&mut connection).await.unwrap();
            counts.push(count(&mut connection, table).await);
        }
        let [all, red, blue, both, never, nobody] = counts[..] else {
            unreachable!()
        };
        assert_eq!((never, nobody), (0, 0), "{table}");
        assert_eq!((red, both), (blue, red + blue), "{table}");
        assert!(both <= all, "{table}");
        filled += i32::from(red > 0);
    }
    assert!(filled >= 10, "{filled} tables had something of either");
}

#[tokio::test]
async fn a_statement_that_forgets_the_tenant_finds_no_others() {
    let (world, url, _folder) = world().await;
    Furnished::new(&world, "amber").await;
    Furnished::new(&world, "blue").await;
    let db = Db::open_postgres(&url).await.unwrap();
    assert!(db.is_walled().await.unwrap());
    let red = Tenants::Only(BTreeSet::from(["amber".to_owned()]));
    let whole = Filter {
        tenants: Tenants::All,
        status: "all",
        after: None,
        limit: 100,
    };
    let servers = ServerFilter {
        tenants: Tenants::All,
        tenant: String::new(),
        name: String::new(),
        owner: String::new(),
        state: None,
        after: None,
        limit: 100,
    };
    assert_eq!(db.passports(&whole, world.now()).await.unwrap().len(), 2);
    let behind = db.within(&red);
    // The filter asks for all tenants, which is the mistake.
    let found = behind.passports(&whole, world.now()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tenant, "amber");
    assert_eq!(behind.servers(&servers).await.unwrap().len(), 1);
    let actions = behind.actions(&Tenants::All, None, "", 100).await.unwrap();
    assert_eq!(actions.len(), 1);
    let rows = behind
        .newest_audit_rows(&Tenants::All, "", 100)
        .await
        .unwrap();
    assert_eq!(rows.len(), 10);
    // And changes nothing of others.
    let tokens = db.tokens(&Tenants::All, "", 100).await.unwrap();
    let blue = tokens
        .iter()
        .find(|token| token.grant.tenant == "blue")
        .unwrap();
    let withdrawn = behind.withdraw_token(&blue.id, "x", world.now()).await;
    assert!(withdrawn.is_err() || withdrawn.unwrap().is_none());
    let token = db.token(&blue.id).await.unwrap().unwrap();
    assert!(token.withdrawn_at.is_none());
    // The connection goes back as it was: nothing of the tenant stays on it.
    assert_eq!(db.passports(&whole, world.now()).await.unwrap().len(), 2);
}
