//! Shared Signals: security event tokens that are fetched (RFC 8936) from a small transmitter of the
//! test's own.

mod transmitter;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::engine::Engine;
use super::signals::{AUDIENCE, ISSUER, REVOKED, claims, jwks, state, token};
use super::webhooks::world;
use super::world::{Answer, World, new_key};
use crate::wire::eventually;
use transmitter::Transmitter;

const BEARER: &str = "what-the-transmitter-gave-us";

async fn set(world: &World, change: Value) -> Answer {
    let mut order = json!({"adapter": "shared-signals", "authentication": "tokens",
        "ceiling": "suspend", "jwks": jwks(), "issuer": ISSUER, "audience": AUDIENCE});
    for (name, value) in change.as_object().unwrap() {
        order[name] = value.clone();
    }
    let (operator, body) = (Some(world.operator.as_str()), Some(order.to_string()));
    world
        .send(Method::PUT, "/v1/sources/idp", operator, body)
        .await
}

/// Has the authority fetch from the transmitter.
async fn poll(world: &World, transmitter: &Transmitter) {
    let polled = json!({"poll_url": transmitter.url, "poll_token": BEARER});
    let set = set(world, polled).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert!(!set.text.contains(BEARER), "{}", set.text);
}

/// Until something holds; meanwhile time passes.
pub(super) async fn in_time<T>(world: &World, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    eventually(what, async || {
        world.clock.advance(Duration::from_millis(200));
        look().await
    })
    .await
}

async fn how(world: &World) -> Value {
    let shown = world.get_as_operator("/v1/sources/idp").await;
    assert!(!shown.text.contains(BEARER), "{}", shown.text);
    shown.json()["poll"].clone()
}

async fn incidents(world: &World) -> Vec<Value> {
    let inbox = world.get_as_operator("/v1/inbox").await.json();
    inbox["incidents"].as_array().unwrap().clone()
}

#[tokio::test]
async fn tokens_are_fetched_in_batches_and_each_is_answered_for() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let transmitter = Transmitter::start().await;
        transmitter.plan(|plan| plan.batch = 3);
        let mut passports = Vec::new();
        for name in ["a", "b", "c"] {
            passports.push(world.issue(name, &new_key()).await);
        }
        for (id, name) in [("1", "a"), ("2", "nobody"), ("3", "b"), ("4", "c")] {
            let claims = claims(&world, id, REVOKED, name);
            transmitter.give(id, token(&claims, 7));
        }
        let forged = claims(&world, "5", REVOKED, "a");
        transmitter.give("5", token(&forged, 8));
        // Good, but under the name of another.
        let other = claims(&world, "6", REVOKED, "a");
        transmitter.give("7", token(&other, 7));
        transmitter.give("8", "no token".to_owned());
        let mut foreign = claims(&world, "9", REVOKED, "a");
        foreign["aud"] = json!("https://other.example");
        transmitter.give("9", token(&foreign, 7));
        let mut empty = claims(&world, "10", REVOKED, "a");
        empty["events"][REVOKED]["reason_admin"]["en"] = json!("a\u{0}b");
        transmitter.give("10", token(&empty, 7));
        poll(&world, &transmitter).await;
        in_time(&world, "nothing is left", async || {
            transmitter.left().is_empty().then_some(())
        })
        .await;
        let (mut acknowledged, errors) = transmitter.told();
        acknowledged.sort_unstable();
        assert_eq!(acknowledged, ["1", "2", "3", "4"]);
        assert_eq!(
            errors,
            json!({"5": "invalid_key", "7": "invalid_request", "8": "invalid_request",
                "9": "invalid_audience", "10": "invalid_request"})
        );
        for passport in &passports {
            assert_eq!(state(&world, passport).await, "suspended");
        }
        let made: Vec<Value> = incidents(&world).await;
        assert_eq!(made.len(), 4, "{made:?}");
        let asked = transmitter.asked();
        let bearer = format!("Bearer {BEARER}");
        assert!(asked.iter().all(|(given, _)| *given == bearer), "{asked:?}");
        // First it waits for news; what came is acknowledged at once.
        assert_eq!(
            asked[0].1,
            json!({"maxEvents": 32, "returnImmediately": false})
        );
        assert_eq!(asked[1].1["returnImmediately"], true);
        // News are taken when they come, by whoever waits for them.
        let later = claims(&world, "11", REVOKED, "a");
        transmitter.give("11", token(&later, 7));
        in_time(&world, "the later one is acknowledged", async || {
            transmitter
                .told()
                .0
                .contains(&"11".to_owned())
                .then_some(())
        })
        .await;
        assert_eq!(how(&world).await["last_error"], Value::Null);
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_before_a_crash_comes_again_and_changes_nothing() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let transmitter = Transmitter::start().await;
        transmitter.plan(|plan| plan.deaf = true);
        let passport = world.issue("a", &new_key()).await;
        let ended = claims(&world, "1", REVOKED, "a");
        transmitter.give("1", token(&ended, 7));
        poll(&world, &transmitter).await;
        in_time(&world, "it is suspended", async || {
            (state(&world, &passport).await == "suspended").then_some(())
        })
        .await;
        let target = json!({"kind": "agent", "tenant": "default", "name": "a"});
        let lifted = json!({"target": target, "reason": "policy"});
        let lifted = world.post_as_operator("/v1/reinstatements", &lifted).await;
        assert_eq!(lifted.status, 200, "{}", lifted.text);
        let world = world.restart().await;
        let before = transmitter.asked().len();
        assert_eq!(transmitter.left(), ["1"]);
        transmitter.plan(|plan| plan.deaf = false);
        in_time(&world, "it is acknowledged", async || {
            transmitter.left().is_empty().then_some(())
        })
        .await;
        let again = transmitter.asked();
        let again = again[before..]
            .iter()
            .filter(|(_, one)| one["ack"] == json!(["1"]));
        assert_eq!(again.count(), 1);
        assert_eq!(state(&world, &passport).await, "good");
        assert_eq!(incidents(&world).await.len(), 1);
    }
}

