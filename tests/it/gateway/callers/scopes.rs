//! What tokens must say that they are, and what they are good for.

use mcps_core::code::Code;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::bearer::Bearer;
use super::issuer::{Issuer, Signer};
use crate::gateway::server::Server;
use crate::gateway::{Gate, over_http};
use crate::wire::INITIALIZE;
use crate::world::run;

async fn gate(issuer: &Issuer, more: &str, server: &Server) -> Gate {
    let stanza = issuer.stanza(&format!("tenant = \"acme\"\n{more}"));
    Gate::open(&format!(
        "[tenant.acme]\n{stanza}{}",
        over_http("files", server)
    ))
    .await
}

#[tokio::test]
async fn what_does_not_say_that_it_is_an_access_token_is_none_unless_any_may_be() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = Server::with(&["look"]).await;
    let typed = |typ: Option<&str>, more: Value| {
        let mut header = json!({"alg": "ES256", "kid": "k1"});
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let mut claims = issuer.claims();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signer.token_saying(&header, &claims)
    };
    let plain = json!({});
    let strict = gate(&issuer, "", &server).await;
    for (typ, good) in [
        (Some("at+jwt"), true),
        (Some("application/at+jwt"), true),
        (Some("AT+JWT"), true),
        (Some("JWT"), false),
        (None, false),
    ] {
        let caller = Bearer::with(&strict.at("files"), &typed(typ, plain.clone()));
        let told = caller.refused(INITIALIZE).await;
        let code = (!good).then_some(Code::InvalidCredential);
        assert_eq!(told.code, code, "{typ:?}: {told:?}");
    }
    assert!(
        strict.process.words().contains("typ = \\\"any\\\"")
            || strict.process.words().contains("typ = \"any\"")
    );

    let any = gate(&issuer, "typ = \"any\"", &server).await;
    for (typ, more, good) in [
        (Some("at+jwt"), plain.clone(), true),
        (Some("JWT"), plain.clone(), true),
        (Some("JWT"), json!({"typ": "Bearer"}), true),
        (None, plain.clone(), true),
        (Some("at+jwt"), json!({"nonce": "n"}), true),
        (Some("JWT"), json!({"nonce": "n"}), false),
        (None, json!({"at_hash": "h"}), false),
        (None, json!({"c_hash": "h"}), false),
        (Some("JWT"), json!({"typ": "ID"}), false),
        (Some("JWT"), json!({"typ": "Refresh"}), false),
        (Some("logout+jwt"), plain.clone(), false),
    ] {
        let caller = Bearer::with(&any.at("files"), &typed(typ, more.clone()));
        let told = caller.refused(INITIALIZE).await;
        let code = (!good).then_some(Code::InvalidCredential);
        assert_eq!(told.code, code, "{typ:?} {more}: {told:?}");
    }
}

#[tokio::test]
async fn a_token_without_a_scope_that_is_wanted_is_told_which() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = Server::with(&["look"]).await;
    let gate = gate(&issuer, "scopes = [\"tools\", \"files:read\"]", &server).await;
    let url = gate.at("files");
    for (scopes, good) in [
        (json!({"scope": "openid files:read tools"}), true),
        (json!({"scp": "tools files:read"}), true),
        (json!({"scp": ["tools", "files:read"]}), true),
        (json!({"scope": "tools", "scp": ["files:read"]}), true),
        (json!({}), false),
        (json!({"scope": "tools"}), false),
        (json!({"scope": "toolsfiles:read"}), false),
        (json!({"scope": "TOOLS files:read"}), false),
        (json!({"scope": {"tools": true, "files:read": true}}), false),
        (json!({"scopes": "tools files:read"}), false),
    ] {
        let mut claims = issuer.claims();
        for (name, value) in scopes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let told = Bearer::with(&url, &signer.token(&claims))
            .refused(INITIALIZE)
            .await;
        if good {
            assert_eq!(
                (told.status, told.code),
                (StatusCode::OK, None),
                "{scopes}: {told:?}"
            );
            continue;
        }
        assert_eq!(
            told.code,
            Some(Code::InsufficientScope),
            "{scopes}: {told:?}"
        );
        assert_eq!(told.status, StatusCode::FORBIDDEN, "{scopes}");
        let challenge = told.challenge();
        let begin =
            r#"Bearer error="insufficient_scope", scope="tools files:read", resource_metadata="#;
        assert!(challenge.starts_with(begin), "{challenge}");
    }
    let touched = server.seen("initialize").len();
    // Whoever signs a scope for itself is nobody.
    let forged = Signer::ec("k1").token(&issuer.claims());
    let told = Bearer::with(&url, &forged).refused(INITIALIZE).await;
    assert_eq!(told.code, Some(Code::InvalidCredential), "{told:?}");
    // Whoever comes without learns them with the place.
    let told = Bearer::saying(&url, "").refused(INITIALIZE).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    let challenge = told.challenge();
    assert!(
        challenge.contains(r#"scope="tools files:read""#),
        "{challenge}"
    );
    let address = challenge.split("resource_metadata=\"").nth(1).unwrap();
    let request = reqwest::Client::builder().build().unwrap();
    let request = request.get(address.trim_end_matches('"'));
    let document = request.send().await.unwrap().text().await.unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["scopes_supported"], json!(["files:read", "tools"]));
    assert_eq!(server.seen("initialize").len(), touched);

    let file = gate.stage.world.dir().join("claims.json");
    std::fs::write(&file, issuer.claims().to_string()).unwrap();
    let mut why = gate.stage.world.mcps(&gate.home);
    why.args(["why", "files__look", "-o", "json", "--claims"])
        .arg(&file);
    why.arg("--config")
        .arg(gate.stage.world.dir().join("gateway.toml"));
    let told: Value = serde_json::from_str(&run(&mut why).succeeded()).unwrap();
    let stages = told["stages"].as_array().unwrap();
    let refusing = stages
        .iter()
        .find(|stage| stage["permits"] == false)
        .unwrap();
    assert_eq!(refusing["code"], Code::InsufficientScope.id(), "{told}");
}
