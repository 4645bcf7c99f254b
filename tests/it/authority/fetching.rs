//! Fetching tokens (RFC 8936): how often, how many wait, and what an older replica wrote down.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mcps_authority::Config;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::budgets::{header, post};
use super::engine::Engine;
use super::transmitting::{fetch, fetching};
use super::webhooks::{add, deliveries, suspend};
use super::world::World;
use crate::wire::eventually;

async fn world(engine: Engine, quota: &str) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        fetch_quota: quota.parse().unwrap(),
        local_origins: true,
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

#[tokio::test]
async fn a_receiver_that_asks_too_often_is_told_so_and_another_is_not_affected() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, "3/3600").await;
        let (id, _, token) = fetching(&a).await;
        let (other, _, others) = fetching(&a).await;
        suspend(&a, "x").await;
        eventually("it waits", async || {
            (!deliveries(&a, &id).await.is_empty()).then_some(())
        })
        .await;
        let ask = async |id: &str, token: &str, body: Value| {
            post(&a, &format!("/v1/webhooks/{id}/poll"), Some(token), &body).await
        };
        let at_once = json!({"returnImmediately": true});
        // Guesses are of the budget of where they come from.
        for status in [401, 401, 401, 429] {
            let guess = ask(&id, "guess", at_once.clone()).await;
            assert_eq!(guess.status(), status);
        }
        for left in [2, 1, 0] {
            let fetched = ask(&id, &token, at_once.clone()).await;
            assert_eq!(fetched.status(), 200);
            assert_eq!(header(&fetched, "ratelimit-policy"), "\"fetch\";q=3;w=3600");
            let state = header(&fetched, "ratelimit");
            assert!(
                state.starts_with(&format!("\"fetch\";r={left};t=")),
                "{state}"
            );
        }
        let ack = json!({"returnImmediately": true, "ack": ["evt_1_1"]});
        let refused = ask(&id, &token, ack).await;
        assert_eq!(refused.status(), 429);
        let retry: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=1200).contains(&retry), "{retry}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["type"], "https://mcps.dev/problems/rate-limited");
        assert_eq!(problem["code"], "MCPS-010");
        // Nothing of a request that is refused counts.
        assert_eq!(deliveries(&a, &id).await[0]["state"], "waiting");
        let fetched = ask(&other, &others, at_once).await;
        assert_eq!(fetched.status(), 200);
        let fetched: Value = fetched.json().await.unwrap();
        assert!(fetched["sets"]["evt_1_1"].is_string(), "{fetched}");
        // Nor is anything else of that budget.
        suspend(&a, "y").await;
    }
}

#[tokio::test]
async fn of_one_receiver_two_requests_wait_and_a_third_is_answered_at_once() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, "100/1").await;
        let (id, _, token) = fetching(&a).await;
        let (other, _, others) = fetching(&a).await;
        let three = [(); 3].map(|()| fetch(&a, (&id, &token), json!({})));
        let mut three: FuturesUnordered<_> = three.into_iter().collect();
        let third = three.next().await.unwrap();
        assert_eq!(third.json(), json!({"sets": {}, "moreAvailable": false}));
        // The two that wait have the news, and so has whoever else does.
        let waiting = three.collect::<Vec<_>>();
        let another = fetch(&a, (&other, &others), json!({}));
        let (told, another, ()) = tokio::join!(waiting, another, suspend(&a, "x"));
        assert_eq!(told.len(), 2);
        for told in told.iter().chain([&another]) {
            assert!(told.json()["sets"]["evt_1_1"].is_string(), "{}", told.text);
        }
        // Their places are free again.
        let ack = json!({"ack": ["evt_1_1"], "maxEvents": 0});
        fetch(&a, (&id, &token), ack).await;
        let again = fetch(&a, (&id, &token), json!({}));
        let (again, ()) = tokio::join!(again, suspend(&a, "y"));
        assert!(
            again.json()["sets"]["evt_1_2"].is_string(),
            "{}",
            again.text
        );
    }
}

#[tokio::test]
async fn what_an_older_replica_wrote_down_to_be_sent_waits_to_be_fetched() {
    for engine in Engine::BOTH {
        let (a, _folder) = world(engine, "100/1").await;
        let (id, _, token) = fetching(&a).await;
        // One that is sent stays so.
        let sent = add(&a, json!({"url": "http://127.0.0.1:9/"})).await.json();
        let sent = sent["webhook_id"].as_str().unwrap();
        suspend(&a, "x").await;
        eventually("it waits", async || {
            (!deliveries(&a, &id).await.is_empty()).then_some(())
        })
        .await;
        a.sql(&format!(
            "UPDATE deliveries SET state = 'due', attempts = 3 WHERE webhook_id = '{id}'"
        ))
        .await;
        let waiting = eventually("it waits again", async || {
            let newest = deliveries(&a, &id).await.into_iter().next()?;
            (newest["state"] == "waiting").then_some(newest)
        })
        .await;
        assert_eq!(waiting["attempts"], 0);
        assert_eq!(waiting["last_error"], Value::Null);
        let fetched = fetch(&a, (&id, &token), json!({"returnImmediately": true})).await;
        assert!(
            fetched.json()["sets"]["evt_1_1"].is_string(),
            "{}",
            fetched.text
        );
        assert_eq!(deliveries(&a, sent).await[0]["state"], "due");
    }
}
