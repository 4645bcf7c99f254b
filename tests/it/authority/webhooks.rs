//! Telling others: what is told, to whom, how often, and where nobody is told anything.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcps_authority::Config;
use mcps_authority::hooks::signature::{Headers, Verifier};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{Answer, World, new_key};
use crate::wire::eventually;

/// What was sent to a receiver.
#[derive(Clone, Debug)]
pub(super) struct Received {
    head: String,
    body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let begin = format!("{name}: ");
        let mut lines = self.head.lines();
        lines
            .find_map(|line| line.strip_prefix(begin.as_str()))
            .unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver that answers with the status that it was told, and keeps what came.
pub(super) struct Receiver {
    pub(super) url: String,
    status: Arc<Mutex<String>>,
    received: Arc<Mutex<Vec<Received>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let status = Arc::new(Mutex::new("204 No Content".to_owned()));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::clone(&status), Arc::clone(&received));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                open.spawn(async move {
                    let mut bytes = Vec::new();
                    let request = loop {
                        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                            return;
                        }
                        let text = String::from_utf8(bytes.clone()).unwrap();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else {
                            continue;
                        };
                        let (head, body) = (head.to_owned(), body.to_owned());
                        let received = Received { head, body };
                        let length: usize = received.header("content-length").parse().unwrap();
                        if received.body.len() == length {
                            break received;
                        }
                    };
                    kept.lock().unwrap().push(request);
                    let status = answer.lock().unwrap().clone();
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    drop(stream.write_all(answer.as_bytes()).await);
                });
            }
        });
        Self {
            url,
            status,
            received,
            _tasks: tasks,
        }
    }

    pub(super) fn answer(&self, status: &str) {
        *self.status.lock().unwrap() = status.to_owned();
    }

    fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(super) async fn count(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages"), async || {
            Some(self.all()).filter(|all| all.len() >= count)
        })
        .await
    }
}

pub(super) async fn world(engine: Engine, local: bool) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        local_origins: local,
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

pub(super) async fn add(world: &World, order: Value) -> Answer {
    world.post_as_operator("/v1/webhooks", &order).await
}

pub(super) async fn suspend(world: &World, name: &str) {
    let target = json!({"kind": "agent", "tenant": "default", "name": name});
    let body = json!({"target": target, "reason": "policy"});
    let done = world.post_as_operator("/v1/suspensions", &body).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

/// The deliveries of an endpoint, newest first.
pub(super) async fn deliveries(world: &World, id: &str) -> Vec<Value> {
    let shown = world
        .get_as_operator(&format!("/v1/webhooks/{id}"))
        .await
        .json();
    shown["deliveries"].as_array().unwrap().clone()
}

/// Until its newest delivery was tried so often and stands so.
pub(super) async fn stands(world: &World, id: &str, attempts: i64, state: &str) -> Value {
    eventually(&format!("{attempts} attempts, {state}"), async || {
        let newest = deliveries(world, id).await.into_iter().next()?;
        let there = newest["attempts"] == attempts && newest["state"] == state;
        // While an attempt lasts, it is still due.
        let next = newest["next_at"].as_str().map(str::to_owned);
        let later = next.is_none_or(|next| next > world.now().to_string());
        (there && later).then_some(newest)
    })
    .await
}

#[tokio::test]
async fn an_event_is_told_once_and_signed_for_whoever_has_the_public_key() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        suspend(&world, "before").await;
        let receiver = Receiver::start().await;
        let added = add(&world, json!({"url": receiver.url})).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let added = added.json();
        assert_eq!(added["secret"], Value::Null);
        suspend(&world, "a").await;
        let received = receiver.count(1).await[0].clone();
        let message = received.json();
        assert_eq!(
            (&message["type"], &message["data"]["position"]),
            (&json!("suspend"), &json!("1:2"))
        );
        assert_eq!(message["data"]["event"]["target"]["name"], "a");
        let verifier = Verifier::public_key(added["public_key"].as_str().unwrap()).unwrap();
        let headers = Headers {
            id: Some(received.header("webhook-id")),
            timestamp: Some(received.header("webhook-timestamp")),
            signature: Some(received.header("webhook-signature")),
        };
        let body = received.body.as_bytes();
        assert_eq!(verifier.verify(headers, body, world.now()), Ok("evt_1_2"));
        let id = added["webhook_id"].as_str().unwrap();
        stands(&world, id, 1, "sent").await;
        assert_eq!(receiver.all().len(), 1);
    }
}

