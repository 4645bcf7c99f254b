//! Clients of others that know nothing of us: the Python SDKs, with a token.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::issuer::{Issuer, Signer};
use crate::gateway::server::Server;
use crate::gateway::{Gate, over_http};
use crate::peers::installed;
use crate::world::run;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sdk_with_a_token_calls_and_reads_where_tokens_are_to_be_had() {
    let signer = Signer::rsa("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.acme]\n{}{}",
        issuer.stanza("tenant = \"acme\""),
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/clients/bearer.py");
    for (number, (sdk, url, tool)) in [
        ("python-1", gate.at("files"), "look"),
        ("python-2", gate.url.clone(), "files__look"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = Command::new(installed().join(sdk).join("bin/python"));
        client
            .arg("-B")
            .arg(&script)
            .args([&url, &signer.token(&issuer.claims())]);
        client.arg(tool);
        let told = tokio::task::block_in_place(|| run(&mut client).succeeded());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (&told["status"], &told["tools"]),
            (&json!(401), &json!([tool])),
            "{sdk}"
        );
        assert_eq!(told["text"], r#"look({"n":1})"#, "{sdk}");
        assert_eq!(told["metadata"]["resource"], json!(url), "{sdk}: {told}");
        let issuers = &told["metadata"]["authorization_servers"];
        assert!(
            issuers[0].as_str().unwrap().starts_with(&issuer.url),
            "{told}"
        );
        assert_eq!(server.seen("tools/call").len(), number + 1);
    }
}
