//! A database that an earlier version made opens, is brought up to date and works; one that a later
//! version made is refused.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mcps_authority::{Config, StartError, serve};
use mcps_core::random::SystemRandom;
use serde_json::json;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Row as _, SqlSafeStr as _, SqliteConnection,
};

use super::engine::Engine;
use super::world::{World, copy_keys, new_key};

/// The migrations up to a number, as they are committed.
fn migrations(up_to: usize) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let (number, name) = stem.split_once('_').unwrap();
        let sql = fs::read_to_string(file).unwrap();
        Migration::new(
            number.parse().unwrap(),
            Cow::Owned(name.to_owned()),
            MigrationType::Simple,
            AssertSqlSafe(sql).into_sql_str(),
            false,
        )
    };
    let migrations: Vec<Migration> = files.iter().take(up_to).map(read).collect();
    assert_eq!(migrations.len(), up_to);
    Migrator::with_migrations(migrations)
}

fn count() -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    fs::read_dir(folder).unwrap().count()
}

async fn sqlite(file: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// One value of the portable types.
enum Field {
    Text(Option<String>),
    Number(Option<i64>),
    Small(Option<i16>),
    Bytes(Option<Vec<u8>>),
}

/// A table as it was: its columns, and its rows from a database of today.
struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<Field>>,
}

impl Table {
    fn insert(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
        let (columns, places) = (self.columns.join(", "), places.join(", "));
        format!("INSERT INTO {} ({columns}) VALUES ({places})", self.name)
    }
}

/// What the tables of an earlier version would have held.
async fn as_of(up_to: usize, today: &Path) -> Vec<Table> {
    let scratch = tempfile::tempdir().unwrap();
    let mut old = sqlite(&scratch.path().join("old.db")).await;
    migrations(up_to).run(&mut old).await.unwrap();
    let mut today = sqlite(today).await;
    let names: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
         AND name NOT LIKE 'sqlite%' ORDER BY rowid",
    )
    .fetch_all(&mut old)
    .await
    .unwrap();
    let mut tables = Vec::new();
    for (name,) in names {
        let info = format!("SELECT name, type FROM pragma_table_info('{name}')");
        let columns: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(info))
            .fetch_all(&mut old)
            .await
            .unwrap();
        let list: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
        let select = format!("SELECT {} FROM {name} ORDER BY rowid", list.join(", "));
        let rows = sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut today)
            .await
            .unwrap();
        let field = |row: &sqlx::sqlite::SqliteRow, at: usize, kind: &str| match kind {
            "TEXT" => Field::Text(row.get(at)),
            "BIGINT" => Field::Number(row.get(at)),
            "SMALLINT" => Field::Small(row.get(at)),
            "BYTEA" => Field::Bytes(row.get(at)),
            other => panic!("{name} has a column of type {other}"),
        };
        let rows = rows
            .iter()
            .map(|row| {
                let fields = columns.iter().enumerate();
                fields.map(|(at, (_, kind))| field(row, at, kind)).collect()
            })
            .collect();
        tables.push(Table {
            name,
            columns: list,
            rows,
        });
    }
    tables
}

macro_rules! fill {
    ($connection:ident, $up_to:expr, $tables:expr) => {{
        migrations($up_to).run(&mut $connection).await.unwrap();
        for table in $tables {
            // Some migrations bring a first row.
            let clear = format!("DELETE FROM {}", table.name);
            let cleared = sqlx::query(AssertSqlSafe(clear));
            cleared.execute(&mut $connection).await.unwrap();
            let insert = table.insert();
            for row in &table.rows {
                let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
                for field in row {
                    query = match field {
                        Field::Text(value) => query.bind(value.clone()),
                        Field::Number(value) => query.bind(*value),
                        Field::Small(value) => query.bind(*value),
                        Field::Bytes(value) => query.bind(value.clone()),
                    };
                }
                query.execute(&mut $connection).await.unwrap();
            }
        }
        $connection.close().await.unwrap();
    }};
}

#[tokio::test]
async fn a_database_of_every_earlier_version_opens_and_works() {
    let source = World::start(Engine::Sqlite).await;
    let (key, other_key) = (new_key(), new_key());
    let kept = source.issue("agent-1", &key).await;
    let gone = source.issue("agent-2", &other_key).await;
    source.revoke(&gone, "policy").await;
    for up_to in 1..=count() {
        let tables = as_of(up_to, &source.data_dir().join("authority.db")).await;
        for engine in Engine::BOTH {
            println!("version {up_to} on {engine:?}");
            let folder = tempfile::tempdir().unwrap();
            let data_dir = folder.path().join("data");
            copy_keys(source.data_dir(), &data_dir);
            let database_url = engine.fresh_url().await;
            match &database_url {
                Some(url) => {
                    let mut connection = PgConnection::connect(url).await.unwrap();
                    fill!(connection, up_to, &tables);
                }
                None => {
                    let mut connection = sqlite(&data_dir.join("authority.db")).await;
                    fill!(connection, up_to, &tables);
                }
            }
            let config = Config {
                database_url,
                ..Config::local(data_dir)
            };
            let running = serve(config, source.clock.clone(), Arc::new(SystemRandom))
                .await
                .unwrap();
            assert_eq!(running.root_kid, source.running.root_kid);
            assert!(running.operator_key.is_none(), "it was founded before");
            let world = source.with(running);
            for (passport, state) in [(&kept, "good"), (&gone, "revoked")] {
                let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
                assert_eq!(shown.json()["status"]["state"], state);
            }
            world.renew(&kept, &key, json!({})).await.passport();
            let new = world.issue("agent-3", &new_key()).await;
            let told = world.revoke(&new, "policy").await.json();
            let position = told["position"].as_str().unwrap();
            // The first version had no feed: its begins here.
            let expected = if up_to == 1 { "1:1" } else { "1:2" };
            assert_eq!(position, expected);
            // Answered once it is published.
            let after = if up_to == 1 { "1:0" } else { "1:1" };
            let path = format!("/v1/feed/frames?after={after}");
            let text = world.get(&path).await.text;
            assert!(text.contains(new.id().as_str()), "{text}");
            assert_eq!(world.get("/readyz").await.status, 200);
            world.running.shutdown().await;
        }
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    for engine in Engine::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            database_url: engine.fresh_url().await,
            ..Config::local(folder.path().join("data"))
        };
        let world = World::start_on(config.clone()).await;
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (999, 'later', TRUE, '', 0)";
        world.sql(later).await;
        let clock = world.clock.clone();
        world.running.shutdown().await;
        let error = serve(config, clock, Arc::new(SystemRandom))
            .await
            .unwrap_err();
        assert!(
            matches!(error, StartError::Newer { version: 999, .. }),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.contains("newer version") && message.contains("999"),
            "{message}"
        );
    }
}
