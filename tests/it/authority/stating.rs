//! What a passport states, and for how long, by what is on file.

use std::time::Duration;

use mcps_core::level::TrustLevel;
use reqwest::Method;
use serde_json::json;

use super::trust::{DAY, filed, level, published, reissue, told};
use super::world::{new_key, on_both};

#[tokio::test]
async fn a_disabled_server_has_no_level_and_gets_no_passport() {
    on_both(async |world| {
        let (server, _) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        let bearer = format!("Bearer {}", world.operator);
        let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
        let path = format!("/v1/servers/{}", server.id);
        let change = async |state: &str| {
            let body = json!({"state": state}).to_string();
            world.send_to(Method::PATCH, &path, &headers, body).await
        };
        change("disabled").await;
        assert_eq!(level(&world).await, 0);
        reissue(&world, &server, json!({}))
            .await
            .problem(403, "not-accountable");
        let renewed = world.renew(&server.passport, &server.key, json!({})).await;
        renewed.problem(403, "not-accountable");
        change("active").await;
        assert_eq!(told(&world).await, [2, 0, 2]);
        let renewed = world.renew(&server.passport, &server.key, json!({})).await;
        assert_eq!(renewed.passport().trust_level(), TrustLevel::L2);
    })
    .await;
}

#[tokio::test]
async fn asking_for_level_two_is_a_decision_on_file() {
    on_both(async |world| {
        let key = new_key();
        let order = world
            .order_with("bot", &key, json!({"trust_level": 2}))
            .await;
        let passport = world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        assert_eq!(passport.trust_level(), TrustLevel::L2);
        let path = "/v1/subjects/agent/default/bot";
        let trust = world.get_as_operator(&format!("{path}/trust")).await.json();
        let evidence = &trust["evidence"][0];
        assert_eq!(evidence["type"], "operator_decision");
        assert!(
            evidence["who"].as_str().unwrap().starts_with("op_"),
            "{evidence}"
        );
        // Nobody knew it before, so nobody has to be told.
        assert_eq!(told(&world).await, [0; 0]);
        let renewed = world.renew(&passport, &key, json!({})).await.passport();
        assert_eq!(renewed.trust_level(), TrustLevel::L2);

        world.clock.advance(Duration::from_secs(1));
        let no = json!({"type": "operator_decision", "verdict": "fail", "statement": "not theirs"});
        world
            .post_as_operator(&format!("{path}/evidence"), &no)
            .await;
        assert_eq!(told(&world).await, [1]);
        let renewed = world.renew(&passport, &key, json!({})).await.passport();
        assert_eq!(renewed.trust_level(), TrustLevel::L1);
    })
    .await;
}

#[tokio::test]
async fn a_renewal_rises_with_fresh_evidence_and_never_above_what_was_asked() {
    on_both(async |world| {
        let (server, _) = published(&world).await;
        let low = reissue(&world, &server, json!({"trust_level": 1}))
            .await
            .passport();
        let free = reissue(&world, &server, json!({})).await.passport();
        filed(&world, json!({"type": "operator_decision"})).await;
        for (passport, expected) in [(&low, TrustLevel::L1), (&free, TrustLevel::L2)] {
            let renewed = world
                .renew(passport, &server.key, json!({}))
                .await
                .passport();
            assert_eq!(renewed.trust_level(), expected);
            let again = world
                .renew(&renewed, &server.key, json!({}))
                .await
                .passport();
            assert_eq!(again.trust_level(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn no_passport_outlives_what_its_level_rests_on() {
    on_both(async |world| {
        let (server, _) = published(&world).await;
        let until = world.now().plus(Duration::from_secs(60));
        filed(
            &world,
            json!({"type": "operator_decision", "valid_until": until.to_string()}),
        )
        .await;
        let passport = reissue(&world, &server, json!({})).await.passport();
        assert_eq!(passport.expires_at(), until);
        // One that states less lives as long as usual.
        let low = reissue(&world, &server, json!({"trust_level": 1}))
            .await
            .passport();
        assert_eq!(low.expires_at(), world.now().plus(DAY));
        world.clock.advance(Duration::from_secs(59));
        let later = world.now().plus(30 * DAY);
        filed(
            &world,
            json!({"type": "operator_decision", "valid_until": later.to_string()}),
        )
        .await;
        // What was granted was a day.
        let renewed = world
            .renew(&passport, &server.key, json!({}))
            .await
            .passport();
        assert_eq!(renewed.expires_at(), world.now().plus(DAY));
    })
    .await;
}
