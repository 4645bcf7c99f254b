//! How a client that has no token learns where to get one (RFC 9728).

use mcps_core::code::Code;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::bearer::Bearer;
use super::issuer::{Issuer, Signer};
use crate::gateway::server::Server;
use crate::gateway::{Gate, over_http};
use crate::wire::INITIALIZE;

async fn get(url: &str) -> (StatusCode, Value) {
    let request = Client::builder().build().unwrap().get(url);
    let answer = request.header("accept", "application/json").send().await;
    let answer = answer.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_refusal_leads_to_the_document_and_that_to_the_issuer() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.acme]\n{}{}",
        issuer.stanza("tenant = \"acme\""),
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    for url in [gate.url.clone(), gate.at("files")] {
        let told = Bearer::saying(&url, "").refused(INITIALIZE).await;
        assert_eq!(told.code, Some(Code::SignatureRequired), "{told:?}");
        assert_eq!(told.status, StatusCode::UNAUTHORIZED);
        let address = told.challenge().strip_prefix("Bearer resource_metadata=\"");
        let address = address.unwrap().trim_end_matches('"').to_owned();
        let (status, document) = get(&address).await;
        assert_eq!(status, StatusCode::OK, "{address}");
        assert_eq!(document["resource"], url);
        assert_eq!(document["authorization_servers"], json!([issuer.url]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
    let origin = gate.url.strip_suffix("/mcp").unwrap();
    let known = format!("{origin}/.well-known/oauth-protected-resource");
    let (status, document) = get(&known).await;
    assert_eq!(
        (status, &document["resource"]),
        (StatusCode::OK, &json!(gate.url))
    );
    for path in ["/mcp/shadow", "/other", "/mcp/files/x"] {
        let (status, _) = get(&format!("{known}{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(server.is_untouched());

    // Without an issuer there is no such document.
    let gate = Gate::open(&format!("[tenant.acme]\n{}", over_http("files", &server))).await;
    let origin = gate.url.strip_suffix("/mcp").unwrap().to_owned();
    let (status, _) = get(&format!(
        "{origin}/.well-known/oauth-protected-resource/mcp"
    ))
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