#[tokio::test]
async fn a_transmitter_that_is_down_is_asked_again_and_again() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let transmitter = Transmitter::start().await;
        transmitter.plan(|plan| plan.status = "503 Service Unavailable");
        let passport = world.issue("a", &new_key()).await;
        let ended = claims(&world, "1", REVOKED, "a");
        transmitter.give("1", token(&ended, 7));
        poll(&world, &transmitter).await;
        for failures in 1..=3 {
            let how = eventually("it is written down", async || {
                let how = how(&world).await;
                (how["failures"] == failures).then_some(how)
            })
            .await;
            assert!(how["last_error"].as_str().unwrap().contains("503"), "{how}");
            assert_eq!(how["polled_at"], Value::Null);
            // Not before its time.
            let asked = transmitter.asked().len();
            sleep(Duration::from_millis(700)).await;
            assert_eq!(transmitter.asked().len(), asked);
            if failures < 3 {
                world.clock.advance(Duration::from_secs(25));
            }
        }
        transmitter.plan(|plan| plan.status = "200 OK");
        world.clock.advance(Duration::from_secs(60));
        in_time(&world, "it is suspended", async || {
            (state(&world, &passport).await == "suspended").then_some(())
        })
        .await;
        let how = in_time(&world, "it is well again", async || {
            Some(how(&world).await).filter(|how| how["failures"] == 0)
        })
        .await;
        assert_eq!(how["last_error"], Value::Null);
        assert!(how["polled_at"].is_string());
    }
}

#[tokio::test]
async fn a_transmitter_that_asks_to_be_left_alone_is_for_an_hour_at_most() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let transmitter = Transmitter::start().await;
        for (failures, asks, seconds) in [
            (1, "429 Too Many Requests\r\nretry-after: 1800", 1800),
            (2, "503 Service Unavailable\r\nretry-after: 86400", 3600),
        ] {
            transmitter.plan(|plan| plan.status = asks);
            match failures {
                1 => poll(&world, &transmitter).await,
                _ => world.clock.advance(Duration::from_secs(2)),
            }
            let how = eventually("it is written down", async || {
                Some(how(&world).await).filter(|how| how["failures"] == failures)
            })
            .await;
            let why = how["last_error"].as_str().unwrap();
            assert!(why.contains(&format!("{seconds} s")), "{how}");
            // Not a second before, though a failure alone is tried again after some.
            world.clock.advance(Duration::from_secs(seconds - 1));
            let asked = transmitter.asked().len();
            sleep(Duration::from_millis(700)).await;
            assert_eq!(transmitter.asked().len(), asked);
        }
        transmitter.plan(|plan| plan.status = "200 OK");
        world.clock.advance(Duration::from_secs(2));
        eventually("it is well again", async || {
            Some(how(&world).await).filter(|how| how["failures"] == 0)
        })
        .await;
    }
}

