//! Shared Signals: what one authority tells others, above all another authority.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use mcps_authority::webhooks::Message;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::engine::Engine;
use super::polling::in_time;
use super::signals::state;
use super::webhooks::{Receiver, add, deliveries, stands, suspend, world};
use super::world::{Answer, World, new_key};
use crate::wire::eventually;

const AUDIENCE: &str = "https://b.example";
const ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";

/// Two authorities, of which the second believes the first.
async fn two(engine: Engine, change: Value) -> [(World, TempDir); 2] {
    let (a, b) = (world(engine, true).await, world(engine, true).await);
    believe(&a.0, &b.0, change).await;
    [a, b]
}

async fn believe(a: &World, b: &World, change: Value) {
    let configuration = a.get("/.well-known/ssf-configuration").await.json();
    let jwks = configuration["jwks_uri"].as_str().unwrap().to_owned();
    let jwks = a.get(jwks.strip_prefix(&a.running.url()).unwrap()).await;
    let mut order = json!({"adapter": "shared-signals", "authentication": "tokens",
        "ceiling": "suspend", "jwks": jwks.json(), "issuer": configuration["issuer"],
        "audience": AUDIENCE});
    for (name, value) in change.as_object().unwrap() {
        order[name] = value.clone();
    }
    let (operator, body) = (Some(b.operator.as_str()), Some(order.to_string()));
    let set = b
        .send(Method::PUT, "/v1/sources/peer", operator, body)
        .await;
    assert_eq!(set.status, 200, "{}", set.text);
}

async fn push(a: &World, b: &World) -> String {
    let url = format!("{}/v1/hooks/peer", b.running.url());
    let order = json!({"url": url, "form": "shared-signals", "audience": AUDIENCE});
    let added = add(a, order).await;
    assert_eq!(added.status, 201, "{}", added.text);
    added.json()["webhook_id"].as_str().unwrap().to_owned()
}

/// An endpoint that fetches: its id, where, and the token.
pub(super) async fn fetching(a: &World) -> (String, String, String) {
    let order = json!({"form": "shared-signals", "polled": true, "audience": AUDIENCE});
    let added = add(a, order).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let added = added.json();
    let text = |name: &str| added[name].as_str().unwrap().to_owned();
    (text("webhook_id"), text("url"), text("secret"))
}

pub(super) async fn fetch(a: &World, (id, token): (&str, &str), body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/v1/webhooks/{id}/poll");
    a.send_with(&path, &headers, body.to_string()).await
}

