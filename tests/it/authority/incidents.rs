//! What is made of alerts: the radius of a source, the inbox, and alerts that are over.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

/// Sets a source up as an operator; its secret.
async fn source(world: &World, name: &str, order: Value) -> String {
    let set = put(world, name, order).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let set = set.json();
    set["secret"].as_str().unwrap_or_default().to_owned()
}

async fn put(world: &World, name: &str, order: Value) -> Answer {
    let (path, operator) = (format!("/v1/sources/{name}"), Some(world.operator.as_str()));
    let body = Some(order.to_string());
    world
        .send(reqwest::Method::PUT, &path, operator, body)
        .await
}

/// A source with a bearer token that may suspend.
pub(super) async fn bearer(world: &World, more: Value) -> String {
    let mut order = json!({"authentication": "bearer", "ceiling": "suspend"});
    let (own, more) = (order.as_object_mut().unwrap(), more.as_object().unwrap());
    own.extend(more.clone());
    source(world, "alerts", order).await
}

pub(super) async fn send(world: &World, token: &str, body: &Value) -> Answer {
    let token = format!("Bearer {token}");
    let headers = [("authorization", token.as_str())];
    world
        .send_with("/v1/hooks/alerts", &headers, body.to_string())
        .await
}

pub(super) fn suspend(id: &str, target: Value) -> Value {
    json!({"id": id, "action": "suspend", "target": target})
}

pub(super) fn agent(name: &str) -> Value {
    json!({"kind": "agent", "tenant": "default", "name": name})
}

pub(super) fn resolve(id: &str) -> Value {
    json!({"id": id, "action": "resolve"})
}

#[track_caller]
fn made(answer: &Answer) -> Value {
    let reported = answer.json();
    assert!(reported["incidents"].is_array(), "{reported}");
    reported["incidents"][0].clone()
}

async fn state(world: &World, passport: &mcps_core::passport::Passport) -> Value {
    let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
    shown.json()["status"]["state"].clone()
}

