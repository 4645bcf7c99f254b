//! Mistakes that respected authorities have published, each as a test that it is not made here.
//! docs/security-tests.md lists them all, with those whose test is elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcps_authority::store::{Deed, Pool, Reason, Revocation};
use mcps_core::feed::{Action, Frame, Target};
use mcps_core::json::Document;
use mcps_core::passport::Passport;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::engine::Engine;
use super::world::{World, new_key, on_both};

/// Class: the signature is checked over one thing, and identity is read from another (parser
/// differentials in SAML and JWT libraries, wrapped signatures).
#[tokio::test]
async fn identity_is_read_from_what_was_signed_and_from_nothing_beside_it() {
    on_both(async |world| {
        let (own, foreign) = (new_key(), new_key());
        let order = world.order("alice", &own).await;
        let jwk: Value = serde_json::from_str(&foreign.public_key().to_jwk()).unwrap();
        for (member, other) in [
            ("name", json!("bob")),
            ("tenant", json!("acme")),
            ("public_key", jwk),
        ] {
            let mut moved = order.clone();
            moved[member] = other;
            let answer = world.post_as_operator("/v1/passports", &moved).await;
            assert_eq!(answer.status, 403, "{member}: {}", answer.text);
        }
        // A second member of the same name is not resolved one way or the other.
        for twice in [
            r#"{"name":"bob","#,
            r#"{"na\u006de":"bob","#,
            r#"{"public_key":{},"#,
        ] {
            let body = order.to_string().replacen('{', twice, 1);
            let operator = Some(world.operator.as_str());
            let answer = world
                .send(Method::POST, "/v1/passports", operator, Some(body))
                .await;
            answer.problem(400, "malformed-json");
        }
        let passport = world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        assert_eq!(passport.agent_name(), "alice");
        assert_eq!(passport.public_key().key_id(), own.public_key().key_id());
    })
    .await;
}

/// Class: a time that is missing, of another type or out of range counts as "never" (JWT libraries
/// with `exp` as a string, as 1e999, or left out).
#[tokio::test]
async fn a_passport_without_a_proper_end_is_no_passport() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let sound = passport.text().to_owned();
        let read = |text: &str| {
            let document = Document::parse(text.to_owned());
            document.is_ok_and(|document| Passport::from_value(document.root()).is_ok())
        };
        assert!(read(&sound));
        let value: Value = serde_json::from_str(&sound).unwrap();
        let end = value["expires_at"].to_string();
        for other in [
            "1e999",
            "9007199254740993",
            "1893456000",
            r#""1893456000""#,
            r#""never""#,
            r#""""#,
            "null",
            "{}",
            r#""2026-02-30T00:00:00Z""#,
            r#""10000-01-01T00:00:00Z""#,
        ] {
            let changed = sound.replacen(&end, other, 1);
            assert!(changed != sound && !read(&changed), "{other}");
        }
        let mut without = value;
        without.as_object_mut().unwrap().remove("expires_at");
        assert!(!read(&without.to_string()));
    })
    .await;
}

/// Class: the authority has nothing to say for a while, its newest statement lapses, and everybody
/// refuses or, worse, everybody goes on (lapsed CRLs and logs of idle authorities).
#[tokio::test]
async fn an_idle_authority_does_not_let_its_head_lapse() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let latest = async |world: &World| {
            let text = world.get("/v1/feed/frames?after=1:0&wait_s=0").await.text;
            let document = Document::parse(text).unwrap();
            let frames = document.root().get("frames").unwrap().as_array().unwrap();
            let newest = frames.iter().last().unwrap().raw().to_owned();
            Frame::verify(newest, &bundle).unwrap()
        };
        let first = latest(&world).await;
        assert!(first.fresh_until() > world.now());
        // Nothing is ordered for an hour.
        world.clock.advance(std::time::Duration::from_secs(3600));
        assert!(first.fresh_until() < world.now());
        let again = loop {
            let frame = latest(&world).await;
            if frame.fresh_until() > world.now() {
                break frame;
            }
        };
        assert_eq!((again.to(), again.chain()), (first.to(), first.chain()));
        assert_eq!(world.get("/readyz").await.status, 200);
    })
    .await;
}

