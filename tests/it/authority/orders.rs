//! Orders against whatever a target reaches.

use std::time::Duration;

use mcps_core::key::SecretKey;
use mcps_core::passport::Passport;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{World, kid, new_key, on_both};

/// Every target that reaches an agent of the default tenant.
fn reaches(passport: &Passport, key: &SecretKey) -> [Value; 5] {
    [
        json!({"kind": "passport", "id": passport.id().as_str()}),
        json!({"kind": "key", "key": kid(key)}),
        json!({"kind": "agent", "tenant": "default", "name": passport.agent_name()}),
        json!({"kind": "owner", "tenant": "default", "owner": passport.ext().unwrap().owner}),
        json!({"kind": "tenant", "tenant": "default"}),
    ]
}

async fn state(world: &World, passport: &Passport) -> String {
    let path = format!("/v1/passports/{}", passport.id());
    let shown = world.get(&path).await.json();
    let nonce = "0".repeat(32);
    let signed = world
        .get(&format!("{path}/status?nonce={nonce}"))
        .await
        .json();
    let state = shown["status"]["state"].as_str().unwrap().to_owned();
    assert_eq!(signed["status"], state, "{signed}");
    let draft = world
        .get(&format!("/api/verify/{}", passport.id()))
        .await
        .json();
    assert_eq!(draft["revoked"], state != "good", "{draft}");
    state
}

#[tokio::test]
async fn suspends_and_reinstates_by_every_target_that_reaches_a_passport() {
    on_both(async |world| {
        let key = new_key();
        let passport = world.issue("a", &key).await;
        for target in reaches(&passport, &key) {
            let order = json!({"target": target, "reason": "policy"});
            let done = world
                .post_as_operator("/v1/suspensions", &order)
                .await
                .json();
            assert_eq!(done["changed"], true, "{done}");
            assert_eq!(state(&world, &passport).await, "suspended", "{target}");
            // Nothing is given to whoever is held back.
            let refused = world.renew(&passport, &key, json!({})).await;
            refused.problem(403, "held-back");
            let again = world
                .post_as_operator("/v1/suspensions", &order)
                .await
                .json();
            assert_eq!(again["changed"], false);
            assert_eq!(again["position"], done["position"]);

            let done = world
                .post_as_operator("/v1/reinstatements", &order)
                .await
                .json();
            assert_eq!(done["changed"], true, "{done}");
            assert_eq!(state(&world, &passport).await, "good", "{target}");
            let again = world
                .post_as_operator("/v1/reinstatements", &order)
                .await
                .json();
            assert_eq!(again["changed"], false);
        }
        assert!(
            world
                .renew(&passport, &key, json!({}))
                .await
                .status
                .is_success()
        );
    })
    .await;
}