async fn reinstate(a: &World, name: &str) {
    let target = json!({"kind": "agent", "tenant": "default", "name": name});
    let order = json!({"target": target, "reason": "policy"});
    let done = a.post_as_operator("/v1/reinstatements", &order).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

async fn is(b: &World, passport: &mcps_core::passport::Passport, wanted: &str) {
    in_time(b, wanted, async || {
        (state(b, passport).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_order_at_one_authority_suspends_at_another_to_which_it_is_pushed() {
    for engine in Engine::BOTH {
        // The second takes back what it did once the first does.
        let mapping =
            json!({"resolved": {"at": "/uri", "is": ENABLED}, "alert": {"at": "/subject/sub"}});
        let [(a, _one), (b, _two)] = two(engine, json!({"mapping": mapping})).await;
        let passport = b.issue("crawler", &new_key()).await;
        let other = b.issue("other", &new_key()).await;
        let id = push(&a, &b).await;
        suspend(&a, "crawler").await;
        is(&b, &passport, "suspended").await;
        stands(&a, &id, 1, "sent").await;
        reinstate(&a, "crawler").await;
        is(&b, &passport, "good").await;
        assert_eq!(state(&b, &other).await, "good");
        // What is told as a test says nothing of anybody.
        let test = a
            .post_as_operator(&format!("/v1/webhooks/{id}/test"), &json!({}))
            .await;
        assert_eq!(test.status, 202, "{}", test.text);
        eventually("three are sent", async || {
            let sent = deliveries(&a, &id).await;
            let sent = sent.iter().filter(|one| one["state"] == "sent");
            (sent.count() == 3).then_some(())
        })
        .await;
        let actions = b.get_as_operator("/v1/actions").await.json();
        let actions = actions["actions"].as_array().unwrap().clone();
        assert_eq!(actions.len(), 2, "{actions:?}");
        assert!(actions.iter().all(|one| one["given_by"] == "hook:peer"));
    }
}

#[tokio::test]
async fn an_order_at_one_authority_suspends_at_another_that_fetches_it() {
    for engine in Engine::BOTH {
        let (a, _one) = world(engine, true).await;
        let (b, _two) = world(engine, true).await;
        let (id, url, token) = fetching(&a).await;
        believe(&a, &b, json!({"poll_url": url, "poll_token": token})).await;
        let passport = b.issue("crawler", &new_key()).await;
        suspend(&a, "crawler").await;
        is(&b, &passport, "suspended").await;
        in_time(&b, "it is acknowledged", async || {
            let newest = deliveries(&a, &id).await.into_iter().next()?;
            (newest["state"] == "sent").then_some(())
        })
        .await;
        let shown = a.get_as_operator(&format!("/v1/webhooks/{id}")).await;
        assert!(!shown.text.contains(&token), "{}", shown.text);
    }
}

#[tokio::test]
async fn tokens_wait_until_whoever_fetches_says_what_became_of_them() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, true).await;
        let (id, _, token) = fetching(&a).await;
        let (other, _, others) = fetching(&a).await;
        let at_once = |more: Value| {
            let mut body = json!({"returnImmediately": true});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            body
        };
        // Whoever shows anything else is nobody.
        for (id, token) in [
            (id.as_str(), others.as_str()),
            (other.as_str(), token.as_str()),
            (id.as_str(), a.operator.as_str()),
            ("wh_00000000000000000000000000000000", token.as_str()),
        ] {
            let refused = fetch(&a, (id, token), at_once(json!({}))).await;
            refused.problem(401, "receiver-refused");
        }
        for name in ["x", "y", "z"] {
            suspend(&a, name).await;
        }
        let mine = (id.as_str(), token.as_str());
        eventually("all three wait", async || {
            let waiting = deliveries(&a, &id).await;
            (waiting.len() == 3).then_some(())
        })
        .await;
        let first = fetch(&a, mine, at_once(json!({"maxEvents": 2}))).await;
        assert_eq!(first.status, 200, "{}", first.text);
        let first = first.json();
        assert_eq!(first["moreAvailable"], true);
        let ids: Vec<&String> = first["sets"].as_object().unwrap().keys().collect();
        assert_eq!(ids, ["evt_1_1", "evt_1_2"]);
        // Until it is acknowledged it comes again, and says the same.
        let again = fetch(&a, mine, at_once(json!({}))).await.json();
        let payload = |fetched: &Value, id: &str| {
            let token = fetched["sets"][id].as_str().unwrap().to_owned();
            token.split('.').nth(1).unwrap().to_owned()
        };
        assert_eq!(payload(&again, "evt_1_1"), payload(&first, "evt_1_1"));
        assert_eq!(again["sets"].as_object().unwrap().len(), 3);
        assert_eq!(again["moreAvailable"], false);
        // Nobody answers for what is another's.
        let foreign = at_once(json!({"ack": ["evt_1_1"]}));
        fetch(&a, (&other, &others), foreign).await;
        let answered = at_once(
            json!({"maxEvents": 0, "ack": ["evt_1_1", "unknown", "evt_1_3\u{0}"],
            "setErrs": {"evt_1_2": {"err": "invalid_key", "description": "what\u{7} key"}}}),
        );
        let answered = fetch(&a, mine, answered).await.json();
        assert_eq!(answered, json!({"sets": {}, "moreAvailable": true}));
        let left = fetch(&a, mine, at_once(json!({}))).await.json();
        assert_eq!(left["sets"].as_object().unwrap().len(), 1);
        let dead = a.get_as_operator("/v1/dead-letters").await.json();
        let dead = &dead["dead_letters"][0];
        assert_eq!(dead["message_id"], "evt_1_2");
        assert_eq!(dead["last_error"], "invalid_key: what key");
        // Replayed, it waits again, and is as good as new.
        a.clock.advance(Duration::from_secs(8 * 24 * 3600));
        let replay = format!("/v1/webhooks/{id}/replay");
        let replayed = a.post_as_operator(&replay, &json!({})).await.json();
        assert_eq!(replayed["replayed"], 1);
        let (now, db) = (a.now(), a.as_found().await);
        let week = Duration::from_secs(7 * 24 * 3600);
        db.give_up_waiting(now.minus(week), now).await.unwrap();
        let left = fetch(&a, mine, at_once(json!({}))).await.json();
        let left: Vec<&String> = left["sets"].as_object().unwrap().keys().collect();
        assert_eq!(left, ["evt_1_2"]);
        let dead = a.get_as_operator("/v1/dead-letters").await.json();
        let late = dead["dead_letters"].as_array().unwrap();
        let late = late.iter().filter(|one| one["message_id"] == "evt_1_3");
        assert!(late.count() >= 1);
        // What no token tells of keeps nothing waiting behind it.
        let data = r#"{"event":{"type":"policy_change"}}"#;
        let odd = Message::new("odd".to_owned(), "policy_change", None, now, data);
        assert!(db.send_to(&other, &odd, now).await.unwrap());
        fetch(&a, (&other, &others), at_once(json!({}))).await;
        let newest = deliveries(&a, &other).await;
        let odd = newest.iter().find(|one| one["message_id"] == "odd");
        assert_eq!(odd.unwrap()["state"], "dead");
        // Nothing of another form is fetched by a token.
        let receiver = Receiver::start().await;
        let standard = add(&a, json!({"url": receiver.url})).await.json();
        let standard = standard["webhook_id"].as_str().unwrap().to_owned();
        let refused = fetch(&a, (&standard, &token), at_once(json!({}))).await;
        refused.problem(401, "receiver-refused");
    }
}

#[tokio::test]
async fn whoever_fetches_may_wait_for_news() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, true).await;
        let (id, _, token) = fetching(&a).await;
        let order = json!({"form": "shared-signals", "polled": true, "events": ["stop"]});
        let other = add(&a, order).await.json();
        let others = ["webhook_id", "secret"].map(|name| other[name].as_str().unwrap());
        let begun = Instant::now();
        let waits = pin!(fetch(&a, (others[0], others[1]), json!({})));
        let told = pin!(async {
            let (fetched, ()) = tokio::join!(fetch(&a, (&id, &token), json!({})), async {
                sleep(Duration::from_secs(1)).await;
                suspend(&a, "x").await;
            });
            fetched
        });
        // News come before the end of what waits for news that do not come.
        let Either::Right((fetched, waits)) = select(waits, told).await else {
            panic!("whoever has no news was answered first");
        };
        assert!(fetched.json()["sets"]["evt_1_1"].is_string());
        let nothing = waits.await.json();
        assert_eq!(nothing, json!({"sets": {}, "moreAvailable": false}));
        assert!(begun.elapsed() >= Duration::from_secs(8));
        let many = fetch(&a, (&id, &token), json!({"ack": vec!["x"; 201]})).await;
        assert_eq!(many.problem(422, "invalid-request")["member"], "ack");
    }
}

