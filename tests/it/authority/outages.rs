use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::engine::{Engine, on_server};
use super::world::{World, new_key};

#[tokio::test]
async fn replicas_share_challenges_passports_and_revocations() {
    let one = World::start(Engine::Postgres).await;
    let two = one.replica().await;
    assert_eq!(one.bundle().await.text(), two.bundle().await.text());
    let key = new_key();
    let order = one.order("agent-7", &key).await;
    let passport = two
        .post_as_operator("/v1/passports", &order)
        .await
        .passport();
    one.post_as_operator("/v1/passports", &order)
        .await
        .problem(403, "challenge-refused");
    one.revoke(&passport, "policy").await;
    let shown = two
        .get(&format!("/v1/passports/{}", passport.id()))
        .await
        .json();
    assert_eq!(shown["status"]["state"], "revoked");
}

#[tokio::test]
async fn without_its_database_it_is_not_ready_and_says_nothing_of_anybody() {
    let world = World::start(Engine::Postgres).await;
    let passport = world.issue("agent-7", &new_key()).await;
    let url = world.database_url().unwrap();
    let (_, name) = url.split_once("/authority_").unwrap();
    let name = name.trim_end_matches('?');
    on_server(format!("DROP DATABASE authority_{name} WITH (FORCE)")).await;

    world.get("/readyz").await.problem(503, "unavailable");
    let id = passport.id();
    let nonce = "0".repeat(32);
    for path in [
        format!("/v1/passports/{id}/status?nonce={nonce}"),
        format!("/v1/passports/{id}"),
        format!("/api/verify/{id}"),
        "/api/crl".to_owned(),
    ] {
        let problem = world.get(&path).await.problem(503, "unavailable");
        assert_eq!(
            problem["detail"], "the database failed",
            "nothing of its inside is told"
        );
    }
    world
        .get_as_operator("/v1/passports")
        .await
        .problem(503, "unavailable");
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.bundle().await.number(), 1);
}

/// Sends all of a request but its last byte.
fn begin(world: &World, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.running.addr).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/challenges HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..length - 1]).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished_before_it_stops() {
    for engine in Engine::BOTH {
        let world = World::start(engine).await;
        let name = &world.running.name;
        let kid = super::world::kid(&new_key());
        let body = format!(r#"{{"subject":"a","kid":"{kid}","audience":"{name}"}}"#);
        let mut stream = begin(&world, &body);
        // Another answered request shows that the first one's connection was accepted before it.
        world.get("/healthz").await;
        let addr = world.running.addr;
        let stopping = tokio::task::spawn_blocking(move || {
            while TcpStream::connect(addr).is_ok() {
                std::thread::yield_now();
            }
            stream.write_all(b"}").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        world.running.shutdown().await;
        let answer = stopping.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}
