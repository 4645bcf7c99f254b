//! Operators who prove themselves by a client certificate.

use std::fs;
use std::time::Duration;

use mcps_authority::Config;
use mcps_authority::certificate::{ClientCa, TlsFiles};
use mcps_core::clock::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::Engine;
use super::world::World;
use crate::certificates::Ca;

const ANN: &str = "spiffe://example.org/people/ann";

/// An authority that speaks TLS and asks for certificates of `clients`.
async fn world(own: &Ca, clients: &Ca, required: bool) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    own.certify(folder.path());
    let file = folder.path().join("clients.pem");
    fs::write(&file, &clients.pem).unwrap();
    let config = Config {
        tls: Some(TlsFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
            clients: Some(ClientCa { file, required }),
        }),
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(Engine::Sqlite, config).await, folder)
}

fn client(own: &Ca, shown: Option<&str>) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(own.pem.as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([root]);
    if let Some(pem) = shown {
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

/// The status of a list of passports, and the kind of problem.
async fn list(world: &World, client: &reqwest::Client, key: Option<&str>) -> (u16, String) {
    let mut request = client.get(world.running.url() + "/v1/passports");
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let kind = problem["type"].as_str().unwrap_or_default();
    (status, kind.rsplit('/').next().unwrap().to_owned())
}

async fn appoint(world: &World, client: &reqwest::Client, roles: &[&str]) -> Value {
    let asked = json!({"name": "Ann", "roles": roles, "certificate": ANN}).to_string();
    let request = client.post(world.running.url() + "/v1/operators");
    let request = request.bearer_auth(&world.operator);
    let request = request
        .header("content-type", "application/json")
        .body(asked);
    let answer = request.send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_verified_certificate_stands_for_the_operator_of_its_name() {
    let (own, clients, strangers) = (Ca::new(), Ca::new(), Ca::new());
    let (world, _folder) = world(&own, &clients, false).await;
    let nobody = client(&own, None);
    let ann = client(&own, Some(&clients.client(ANN)));
    let ben = client(
        &own,
        Some(&clients.client("spiffe://example.org/people/ben")),
    );
    let refused = (401, "operator-required".to_owned());
    assert_eq!(
        list(&world, &ann, None).await,
        refused,
        "nobody said who that is"
    );
    let made = appoint(&world, &nobody, &["viewer@*"]).await;
    assert_eq!(made["credential"], "certificate", "{made}");
    assert_eq!(made["presents"], ANN);
    assert!(made.get("key").is_none());
    assert_eq!(list(&world, &ann, None).await.0, 200);
    assert_eq!(list(&world, &ben, None).await, refused);
    assert_eq!(list(&world, &nobody, None).await, refused);
    // A key that is presented is what counts, and a bad one is not made good by a certificate.
    assert_eq!(list(&world, &nobody, Some(&world.operator)).await.0, 200);
    assert_eq!(list(&world, &ann, Some("mcps_op_bad")).await, refused);
    // Whoever another authority vouches for does not get as far as that.
    let mallory = client(&own, Some(&strangers.client(ANN)));
    let answer = mallory
        .get(world.running.url() + "/v1/passports")
        .send()
        .await;
    assert!(answer.is_err(), "{answer:?}");
    // The same name is not given twice.
    let again = appoint(&world, &nobody, &["owner@*"]).await;
    assert_eq!(again["status"], 409, "{again}");
}

#[tokio::test]
async fn where_certificates_are_required_nobody_is_spoken_to_without_one() {
    let (own, clients) = (Ca::new(), Ca::new());
    let (world, _folder) = world(&own, &clients, true).await;
    let nobody = client(&own, None);
    let answer = nobody.get(world.running.url() + "/healthz").send().await;
    assert!(answer.is_err(), "{answer:?}");
    let gateway = client(&own, Some(&clients.client("spiffe://example.org/gateway")));
    let answer = gateway.get(world.running.url() + "/healthz").send().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(list(&world, &gateway, Some(&world.operator)).await.0, 200);
}

#[tokio::test]
async fn a_certificate_that_ends_while_its_connection_is_open_stands_for_nobody() {
    let (own, clients) = (Ca::new(), Ca::new());
    let (world, _folder) = world(&own, &clients, false).await;
    let ann = client(&own, Some(&clients.client_until(ANN, 2028)));
    appoint(&world, &client(&own, None), &["viewer@*"]).await;
    assert_eq!(list(&world, &ann, None).await.0, 200);
    let end = Timestamp::parse_rfc3339("2028-01-01T00:00:01.000Z").unwrap();
    let left = u64::try_from(end.since(world.now())).unwrap();
    world.clock.advance(Duration::from_millis(left));
    assert_eq!(list(&world, &ann, None).await.0, 401);
}
