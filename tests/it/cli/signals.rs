//! `mcps hook` and `mcps webhook` for Shared Signals and for client certificates.

use std::fs;

use serde_json::Value;

use super::incidents::ask;
use super::{assert_one_line, mcps};
use crate::world::{World, run};

const JWKS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn a_transmitter_is_polled_only_with_all_that_takes() {
    let world = World::start();
    let file = |name: &str, text: &str| {
        let path = world.dir().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (jwks, token) = (file("idp.json", JWKS), file("idp.token", "geheim\n"));
    let idp = ["hook", "add", "idp", "--adapter", "shared-signals"];
    let proof = [
        "--proof",
        "tokens",
        "--jwks",
        &jwks,
        "--issuer",
        "https://i",
    ];
    let idp = [&idp[..], &proof[..], &["--audience", "https://a"]].concat();
    // The address has to be one to go to, wherever it leads.
    let poll = ["--poll", "https://127.0.0.1/poll"];
    let shown = ["--poll-token-file", token.as_str()];
    let refused = ask(&world, &[&idp[..], &poll, &shown].concat());
    assert_ne!(refused.code, 0);
    assert!(!refused.stderr.contains("geheim"), "{}", refused.stderr);
    assert_one_line(&refused.stderr, "not public");
    assert_eq!(ask(&world, &[&idp[..], &poll].concat()).code, 2);
    assert_eq!(ask(&world, &[&idp[..], &shown].concat()).code, 2);
    ask(&world, &idp).succeeded();
    let named = ask(
        &world,
        &[
            "hook",
            "add",
            "siem",
            "--proof",
            "mtls",
            "--san",
            "spiffe://example.org/siem",
            "--ceiling",
            "revoke",
        ],
    );
    let named = named.succeeded();
    assert!(named.contains("san:spiffe://example.org/siem"), "{named}");
}

#[test]
fn the_token_of_an_endpoint_that_fetches_is_saved_or_shown_once() {
    let world = World::start();
    let saved = world.dir().join("b.token");
    let add = ["webhook", "add", "--form", "shared-signals", "--polled"];
    let save = ["--save-secret", saved.to_str().unwrap()];
    let added = ask(&world, &[&add[..], &save].concat()).succeeded();
    let token = fs::read_to_string(&saved).unwrap().trim().to_owned();
    assert_eq!(token.len(), 43);
    assert!(!added.contains(&token), "{added}");
    assert!(
        added.contains("fetched at") && added.contains("/poll"),
        "{added}"
    );
    // What is there already is not written over, and nothing is added.
    assert_ne!(ask(&world, &[&add[..], &save].concat()).code, 0);
    let json = ask(&world, &[&add[..], &["-o", "json"]].concat()).succeeded();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["form"], &json["polled"]),
        (&"shared-signals".into(), &true.into())
    );
    assert!(json["secret"].is_string());
    let listed = ask(&world, &["webhook", "list", "-o", "json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 2);
    let id = json["webhook_id"].as_str().unwrap();
    ask(&world, &["webhook", "test", id]).succeeded();
    let shown = ask(&world, &["webhook", "show", id]).succeeded();
    assert!(shown.contains("waiting"), "{shown}");
    let home = world.home("operator");
    let nothing = run(&mut mcps(
        &world,
        &home,
        &["webhook", "add", "--polled", "https://x.example"],
    ));
    assert_eq!(nothing.code, 2);
}
