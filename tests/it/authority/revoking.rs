use std::time::Duration;

use mcps_core::passport::Passport;
use serde_json::json;

use super::world::{new_key, on_both};

#[tokio::test]
async fn revoking_twice_changes_nothing_and_compromise_is_the_only_way_on() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let first = world.revoke(&passport, "superseded").await;
        assert_eq!(first.status, 200);
        assert_eq!(
            first.json(),
            json!({
                "passport_id": passport.id().as_str(), "status": "revoked", "reason": "superseded",
                "revoked_at": world.now().to_string(), "key_blocked": false, "revoked_with_it": [],
                "position": "1:1",
            })
        );
        world.clock.advance(Duration::from_secs(5));
        assert_eq!(
            world.revoke(&passport, "superseded").await.json(),
            first.json()
        );
        assert_eq!(world.revoke(&passport, "policy").await.json(), first.json());

        let worse = world.revoke(&passport, "key_compromise").await.json();
        assert_eq!(
            (&worse["reason"], &worse["key_blocked"]),
            (&json!("key_compromise"), &json!(true))
        );
        assert_eq!(worse["revoked_at"], first.json()["revoked_at"]);
        assert_eq!(world.revoke(&passport, "cessation").await.json(), worse);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_cut_off_cannot_go_on_with_an_older_or_a_renewed_passport() {
    on_both(async |world| {
        let key = new_key();
        let first = world.issue("a", &key).await;
        let renewed = world.renew(&first, &key, json!({})).await.passport();
        let again = world.renew(&renewed, &key, json!({})).await.passport();
        let other = world.issue("b", &key).await;
        let state = async |passport: &Passport| {
            let path = format!("/v1/passports/{}", passport.id());
            world.get(&path).await.json()["status"]["state"].clone()
        };
        world.revoke(&first, "superseded").await;
        assert_eq!(state(&renewed).await, "good");
        world.revoke(&renewed, "policy").await;
        assert_eq!(state(&again).await, "revoked");
        assert_eq!(state(&other).await, "good");
        let refused = world.renew(&again, &key, json!({})).await;
        refused.problem(409, "passport-revoked");
    })
    .await;
}

#[tokio::test]
async fn a_compromised_key_takes_its_passports_with_it_and_gets_no_more() {
    on_both(async |world| {
        let (key, other) = (new_key(), new_key());
        let first = world.issue("a", &key).await;
        let second = world.issue("b", &key).await;
        let untouched = world.issue("c", &other).await;
        let answer = world.revoke(&first, "key_compromise").await.json();
        assert_eq!(answer["revoked_with_it"], json!([second.id().as_str()]));
        let state = async |id: &str| {
            world.get(&format!("/v1/passports/{id}")).await.json()["status"]["state"].clone()
        };
        assert_eq!(state(second.id().as_str()).await, "revoked");
        assert_eq!(state(untouched.id().as_str()).await, "good");

        let order = world.order("d", &key).await;
        let problem = world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(403, "key-blocked");
        assert_eq!(problem["code"], "MCPS-003");
        world
            .renew(&second, &key, json!({}))
            .await
            .problem(409, "passport-revoked");
        world.issue("d", &other).await;
    })
    .await;
}

#[tokio::test]
async fn revokes_for_operators_alone_and_only_what_exists() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let path = format!("/v1/passports/{}/revoke", passport.id());
        world
            .post(&path, &json!({"reason": "policy"}))
            .await
            .problem(401, "operator-required");
        for bad in [
            json!({"reason": "because"}),
            json!({"reason": "policy", "undo": true}),
            json!({"note": "a\u{0}b"}),
        ] {
            world
                .post_as_operator(&path, &bad)
                .await
                .problem(422, "invalid-request");
        }
        let unknown = "/v1/passports/asp_00000000000000000000000000000000/revoke";
        world
            .post_as_operator(unknown, &json!({}))
            .await
            .problem(404, "passport-not-found");
        let answer = world
            .post_as_operator(&path, &json!({"note": "seen twice"}))
            .await
            .json();
        assert_eq!(answer["reason"], "unspecified");
    })
    .await;
}
