//! Reports of incidents, from outside.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_authority::hooks::mapping::Mapping;
use mcps_authority::hooks::signature::Verifier;
use mcps_authority::hooks::{Ceiling, Hook};
use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

const SECRET: [u8; 32] = [7; 32];

fn hook(ceiling: Ceiling) -> Hook {
    Hook {
        name: "soar".into(),
        verifier: Verifier::Hmac(SECRET.to_vec()),
        ceiling,
        tenant: None,
        per_hour: 100,
        mapping: None,
    }
}

/// A report as a sender signs it.
async fn send(world: &World, query: &str, id: &str, body: &str) -> Answer {
    let at = world.now().as_millis() / 1000;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let signature = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(signature));
    let at = at.to_string();
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    let path = format!("/v1/hooks/soar{query}");
    world.send_with(&path, &headers, body.to_owned()).await
}

fn suspend(name: &str) -> String {
    let target = json!({"kind": "agent", "tenant": "default", "name": name});
    json!({"action": "suspend", "target": target, "note": "seen on a paste site"}).to_string()
}

async fn set(world: &World, hook: &Hook) {
    let db = world.database().await;
    db.set_hook(hook, "test", world.now()).await.unwrap();
    db.close().await;
}

async fn state(world: &World, passport: &mcps_core::passport::Passport) -> Value {
    let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
    shown.json()["status"]["state"].clone()
}

