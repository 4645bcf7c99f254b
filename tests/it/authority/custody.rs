//! What every custody of keys must do, held over all of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use mcps_authority::config::KeyPlace;
use mcps_authority::custody::token::{TokenConfig, TokenError};
use mcps_authority::custody::{Custody, CustodyError};
use mcps_authority::key_files::KeyFileError;
use mcps_authority::secret::Secret;
use mcps_authority::{Config, StartError, serve};
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::key::KeyId;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer;
use mcps_core::trust::KeyUse;
use tempfile::TempDir;

use super::engine::Engine;
use super::tokens::{PIN, SoftToken};
use super::world::{World, kid, new_key};

const PASSPHRASE: &str = "correct horse battery";
const USES: [KeyUse; 4] = [KeyUse::Root, KeyUse::Passport, KeyUse::Status, KeyUse::Feed];

/// One custody, empty.
struct Place {
    name: &'static str,
    config: Config,
    folder: TempDir,
    token: Option<SoftToken>,
}

impl Place {
    fn all() -> [Self; 3] {
        [Self::files(), Self::sealed(), Self::token()]
    }

    fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            name: "files",
            config: Config::local(folder.path().join("data")),
            folder,
            token: None,
        }
    }

    fn sealed() -> Self {
        let mut place = Self::files();
        place.name = "sealed files";
        place.config.key_passphrase = Some(Secret::new(PASSPHRASE.to_owned()));
        place
    }

    fn token() -> Self {
        let token = SoftToken::make();
        let mut place = Self::files();
        place.name = "a token";
        place.config.keys = KeyPlace::Token(token.config.clone());
        place.token = Some(token);
        place
    }

    fn custody(&self) -> Custody {
        Custody::new(&self.config).unwrap()
    }

    fn keys(&self) -> std::path::PathBuf {
        self.config.data_dir.join("keys")
    }
}

#[track_caller]
fn signs(key: &dyn Signer, what: &str) {
    let digest = Digest::of(what.as_bytes());
    let signature = key.sign(&digest).unwrap();
    assert!(signature.is_low_s());
    key.public_key().verify(&digest, &signature).unwrap();
    key.public_key().cross_check(&digest, &signature).unwrap();
}

#[test]
fn what_a_key_signs_verifies_with_both_libraries_and_is_low_s() {
    for place in Place::all() {
        println!("in {}", place.name);
        let custody = place.custody();
        let key = custody.create(KeyUse::Passport, &SystemRandom).unwrap();
        for n in 0..40 {
            signs(key.as_ref(), &format!("message {n}"));
        }
    }
}

#[test]
fn a_key_is_found_again_by_its_use_and_id_and_no_other() {
    for place in Place::all() {
        println!("in {}", place.name);
        let custody = place.custody();
        for usage in USES {
            assert!(custody.first(usage).unwrap().is_none());
            let first = custody.create(usage, &SystemRandom).unwrap();
            let only = place.custody().first(usage).unwrap().unwrap();
            assert_eq!(only.public_key(), first.public_key());
            let second = custody.create_another(usage, &SystemRandom).unwrap();
            assert_ne!(first.public_key(), second.public_key());
            for key in [&first, &second] {
                let id = key.public_key().key_id();
                let found = place.custody().find(usage, id).unwrap().unwrap();
                assert_eq!(found.public_key(), key.public_key());
                signs(found.as_ref(), "again");
                for other in USES.into_iter().filter(|other| *other != usage) {
                    assert!(custody.find(other, id).unwrap().is_none());
                }
            }
        }
        let unknown = KeyId::parse(&kid(&new_key())).unwrap();
        assert!(custody.find(KeyUse::Feed, &unknown).unwrap().is_none());
    }
}

#[test]
fn many_threads_sign_at_once() {
    for place in Place::all() {
        println!("in {}", place.name);
        let key = place.custody().create(KeyUse::Status, &SystemRandom);
        let key = key.unwrap();
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let key = Arc::clone(&key);
                scope.spawn(move || {
                    for n in 0..8 {
                        signs(key.as_ref(), &format!("{thread} {n}"));
                    }
                });
            }
        });
    }
}