#[tokio::test]
async fn a_token_is_sent_as_such_and_taken_with_202() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, true).await;
        let receiver = Receiver::start().await;
        receiver.answer("202 Accepted");
        let order = json!({"url": receiver.url, "form": "shared-signals", "token": "geheim"});
        let added = add(&a, order).await;
        assert!(!added.text.contains("geheim"));
        let added = added.json();
        assert_eq!(
            (&added["audience"], &added["signing"]),
            (&json!(receiver.url), &json!("es256"))
        );
        let id = added["webhook_id"].as_str().unwrap();
        suspend(&a, "a").await;
        let received = receiver.count(1).await[0].clone();
        assert_eq!(received.header("content-type"), "application/secevent+jwt");
        assert_eq!(received.header("authorization"), "Bearer geheim");
        stands(&a, id, 1, "sent").await;
        // What there is no event for is not told: a policy, or an alert.
        let untold =
            json!({"url": receiver.url, "form": "shared-signals", "events": ["policy_change"]});
        add(&a, untold).await.problem(422, "invalid-request");
        receiver.answer("200 OK");
        suspend(&a, "b").await;
        let failed = stands(&a, id, 1, "due").await;
        let why = failed["last_error"].as_str().unwrap();
        assert!(why.contains("202"), "{failed}");
    }
}

