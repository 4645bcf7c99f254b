//! The audit trail of enrolling, exchanging a key and blocking it.

use mcps_authority::examine::examine;
use mcps_core::audit::LANES;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use serde_json::{Value, json};

use super::rotating::rotate;
use super::world::{World, kid, new_key, on_both};

/// Every record: what was done, and to whom.
async fn recorded(world: &World) -> Vec<(String, String)> {
    let mut recorded = Vec::new();
    for lane in 0..LANES {
        let path = format!("/v1/audit/lanes/{lane}");
        let answer = world.get_as_operator(&path).await.json();
        for row in answer["rows"].as_array().unwrap() {
            let record: Value = serde_json::from_str(row["record"].as_str().unwrap()).unwrap();
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            recorded.push((text("action"), text("subject")));
        }
    }
    recorded
}

#[tokio::test]
async fn tokens_rotations_and_compromises_leave_records_that_hold() {
    on_both(async |world| {
        let token = json!({"kind": "agent", "owner": "ops@example.org", "name": "a"});
        let tokens = [(); 2].map(|()| world.post_as_operator("/v1/enrolment-tokens", &token));
        let tokens = futures_util::future::join_all(tokens).await;
        let tokens: Vec<Value> = tokens.iter().map(super::world::Answer::json).collect();
        let id = |n: usize| tokens[n]["token_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/enrolment-tokens/{}/withdraw", id(1));
        for _ in 0..2 {
            world.post_as_operator(&path, &json!({})).await;
        }
        let (key, next) = (new_key(), new_key());
        let order = world.order("a", &key).await;
        let secret = tokens[0]["token"].as_str();
        let enrolled = world
            .send(
                reqwest::Method::POST,
                "/v1/passports",
                secret,
                Some(order.to_string()),
            )
            .await
            .passport();
        let more = json!({"overlap_s": 0});
        let rotated = rotate(&world, &enrolled, &key, &next, more)
            .await
            .passport();
        let jwk: Value = serde_json::from_str(&next.public_key().to_jwk()).unwrap();
        let said = json!({"audience": world.running.name, "public_key": jwk}).to_string();
        let said = statement::sign(statement::COMPROMISE, &said, &next).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        for _ in 0..2 {
            assert_eq!(world.post("/v1/key-compromises", &said).await.status, 200);
        }
        let order = json!({"target": {"kind": "tenant", "tenant": "acme"}});
        world
            .post_as_operator("/v1/stops?dry_run=true", &order)
            .await;

        let mut actual = recorded(&world).await;
        actual.retain(|(action, _)| action != "trail.begin" && action != "operator.add");
        actual.sort();
        let target = json!({"key": kid(&next), "kind": "key"}).to_string();
        let mut expected = [
            ("token.create", id(0)),
            ("token.create", id(1)),
            ("token.withdraw", id(1)),
            ("passport.issue", enrolled.id().to_string()),
            ("passport.issue", rotated.id().to_string()),
            ("key.rotate", kid(&key)),
            ("passport.revoke", enrolled.id().to_string()),
            ("key.block", kid(&next)),
            ("order.note", target),
        ]
        .map(|(action, subject)| (action.to_owned(), subject));
        expected.sort();
        assert_eq!(actual, expected);
        let db = world.database().await;
        let report = examine(&db, &world.bundle().await).await.unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    })
    .await;
}