#[tokio::test]
async fn a_secret_is_made_on_request_and_shown_once() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let receiver = Receiver::start().await;
        let order = json!({"url": receiver.url, "signing": "hmac"});
        let added = add(&world, order).await.json();
        let (id, secret) = (&added["webhook_id"], added["secret"].as_str().unwrap());
        let id = id.as_str().unwrap();
        let shown = world.get_as_operator(&format!("/v1/webhooks/{id}")).await;
        assert!(!shown.text.contains(secret), "{}", shown.text);
        let test = format!("/v1/webhooks/{id}/test");
        let tested = world.post_as_operator(&test, &json!({})).await;
        assert_eq!(tested.status, 202, "{}", tested.text);
        let received = receiver.count(1).await[0].clone();
        assert_eq!(received.json()["type"], "test");
        assert_eq!(
            received.header("webhook-id"),
            tested.json()["message_id"].as_str().unwrap()
        );
        let headers = Headers {
            id: Some(received.header("webhook-id")),
            timestamp: Some(received.header("webhook-timestamp")),
            signature: Some(received.header("webhook-signature")),
        };
        let verifier = Verifier::secret(secret).unwrap();
        let verified = verifier.verify(headers, received.body.as_bytes(), world.now());
        assert!(verified.is_ok());
    }
}

#[tokio::test]
async fn what_is_not_taken_comes_again_under_its_id_until_it_is_a_dead_letter() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let receiver = Receiver::start().await;
        receiver.answer("503 Service Unavailable");
        let added = add(&world, json!({"url": receiver.url})).await.json();
        let id = added["webhook_id"].as_str().unwrap();
        suspend(&world, "a").await;
        for attempt in 1..=8 {
            let failed = stands(&world, id, attempt, "due").await;
            assert!(
                failed["last_error"].as_str().unwrap().contains("503"),
                "{failed}"
            );
            // The longest pause there is, and a quarter.
            world.clock.advance(Duration::from_secs(15 * 3600));
        }
        stands(&world, id, 9, "dead").await;
        let all = receiver.all();
        assert_eq!(all.len(), 9);
        let ids = all.iter().map(|received| received.header("webhook-id"));
        assert!(ids.clone().all(|id| id == "evt_1_1"));
        let dead = world.get_as_operator("/v1/dead-letters").await.json();
        assert_eq!(dead["dead_letters"][0]["message_id"], "evt_1_1");
        // Replayed, it is delivered under the same id.
        receiver.answer("200 OK");
        let replay = format!("/v1/webhooks/{id}/replay");
        let replayed = world.post_as_operator(&replay, &json!({})).await.json();
        assert_eq!(replayed["replayed"], 1);
        stands(&world, id, 1, "sent").await;
        assert_eq!(receiver.count(10).await[9].header("webhook-id"), "evt_1_1");
        let dead = world.get_as_operator("/v1/dead-letters").await.json();
        assert_eq!(dead["dead_letters"], json!([]));
    }
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_asked_for_and_is_its_tenants() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let receivers = [Receiver::start().await, Receiver::start().await];
        let proposals = json!({"url": receivers[0].url, "events": ["incident.proposed"]});
        add(&world, proposals).await;
        add(&world, json!({"url": receivers[1].url, "tenant": "acme"})).await;
        world.issue("a", &new_key()).await;
        let order = json!({"authentication": "bearer", "ceiling": "propose"});
        let operator = Some(world.operator.as_str());
        let set = world
            .send(
                Method::PUT,
                "/v1/sources/alerts",
                operator,
                Some(order.to_string()),
            )
            .await;
        let token = format!("Bearer {}", set.json()["secret"].as_str().unwrap());
        let target = json!({"kind": "agent", "tenant": "default", "name": "a"});
        let alert = json!({"id": "1", "action": "suspend", "target": target}).to_string();
        let headers = [("authorization", token.as_str())];
        world.send_with("/v1/hooks/alerts", &headers, alert).await;
        suspend(&world, "a").await;
        let acme = json!({"target": {"kind": "tenant", "tenant": "acme"}, "reason": "policy"});
        world.post_as_operator("/v1/suspensions", &acme).await;
        let told = receivers[1].count(1).await;
        assert_eq!(told[0].json()["data"]["position"], "1:2");
        let told = receivers[0].count(1).await;
        assert_eq!(told[0].json()["type"], "incident.proposed");
        assert_eq!(told[0].json()["data"]["target"]["name"], "a");
        let counts = receivers.each_ref().map(|receiver| receiver.all().len());
        assert_eq!(counts, [1, 1]);
        let nonsense = add(
            &world,
            json!({"url": receivers[0].url, "events": ["nonsense"]}),
        )
        .await;
        nonsense.problem(422, "invalid-request");
    }
}

