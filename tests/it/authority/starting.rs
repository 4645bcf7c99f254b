use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use mcps_authority::access::Grants;
use mcps_authority::key_files::KeyFileError;
use mcps_authority::operator_key::OperatorKey;
use mcps_authority::{Config, Running, StartError, add_operator, serve};
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::random::SystemRandom;

use super::engine::Engine;
use super::world::copy_keys;

async fn start(config: &Config) -> Result<Running, StartError> {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    serve(config.clone(), clock, Arc::new(SystemRandom)).await
}

async fn config(engine: Engine, folder: &Path) -> Config {
    Config {
        database_url: engine.fresh_url().await,
        ..Config::local(folder.join("data"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_second_start_finds_what_the_first_one_made() {
    for engine in Engine::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let config = config(engine, folder.path()).await;
        let first = start(&config).await.unwrap();
        let (name, root_kid) = (first.name.clone(), first.root_kid.clone());
        assert!(first.operator_key.is_some());
        first.shutdown().await;
        let again = start(&config).await.unwrap();
        assert!(again.operator_key.is_none());
        assert_eq!((&again.name, &again.root_kid), (&name, &root_kid));
        again.shutdown().await;

        let chosen = Config {
            issuer: Some("another".into()),
            ..config.clone()
        };
        assert!(matches!(
            start(&chosen).await,
            Err(StartError::OtherName { .. })
        ));
        let same = Config {
            issuer: Some(name),
            ..config
        };
        start(&same).await.unwrap().shutdown().await;
    }
}

#[tokio::test]
async fn what_is_written_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("operator.key");
    let mut config = config(Engine::Sqlite, folder.path()).await;
    config.operator_key_file = Some(key_file.clone());
    let running = start(&config).await.unwrap();
    assert_eq!(mode(&config.data_dir), 0o700);
    assert_eq!(mode(&config.data_dir.join("authority.db")), 0o600);
    assert_eq!(mode(&config.data_dir.join("keys")), 0o700);
    for name in ["root.pem", "passport.pem", "status.pem"] {
        assert_eq!(
            mode(&config.data_dir.join("keys").join(name)),
            0o600,
            "{name}"
        );
    }
    assert_eq!(mode(&key_file), 0o600);
    let key = running.operator_key.as_ref().unwrap().reveal();
    assert_eq!(fs::read_to_string(&key_file).unwrap(), format!("{key}\n"));
    // The key itself is nowhere else: the database holds its hash.
    for entry in fs::read_dir(&config.data_dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            assert!(
                !bytes.windows(key.len()).any(|part| part == key.as_bytes()),
                "{entry:?}"
            );
        }
    }
    running.shutdown().await;
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_not_overwritten_by_the_operators_key() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("notes.txt");
    fs::write(&key_file, "dear diary").unwrap();
    let mut config = config(Engine::Sqlite, folder.path()).await;
    config.operator_key_file = Some(key_file.clone());
    assert!(matches!(
        start(&config).await,
        Err(StartError::OperatorKeyFile { .. })
    ));
    assert_eq!(fs::read_to_string(&key_file).unwrap(), "dear diary");
    // The start that failed has not used up the one showing of the key.
    fs::remove_file(&key_file).unwrap();
    let running = start(&config).await.unwrap();
    assert!(running.operator_key.is_some());
    running.shutdown().await;
}

#[tokio::test]
async fn a_replica_without_the_keys_refuses_to_start_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let one = config(Engine::Postgres, folder.path()).await;
    let first = start(&one).await.unwrap();

    let two = Config {
        data_dir: folder.path().join("second"),
        ..one.clone()
    };
    let error = start(&two).await.unwrap_err();
    assert!(matches!(error, StartError::OtherKeys { .. }));
    let message = error.to_string();
    assert!(
        message.contains(&first.name)
            && message.contains(&first.root_kid)
            && message.contains("copy the keys folder"),
        "{message}"
    );
    assert!(!two.data_dir.join("keys").exists());

    // Keys of another authority do not help either.
    let foreign = Config {
        database_url: None,
        ..two.clone()
    };
    start(&foreign).await.unwrap().shutdown().await;
    assert!(matches!(
        start(&two).await,
        Err(StartError::OtherKeys { .. })
    ));

    let three = Config {
        data_dir: folder.path().join("third"),
        ..one.clone()
    };
    copy_keys(&one.data_dir, &three.data_dir);
    let replica = start(&three).await.unwrap();
    assert_eq!(
        (&replica.name, &replica.root_kid),
        (&first.name, &first.root_kid)
    );
    assert!(replica.operator_key.is_none());
    replica.shutdown().await;
    first.shutdown().await;
}