#[tokio::test]
async fn a_transmitter_that_gives_again_what_was_acknowledged_is_not_asked_without_end() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let ended = claims(&world, "1", REVOKED, "a");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let body = json!({"sets": {"1": token(&ended, 7)}, "moreAvailable": true}).to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let changed = json!({"poll_url": url, "poll_token": BEARER});
        assert_eq!(set(&world, changed).await.status, 200);
        let how = eventually("it is written down", async || {
            Some(how(&world).await).filter(|how| how["failures"] == 1)
        })
        .await;
        assert!(
            how["last_error"].as_str().unwrap().contains("again"),
            "{how}"
        );
    }
}

#[tokio::test]
async fn of_several_replicas_one_polls() {
    let (world, _folder) = world(Engine::Postgres, true).await;
    let replicas = [world.replica().await, world.replica().await];
    let transmitter = Transmitter::start().await;
    transmitter.plan(|plan| plan.batch = 2);
    for n in 0..20 {
        let id = n.to_string();
        transmitter.give(&id, token(&claims(&world, &id, REVOKED, "nobody"), 7));
    }
    poll(&world, &transmitter).await;
    in_time(&world, "nothing is left", async || {
        transmitter.left().is_empty().then_some(())
    })
    .await;
    let later = claims(&world, "20", REVOKED, "nobody");
    transmitter.give("20", token(&later, 7));
    in_time(&world, "nothing is left", async || {
        transmitter.left().is_empty().then_some(())
    })
    .await;
    assert_eq!(transmitter.at_once.lock().unwrap().1, 1);
    assert_eq!(incidents(&world).await.len(), 21);
    for replica in replicas {
        replica.running.shutdown().await;
    }
}

#[tokio::test]
async fn nothing_is_done_for_a_source_that_was_disabled_while_it_was_asked() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let transmitter = Transmitter::start().await;
        let passport = world.issue("a", &new_key()).await;
        poll(&world, &transmitter).await;
        eventually("it waits", async || {
            (!transmitter.asked().is_empty()).then_some(())
        })
        .await;
        let disable = "/v1/sources/idp/disable";
        let disabled = world.post_as_operator(disable, &json!({})).await;
        assert_eq!(disabled.status, 200, "{}", disabled.text);
        let ended = claims(&world, "1", REVOKED, "a");
        transmitter.give("1", token(&ended, 7));
        world.clock.advance(Duration::from_secs(60));
        sleep(Duration::from_secs(3)).await;
        assert_eq!(state(&world, &passport).await, "good");
        assert_eq!(
            (transmitter.left().len(), transmitter.asked().len()),
            (1, 1)
        );
        world
            .post_as_operator("/v1/sources/idp/enable", &json!({}))
            .await;
        in_time(&world, "it is suspended", async || {
            (state(&world, &passport).await == "suspended").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_transmitter_that_waits_for_longer_than_we_do_is_asked_at_once_after_that() {
    let (world, _folder) = world(Engine::Sqlite, true).await;
    let transmitter = Transmitter::start().await;
    transmitter.plan(|plan| plan.holds = true);
    poll(&world, &transmitter).await;
    eventually("it is asked once", async || {
        (!transmitter.asked().is_empty()).then_some(())
    })
    .await;
    sleep(Duration::from_secs(19)).await;
    eventually("it is asked twice", async || {
        (transmitter.asked().len() >= 2).then_some(())
    })
    .await;
    let asked = transmitter.asked();
    assert_eq!(asked[0].1["returnImmediately"], false);
    assert_eq!(asked[1].1["returnImmediately"], true);
    assert_eq!(how(&world).await["failures"], 0);
}

#[tokio::test]
async fn where_tokens_are_fetched_is_held_to_the_rules_for_other_addresses() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, false).await;
        for url in [
            "http://example.com/poll",
            "https://127.0.0.1/poll",
            "https://169.254.169.254/latest",
            "nonsense",
        ] {
            let refused = set(&world, json!({"poll_url": url, "poll_token": BEARER})).await;
            refused.problem(422, "address-refused");
            assert!(!refused.text.contains(BEARER));
        }
        let alone = set(&world, json!({"poll_url": "https://192.0.2.1/"})).await;
        alone.problem(422, "invalid-request");
        let spaced = json!({"poll_url": "https://192.0.2.1/", "poll_token": "a b"});
        set(&world, spaced).await.problem(422, "invalid-source");
    }
    let (world, _folder) = world(Engine::Sqlite, true).await;
    let order = json!({"authentication": "bearer", "ceiling": "observe",
        "poll_url": "https://127.0.0.1/", "poll_token": BEARER});
    let operator = Some(world.operator.as_str());
    let path = "/v1/sources/idp";
    let answer = world.send(Method::PUT, path, operator, Some(order.to_string()));
    answer.await.problem(422, "invalid-source");
}
