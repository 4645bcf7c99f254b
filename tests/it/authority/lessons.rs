//! Mistakes that respected authorities have published, each as a test that it is not made here.
//! docs/security-tests.md lists them all, with those whose test is elsewhere.

use mcps_core::feed::Frame;
use mcps_core::json::Document;
use mcps_core::passport::Passport;
use mcps_core::signer::Signer as _;
use reqwest::Method;
use serde_json::{Value, json};

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
