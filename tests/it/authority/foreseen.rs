//! What an order would do, and does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::rotating::rotate;
use super::world::{World, kid, new_key, on_both};

async fn foresee(world: &World, path: &str, order: &Value) -> Value {
    let answer = world
        .post_as_operator(&format!("{path}?dry_run=true"), order)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["dry_run"], true);
    assert!(answer.get("action_id").is_none(), "{answer}");
    answer
}

#[tokio::test]
async fn a_dry_run_counts_live_passports_and_changes_nothing() {
    on_both(async |world| {
        let (key, other) = (new_key(), new_key());
        let a = world.issue("a", &key).await;
        world.renew(&a, &key, json!({})).await.passport();
        let b = world.issue("b", &key).await;
        let acme = json!({"owner": "acme", "kind": "server"});
        let order = world.order_with("a", &other, acme).await;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        let short = world.order_with("c", &new_key(), json!({"ttl_s": 1})).await;
        world
            .post_as_operator("/v1/passports", &short)
            .await
            .passport();
        world
            .revoke(&world.issue("d", &new_key()).await, "policy")
            .await;
        world.clock.advance(Duration::from_secs(1));
        let bundle = world.bundle().await;
        let issuer = bundle
            .usable(mcps_core::trust::KeyUse::Passport)
            .next()
            .unwrap();
        let issuer = issuer.public_key.key_id().to_string();

        let named =
            |kind: &str, name: &str| json!({"kind": kind, "tenant": "default", "name": name});
        let cases = [
            (json!({"kind": "passport", "id": a.id().as_str()}), 1),
            (json!({"kind": "key", "key": kid(&key)}), 3),
            (named("agent", "a"), 2),
            (named("server", "a"), 1),
            (named("gateway", "a"), 0),
            (named("agent", "c"), 0),
            (
                json!({"kind": "owner", "tenant": "default", "owner": "ops@example.org"}),
                3,
            ),
            (
                json!({"kind": "owner", "tenant": "default", "owner": "acme"}),
                1,
            ),
            (json!({"kind": "tenant", "tenant": "default"}), 4),
            (json!({"kind": "tenant", "tenant": "other"}), 0),
            (json!({"kind": "issuer", "key": issuer}), 4),
        ];
        for (target, reached) in &cases {
            let order = json!({"target": target, "reason": "policy"});
            let foreseen = foresee(&world, "/v1/suspensions", &order).await;
            assert_eq!(
                (
                    &foreseen["reached"],
                    &foreseen["changed"],
                    &foreseen["position"]
                ),
                (&json!(reached), &json!(true), &Value::Null),
                "{target}"
            );
            foresee(&world, "/v1/revocations", &order).await;
            foresee(&world, "/v1/reinstatements", &json!({"target": target})).await;
        }
        let all = json!({"target": {"kind": "all"}});
        assert_eq!(foresee(&world, "/v1/stops", &all).await["reached"], 4);
        // With a passport goes what renewed it; with a blocked key what it was exchanged for.
        let order = json!({"target": cases[0].0, "reason": "policy"});
        assert_eq!(
            foresee(&world, "/v1/revocations", &order).await["reached"],
            2
        );
        rotate(&world, &b, &key, &new_key(), json!({}))
            .await
            .passport();
        let order = json!({"target": cases[1].0, "reason": "key_compromise"});
        assert_eq!(
            foresee(&world, "/v1/revocations", &order).await["reached"],
            4
        );

        // Nothing was done, told or recorded: one revocation stands in the feed, and no action.
        let frames = world.get("/v1/feed/frames?after=1:0&wait_s=0").await.json();
        assert_eq!(frames["frames"][0]["to"], 1, "{frames}");
        let actions = world.get_as_operator("/v1/actions").await.json();
        assert_eq!(actions["actions"], json!([]));
        world.renew(&a, &key, json!({})).await.passport();
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_says_what_the_order_would() {
    on_both(async |world| {
        let order = json!({"target": {"kind": "tenant", "tenant": "acme"}, "reason": "policy"});
        world.post_as_operator("/v1/suspensions", &order).await;
        // It is so already.
        let foreseen = foresee(&world, "/v1/suspensions", &order).await;
        assert_eq!(foreseen["changed"], false);
        assert_eq!(foreseen["position"], "1:1");
        // To undo it would change something, and does not.
        let actions = world.get_as_operator("/v1/actions").await.json();
        let id = actions["actions"][0]["action_id"].as_str().unwrap();
        let path = format!("/v1/actions/{id}/undo");
        for _ in 0..2 {
            assert_eq!(foresee(&world, &path, &json!({})).await["changed"], true);
        }
        let undone = world.post_as_operator(&path, &json!({})).await.json();
        assert_eq!(undone["changed"], true);
        // What cannot be ordered cannot be foreseen.
        let unknown = json!({"kind": "passport", "id": format!("asp_{}", "0".repeat(32))});
        let answer = world
            .post_as_operator("/v1/revocations?dry_run=true", &json!({"target": unknown}))
            .await;
        answer.problem(404, "passport-not-found");
        let answer = world
            .post_as_operator("/v1/revocations?dry_run=maybe", &order)
            .await;
        answer.problem(422, "invalid-request");
    })
    .await;
}
