//! Reports of incidents, from outside.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_authority::hooks::adapter::Adapter;
use mcps_authority::hooks::authentication::Authentication;
use mcps_authority::hooks::mapping::Mapping;
use mcps_authority::hooks::signature::Verifier;
use mcps_authority::hooks::{Ceiling, Hook, PER_HOUR, REACH};
use mcps_authority::incidents::{Incident, Made};
use mcps_core::digest::Digest;
use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

const SECRET: [u8; 32] = [7; 32];

fn signed_by(secret: &[u8]) -> Authentication {
    Authentication::Signature(Verifier::Hmac(secret.to_vec()))
}

fn hook(ceiling: Ceiling) -> Hook {
    Hook {
        name: "soar".into(),
        adapter: Adapter::Generic,
        authentication: signed_by(&SECRET),
        ceiling,
        tenant: None,
        reach: REACH,
        per_hour: PER_HOUR,
        suspend_for: None,
        mapping: None,
        poll: None,
        disabled_at: None,
    }
}

/// A report as a sender signs it.
async fn send(world: &World, query: &str, id: &str, body: &str) -> Answer {
    send_at(world, query, id, body, 0).await
}

/// The same by a clock that is off by so many seconds.
async fn send_at(world: &World, query: &str, id: &str, body: &str, off: i64) -> Answer {
    let at = world.now().as_millis() / 1000 + off;
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
            (&first["incidents"][0]["outcome"], &first["position"]),
            (&json!("done"), &json!("1:1"))
        );
        assert_eq!(state(&world, &passport).await, "suspended");

        // Delivered again, it is answered again, and done once.
        let again = send(&world, "", "msg_1", &suspend("a")).await.json();
        assert_eq!(again, first);
        let other = send(&world, "", "msg_1", &suspend("b")).await;
        other.problem(409, "other-body");

        let action = first["incidents"][0]["action_id"].as_str().unwrap();
        let undo = format!("/v1/actions/{action}/undo");
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
        other.authentication = signed_by(&[8; 32]);
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

/// What was made of the one alert of a report.
#[track_caller]
fn made(answer: &Answer) -> (u16, Value) {
    let reported = answer.json();
    assert!(reported["incidents"].is_array(), "{reported}");
    (answer.status.as_u16(), reported["incidents"][0].clone())
}