pub(super) async fn inbox(world: &World, query: &str) -> Vec<Value> {
    let listed = world
        .get_as_operator(&format!("/v1/inbox{query}"))
        .await
        .json();
    listed["incidents"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_source_that_proves_too_little_for_what_it_may_is_refused_with_the_reason() {
    on_both(async |world| {
        for (order, says) in [
            (json!({"authentication": "bearer", "ceiling": "revoke"}), "ceiling to suspend"),
            (json!({"authentication": "url", "ceiling": "revoke"}), "ceiling to propose"),
            (json!({"authentication": "url", "ceiling": "suspend"}), "for how long"),
            (
                json!({"authentication": "url", "ceiling": "suspend", "suspend_s": 3600, "reach": 101}),
                "100 subjects",
            ),
            (json!({"authentication": "hmac", "ceiling": "suspend", "reach": 0}), "`reach`"),
            (json!({"authentication": "pagerduty", "ceiling": "observe"}), "`secret` is needed"),
            (
                json!({"authentication": "bearer", "ceiling": "observe", "secret": "of-somebody-else"}),
                "does not belong",
            ),
            (
                json!({"authentication": "hmac", "ceiling": "observe", "adapter": "shared-signals"}),
                "jwks",
            ),
            (
                json!({"authentication": "bearer", "ceiling": "observe", "mapping": {"target": {}}}),
                "`action`",
            ),
        ] {
            let refused = put(&world, "alerts", order.clone()).await;
            let problem = refused.problem(422, "invalid-source");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(says), "{order}: {detail}");
        }
        let listed = world.get_as_operator("/v1/sources").await.json();
        assert_eq!(listed, json!({"sources": []}));
        // What it bears is taken, and its secret is shown once.
        let token = bearer(&world, json!({})).await;
        assert_eq!(token.len(), 43);
        let shown = world.get_as_operator("/v1/sources/alerts").await;
        assert!(!shown.text.contains(&token), "{}", shown.text);
        assert_eq!(shown.json()["ceiling"], "suspend");
    })
    .await;
}

#[tokio::test]
async fn what_reaches_more_than_a_source_may_waits_for_an_operator() {
    on_both(async |world| {
        let token = bearer(&world, json!({"reach": 2, "per_hour": 3})).await;
        let mut passports = Vec::new();
        for name in ["a", "b", "c", "d"] {
            passports.push(world.issue(name, &new_key()).await);
        }
        // All four at once.
        let tenant = json!({"kind": "tenant", "tenant": "default"});
        let answer = send(&world, &token, &suspend("1", tenant)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let proposed = made(&answer);
        assert_eq!(
            (&proposed["outcome"], &proposed["reach"]),
            (&json!("proposed"), &json!(4))
        );
        assert!(proposed["why"].as_str().unwrap().contains("may reach 2"));
        assert_eq!(state(&world, &passports[0]).await, "good");
        // Three in an hour, and no fourth.
        for (id, name) in [("2", "a"), ("3", "b"), ("4", "c")] {
            let done = send(&world, &token, &suspend(id, agent(name))).await;
            assert_eq!(made(&done)["outcome"], "done");
        }
        let fourth = made(&send(&world, &token, &suspend("5", agent("d"))).await);
        assert_eq!(fourth["outcome"], "proposed");
        assert_eq!(state(&world, &passports[3]).await, "good");
        world.clock.advance(Duration::from_secs(3600));
        let later = made(&send(&world, &token, &suspend("6", agent("d"))).await);
        assert_eq!(later["outcome"], "done");

        // An operator carries one out, once, and dismisses the other.
        let id = proposed["incident_id"].as_str().unwrap();
        let approve = format!("/v1/inbox/{id}/approve");
        let approved = world
            .post_as_operator(&approve, &json!({"note": "all of it"}))
            .await;
        let approved = approved.json();
        assert_eq!(approved["outcome"], "done", "{approved}");
        assert!(
            approved["decided_by"].as_str().unwrap().starts_with("op"),
            "{approved}"
        );
        let again = world.post_as_operator(&approve, &json!({})).await;
        again.problem(409, "not-proposed");
        let other = fourth["incident_id"].as_str().unwrap();
        let dismiss = format!("/v1/inbox/{other}/dismiss");
        let dismissed = world
            .post_as_operator(&dismiss, &json!({"note": "a test"}))
            .await;
        assert_eq!(dismissed.json()["outcome"], "dismissed");
        assert!(inbox(&world, "?outcome=proposed").await.is_empty());
        // Delivered again, it is as it was decided.
        let repeated = made(&send(&world, &token, &suspend("5", agent("d"))).await);
        assert_eq!(repeated["outcome"], "dismissed");
        let nobody = format!("/v1/inbox/inc_{}/approve", "0".repeat(32));
        let nobody = world.post_as_operator(&nobody, &json!({})).await;
        nobody.problem(404, "incident-not-found");
    })
    .await;
}

#[tokio::test]
async fn alerts_at_the_same_time_do_not_reach_more_together_than_they_may() {
    on_both(async |world| {
        let token = bearer(&world, json!({"per_hour": 3})).await;
        let names: Vec<String> = (0..8).map(|n| format!("agent-{n}")).collect();
        for name in &names {
            world.issue(name, &new_key()).await;
        }
        let alerts: Vec<Value> = names
            .iter()
            .map(|name| suspend(name, agent(name)))
            .collect();
        let sent = alerts.iter().map(|alert| send(&world, &token, alert));
        let answers = futures_util::future::join_all(sent).await;
        let outcomes = answers.iter().map(|answer| made(answer)["outcome"].clone());
        let done = outcomes.filter(|outcome| outcome == "done").count();
        assert_eq!(done, 3);
        assert_eq!(inbox(&world, "?outcome=proposed").await.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn an_alert_that_is_over_takes_back_what_it_did_itself() {
    on_both(async |world| {
        let token = bearer(&world, json!({})).await;
        let passport = world.issue("a", &new_key()).await;
        send(&world, &token, &suspend("1", agent("a"))).await;
        send(&world, &token, &suspend("2", agent("a"))).await;
        assert_eq!(state(&world, &passport).await, "suspended");
        // As long as one of two lasts, its target stays suspended.
        let first = made(&send(&world, &token, &resolve("1")).await);
        assert_eq!(first["outcome"], "unchanged");
        assert!(
            first["why"].as_str().unwrap().contains("another alert"),
            "{first}"
        );
        assert_eq!(state(&world, &passport).await, "suspended");
        let second = made(&send(&world, &token, &resolve("2")).await);
        assert_eq!(
            (&second["outcome"], &second["action"], &second["position"]),
            (&json!("done"), &json!("reinstate"), &json!("1:2"))
        );
        assert_eq!(state(&world, &passport).await, "good");
        // The same again, and an old alert again, change nothing.
        let again = made(&send(&world, &token, &resolve("2")).await);
        assert_eq!(again, second);
        send(&world, &token, &suspend("1", agent("a"))).await;
        assert_eq!(state(&world, &passport).await, "good");
        let unknown = made(&send(&world, &token, &resolve("3")).await);
        assert_eq!(unknown["outcome"], "no_match");
    })
    .await;
}

#[tokio::test]
async fn an_alert_that_is_over_leaves_what_an_operator_ordered() {
    on_both(async |world| {
        let token = bearer(&world, json!({"suspend_s": 600})).await;
        let passport = world.issue("a", &new_key()).await;
        let by_hand = json!({"target": agent("a"), "reason": "policy"});
        world.post_as_operator("/v1/suspensions", &by_hand).await;
        // A shorter suspension by a source leaves the longer one.
        let alert = made(&send(&world, &token, &suspend("1", agent("a"))).await);
        assert_eq!(alert["outcome"], "unchanged");
        world.clock.advance(Duration::from_secs(601));
        assert_eq!(state(&world, &passport).await, "suspended");
        let over = made(&send(&world, &token, &resolve("1")).await);
        assert_eq!(over["outcome"], "unchanged");
        assert_eq!(state(&world, &passport).await, "suspended");
        // What an operator orders after a source has is the operator's too.
        world
            .post_as_operator("/v1/reinstatements", &json!({"target": agent("a")}))
            .await;
        let token = bearer(&world, json!({})).await;
        send(&world, &token, &suspend("2", agent("a"))).await;
        world.post_as_operator("/v1/suspensions", &by_hand).await;
        send(&world, &token, &resolve("2")).await;
        assert_eq!(state(&world, &passport).await, "suspended");
    })
    .await;
}

#[tokio::test]
async fn a_suspension_for_a_time_ends_by_itself() {
    on_both(async |world| {
        let order = json!({"authentication": "url", "ceiling": "suspend", "suspend_s": 600});
        let secret = source(&world, "alerts", order).await;
        let passport = world.issue("a", &new_key()).await;
        let path = format!("/v1/hooks/alerts/{secret}");
        let body = suspend("1", agent("a")).to_string();
        let done = world.send_with(&path, &[], body.clone()).await;
        assert_eq!(made(&done)["suspend_s"], 600);
        assert_eq!(state(&world, &passport).await, "suspended");
        world.clock.advance(Duration::from_secs(600));
        assert_eq!(state(&world, &passport).await, "good");
        for path in [
            "/v1/hooks/alerts",
            "/v1/hooks/alerts/guessed",
            "/v1/hooks/other/guessed",
        ] {
            let refused = world.send_with(path, &[], body.clone()).await;
            refused.problem(401, "report-refused");
        }
    })
    .await;
}

#[tokio::test]
async fn a_group_of_alerts_is_taken_one_by_one() {
    on_both(async |world| {
        let token = bearer(&world, json!({"adapter": "alertmanager"})).await;
        let passports = [
            world.issue("a", &new_key()).await,
            world.issue("b", &new_key()).await,
        ];
        let alert = |name: &str, status: &str| {
            json!({"status": status, "fingerprint": name, "startsAt": "2026-11-22T12:00:00.000Z",
                "labels": {"alertname": "Leak", "mcps_name": name}, "annotations": {"summary": "s"}})
        };
        let group = |alerts: &[Value]| json!({"version": "4", "alerts": alerts});
        let firing = ["a", "nobody", "b"].map(|name| alert(name, "firing"));
        let answer = send(&world, &token, &group(&firing)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let incidents = answer.json()["incidents"].clone();
        let outcomes: Vec<&Value> = (0..3).map(|at| &incidents[at]["outcome"]).collect();
        assert_eq!(outcomes, ["done", "no_match", "done"]);
        assert_eq!(answer.json()["position"], "1:2");
        // Sent again with one that is over, as its sender does.
        let mixed = [alert("a", "resolved"), alert("b", "firing")];
        let answer = send(&world, &token, &group(&mixed)).await;
        let incidents = answer.json()["incidents"].clone();
        assert_eq!(
            (&incidents[0]["action"], &incidents[1]["action"]),
            (&json!("reinstate"), &json!("suspend"))
        );
        assert_eq!(state(&world, &passports[0]).await, "good");
        assert_eq!(state(&world, &passports[1]).await, "suspended");
        assert_eq!(inbox(&world, "?source=alerts").await.len(), 4);
        // The same alert of somebody else is another alert under its id.
        let mut forged = alert("b", "firing");
        forged["labels"]["mcps_name"] = "a".into();
        let conflict = send(&world, &token, &group(&[forged])).await;
        conflict.problem(409, "other-body");
    })
    .await;
}

#[tokio::test]
async fn a_disabled_source_is_believed_nothing() {
    on_both(async |world| {
        let token = bearer(&world, json!({})).await;
        world.issue("a", &new_key()).await;
        let disabled = world
            .post_as_operator("/v1/sources/alerts/disable", &json!({}))
            .await;
        assert!(disabled.json()["disabled_at"].is_string());
        let refused = send(&world, &token, &suspend("1", agent("a"))).await;
        refused.problem(401, "report-refused");
        world
            .post_as_operator("/v1/sources/alerts/enable", &json!({}))
            .await;
        let done = send(&world, &token, &suspend("1", agent("a"))).await;
        assert_eq!(made(&done)["outcome"], "done");
        let nobody = world
            .post_as_operator("/v1/sources/other/disable", &json!({}))
            .await;
        nobody.problem(404, "source-not-found");
    })
    .await;
}

#[tokio::test]
async fn an_operator_sees_what_a_report_would_do() {
    on_both(async |world| {
        bearer(&world, json!({"adapter": "splunk"})).await;
        let passport = world.issue("a", &new_key()).await;
        let report = json!({"sid": "1", "search_name": "Leaks", "result": {"mcps_name": "a"}});
        let tested = world
            .post_as_operator("/v1/sources/alerts/test", &report)
            .await
            .json();
        assert_eq!(tested["dry_run"], true);
        assert_eq!(
            (
                &tested["incidents"][0]["outcome"],
                &tested["incidents"][0]["action"]
            ),
            (&json!("done"), &json!("suspend"))
        );
        let unread = world
            .post_as_operator("/v1/sources/alerts/test", &json!({}))
            .await;
        unread.problem(422, "report-unread");
        assert_eq!(state(&world, &passport).await, "good");
        assert!(inbox(&world, "").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_in_the_inbox_until_it_can() {
    on_both(async |world| {
        let token = bearer(&world, json!({"adapter": "splunk"})).await;
        let passport = world.issue("a", &new_key()).await;
        let report = json!({"sid": "1", "search_name": "Leaks", "result": {"host": "a"}});
        let unread = send(&world, &token, &report).await;
        unread.problem(422, "report-unread");
        send(&world, &token, &report)
            .await
            .problem(422, "report-unread");
        let waiting = inbox(&world, "?outcome=unread").await;
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0]["target"], Value::Null);
        let target = json!({"kind": "agent", "tenant": "default", "name": {"at": "/result/host"}});
        let mapped = json!({"adapter": "splunk", "mapping": {"target": target}});
        let token = bearer(&world, mapped).await;
        assert_eq!(
            made(&send(&world, &token, &report).await)["outcome"],
            "done"
        );
        assert_eq!(state(&world, &passport).await, "suspended");
        assert!(inbox(&world, "?outcome=unread").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_operator_takes_back_what_an_incident_did() {
    on_both(async |world| {
        let token = bearer(&world, json!({})).await;
        let passport = world.issue("a", &new_key()).await;
        let done = made(&send(&world, &token, &suspend("1", agent("a"))).await);
        let id = done["incident_id"].as_str().unwrap();
        let undo = format!("/v1/inbox/{id}/undo");
        let undone = world.post_as_operator(&undo, &json!({})).await;
        assert_eq!(undone.json()["action"], "reinstate", "{}", undone.text);
        assert_eq!(state(&world, &passport).await, "good");
        let shown = world
            .get_as_operator(&format!("/v1/inbox/{id}"))
            .await
            .json();
        assert!(shown["ended_at"].is_string(), "{shown}");
        let nobody = made(&send(&world, &token, &suspend("2", agent("nobody"))).await);
        let id = nobody["incident_id"].as_str().unwrap();
        let nothing = world
            .post_as_operator(&format!("/v1/inbox/{id}/undo"), &json!({}))
            .await;
        nothing.problem(409, "not-undone");
    })
    .await;
}

#[tokio::test]
async fn what_an_operator_reinstates_no_old_alert_holds_any_more() {
    on_both(async |world| {
        let token = bearer(&world, json!({})).await;
        let passport = world.issue("a", &new_key()).await;
        send(&world, &token, &suspend("1", agent("a"))).await;
        world
            .post_as_operator("/v1/reinstatements", &json!({"target": agent("a")}))
            .await;
        assert_eq!(state(&world, &passport).await, "good");
        send(&world, &token, &suspend("2", agent("a"))).await;
        assert_eq!(state(&world, &passport).await, "suspended");
        let over = made(&send(&world, &token, &resolve("2")).await);
        assert_eq!(over["outcome"], "done", "{over}");
        assert_eq!(state(&world, &passport).await, "good");
    })
    .await;
}

#[tokio::test]
async fn an_incident_of_pagerduty_that_was_acknowledged_is_over_when_it_is_resolved() {
    on_both(async |world| {
        let token = bearer(&world, json!({"adapter": "pagerduty"})).await;
        let passport = world.issue("a", &new_key()).await;
        let event = |id: &str, kind: &str| {
            let data = json!({"id": "P1", "incident_key": "agent/default/a", "title": "t"});
            json!({"event": {"id": id, "event_type": kind, "data": data}})
        };
        for (id, kind, outcome, expected) in [
            ("1", "incident.triggered", "done", "suspended"),
            ("2", "incident.acknowledged", "observed", "suspended"),
            ("3", "incident.resolved", "done", "good"),
            ("4", "incident.reopened", "done", "suspended"),
        ] {
            let answer = made(&send(&world, &token, &event(id, kind)).await);
            assert_eq!(answer["outcome"], outcome, "{answer}");
            assert_eq!(state(&world, &passport).await, expected, "{kind}");
        }
    })
    .await;
}