#[tokio::test]
async fn of_several_replicas_one_delivers() {
    let (world, _folder) = world(Engine::Postgres, true).await;
    let replicas = [world.replica().await, world.replica().await];
    let receiver = Receiver::start().await;
    add(&world, json!({"url": receiver.url})).await;
    let names: Vec<String> = (0..40).map(|n| format!("agent-{n}")).collect();
    for name in &names {
        suspend(&world, name).await;
    }
    let received = receiver.count(names.len()).await;
    let mut ids: Vec<&str> = received
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), received.len()), (names.len(), names.len()));
    for replica in replicas {
        replica.running.shutdown().await;
    }
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_nothing_any_more() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let receiver = Receiver::start().await;
        receiver.answer("410 Gone");
        let added = add(&world, json!({"url": receiver.url})).await.json();
        let id = added["webhook_id"].as_str().unwrap().to_owned();
        suspend(&world, "a").await;
        stands(&world, &id, 1, "dead").await;
        let path = format!("/v1/webhooks/{id}");
        eventually("it is gone", async || {
            let shown = world.get_as_operator(&path).await.json();
            shown["disabled_at"].is_string().then_some(())
        })
        .await;
        suspend(&world, "b").await;
        assert_eq!(deliveries(&world, &id).await.len(), 1);
        let operator = Some(world.operator.as_str());
        let removed = world.send(Method::DELETE, &path, operator, None).await;
        assert_eq!(removed.status, 200, "{}", removed.text);
        let removed = world.send(Method::DELETE, &path, operator, None).await;
        removed.problem(404, "webhook-not-found");
    }
}

#[tokio::test]
async fn nobody_is_told_anything_in_a_private_network_or_by_a_redirect() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, false).await;
        for url in [
            "http://example.com/hook",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://example.com@127.0.0.1/",
            "nonsense",
        ] {
            let refused = add(&world, json!({"url": url})).await;
            refused.problem(422, "address-refused");
        }
        let listed = world.get_as_operator("/v1/webhooks").await.json();
        assert_eq!(listed, json!({"webhooks": []}));
    }
    let (world, _folder) = world(Engine::Sqlite, true).await;
    let inner = Receiver::start().await;
    let outer = Receiver::start().await;
    let elsewhere = &inner.url;
    outer.answer(&format!("307 Temporary Redirect\r\nlocation: {elsewhere}"));
    let added = add(&world, json!({"url": outer.url})).await.json();
    suspend(&world, "a").await;
    let id = added["webhook_id"].as_str().unwrap();
    let failed = stands(&world, id, 1, "due").await;
    assert!(
        failed["last_error"].as_str().unwrap().contains("307"),
        "{failed}"
    );
    assert!(inner.all().is_empty());
}

#[tokio::test]
async fn what_may_be_a_secret_of_an_address_is_not_in_the_audit_trail() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let url = "http://geheim:geheim@127.0.0.1:9/geheim?token=geheim";
        let added = add(&world, json!({"url": url})).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let id = added.json()["webhook_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/audit/records?subject={id}");
        let records = world.get_as_operator(&path).await;
        assert!(
            records.text.contains("http://127.0.0.1:9"),
            "{}",
            records.text
        );
        assert!(!records.text.contains("geheim"), "{}", records.text);
    }
}

#[tokio::test]
async fn what_was_to_be_told_is_told_after_a_restart() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let receiver = Receiver::start().await;
        receiver.answer("503 Service Unavailable");
        let added = add(&world, json!({"url": receiver.url})).await.json();
        let id = added["webhook_id"].as_str().unwrap();
        suspend(&world, "a").await;
        stands(&world, id, 1, "due").await;
        let world = world.restart().await;
        receiver.answer("200 OK");
        world.clock.advance(Duration::from_secs(60));
        stands(&world, id, 2, "sent").await;
        let all = receiver.all();
        assert!(
            all.iter()
                .all(|received| received.header("webhook-id") == "evt_1_1")
        );
        assert_ne!(
            all[0].header("webhook-signature"),
            all[1].header("webhook-signature")
        );
    }
}