#[test]
fn no_secret_is_shown() {
    for place in Place::all() {
        let custody = place.custody();
        let key = custody.create(KeyUse::Root, &SystemRandom).unwrap();
        let shown = format!("{:?} {custody:?} {key:?}", place.config);
        for secret in [PIN, PASSPHRASE, "PRIVATE"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn wrong(place: &Place) -> Config {
    let wrong = Secret::new("another-secret".to_owned());
    let mut config = place.config.clone();
    match &place.token {
        Some(token) => {
            config.keys = KeyPlace::Token(TokenConfig {
                pin: wrong,
                ..token.config.clone()
            });
        }
        None => config.key_passphrase = Some(wrong),
    }
    config
}

#[test]
fn a_wrong_secret_is_said_to_be_wrong_and_not_tried_until_the_token_locks() {
    for place in [Place::sealed(), Place::token()] {
        println!("in {}", place.name);
        let id = {
            let key = place.custody().create(KeyUse::Feed, &SystemRandom);
            key.unwrap().public_key().key_id().clone()
        };
        let custody = Custody::new(&wrong(&place)).unwrap();
        for _ in 0..20 {
            let error = custody.find(KeyUse::Feed, &id).unwrap_err();
            let message = error.to_string();
            match (&error, &place.token) {
                (CustodyError::File(KeyFileError::Passphrase { .. }), None) => {
                    assert!(message.contains("--key-passphrase-file"), "{message}");
                }
                (CustodyError::Token(TokenError::Pin { .. }), Some(_)) => {
                    assert!(message.contains("--pkcs11-pin-file"), "{message}");
                }
                _ => panic!("{message}"),
            }
            assert!(!format!("{message} {error:?}").contains("another-secret"));
        }
        signs(
            place
                .custody()
                .find(KeyUse::Feed, &id)
                .unwrap()
                .unwrap()
                .as_ref(),
            "not locked",
        );
    }
}

#[test]
fn a_key_of_another_curve_is_refused() {
    for place in Place::all() {
        println!("in {}", place.name);
        fs::create_dir_all(place.keys()).unwrap();
        let path = place.keys().join("status.pem");
        let mut config = place.config.clone();
        match (&place.token, &place.config.key_passphrase) {
            (Some(token), _) => token.make_p384("mcps-status"),
            (None, Some(_)) => {
                config.key_passphrase = Some(Secret::new("hunter2".to_owned()));
                let sealed = include_str!("../../../mcps-core/src/key/testdata/openssl-p384.pem");
                fs::write(&path, sealed).unwrap();
            }
            (None, None) => fs::write(&path, include_str!("testdata/p384.pem")).unwrap(),
        }
        if path.exists() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let custody = Custody::new(&config).unwrap();
        assert!(custody.first(KeyUse::Status).is_err());
        let id = KeyId::parse(&kid(&new_key())).unwrap();
        assert!(custody.find(KeyUse::Status, &id).is_err());
    }
}

#[test]
fn sealed_and_open_files_do_not_pass_for_one_another() {
    let open = Place::files();
    open.custody().create(KeyUse::Feed, &SystemRandom).unwrap();
    let mut asked = open.config.clone();
    asked.key_passphrase = Some(Secret::new(PASSPHRASE.to_owned()));
    let error = Custody::new(&asked).unwrap().first(KeyUse::Feed);
    let error = error.unwrap_err();
    assert!(
        matches!(error, CustodyError::File(KeyFileError::Unsealed { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("openssl pkcs8"), "{error}");

    let sealed = Place::sealed();
    let custody = sealed.custody();
    custody.create(KeyUse::Feed, &SystemRandom).unwrap();
    let path = sealed.keys().join("feed.pem");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let mut without = sealed.config.clone();
    without.key_passphrase = None;
    let error = Custody::new(&without).unwrap().first(KeyUse::Feed);
    assert!(matches!(
        error,
        Err(CustodyError::File(KeyFileError::Sealed { .. }))
    ));
    // Damaged, it is no key; and never quietly another one.
    fs::write(&path, text.replace("A", "B")).unwrap();
    assert!(custody.first(KeyUse::Feed).is_err());
}

#[test]
fn the_root_key_may_have_a_folder_of_its_own() {
    let mut place = Place::token();
    let vault = place.folder.path().join("vault");
    place.config.root_keys = Some(vault.clone());
    place.config.key_passphrase = Some(Secret::new(PASSPHRASE.to_owned()));
    let custody = place.custody();
    let root = custody.create(KeyUse::Root, &SystemRandom).unwrap();
    custody.create(KeyUse::Feed, &SystemRandom).unwrap();
    assert!(vault.join("root.pem").exists());
    assert!(!place.keys().exists(), "nothing else is in a file");
    let token = place.token.as_ref().unwrap();
    assert_eq!(token.may_leave("mcps-root"), Vec::<bool>::new());
    assert_eq!(token.may_leave("mcps-feed"), [false]);

    fs::remove_dir_all(&vault).unwrap();
    let id = root.public_key().key_id();
    assert!(custody.find(KeyUse::Root, id).unwrap().is_none());
}

#[test]
fn a_public_key_without_its_private_half_is_no_key() {
    let place = Place::token();
    let key = place.custody().create(KeyUse::Feed, &SystemRandom).unwrap();
    let token = place.token.as_ref().unwrap();
    token.lose_private("mcps-feed");
    assert!(key.sign(&Digest::of(b"x")).is_err());
    let found = place
        .custody()
        .find(KeyUse::Feed, key.public_key().key_id());
    assert!(found.is_err(), "{found:?}");
}

#[test]
fn after_a_lost_login_the_token_signs_on() {
    let place = Place::token();
    let key = place.custody().create(KeyUse::Feed, &SystemRandom).unwrap();
    for _ in 0..5 {
        // One logout counts for all sessions of a process.
        place.token.as_ref().unwrap().session().logout().unwrap();
        signs(key.as_ref(), "after a logout");
    }
}

#[test]
fn a_token_that_went_is_named() {
    let place = Place::token();
    let key = place.custody().create(KeyUse::Feed, &SystemRandom).unwrap();
    let token = place.token.as_ref().unwrap();
    fs::rename(&token.folder, token.away()).unwrap();
    let error = key.sign(&Digest::of(b"x")).unwrap_err().to_string();
    assert!(error.contains("token"), "{error}");
    assert!(!error.contains(PIN));
    let label = &token.config.label;
    let error = place.custody().first(KeyUse::Feed).unwrap_err().to_string();
    assert!(
        error.contains(label.as_str()) && error.contains("attach"),
        "{error}"
    );
    fs::remove_dir_all(token.away()).unwrap();
}

#[test]
fn a_module_or_a_token_that_is_not_there_is_named() {
    let place = Place::token();
    let token = &place.token.as_ref().unwrap().config;
    let mut config = place.config.clone();
    config.keys = KeyPlace::Token(TokenConfig {
        module: Path::new("/nonexistent/libhsm.so").to_owned(),
        ..token.clone()
    });
    let error = Custody::new(&config).unwrap_err().to_string();
    assert!(
        error.contains("/nonexistent/libhsm.so") && error.contains("--pkcs11-module"),
        "{error}"
    );
    config.keys = KeyPlace::Token(TokenConfig {
        label: "nobody's".to_owned(),
        ..token.clone()
    });
    let custody = Custody::new(&config).unwrap();
    let error = custody.first(KeyUse::Feed).unwrap_err().to_string();
    assert!(
        error.contains("nobody's") && error.contains("--pkcs11-token"),
        "{error}"
    );
    assert!(error.contains(&token.label), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_lives_in_each_custody_and_is_not_ready_without_its_keys() {
    for engine in Engine::BOTH {
        for place in Place::all() {
            println!("in {} on {engine:?}", place.name);
            let world = World::start_with(engine, place.config.clone()).await;
            let key = new_key();
            let passport = world.issue("agent-7", &key).await;
            let now = world.now();
            world.verifier().await.verify(&passport, now).unwrap();
            let nonce = "0".repeat(32);
            let path = format!("/v1/passports/{}/status?nonce={nonce}", passport.id());
            assert_eq!(world.get(&path).await.status, 200);
            if let Some(token) = &place.token {
                assert!(!place.keys().exists());
                token.lose_private("mcps-status");
                let problem = world.get("/readyz").await.problem(503, "unavailable");
                let detail = problem["detail"].as_str().unwrap();
                assert!(
                    detail.contains("token") && detail.contains("status"),
                    "{detail}"
                );
                assert!(!detail.contains(PIN));
                world.get(&path).await.problem(503, "unavailable");
            }
            world.running.shutdown().await;
        }
    }
}

#[tokio::test]
async fn a_start_with_the_wrong_secret_stops_and_founds_nothing() {
    for place in [Place::sealed(), Place::token()] {
        let clock = || Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let start = |config: Config| serve(config, clock(), Arc::new(SystemRandom));
        if place.token.is_none() {
            start(place.config.clone()).await.unwrap().shutdown().await;
        }
        let error = start(wrong(&place)).await.unwrap_err();
        assert!(
            matches!(
                error,
                StartError::KeyFile(KeyFileError::Passphrase { .. })
                    | StartError::Token(TokenError::Pin { .. })
            ),
            "{error}"
        );
        start(place.config.clone()).await.unwrap().shutdown().await;
    }
}