#[tokio::test]
async fn a_signed_report_suspends_and_an_operator_undoes_it() {
    on_both(async |world| {
        set(&world, &hook(Ceiling::Revoke)).await;
        let passport = world.issue("a", &new_key()).await;
        let first = send(&world, "", "msg_1", &suspend("a")).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let first = first.json();
        assert_eq!(
            (&first["outcome"], &first["position"]),
            (&json!("done"), &json!("1:1"))
        );
        assert_eq!(state(&world, &passport).await, "suspended");

        // Delivered again, it is answered again, and done once.
        let again = send(&world, "", "msg_1", &suspend("a")).await.json();
        assert_eq!(again, first);
        let other = send(&world, "", "msg_1", &suspend("b")).await;
        other.problem(409, "other-body");

        let undo = format!("/v1/actions/{}/undo", first["action_id"].as_str().unwrap());
        let undone = world.post_as_operator(&undo, &json!({})).await.json();
        assert_eq!(
            (&undone["action"], &undone["position"]),
            (&json!("reinstate"), &json!("1:2"))
        );
        assert_eq!(state(&world, &passport).await, "good");
        // An old delivery does not suspend anybody anew, and an old undo lifts nothing new.
        send(&world, "", "msg_1", &suspend("a")).await;
        assert_eq!(state(&world, &passport).await, "good");
        send(&world, "", "msg_2", &suspend("a")).await;
        world.post_as_operator(&undo, &json!({})).await;
        assert_eq!(state(&world, &passport).await, "suspended");

        let listed = world
            .get_as_operator("/v1/actions?outcome=done")
            .await
            .json();
        let listed = listed["actions"].as_array().unwrap();
        let reported = listed
            .iter()
            .filter(|action| action["given_by"] == "hook:soar");
        assert_eq!((listed.len(), reported.count()), (3, 2), "{listed:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_believed_that_is_not_signed_by_the_source() {
    on_both(async |world| {
        let body = suspend("a");
        // Unknown and wrongly signed sources cannot be told apart.
        let unknown = send(&world, "", "msg_1", &body).await;
        let unknown = unknown.problem(401, "report-refused");
        let mut other = hook(Ceiling::Revoke);
        other.verifier = Verifier::Hmac(vec![8; 32]);
        set(&world, &other).await;
        let refused = send(&world, "", "msg_1", &body).await;
        assert_eq!(refused.problem(401, "report-refused"), unknown);

        set(&world, &hook(Ceiling::Revoke)).await;
        let bare = world.send_with("/v1/hooks/soar", &[], body.clone()).await;
        bare.problem(401, "report-refused");
        // Signed, but not strict JSON, or not an order.
        let answer = send(
            &world,
            "",
            "msg_2",
            r#"{"action":"suspend","action":"revoke"}"#,
        )
        .await;
        answer.problem(400, "malformed-json");
        send(&world, "", "msg_3", "{}")
            .await
            .problem(422, "report-unread");
        let all = r#"{"action":"suspend","target":{"kind":"all"}}"#;
        send(&world, "", "msg_4", all)
            .await
            .problem(403, "out-of-reach");
    })
    .await;
}

#[tokio::test]
async fn a_source_does_at_most_what_it_may() {
    on_both(async |world| {
        let passport = world.issue("a", &new_key()).await;
        let revoke = suspend("a").replace("suspend", "revoke");

        set(&world, &hook(Ceiling::Observe)).await;
        let seen = send(&world, "", "msg_1", &revoke).await;
        assert_eq!(
            (seen.status.as_u16(), &seen.json()["outcome"]),
            (202, &json!("observed"))
        );
        assert_eq!(state(&world, &passport).await, "good");

        set(&world, &hook(Ceiling::Suspend)).await;
        let dry = send(&world, "?dry_run=true", "msg_2", &revoke).await.json();
        assert_eq!(
            (&dry["outcome"], &dry["action"]),
            (&json!("done"), &json!("suspend"))
        );
        assert_eq!(state(&world, &passport).await, "good");
        let done = send(&world, "", "msg_2", &revoke).await.json();
        assert_eq!(done["action"], "suspend");
        assert_eq!(state(&world, &passport).await, "suspended");

        let nobody = send(&world, "", "msg_3", &suspend("nobody")).await;
        assert_eq!(
            (nobody.status.as_u16(), &nobody.json()["outcome"]),
            (202, &json!("no_match"))
        );
        let inbox = world
            .get_as_operator("/v1/actions?outcome=no_match")
            .await
            .json();
        assert_eq!(inbox["actions"][0]["target"]["name"], "nobody");

        let elsewhere = Hook {
            tenant: Some("acme".into()),
            ..hook(Ceiling::Revoke)
        };
        set(&world, &elsewhere).await;
        let refused = send(&world, "", "msg_4", &suspend("a")).await;
        refused.problem(403, "out-of-reach");

        // One was carried out within this hour, and one is all there may be.
        set(
            &world,
            &Hook {
                per_hour: 1,
                ..hook(Ceiling::Revoke)
            },
        )
        .await;
        let held = send(&world, "", "msg_5", &revoke).await;
        assert_eq!(
            (held.status.as_u16(), &held.json()["outcome"]),
            (202, &json!("held"))
        );
        world.clock.advance(std::time::Duration::from_secs(3600));
        let done = send(&world, "", "msg_6", &revoke).await.json();
        assert_eq!(
            (&done["outcome"], &done["action"]),
            (&json!("done"), &json!("revoke"))
        );
        let undo = format!("/v1/actions/{}/undo", done["action_id"].as_str().unwrap());
        let refused = world.post_as_operator(&undo, &json!({})).await;
        refused.problem(409, "not-undone");
    })
    .await;
}

#[tokio::test]
async fn a_report_in_another_form_is_read_by_its_mapping() {
    on_both(async |world| {
        let mapping = json!({
            "action": {"at": "/severity", "is": {"critical": "suspend"}, "else": "observe"},
            "target": {"kind": "agent", "tenant": "default", "name": {"at": "/labels/agent"}},
        });
        let mapping = Some(Mapping::parse(&mapping.to_string()).unwrap());
        set(
            &world,
            &Hook {
                mapping,
                ..hook(Ceiling::Suspend)
            },
        )
        .await;
        let passport = world.issue("a", &new_key()).await;
        let report = json!({"severity": "critical", "labels": {"agent": "a"}}).to_string();
        let done = send(&world, "", "msg_1", &report).await.json();
        assert_eq!(done["outcome"], "done", "{done}");
        assert_eq!(state(&world, &passport).await, "suspended");
        let report = json!({"severity": "low", "labels": {"agent": "a"}}).to_string();
        let seen = send(&world, "", "msg_2", &report).await.json();
        assert_eq!(seen["outcome"], "observed");
    })
    .await;
}

#[tokio::test]
async fn deliveries_of_one_report_at_the_same_time_are_one() {
    on_both(async |world| {
        set(&world, &hook(Ceiling::Revoke)).await;
        world.issue("a", &new_key()).await;
        let body = suspend("a");
        let deliveries = (0..32).map(|_| send(&world, "", "msg_1", &body));
        let answers = futures_util::future::join_all(deliveries).await;
        let first = answers[0].json();
        for answer in &answers {
            assert_eq!(answer.json(), first);
        }
        assert_eq!(first["position"], "1:1");
        let listed = world.get_as_operator("/v1/actions").await.json();
        assert_eq!(listed["actions"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_order_under_one_idempotency_key_is_one_order() {
    on_both(async |world| {
        let auth = format!("Bearer {}", world.operator);
        let headers = |key: &str| {
            [
                ("authorization".to_owned(), auth.clone()),
                ("idempotency-key".to_owned(), key.to_owned()),
            ]
        };
        let post = async |path: &str, key: &str, tenant: &str| {
            let headers = headers(key);
            let headers: Vec<_> = headers
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect();
            let body = json!({"target": {"kind": "tenant", "tenant": tenant}}).to_string();
            world.send_with(path, &headers, body).await
        };
        let first = post("/v1/suspensions", "k1", "acme").await.json();
        world
            .post_as_operator(
                "/v1/reinstatements",
                &json!({"target": {"kind": "tenant", "tenant": "acme"}}),
            )
            .await;
        // Sent again after it was lifted, it does not suspend again.
        assert_eq!(post("/v1/suspensions", "k1", "acme").await.json(), first);
        let snapshot = world.get("/v1/feed/snapshot").await.text;
        assert!(!snapshot.contains("suspended"), "{snapshot}");
        post("/v1/suspensions", "k1", "other")
            .await
            .problem(409, "other-body");
        post("/v1/revocations", "k1", "acme")
            .await
            .problem(409, "other-body");
        post("/v1/suspensions", "", "acme")
            .await
            .problem(400, "bad-idempotency-key");
    })
    .await;
}