/// Class: the clock of a restarted authority is wrong, and what it signs then undoes what was
/// signed before (rollbacks after a restored snapshot or a lost time source).
#[tokio::test]
async fn an_authority_that_wakes_in_the_past_takes_nothing_back() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let told = world.revoke(&passport, "policy").await.json();
        assert_eq!(told["position"], "1:1");
        world
            .clock
            .set(world.now().minus(std::time::Duration::from_secs(7200)));
        let world = world.restart().await;
        let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
        assert_eq!(shown.json()["status"]["state"], "revoked");
        // What comes next continues what was: no number and no event anew.
        let other = world.issue("agent-8", &new_key()).await;
        let told = world.revoke(&other, "policy").await.json();
        assert_eq!(told["position"], "1:2");
        // Answered once the second is published.
        world.get("/v1/feed/frames?after=1:1").await;
        let text = world.get("/v1/feed/frames?after=1:0").await.text;
        let document = Document::parse(text).unwrap();
        let frames = document.root().get("frames").unwrap().as_array().unwrap();
        let bundle = world.bundle().await;
        let mut numbers = Vec::new();
        for frame in frames.iter() {
            let frame = Frame::verify(frame.raw().to_owned(), &bundle).unwrap();
            frame.check().unwrap();
            numbers.extend(frame.events().iter().map(mcps_core::feed::Event::seq));
        }
        assert_eq!(numbers, [1, 2]);
    })
    .await;
}

/// As many revoked passports and suspended tenants as a large installation gathers in a year.
const CROWD: [&str; 3] = [
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
     INSERT INTO subject_keys (kid, first_used_at, last_used_at) SELECT 'kid-' || i, 0, 0 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
     INSERT INTO passports (passport_id, tenant, kind, name, version, owner, kid, trust_level, issued_at, \
     expires_at, to_be_signed, issuer_kid, signature, issued_by, revoked_at, reason, revoked_by) \
     SELECT 'asp_' || printf('%032x', i), 'default', 'agent', 'crowd-' || i, '1', 'ops@example.org', \
     'kid-' || i, 1, 0, 9000000000000, 'x', 'x', 'x', 'x', 1, 'policy', 'x' FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
     INSERT INTO restrictions (target, held, at, reason, by_whom, told_at) \
     SELECT '{\"kind\":\"tenant\",\"tenant\":\"crowd-' || i || '\"}', 'suspended', 0, 'policy', 'x', '1:1' FROM n",
];

/// Class: revoking gets slower with every revocation (a list that is searched or written anew each
/// time). Counted in steps of SQLite's virtual machine, which nobody else's load changes.
#[tokio::test]
async fn revoking_is_as_much_work_however_long_the_list_is() {
    let world = World::start(Engine::Sqlite).await;
    let db = world.database().await;
    let Pool::Sqlite(pool) = db.pool() else {
        panic!("this one is about SQLite");
    };
    let steps = Arc::new(AtomicU64::new(0));
    // Every connection that may be given out.
    let mut open = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        let mut connection = pool.acquire().await.unwrap();
        let counted = Arc::clone(&steps);
        let mut handle = connection.lock_handle().await.unwrap();
        handle.set_progress_handler(1, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            true
        });
        drop(handle);
        open.push(connection);
    }
    drop(open);
    let order = || Revocation {
        reason: Reason::Policy,
        note: None,
        by: "test".to_owned(),
        at: world.now(),
        deed: Deed::new("test", None, b"", &SystemRandom).unwrap(),
        dry_run: false,
    };
    let work = async |name: &str| {
        let passport = world.issue(name, &new_key()).await;
        steps.store(0, Ordering::SeqCst);
        db.revoke(passport.id(), &order()).await.unwrap().unwrap();
        let revoking = steps.swap(0, Ordering::SeqCst);
        let action = Action::Stop(Target::Tenant(name.to_owned()));
        assert!(db.restrict(&action, &order()).await.unwrap().changed);
        (revoking, steps.load(Ordering::SeqCst))
    };
    work("first").await;
    let (few, few_stops) = work("second").await;
    for statement in CROWD {
        world.sql(statement).await;
    }
    let (many, many_stops) = work("third").await;
    assert!(few > 0 && few_stops > 0);
    assert!(many <= few * 3 / 2, "{few} steps, and {many} among 5000");
    assert!(
        many_stops <= few_stops * 3 / 2,
        "{few_stops} and {many_stops}"
    );
}
