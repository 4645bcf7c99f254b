//! Callers who ask for passports and give orders until nobody answers any more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcps_client::authority::Challenge;
use mcps_client::enrol::prove;
use mcps_core::key::SecretKey;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::ledger::{Asked, Order, target};
use super::{Ground, Ledger};

/// What all callers share.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    /// Names given out so far.
    next: Arc<AtomicUsize>,
    /// Set when the callers are to stop.
    stop: Arc<AtomicBool>,
    http: reqwest::Client,
    url: Arc<Mutex<String>>,
    operator: String,
    audience: String,
    /// The database crashes under it.
    forgets: bool,
}

/// Whether the caller goes on.
enum Answered {
    Yes,
    No,
}

impl Load {
    pub(super) fn on(ground: &Ground) -> Self {
        Self {
            ledger: Arc::default(),
            next: Arc::default(),
            stop: Arc::default(),
            http: ground.http.clone(),
            url: Arc::clone(&ground.url),
            operator: ground.operator.clone(),
            audience: ground.bundle.authority().to_owned(),
            forgets: false,
        }
    }

    /// The same where the database itself crashes.
    pub(super) fn on_what_crashes(self) -> Self {
        Self {
            forgets: true,
            ..self
        }
    }

    /// The same callers, asking another replica.
    pub(super) fn by_way_of(&self, url: &str) -> Self {
        Self {
            url: Arc::new(Mutex::new(url.to_owned())),
            ..self.clone()
        }
    }

    /// Starts `issuers` and `orderers`; each ends when it is not answered, after `most` rounds, or
    /// when it is told to.
    pub(super) fn begin(&self, issuers: usize, orderers: usize, most: usize) -> JoinSet<()> {
        self.stop.store(false, Ordering::SeqCst);
        let mut tasks = JoinSet::new();
        for _ in 0..issuers {
            let own = self.clone();
            tasks.spawn(async move {
                for _ in 0..most {
                    if own.stops() || matches!(own.issue().await, Answered::No) {
                        break;
                    }
                }
            });
        }
        for _ in 0..orderers {
            let own = self.clone();
            tasks.spawn(async move {
                for _ in 0..most {
                    if own.stops() || matches!(own.order().await, Answered::No) {
                        break;
                    }
                }
            });
        }
        tasks
    }

    pub(super) fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// How much was acknowledged up to now.
    pub(super) fn acknowledged(&self) -> usize {
        let ledger = self.ledger.lock().unwrap();
        ledger.passports.len() + ledger.orders.len()
    }

    /// Asks again for whatever was not answered.
    pub(super) async fn make_sure(&self) {
        let asked = std::mem::take(&mut self.ledger.lock().unwrap().unsure);
        for asked in asked {
            self.ask(asked, true).await;
        }
        let open = std::mem::take(&mut self.ledger.lock().unwrap().open);
        for order in open {
            self.give(order).await;
        }
    }

    async fn issue(&self) -> Answered {
        let name = format!("agent-{}", self.next.fetch_add(1, Ordering::SeqCst));
        let key = SecretKey::generate(&SystemRandom).unwrap();
        let kid = key.public_key().key_id().to_string();
        let challenge = json!({"subject": name, "kid": kid, "audience": self.audience});
        let challenge = self
            .post("/v1/challenges", None, challenge.to_string())
            .await;
        let Some((201, challenge)) = challenge else {
            return Answered::No;
        };
        let challenge = challenge["challenge"].as_str().unwrap();
        let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
        let body = json!({
            "name": name, "version": "1", "kind": "agent", "owner": "ops@example.org", "ttl_s": 86_400,
            "public_key": jwk, "challenge": challenge, "proof": self.proof(&name, &key, challenge),
        });
        let body = body.to_string();
        self.ask(Asked { name, body }, false).await
    }

    async fn ask(&self, asked: Asked, again: bool) -> Answered {
        let answer = self.post("/v1/passports", None, asked.body.clone()).await;
        let mut ledger = self.ledger.lock().unwrap();
        match answer {
            Some((201, answer)) => {
                let passport = &answer["passport"];
                let id = passport["passport_id"].as_str().unwrap().to_owned();
                let kept = (asked.name.clone(), passport.to_string());
                let before = ledger.passports.insert(id.clone(), kept);
                assert!(before.is_none(), "{id} was issued twice");
                ledger.names.push(asked.name);
                ledger.late += usize::from(again);
                Answered::Yes
            }
            // The challenge was redeemed by the first asking, of which no passport came.
            Some((403, answer)) if again && is(&answer, "challenge-refused") => Answered::Yes,
            // A challenge does not wait for the disk, and went with the crash: another is asked for.
            Some((403, answer)) if self.forgets && is(&answer, "challenge-refused") => {
                Answered::Yes
            }
            // Nobody knows.
            None | Some((408 | 429 | 503, _)) => {
                ledger.unsure.push(asked);
                Answered::No
            }
            Some((status, answer)) => {
                ledger.strange.push(format!("{status} {answer}"));
                Answered::No
            }
        }
    }

    async fn order(&self) -> Answered {
        let name = self.ledger.lock().unwrap().names.pop();
        let name = name.unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            format!("stranger-{number}")
        });
        let key = format!("order-{name}");
        let position = None;
        self.give(Order {
            key,
            name,
            position,
        })
        .await
    }

    async fn give(&self, mut order: Order) -> Answered {
        let target: Value = serde_json::from_str(&target(&order.name)).unwrap();
        let body = json!({"target": target, "reason": "policy"}).to_string();
        let answer = self.post("/v1/revocations", Some(&order.key), body).await;
        let mut ledger = self.ledger.lock().unwrap();
        match answer {
            Some((200, answer)) => {
                order.position = answer["position"].as_str().map(str::to_owned);
                ledger.orders.push(order);
                Answered::Yes
            }
            None | Some((408 | 429 | 503, _)) => {
                ledger.open.push(order);
                Answered::No
            }
            Some((status, answer)) => {
                ledger.strange.push(format!("{status} {answer}"));
                Answered::No
            }
        }
    }

    async fn post(&self, path: &str, key: Option<&str>, body: String) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.url.lock().unwrap());
        let mut request = self.http.post(url).bearer_auth(&self.operator);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.header("content-type", "application/json");
        let answer = request.body(body).send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).ok()?))
    }

    fn proof(&self, name: &str, key: &SecretKey, challenge: &str) -> String {
        let challenge = Challenge {
            challenge: challenge.to_owned(),
            audience: self.audience.clone(),
        };
        prove(&challenge, "default", name, key).unwrap()
    }
}

fn is(problem: &Value, slug: &str) -> bool {
    let kind = problem["type"].as_str().unwrap_or_default();
    kind.ends_with(&format!("/{slug}"))
}