#[tokio::test]
async fn a_source_does_at_most_what_it_may() {
    on_both(async |world| {
        let passport = world.issue("a", &new_key()).await;
        let revoke = suspend("a").replace("suspend", "revoke");

        set(&world, &hook(Ceiling::Observe)).await;
        let (status, seen) = made(&send(&world, "", "msg_1", &revoke).await);
        assert_eq!((status, &seen["outcome"]), (202, &json!("observed")));
        assert_eq!(state(&world, &passport).await, "good");

        set(&world, &hook(Ceiling::Suspend)).await;
        let (status, dry) = made(&send(&world, "?dry_run=true", "msg_2", &revoke).await);
        assert_eq!(
            (status, &dry["outcome"], &dry["action"]),
            (200, &json!("done"), &json!("suspend"))
        );
        assert_eq!(dry["incident_id"], Value::Null);
        assert_eq!(state(&world, &passport).await, "good");
        let (_, done) = made(&send(&world, "", "msg_2", &revoke).await);
        assert_eq!(done["action"], "suspend");
        assert_eq!(state(&world, &passport).await, "suspended");

        let (status, nobody) = made(&send(&world, "", "msg_3", &suspend("nobody")).await);
        assert_eq!((status, &nobody["outcome"]), (202, &json!("no_match")));
        let inbox = world.get_as_operator("/v1/inbox?outcome=no_match").await;
        assert_eq!(inbox.json()["incidents"][0]["target"]["name"], "nobody");

        let elsewhere = Hook {
            tenant: Some("acme".into()),
            ..hook(Ceiling::Revoke)
        };
        set(&world, &elsewhere).await;
        let refused = send(&world, "", "msg_4", &suspend("a")).await;
        refused.problem(403, "out-of-reach");
        let inbox = world.get_as_operator("/v1/inbox?outcome=refused").await;
        assert_eq!(inbox.json()["incidents"][0]["event_id"], "msg_4");
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
        let (_, done) = made(&send(&world, "", "msg_1", &report).await);
        assert_eq!(done["outcome"], "done", "{done}");
        assert_eq!(state(&world, &passport).await, "suspended");
        let report = json!({"severity": "low", "labels": {"agent": "a"}}).to_string();
        let (_, seen) = made(&send(&world, "", "msg_2", &report).await);
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

#[tokio::test]
async fn a_report_with_what_no_text_of_postgresql_has_is_taken_or_refused_clearly() {
    on_both(async |world| {
        set(&world, &hook(Ceiling::Suspend)).await;
        let passport = world.issue("a", &new_key()).await;
        let agent = |name: &str| json!({"kind": "agent", "tenant": "default", "name": name});
        let nobody = json!({"action": "suspend", "target": agent("a\u{0}")}).to_string();
        let refused = send(&world, "", "msg_1", &nobody).await;
        refused.problem(422, "report-unread");
        assert_eq!(state(&world, &passport).await, "good");
        // Its id is another text with it, and its note is not kept.
        for (delivery, id) in [("msg_2", "x\u{0}"), ("msg_3", "x")] {
            let order =
                json!({"id": id, "action": "suspend", "target": agent("a"), "note": "a\u{0}"});
            let (status, done) = made(&send(&world, "", delivery, &order.to_string()).await);
            assert_eq!((status, &done["note"]), (200, &Value::Null), "{done}");
        }
        for (delivery, id, left) in [("msg_4", "x", "suspended"), ("msg_5", "x\u{0}", "good")] {
            let over = json!({"id": id, "action": "resolve"}).to_string();
            assert_eq!(send(&world, "", delivery, &over).await.status, 200);
            assert_eq!(state(&world, &passport).await, left);
        }
        // Nor is it in what a mapping finds.
        let mapping = json!({"id": {"at": "/id"}, "action": "suspend",
            "target": {"kind": "agent", "tenant": "default", "name": {"at": "/name"}}});
        let mapping = Some(Mapping::parse(&mapping.to_string()).unwrap());
        let mapped = Hook {
            mapping,
            ..hook(Ceiling::Suspend)
        };
        set(&world, &mapped).await;
        let found = json!({"id": "y\u{0}", "name": "a"}).to_string();
        assert_eq!(send(&world, "", "msg_6", &found).await.status, 200);
        assert_eq!(state(&world, &passport).await, "suspended");
    })
    .await;
}

#[tokio::test]
async fn a_report_of_long_ago_or_to_come_is_refused() {
    on_both(async |world| {
        set(&world, &hook(Ceiling::Revoke)).await;
        let passport = world.issue("a", &new_key()).await;
        for off in [-301, 301] {
            let refused = send_at(&world, "", "msg_1", &suspend("a"), off).await;
            let problem = refused.problem(401, "report-refused");
            assert!(problem["detail"].as_str().unwrap().contains("timestamp"));
        }
        assert_eq!(state(&world, &passport).await, "good");
        let inbox = world.get_as_operator("/v1/inbox").await.json();
        assert_eq!(inbox, json!({"incidents": []}));
        send_at(&world, "", "msg_1", &suspend("a"), -300).await;
        assert_eq!(state(&world, &passport).await, "suspended");
    })
    .await;
}

/// What is written down of the report `msg_1` about agent `a` before its order is given.
fn written_down(world: &World, body: &str) -> Incident {
    Incident {
        id: format!("inc_{}", "1".repeat(32)),
        source: "soar".into(),
        event_id: "msg_1".into(),
        alert_key: "msg_1".into(),
        body: Digest::of(body.as_bytes()),
        at: world.now(),
        tenant: Some("default".into()),
        asked: "suspend".into(),
        action: "suspend".into(),
        target: r#"{"kind":"agent","name":"a","tenant":"default"}"#.into(),
        reason: "policy".into(),
        note: None,
        suspend_ms: None,
        reach: 1,
        made: Made::Pending,
        why: String::new(),
        order_id: None,
        position: None,
        decided_by: None,
        decided_at: None,
        ended_at: None,
    }
}

#[tokio::test]
async fn what_a_crash_left_undone_is_done_when_it_is_delivered_again() {
    on_both(async |world| {
        set(&world, &hook(Ceiling::Revoke)).await;
        let passport = world.issue("a", &new_key()).await;
        let body = suspend("a");
        let db = world.database().await;
        let new = written_down(&world, &body);
        let admitted = db
            .admit(&new, (PER_HOUR, world.now()), false)
            .await
            .unwrap();
        assert!(!admitted.repeated);
        db.close().await;
        assert_eq!(state(&world, &passport).await, "good");
        let (status, done) = made(&send(&world, "", "msg_1", &body).await);
        assert_eq!((status, &done["outcome"]), (200, &json!("done")));
        assert_eq!(done["incident_id"], new.id);
        assert_eq!(state(&world, &passport).await, "suspended");
        let (_, again) = made(&send(&world, "", "msg_1", &body).await);
        assert_eq!(again, done);
    })
    .await;
}
