//! Levels: what raises them, what lowers them, and who hears of it.

use std::time::Duration;

use mcps_core::feed::{Action, Event, Held, Snapshot, Target};
use mcps_core::level::TrustLevel;
use mcps_core::passport::Passport;
use serde_json::{Value, json};

use super::approvals::Approver;
use super::manifests::{Publisher, publisher};
use super::world::{Answer, World, new_key, on_both};

pub(super) const SUBJECT: &str = "/v1/subjects/server/default/notes";
const READ: &str = r#"{"name":"read"}"#;
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn file(world: &World, body: Value) -> Answer {
    let mut whole = json!({"verdict": "pass", "statement": "looked at it"});
    for (name, value) in body.as_object().unwrap() {
        whole[name] = value.clone();
    }
    world
        .post_as_operator(&format!("{SUBJECT}/evidence"), &whole)
        .await
}

pub(super) async fn filed(world: &World, body: Value) -> String {
    let answer = file(world, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["evidence_id"].as_str().unwrap().to_owned()
}

pub(super) async fn trust(world: &World) -> Value {
    let answer = world.get_as_operator(&format!("{SUBJECT}/trust")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

pub(super) async fn level(world: &World) -> u64 {
    trust(world).await["level"].as_u64().unwrap()
}

/// The levels that the feed told, from the beginning.
pub(super) async fn told(world: &World) -> Vec<u8> {
    let stored = world.as_found().await.events_after(1, 0).await.unwrap();
    let level = |event: Event| match event.action() {
        Some(Action::TrustChange { level, .. }) => Some(level.number()),
        _ => None,
    };
    let events = stored
        .iter()
        .map(|stored| Event::parse(&stored.event).unwrap());
    events.filter_map(level).collect()
}

/// Waits until the feed has told so many levels.
pub(super) async fn wait_for(world: &World, count: usize) -> Vec<u8> {
    loop {
        let told = told(world).await;
        if told.len() >= count {
            return told;
        }
        // Answered as soon as there is news.
        let after = world.as_found().await.head().await.unwrap().position.seq;
        world
            .get(&format!("/v1/feed/frames?after=1:{after}&wait_s=2"))
            .await;
    }
}

pub(super) async fn published(world: &World) -> (Publisher, String) {
    let server = publisher(world).await;
    let digest = server.publish(world, "1", &[READ]).await.json()["digest"].clone();
    (server, digest.as_str().unwrap().to_owned())
}

/// With a level that the passport states by itself.
pub(super) async fn reissue(world: &World, server: &Publisher, more: Value) -> Answer {
    let mut own = json!({"kind": "server", "origin": server.passport.origin().unwrap()});
    for (name, value) in more.as_object().unwrap() {
        own[name] = value.clone();
    }
    let order = world.order_with("notes", &server.key, own).await;
    world.post_as_operator("/v1/passports", &order).await
}

async fn status_level(world: &World, passport: &Passport) -> Value {
    let nonce = "0".repeat(32);
    let path = format!("/v1/passports/{}/status?nonce={nonce}", passport.id());
    world.get(&path).await.json()["trust_level"].clone()
}

#[tokio::test]
async fn each_rung_is_reached_by_evidence_and_told_on_the_feed() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        let first = trust(&world).await;
        assert_eq!((&first["level"], &first["told"]), (&json!(1), &Value::Null));
        assert!(
            first["next"]
                .as_str()
                .unwrap()
                .contains("mcps trust challenge"),
            "{first}"
        );

        let decision = filed(&world, json!({"type": "operator_decision"})).await;
        let second = trust(&world).await;
        assert_eq!((&second["level"], &second["told"]), (&json!(2), &json!(2)));
        let identity = &second["rungs"][1]["requirements"][0];
        assert_eq!(identity["evidence"], *decision);
        assert_eq!(
            identity["lapses_at"],
            world.now().plus(90 * DAY).to_string()
        );

        filed(&world, json!({"type": "scan", "manifest": digest})).await;
        assert_eq!(level(&world).await, 3);
        let audit = filed(&world, json!({"type": "audit", "manifest": digest})).await;
        assert_eq!(level(&world).await, 3);
        let submitter = Approver::of(&world, &world.operator).await;
        submitter
            .approve(&world, &audit, 4)
            .await
            .problem(403, "own-evidence");
        let (one, two) = (
            Approver::new(&world, "a").await,
            Approver::new(&world, "b").await,
        );
        for _ in 0..2 {
            assert_eq!(one.approve(&world, &audit, 4).await.status, 200);
            assert_eq!(level(&world).await, 3);
        }
        let approved = two.approve(&world, &audit, 4).await.json();
        assert_eq!(approved["approvals"].as_array().unwrap().len(), 2);
        let last = trust(&world).await;
        assert_eq!((&last["level"], &last["next"]), (&json!(4), &Value::Null));
        assert_eq!(told(&world).await, [2, 3, 4]);

        // A passport states what the evidence permits, or what was asked for.
        let passport = reissue(&world, &server, json!({})).await.passport();
        assert_eq!(passport.trust_level(), TrustLevel::L4);
        for asked in [0, 1, 2, 3, 4] {
            let passport = reissue(&world, &server, json!({"trust_level": asked}))
                .await
                .passport();
            assert_eq!(i64::from(passport.trust_level().number()), asked);
        }
        let shown = world
            .get_as_operator(&format!("/v1/evidence/{decision}"))
            .await
            .json();
        assert_eq!(shown["type"], "operator_decision");
    })
    .await;
}