#[tokio::test]
async fn two_first_starts_at_once_found_one_authority() {
    let folder = tempfile::tempdir().unwrap();
    let one = config(Engine::Postgres, folder.path()).await;
    let two = Config {
        data_dir: folder.path().join("second"),
        ..one.clone()
    };
    let (one, two) = tokio::join!(start(&one), start(&two));
    let (winner, loser) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(winner.unwrap().operator_key.is_some());
    assert!(matches!(loser, Err(StartError::OtherKeys { .. })));
}

#[tokio::test]
async fn the_root_key_may_be_kept_elsewhere_and_the_others_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(Engine::Sqlite, folder.path()).await;
    start(&config).await.unwrap().shutdown().await;
    let keys = config.data_dir.join("keys");
    fs::remove_file(keys.join("root.pem")).unwrap();
    start(&config).await.unwrap().shutdown().await;

    fs::set_permissions(keys.join("status.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = start(&config).await.unwrap_err();
    assert!(
        matches!(error, StartError::KeyFile(KeyFileError::Open { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("chmod 600"));

    fs::remove_file(keys.join("status.pem")).unwrap();
    assert!(matches!(
        start(&config).await,
        Err(StartError::OtherKeys {
            usage: "status",
            ..
        })
    ));
    assert!(!keys.join("status.pem").exists());
}

#[tokio::test]
async fn a_key_that_is_not_published_for_its_use_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(Engine::Sqlite, folder.path()).await;
    start(&config).await.unwrap().shutdown().await;
    let keys = config.data_dir.join("keys");
    fs::copy(keys.join("status.pem"), keys.join("passport.pem")).unwrap();
    let refused = start(&config).await;
    assert!(matches!(
        refused,
        Err(StartError::OtherKeys {
            usage: "passport",
            ..
        })
    ));
}

#[tokio::test]
async fn a_wrong_value_stops_the_start_and_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let sound = config(Engine::Sqlite, folder.path()).await;
    let error = start(&Config {
        database_url: Some("mysql://x/y".into()),
        ..sound.clone()
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("postgres://"), "{error}");
    for name in ["", "a b", "a\"b", "é", &"x".repeat(129)] {
        let named = Config {
            issuer: Some(name.into()),
            ..sound.clone()
        };
        assert!(
            matches!(start(&named).await, Err(StartError::Name { .. })),
            "{name:?}"
        );
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = Config {
        listen: taken.local_addr().unwrap(),
        ..sound.clone()
    };
    let error = start(&busy).await.unwrap_err();
    assert!(error.to_string().contains("--listen"), "{error}");
    let running = start(&sound).await.unwrap();
    assert!(
        running.operator_key.is_some(),
        "a failed start must not cost the key"
    );
    running.shutdown().await;

    fs::write(folder.path().join("file"), "").unwrap();
    let nowhere = Config {
        data_dir: folder.path().join("file"),
        ..sound
    };
    assert!(matches!(
        start(&nowhere).await,
        Err(StartError::DataDir { .. })
    ));
}

#[test]
fn the_configuration_does_not_show_the_databases_password() {
    let config = Config {
        database_url: Some("postgres://u:hunter2@h/d".into()),
        ..Config::local("/x")
    };
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_lost_operators_key_is_replaced_on_the_spot() {
    for engine in Engine::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let config = config(engine, folder.path()).await;
        let clock = ManualClock::new(Timestamp::from_millis(1_800_000_000_000));
        let owner = || Grants::new(["owner@*".parse().unwrap()]);
        let early = add_operator(&config, "ann", owner(), None, &clock, &SystemRandom).await;
        assert!(matches!(early, Err(StartError::NotFounded)));
        let running = start(&config).await.unwrap();
        let key = add_operator(&config, "ann", owner(), None, &clock, &SystemRandom)
            .await
            .unwrap();
        let list = async |key: &OperatorKey| {
            let client = reqwest::Client::builder().build().unwrap();
            let request = client.get(format!("{}/v1/passports", running.url()));
            request
                .bearer_auth(key.reveal())
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        assert_eq!(list(&key).await, 200);
        assert_eq!(list(running.operator_key.as_ref().unwrap()).await, 200);
        assert_eq!(
            list(&OperatorKey::generate(&SystemRandom).unwrap()).await,
            401
        );
        running.shutdown().await;
    }
}
