//! Sources that prove themselves by a client certificate.

use std::fs;
use std::time::Duration;

use mcps_authority::Config;
use mcps_authority::certificate::{ClientCa, TlsFiles};
use mcps_core::clock::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::Engine;
use super::world::World;
use crate::certificates::Ca;

const SIEM: &str = "spiffe://example.org/siem";
const SOAR: &str = "spiffe://example.org/soar";

/// An authority that speaks TLS and asks for certificates of `clients`.
struct Place {
    world: World,
    own: Ca,
    nobody: Client,
    _folder: TempDir,
}

impl Place {
    async fn new(engine: Engine, clients: &Ca) -> Self {
        let (folder, own) = (tempfile::tempdir().unwrap(), Ca::new());
        own.certify(folder.path());
        let file = folder.path().join("clients.pem");
        fs::write(&file, &clients.pem).unwrap();
        let config = Config {
            tls: Some(TlsFiles {
                certificate: folder.path().join("cert.pem"),
                key: folder.path().join("key.pem"),
                clients: Some(ClientCa {
                    file,
                    required: false,
                }),
            }),
            ..Config::local(folder.path().join("data"))
        };
        let world = World::start_with(engine, config).await;
        let nobody = client(&own, None);
        Self {
            world,
            own,
            nobody,
            _folder: folder,
        }
    }

    fn client(&self, pem: &str) -> Client {
        client(&self.own, Some(pem))
    }

    /// What an operator asks for.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.nobody.request(method, self.world.running.url() + path);
        let request = request.bearer_auth(&self.world.operator);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let body = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, body)
    }

    async fn set(&self, name: &str, proof: &Value) {
        let mut order = json!({"authentication": "mtls", "ceiling": "revoke"});
        let members = order.as_object_mut().unwrap();
        members.extend(proof.as_object().unwrap().clone());
        let path = format!("/v1/sources/{name}");
        let (status, set) = self.ask(Method::PUT, &path, &order).await;
        assert_eq!(status, 200, "{set}");
        assert!(set.get("secret").is_none());
    }

    /// Reports something, as whoever that client is: the status and the text.
    async fn report(&self, client: &Client, source: &str, id: &str) -> Option<(u16, String)> {
        let url = format!("{}/v1/hooks/{source}", self.world.running.url());
        let target = json!({"kind": "agent", "tenant": "default", "name": "nobody"});
        let body = json!({"id": id, "action": "revoke", "target": target});
        let answer = client.post(url).body(body.to_string()).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.unwrap()))
    }
}

fn client(own: &Ca, shown: Option<&str>) -> Client {
    let root = reqwest::Certificate::from_pem(own.pem.as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only([root]);
    if let Some(pem) = shown {
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// The certificate of a PEM that has its key as well.
fn public(pem: &str) -> &str {
    pem.split_once("-----BEGIN PRIVATE KEY").unwrap().0
}

#[tokio::test]
async fn a_source_is_believed_by_its_certificate_and_no_other() {
    for engine in Engine::BOTH {
        let (clients, strangers) = (Ca::new(), Ca::new());
        let place = Place::new(engine, &clients).await;
        let (siem, soar) = (clients.client(SIEM), clients.client(SOAR));
        // One by its name, one by its certificate.
        place.set("siem", &json!({"san": SIEM})).await;
        place
            .set("soar", &json!({"certificate": public(&soar)}))
            .await;
        let (as_siem, as_soar) = (place.client(&siem), place.client(&soar));
        for (client, source) in [(&as_siem, "siem"), (&as_soar, "soar")] {
            let (status, text) = place.report(client, source, "1").await.unwrap();
            assert_eq!(status, 202, "{text}");
            let taken: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(taken["incidents"][0]["asked"], "revoke");
        }
        let (status, unknown) = place.report(&as_siem, "unknown", "2").await.unwrap();
        assert_eq!(status, 401);
        let again = place.client(&clients.client(SOAR));
        for (client, source) in [
            (&as_soar, "siem"),
            (&as_siem, "soar"),
            // The name alone is not the certificate.
            (&again, "soar"),
            (&place.nobody, "siem"),
        ] {
            let refused = place.report(client, source, "2").await.unwrap();
            assert_eq!(refused, (401, unknown.clone()));
        }
        // What is forged, over or of another authority ends the handshake.
        let over = clients.client_until(SIEM, 2020);
        for pem in [strangers.client(SIEM), over] {
            let answer = place.report(&place.client(&pem), "siem", "2").await;
            assert_eq!(answer, None);
        }
        // A source of another proof is not opened by it.
        let bearer = json!({"authentication": "bearer", "ceiling": "suspend"});
        let (status, _) = place.ask(Method::PUT, "/v1/sources/alerts", &bearer).await;
        assert_eq!(status, 200);
        let refused = place.report(&as_siem, "alerts", "2").await.unwrap();
        assert_eq!(refused, (401, unknown));
        let (_, shown) = place
            .ask(Method::GET, "/v1/sources/siem", &Value::Null)
            .await;
        assert_eq!(shown["presents"], format!("san:{SIEM}"));
    }
}

#[tokio::test]
async fn a_certificate_that_ends_while_its_connection_is_open_proves_nothing_any_more() {
    for engine in Engine::BOTH {
        let clients = Ca::new();
        let place = Place::new(engine, &clients).await;
        place.set("siem", &json!({"san": SIEM})).await;
        let siem = place.client(&clients.client_until(SIEM, 2028));
        let (status, text) = place.report(&siem, "siem", "1").await.unwrap();
        assert_eq!(status, 202, "{text}");
        let end = Timestamp::parse_rfc3339("2028-01-01T00:00:01.000Z").unwrap();
        let left = u64::try_from(end.since(place.world.now())).unwrap();
        place.world.clock.advance(Duration::from_millis(left));
        let (status, _) = place.report(&siem, "siem", "2").await.unwrap();
        assert_eq!(status, 401);
    }
}

#[tokio::test]
async fn a_source_says_which_certificate_and_only_where_that_is_the_proof() {
    for engine in Engine::BOTH {
        let clients = Ca::new();
        let place = Place::new(engine, &clients).await;
        let pem = clients.client(SIEM);
        for order in [
            json!({"authentication": "mtls"}),
            json!({"authentication": "mtls", "san": SIEM, "certificate": public(&pem)}),
            json!({"authentication": "mtls", "san": ""}),
            json!({"authentication": "mtls", "certificate": "no certificate"}),
            json!({"authentication": "mtls", "san": SIEM, "secret": "0123456789abcdef"}),
            json!({"authentication": "bearer", "san": SIEM}),
            json!({"authentication": "hmac", "certificate": public(&pem)}),
        ] {
            let mut order = order;
            order["ceiling"] = json!("observe");
            let (status, problem) = place.ask(Method::PUT, "/v1/sources/siem", &order).await;
            assert_eq!(status, 422, "{order}");
            assert_eq!(problem["type"], "https://mcps.dev/problems/invalid-source");
        }
    }
}