#[tokio::test]
async fn another_manifest_voids_scans_and_audits_at_once() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        filed(&world, json!({"type": "scan", "manifest": digest})).await;
        let passport = reissue(&world, &server, json!({})).await.passport();
        assert_eq!(status_level(&world, &passport).await, 3);
        // The same again, and what is refused, change nothing.
        server.publish(&world, "1", &[READ]).await;
        server
            .publish(&world, "1", &[])
            .await
            .problem(409, "version-taken");
        assert_eq!(level(&world).await, 3);

        let other = server
            .publish(&world, "2", &[r#"{"name":"mail"}"#])
            .await
            .json();
        assert_eq!(level(&world).await, 2);
        assert_eq!(told(&world).await, [2, 3, 2]);
        assert_eq!(status_level(&world, &passport).await, 2);
        let snapshot = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(snapshot, &world.bundle().await).unwrap();
        let target = Target::Server {
            tenant: "default".into(),
            name: "notes".into(),
        };
        let held = snapshot
            .entries
            .iter()
            .find(|entry| entry.target == target)
            .unwrap()
            .held;
        assert_eq!(held, Held::Level(TrustLevel::L2));

        // A fresh scan of the fresh manifest; one of the old changes nothing.
        filed(
            &world,
            json!({"type": "scan", "manifest": digest, "statement": "again"}),
        )
        .await;
        assert_eq!(level(&world).await, 2);
        filed(&world, json!({"type": "scan", "manifest": other["digest"]})).await;
        assert_eq!(told(&world).await, [2, 3, 2, 3]);
    })
    .await;
}

#[tokio::test]
async fn what_lapses_is_told_without_anybody_asking() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        filed(&world, json!({"type": "scan", "manifest": digest})).await;
        assert_eq!(told(&world).await, [2, 3]);
        world.clock.advance(31 * DAY);
        assert_eq!(wait_for(&world, 3).await, [2, 3, 2]);
        world.clock.advance(60 * DAY);
        assert_eq!(wait_for(&world, 4).await, [2, 3, 2, 1]);
        let trust = trust(&world).await;
        // Its passport is long gone too.
        assert_eq!(
            (&trust["level"], &trust["permitted"]),
            (&json!(0), &json!(1))
        );
    })
    .await;
}

#[tokio::test]
async fn several_replicas_tell_a_lapse_once() {
    let world = World::start(super::engine::Engine::Postgres).await;
    let (one, two) = (world.replica().await, world.replica().await);
    published(&world).await;
    let valid_until = world.now().plus(Duration::from_secs(60)).to_string();
    for n in 0..5 {
        let body = json!({"verdict": "pass", "statement": "known", "type": "operator_decision", "valid_until": valid_until});
        let name = format!("a{n}");
        world.issue(&name, &new_key()).await;
        let path = format!("/v1/subjects/agent/default/{name}/evidence");
        assert_eq!(world.post_as_operator(&path, &body).await.status, 201);
    }
    assert_eq!(told(&world).await, [2; 5]);
    world.clock.advance(Duration::from_secs(61));
    // Beside the three that look once a second.
    let policy = mcps_authority::levels::Policy::default();
    for replica in [&world, &one, &two] {
        let db = replica.database().await;
        for subject in db.lapsed(world.now(), 100).await.unwrap() {
            db.reassess(&subject, &policy, world.now()).await.unwrap();
        }
    }
    assert_eq!(told(&world).await, [2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);
    assert!(
        world
            .database()
            .await
            .lapsed(world.now(), 100)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_fails_lowers_at_once_and_a_fresh_pass_raises_again() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        let step = Duration::from_secs(1);
        filed(&world, json!({"type": "operator_decision"})).await;
        filed(&world, json!({"type": "scan", "manifest": digest})).await;
        world.clock.advance(step);
        filed(
            &world,
            json!({"type": "scan", "manifest": digest, "verdict": "fail"}),
        )
        .await;
        assert_eq!(level(&world).await, 2);
        world.clock.advance(step);
        filed(
            &world,
            json!({"type": "operator_decision", "verdict": "fail"}),
        )
        .await;
        assert_eq!(level(&world).await, 1);
        // What was seen before is no fresh evaluation.
        let before = world.now().minus(step).to_string();
        filed(
            &world,
            json!({"type": "operator_decision", "observed_at": before, "statement": "late"}),
        )
        .await;
        assert_eq!(level(&world).await, 1);
        world.clock.advance(step);
        filed(&world, json!({"type": "operator_decision"})).await;
        assert_eq!(told(&world).await, [2, 3, 2, 1, 2]);
        assert_eq!(
            reissue(&world, &server, json!({}))
                .await
                .passport()
                .trust_level(),
            TrustLevel::L2
        );
    })
    .await;
}