#[tokio::test]
async fn what_a_receiver_says_of_a_token_is_shown_and_the_token_comes_again() {
    for engine in Engine::BOTH {
        let [(a, _one), (b, _two)] = two(engine, json!({"audience": "https://c.example"})).await;
        let passport = b.issue("crawler", &new_key()).await;
        let id = push(&a, &b).await;
        suspend(&a, "crawler").await;
        let failed = stands(&a, &id, 1, "due").await;
        let why = failed["last_error"].as_str().unwrap();
        assert!(why.contains("invalid_audience"), "{failed}");
        assert_eq!(state(&b, &passport).await, "good");
        believe(&a, &b, json!({})).await;
        a.clock.advance(Duration::from_secs(60));
        is(&b, &passport, "suspended").await;
        stands(&a, &id, 2, "sent").await;
    }
}

#[tokio::test]
async fn a_compromised_key_is_told_and_suspended_where_it_is_certified_as_well() {
    for engine in Engine::BOTH {
        let [(a, _one), (b, _two)] = two(engine, json!({})).await;
        let key = new_key();
        // The same key, certified by both.
        a.issue("ours", &key).await;
        let passport = b.issue("theirs", &key).await;
        push(&a, &b).await;
        let target = json!({"kind": "key", "key": super::world::kid(&key)});
        let order = json!({"target": target, "reason": "key_compromise"});
        let done = a.post_as_operator("/v1/revocations", &order).await;
        assert_eq!(done.status, 200, "{}", done.text);
        is(&b, &passport, "suspended").await;
    }
}

#[tokio::test]
async fn an_endpoint_that_makes_no_sense_is_refused() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, true).await;
        let url = "http://127.0.0.1:9/";
        for order in [
            json!({}),
            json!({"polled": true}),
            json!({"url": url, "polled": true, "form": "shared-signals"}),
            json!({"url": url, "audience": "b"}),
            json!({"url": url, "token": "t"}),
            json!({"url": url, "form": "shared-signals", "signing": "hmac"}),
            json!({"url": url, "form": "shared-signals", "token": "a\r\nb: c"}),
            json!({"url": url, "form": "shared-signals", "audience": ""}),
            json!({"polled": true, "form": "shared-signals", "token": "t"}),
            json!({"url": url, "form": "shared-signals", "events": ["incident.proposed"]}),
        ] {
            let refused = add(&a, order).await;
            refused.problem(422, "invalid-request");
        }
        let listed = a.get_as_operator("/v1/webhooks").await.json();
        assert_eq!(listed, json!({"webhooks": []}));
    }
    let (a, _folder) = world(Engine::Sqlite, false).await;
    let order = json!({"url": "https://127.0.0.1/", "form": "shared-signals"});
    add(&a, order).await.problem(422, "address-refused");
    let configuration = a.get("/.well-known/ssf-configuration").await.json();
    let url = a.running.url();
    assert_eq!(
        configuration,
        json!({
            "spec_version": "1_0", "issuer": url, "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
            "default_subjects": "ALL", "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
        })
    );
}
