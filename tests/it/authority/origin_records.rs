//! Control of an origin, checked by a challenge in a TXT record, which a DNS server of our own serves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mcps_authority::Config;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{Answer, World, new_key};

const SUBJECT: &str = "/v1/subjects/agent/default/bot";
const NAME: &str = "_mcps-challenge.bot.example";

/// What the server answers.
#[derive(Clone, Default)]
struct Zone {
    texts: Vec<Vec<u8>>,
    code: u8,
    /// Over UDP it says that there is more.
    truncates: bool,
    /// It answers as if something else had been asked.
    strays: bool,
}

struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Dns {
    async fn start() -> Self {
        // The same port for both.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let (zone, asked) = (Arc::<Mutex<Zone>>::default(), Arc::default());
        let mut tasks = JoinSet::new();
        let (own, heard) = (Arc::clone(&zone), Arc::clone(&asked));
        tasks.spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                let (read, from) = udp.recv_from(&mut buffer).await.unwrap();
                let zone = own.lock().unwrap().clone();
                let answer = answer(&buffer[..read], &zone, zone.truncates, &heard);
                udp.send_to(&answer, from).await.unwrap();
            }
        });
        let (own, heard) = (Arc::clone(&zone), Arc::clone(&asked));
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut buffer = vec![0; usize::from(length)];
                stream.read_exact(&mut buffer).await.unwrap();
                let zone = own.lock().unwrap().clone();
                let answer = answer(&buffer, &zone, false, &heard);
                stream
                    .write_u16(u16::try_from(answer.len()).unwrap())
                    .await
                    .unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        Self {
            address,
            zone,
            asked,
            _tasks: tasks,
        }
    }

    fn holds(&self, texts: &[&[u8]]) {
        self.says(Zone {
            texts: texts.iter().map(|text| text.to_vec()).collect(),
            ..Zone::default()
        });
    }

    fn says(&self, zone: Zone) {
        *self.zone.lock().unwrap() = zone;
    }
}

/// The question, and an answer to it (RFC 1035 §4.1).
fn answer(asked: &[u8], zone: &Zone, truncate: bool, heard: &Mutex<Vec<String>>) -> Vec<u8> {
    let mut at = 12;
    let mut labels = Vec::new();
    while asked[at] != 0 {
        let size = usize::from(asked[at]);
        labels.push(String::from_utf8(asked[at + 1..=at + size].to_vec()).unwrap());
        at += size + 1;
    }
    heard.lock().unwrap().push(labels.join("."));
    let mut bytes = asked[..at + 5].to_vec();
    if zone.strays {
        bytes[0] ^= 0xff;
    }
    bytes[2] = if truncate { 0x83 } else { 0x81 };
    bytes[3] = 0x80 | zone.code;
    let count = if truncate { 0 } else { zone.texts.len() };
    bytes[6..8].copy_from_slice(&u16::try_from(count).unwrap().to_be_bytes());
    bytes[8..12].fill(0);
    for text in zone.texts.iter().take(count) {
        let size = u8::try_from(text.len()).unwrap();
        bytes.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, size + 1, size]);
        bytes.extend(text);
    }
    bytes
}

async fn world(engine: Engine, resolvers: &[SocketAddr]) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        dns_resolvers: resolvers.to_vec(),
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

async fn challenged(world: &World, origin: &str) -> Value {
    let order = world
        .order_with("bot", &new_key(), json!({"origin": origin}))
        .await;
    let issued = world.post_as_operator("/v1/passports", &order).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let path = format!("{SUBJECT}/origin-challenges");
    world.post_as_operator(&path, &json!({})).await.json()
}

async fn check(world: &World) -> Answer {
    let path = format!("{SUBJECT}/origin-checks?by=dns");
    world.post_as_operator(&path, &json!({})).await
}

#[tokio::test]
async fn a_txt_record_that_holds_the_challenge_is_evidence_of_level_two() {
    for engine in Engine::BOTH {
        let dns = Dns::start().await;
        let (world, _folder) = world(engine, &[dns.address]).await;
        let asked = challenged(&world, "https://bot.example:8443/path").await;
        assert_eq!(asked["dns_name"], NAME);
        let challenge = asked["challenge"].as_str().unwrap();
        dns.holds(&[b"v=spf1 -all", challenge.as_bytes()]);
        let filed = check(&world).await;
        assert_eq!(filed.status, 201, "{}", filed.text);
        let filed = filed.json();
        assert_eq!(filed["origin"], "https://bot.example:8443/path");
        let statement = filed["statement"].as_str().unwrap();
        assert!(
            statement.starts_with(&format!("the TXT record of {NAME} held")),
            "{statement}"
        );
        assert_eq!(dns.asked.lock().unwrap().as_slice(), [NAME]);
        assert_eq!(super::trust::told(&world).await, [2]);
        // A challenge is good for one check.
        check(&world).await.problem(409, "no-origin-challenge");
    }
}

#[tokio::test]
async fn an_answer_too_large_for_udp_is_asked_for_over_tcp() {
    let dns = Dns::start().await;
    let (world, _folder) = world(Engine::Sqlite, &[dns.address]).await;
    let asked = challenged(&world, "https://bot.example").await;
    dns.says(Zone {
        texts: vec![asked["challenge"].as_str().unwrap().into()],
        truncates: true,
        ..Zone::default()
    });
    assert_eq!(check(&world).await.status, 201);
    assert_eq!(dns.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn whatever_else_is_recorded_is_no_evidence() {
    let dns = Dns::start().await;
    let (world, _folder) = world(Engine::Sqlite, &[dns.address]).await;
    let asked = challenged(&world, "https://bot.example").await;
    let challenge = asked["challenge"].as_str().unwrap().as_bytes();
    for text in [&b"other"[..], &challenge[1..]] {
        dns.holds(&[text]);
        check(&world).await.problem(409, "origin-not-proven");
    }
    dns.holds(&[]);
    check(&world).await.problem(409, "origin-not-proven");
    for (code, says) in [
        // A name that does not exist has no records, whatever comes along.
        (3, "no TXT record"),
        (2, "failed with code 2"),
        (5, "failed with code 5"),
    ] {
        dns.says(Zone {
            texts: vec![challenge.to_vec()],
            code,
            ..Zone::default()
        });
        let problem = check(&world).await.problem(409, "origin-not-proven");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
    }
    assert_eq!(super::trust::told(&world).await, [0; 0]);
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_believed() {
    let dns = Dns::start().await;
    let (world, _folder) = world(Engine::Sqlite, &[dns.address]).await;
    let asked = challenged(&world, "https://bot.example").await;
    dns.says(Zone {
        texts: vec![asked["challenge"].as_str().unwrap().into()],
        strays: true,
        ..Zone::default()
    });
    let problem = check(&world).await.problem(409, "origin-not-proven");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("no resolver answers"), "{detail}");
}

#[tokio::test]
async fn an_address_has_no_record() {
    let dns = Dns::start().await;
    let (world, _folder) = world(Engine::Sqlite, &[dns.address]).await;
    for origin in ["https://192.0.2.1", "https://[2001:db8::1]:8443"] {
        let asked = challenged(&world, origin).await;
        assert_eq!(asked["dns_name"], Value::Null, "{origin}");
        let problem = check(&world).await.problem(409, "origin-not-proven");
        assert!(problem["detail"].as_str().unwrap().contains("no name"));
    }
    assert!(dns.asked.lock().unwrap().is_empty());
}