#[tokio::test]
async fn of_a_change_and_a_scan_at_once_none_is_missed() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        for round in 0..8 {
            let (version, tool) = (format!("r{round}"), format!(r#"{{"name":"t{round}"}}"#));
            let scan = json!({"type": "scan", "manifest": digest, "statement": version});
            let tools = [tool.as_str()];
            tokio::join!(
                filed(&world, scan),
                server.publish(&world, &version, &tools)
            );
            // Whichever came first, the scan is of another manifest now.
            assert_eq!(level(&world).await, 2, "round {round}");
            let last = told(&world).await.last().copied();
            assert_eq!(last, Some(2), "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_relied_upon_is_not_filed() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let at = |days: i64| {
            let day = 24 * 3600 * 1000;
            mcps_core::clock::Timestamp::from_millis(world.now().as_millis() + days * day)
                .to_string()
        };
        let decision = "operator_decision";
        for (body, member) in [
            (json!({"type": "scan"}), "manifest"),
            (json!({"type": "audit"}), "manifest"),
            (json!({"type": "scan", "manifest": "x"}), "manifest"),
            (
                json!({"type": "scan", "manifest": "0".repeat(64)}),
                "manifest",
            ),
            (json!({"type": decision, "manifest": digest}), "manifest"),
            (
                json!({"type": decision, "observed_at": at(1)}),
                "observed_at",
            ),
            (
                json!({"type": decision, "observed_at": "yesterday"}),
                "observed_at",
            ),
            (
                json!({"type": decision, "observed_at": at(-91)}),
                "valid_until",
            ),
            (
                json!({"type": decision, "valid_until": at(0)}),
                "valid_until",
            ),
            (
                json!({"type": decision, "valid_until": at(91)}),
                "valid_until",
            ),
            (
                json!({"type": "scan", "manifest": digest, "valid_until": at(31)}),
                "valid_until",
            ),
        ] {
            let problem = file(&world, body).await.problem(422, "invalid-request");
            assert_eq!(problem["member"], member, "{problem}");
        }
        for body in [
            json!({"type": "origin_check"}),
            json!({"type": decision, "verdict": "maybe"}),
            json!({"type": "scan", "manifest": digest, "verdict": "incomplete"}),
            json!({"type": "exception"}),
            json!({"type": "exception", "waives": "manifest_audited"}),
            json!({"type": "exception", "waives": "manifest_scanned"}),
            json!({"type": decision, "waives": "identity_verified"}),
            json!({"type": decision, "who": "op_x"}),
            json!({"type": decision, "statement": "\u{1b}[2J"}),
        ] {
            file(&world, body).await.problem(422, "invalid-request");
        }
        assert_eq!(level(&world).await, 1);
        assert_eq!(told(&world).await, [0; 0]);
    })
    .await;
}

#[tokio::test]
async fn only_operators_look_and_only_at_whom_there_is() {
    on_both(async |world| {
        published(&world).await;
        for path in [
            format!("{SUBJECT}/trust"),
            format!("/v1/evidence/ev_{}", "0".repeat(64)),
        ] {
            world.get(&path).await.problem(401, "operator-required");
        }
        for route in ["evidence", "origin-challenges", "origin-checks"] {
            let path = format!("{SUBJECT}/{route}");
            world
                .post(&path, &json!({}))
                .await
                .problem(401, "operator-required");
        }
        for (path, status, slug) in [
            (
                "/v1/subjects/agent/default/notes/trust",
                404,
                "subject-not-found",
            ),
            (
                "/v1/subjects/server/acme/notes/trust",
                404,
                "subject-not-found",
            ),
            ("/v1/subjects/thing/default/notes/trust", 400, "bad-subject"),
            (
                "/v1/subjects/server/default/no%20tes/trust",
                400,
                "bad-subject",
            ),
            (
                "/v1/subjects/server/DEFAULT/notes/trust",
                400,
                "bad-subject",
            ),
        ] {
            world.get_as_operator(path).await.problem(status, slug);
        }
        for id in ["0", "ev_0", &format!("ev_{}", "0".repeat(64))] {
            let path = format!("/v1/evidence/{id}");
            world
                .get_as_operator(&path)
                .await
                .problem(404, "evidence-not-found");
            world
                .post_as_operator(&format!("{path}/approvals"), &json!({}))
                .await
                .problem(404, "evidence-not-found");
        }
    })
    .await;
}
