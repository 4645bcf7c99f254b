use std::time::Duration;

use mcps_core::level::TrustLevel;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use mcps_core::status::{State, Status};
use serde_json::json;

use super::world::{World, new_key, on_both};

const NONCE: &str = "00112233445566778899aabbccddeeff";

async fn ask(world: &World, id: &PassportId, nonce: &str) -> Result<Status, Refusal> {
    let answer = world
        .get(&format!("/v1/passports/{id}/status?nonce={nonce}"))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.content_type.as_str()),
        (200, "application/json")
    );
    Status::verify(&answer.text, &world.bundle().await, id, nonce, world.now())
}

#[tokio::test]
async fn says_good_revoked_expired_and_unknown_under_signature() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let good = ask(&world, passport.id(), NONCE).await.unwrap();
        assert_eq!(
            (good.state, good.trust_level),
            (State::Good, Some(TrustLevel::L1))
        );
        assert_eq!(
            (good.produced_at, &good.authority),
            (world.now(), &world.running.name)
        );
        assert_eq!(good.fresh_until, world.now().plus(Duration::from_secs(60)));

        let unknown = PassportId::parse("asp_00000000000000000000000000000000").unwrap();
        let status = ask(&world, &unknown, NONCE).await.unwrap();
        assert_eq!((status.state, status.trust_level), (State::Unknown, None));
        assert!(status.admits().is_err());

        let late = world.issue("agent-8", &new_key()).await;
        world.revoke(&passport, "policy").await;
        let status = ask(&world, passport.id(), NONCE).await.unwrap();
        assert_eq!(
            (status.state, status.reason.as_deref()),
            (State::Revoked, Some("policy"))
        );
        assert_eq!(status.revoked_at, Some(world.now()));

        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(
            ask(&world, late.id(), NONCE).await.unwrap().state,
            State::Expired
        );
        // Revoked stays revoked, also past its time.
        assert_eq!(
            ask(&world, passport.id(), NONCE).await.unwrap().state,
            State::Revoked
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_of_no_use_to_another_question_or_later() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let path = format!("/v1/passports/{}/status?nonce={NONCE}", passport.id());
        let text = world.get(&path).await.text;
        let bundle = world.bundle().await;
        let other = "ff112233445566778899aabbccddeeff";
        assert!(Status::verify(&text, &bundle, passport.id(), other, world.now()).is_err());
        let edited = text.replace("good", "revoked");
        assert!(Status::verify(&edited, &bundle, passport.id(), NONCE, world.now()).is_err());
        world.clock.advance(Duration::from_secs(60));
        let stale = Status::verify(&text, &bundle, passport.id(), NONCE, world.now());
        assert!(matches!(stale, Err(Refusal::StatusTooOld { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_status_needs_a_proper_nonce() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let path = format!("/v1/passports/{}/status", passport.id());
        let bad = [
            "",
            "?nonce=",
            "?nonce=00",
            "?nonce=00112233445566778899AABBCCDDEEFF",
            "?nonce=0&nonce=1",
        ];
        for query in bad {
            world
                .get(&format!("{path}{query}"))
                .await
                .problem(422, "invalid-request");
        }
        world
            .post(&path, &json!({}))
            .await
            .problem(405, "method-not-allowed");
    })
    .await;
}
