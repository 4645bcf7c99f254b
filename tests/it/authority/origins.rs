//! Control of an origin, checked by a challenge that stands there.

use std::sync::{Arc, Mutex};

use mcps_authority::Config;
use mcps_core::level::TrustLevel;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{Answer, World, new_key};

const SUBJECT: &str = "/v1/subjects/agent/default/bot";

/// A web server that answers everything with what it was told to.
struct Web {
    origin: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Web {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(String::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (said, heard) = (answer.clone(), asked.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                heard
                    .lock()
                    .unwrap()
                    .push(head.lines().next().unwrap_or_default().to_owned());
                let answer = said.lock().unwrap().clone();
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self {
            origin,
            answer,
            asked,
            _tasks: tasks,
        }
    }

    fn say(&self, head: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
    }
}

async fn world(engine: Engine, local_origins: bool) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        local_origins,
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

async fn enrol(world: &World, origin: &str) {
    let order = world
        .order_with("bot", &new_key(), json!({"origin": origin}))
        .await;
    let issued = world.post_as_operator("/v1/passports", &order).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
}

async fn challenge(world: &World) -> Value {
    let path = format!("{SUBJECT}/origin-challenges");
    let answer = world.post_as_operator(&path, &json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

async fn check(world: &World) -> Answer {
    world
        .post_as_operator(&format!("{SUBJECT}/origin-checks"), &json!({}))
        .await
}

#[tokio::test]
async fn an_origin_that_shows_the_challenge_is_evidence_of_level_two() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let web = Web::start().await;
        enrol(&world, &format!("{}/some/path", web.origin)).await;
        check(&world).await.problem(409, "no-origin-challenge");
        let asked = challenge(&world).await;
        assert_eq!(
            asked["url"],
            format!("{}/.well-known/mcps-origin", web.origin)
        );
        let challenge = asked["challenge"].as_str().unwrap();
        web.say("200 OK", &format!("others\r\n  {challenge} \r\nmore"));
        let filed = check(&world).await;
        assert_eq!(filed.status, 201, "{}", filed.text);
        let filed = filed.json();
        assert_eq!(
            (&filed["type"], &filed["who"]),
            (&json!("origin_check"), &json!("authority"))
        );
        assert_eq!(
            web.asked.lock().unwrap().as_slice(),
            ["GET /.well-known/mcps-origin HTTP/1.1"]
        );
        assert_eq!(super::trust::told(&world).await, [2]);
        // A challenge is good for one check.
        check(&world).await.problem(409, "no-origin-challenge");

        // What was checked is this origin: a passport for another does not state it.
        let other = json!({"origin": "https://other.example"});
        let order = world.order_with("bot", &new_key(), other).await;
        let other = world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        assert_eq!(other.trust_level(), TrustLevel::L1);
    }
}

#[tokio::test]
async fn whatever_else_stands_there_is_no_evidence() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, true).await;
        let web = Web::start().await;
        enrol(&world, &web.origin).await;
        let old = challenge(&world).await["challenge"]
            .as_str()
            .unwrap()
            .to_owned();
        let new = challenge(&world).await["challenge"]
            .as_str()
            .unwrap()
            .to_owned();
        let large = format!("{}\n{new}\n", "x".repeat(20_000));
        for (head, body) in [
            ("200 OK", old.as_str()),
            ("200 OK", ""),
            ("200 OK", &format!("{new}x")),
            ("200 OK", &large),
            ("404 Not Found", &new),
            ("500 Internal Server Error", &new),
            ("302 Found\r\nlocation: /elsewhere", &new),
            ("204 No Content", ""),
        ] {
            web.say(head, body);
            check(&world).await.problem(409, "origin-not-proven");
        }
        *web.answer.lock().unwrap() = "nonsense\r\n\r\n".to_owned();
        check(&world).await.problem(409, "origin-not-proven");
        assert_eq!(super::trust::told(&world).await, [0; 0]);
        // It is still open, and lapses.
        web.say("200 OK", &new);
        world
            .clock
            .advance(std::time::Duration::from_secs(24 * 3600));
        check(&world).await.problem(409, "no-origin-challenge");
    }
}

#[tokio::test]
async fn nothing_is_fetched_from_a_private_place_or_without_tls() {
    let (world, _folder) = world(Engine::Sqlite, false).await;
    let web = Web::start().await;
    let secure = web.origin.replace("http://", "https://");
    let port = web.origin.rsplit_once(':').unwrap().1;
    for (origin, says) in [
        (web.origin.clone(), "only https://"),
        (secure, "not public"),
        (format!("https://localhost:{port}"), "not public"),
        (format!("https://[::1]:{port}"), "not public"),
        (format!("https://[::ffff:7f00:1]:{port}"), "not public"),
        ("https://169.254.169.254".to_owned(), "not public"),
        ("https://10.0.0.1".to_owned(), "not public"),
        ("https://no-such-name.invalid".to_owned(), "not known"),
    ] {
        let order = world
            .order_with("bot", &new_key(), json!({"origin": origin}))
            .await;
        let issued = world.post_as_operator("/v1/passports", &order).await;
        if issued.status != 201 {
            // Not written as an origin is, which is as good.
            issued.problem(422, "invalid-request");
            continue;
        }
        challenge(&world).await;
        let problem = check(&world).await.problem(409, "origin-not-proven");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{origin}: {problem}"
        );
        world.revoke(&issued.passport(), "superseded").await;
    }
    assert!(web.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_has_no_origin_has_none_to_check() {
    let (world, _folder) = world(Engine::Sqlite, true).await;
    world.issue("bot", &new_key()).await;
    let path = format!("{SUBJECT}/origin-challenges");
    world
        .post_as_operator(&path, &json!({}))
        .await
        .problem(409, "no-origin");
    check(&world).await.problem(409, "no-origin-challenge");
}