#[tokio::test]
async fn revokes_for_good_by_every_target_that_reaches_a_passport() {
    on_both(async |world| {
        // The tenant last: after it there is nothing left.
        for n in 0..5 {
            let (key, name, owner) = (new_key(), format!("a{n}"), format!("owner-{n}"));
            let order = world.order_with(&name, &key, json!({"owner": owner})).await;
            let passport = world
                .post_as_operator("/v1/passports", &order)
                .await
                .passport();
            let target = reaches(&passport, &key)[n].clone();
            let order = json!({"target": target, "reason": "policy"});
            let done = world.post_as_operator("/v1/revocations", &order).await;
            assert_eq!(
                done.json()["position"],
                format!("1:{}", n + 1),
                "{}",
                done.text
            );
            assert_eq!(state(&world, &passport).await, "revoked", "{target}");
            // No way back.
            let lift = json!({"target": target});
            world.post_as_operator("/v1/reinstatements", &lift).await;
            assert_eq!(state(&world, &passport).await, "revoked", "{target}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_suspension_ends_by_itself() {
    on_both(async |world| {
        let key = new_key();
        let passport = world.issue("a", &key).await;
        let until = world.now().plus(Duration::from_secs(60)).to_string();
        let target = json!({"kind": "tenant", "tenant": "default"});
        let order = json!({"target": target, "until": until});
        world.post_as_operator("/v1/suspensions", &order).await;
        assert_eq!(state(&world, &passport).await, "suspended");
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(state(&world, &passport).await, "good");
        let past = json!({"target": target, "until": until});
        let refused = world.post_as_operator("/v1/suspensions", &past).await;
        assert_eq!(refused.problem(422, "invalid-request")["member"], "until");
    })
    .await;
}

#[tokio::test]
async fn stops_everything_at_once() {
    on_both(async |world| {
        let key = new_key();
        let passport = world.issue("a", &key).await;
        let all = json!({"target": {"kind": "all"}});
        world.post_as_operator("/v1/stops", &all).await;
        assert_eq!(state(&world, &passport).await, "suspended");
        let order = world.order("b", &new_key()).await;
        let refused = world.post_as_operator("/v1/passports", &order).await;
        refused.problem(403, "held-back");
        let lift = json!({"target": {"kind": "all"}, "lifts": "stop"});
        world.post_as_operator("/v1/reinstatements", &lift).await;
        assert_eq!(state(&world, &passport).await, "good");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_blocked_before_anybody_certified_it() {
    on_both(async |world| {
        let key = new_key();
        let target = json!({"kind": "key", "key": kid(&key)});
        let order = json!({"target": target, "reason": "key_compromise"});
        let done = world
            .post_as_operator("/v1/revocations", &order)
            .await
            .json();
        assert_eq!(
            (&done["action"], &done["changed"]),
            (&json!("key_block"), &json!(true))
        );
        let again = world
            .post_as_operator("/v1/revocations", &order)
            .await
            .json();
        assert_eq!(
            (&again["changed"], &again["position"]),
            (&json!(false), &done["position"])
        );
        let order = world.order("a", &key).await;
        let refused = world.post_as_operator("/v1/passports", &order).await;
        refused.problem(403, "key-blocked");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_and_told_to_nobody() {
    on_both(async |world| {
        let bad = [
            ("/v1/revocations", json!({"kind": "all"})),
            ("/v1/suspensions", json!({"kind": "all"})),
            (
                "/v1/stops",
                json!({"kind": "owner", "tenant": "a", "owner": "b"}),
            ),
            (
                "/v1/reinstatements",
                json!({"kind": "owner", "tenant": "a"}),
            ),
            ("/v1/revocations", json!({"kind": "planet", "name": "x"})),
            ("/v1/revocations", json!({"kind": "tenant", "tenant": ""})),
            (
                "/v1/revocations",
                json!({"kind": "tenant", "tenant": "x".repeat(300)}),
            ),
            (
                "/v1/revocations",
                json!({"kind": "tenant", "tenant": "a", "name": "b"}),
            ),
            ("/v1/revocations", json!("tenant")),
        ];
        for (path, target) in bad {
            let answer = world
                .post_as_operator(path, &json!({"target": target}))
                .await;
            assert_eq!(
                answer.problem(422, "invalid-request")["member"],
                "target",
                "{target}"
            );
        }
        let unknown = json!({"kind": "passport", "id": format!("asp_{}", "0".repeat(32))});
        let answer = world
            .post_as_operator("/v1/revocations", &json!({"target": unknown}))
            .await;
        answer.problem(404, "passport-not-found");
        for path in [
            "/v1/revocations",
            "/v1/suspensions",
            "/v1/stops",
            "/v1/reinstatements",
        ] {
            let body = json!({"target": {"kind": "tenant", "tenant": "a"}}).to_string();
            let answer = world.send(Method::POST, path, None, Some(body)).await;
            answer.problem(401, "operator-required");
        }
        let answer = world.get("/v1/feed/frames?after=1:0&wait_s=0").await.json();
        assert_eq!(answer["frames"][0]["to"], 0, "{answer}");
    })
    .await;
}

#[tokio::test]
async fn orders_at_the_same_time_are_numbered_without_a_gap() {
    on_both(async |world| {
        let orders = (0..60).map(|n| {
            let world = &world;
            async move {
                let target = json!({"kind": "tenant", "tenant": format!("t{}", n % 40)});
                let order = json!({"target": target, "reason": "policy"});
                world
                    .post_as_operator("/v1/suspensions", &order)
                    .await
                    .json()
            }
        });
        let done = futures_util::future::join_all(orders).await;
        let changed = done.iter().filter(|done| done["changed"] == true).count();
        assert_eq!(changed, 40, "{done:?}");
        let mut numbers: Vec<u64> = Vec::new();
        while numbers.len() < 40 {
            let after = numbers.len();
            let path = format!("/v1/feed/frames?after=1:{after}");
            let answer = world.get(&path).await.json();
            let frames = answer["frames"].as_array().unwrap().clone();
            let events = frames
                .iter()
                .flat_map(|frame| frame["events"].as_array().unwrap());
            let news = events.map(|event| event["seq"].as_u64().unwrap());
            numbers.extend(news.filter(|seq| *seq > after as u64));
        }
        assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    })
    .await;
}
