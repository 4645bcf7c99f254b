use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use serde_json::{Value, json};

use super::{hold, is_current, reaches, read};
use crate::call::Claims;
use crate::callers::Fault;
use crate::config::{Algorithm, Config, Oidc, Typ};

const NOW_S: i64 = 1_800_000_000;

fn config() -> Oidc {
    let text = r#"
        [tenant.acme]
        [[oidc]]
        issuer = "https://login.example.com"
        audience = ["https://gw.example.com/mcp", "api://gateway"]
        tenant = "acme"
    "#;
    Config::parse(text).unwrap().oidc.remove(0)
}

fn token(header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(header), part(claims))
}

fn claims(change: impl Fn(&mut Value)) -> Claims {
    let mut claims = json!({
        "iss": "https://login.example.com", "aud": "https://gw.example.com/mcp", "sub": "ann",
        "iat": NOW_S - 10, "nbf": NOW_S - 10, "exp": NOW_S + 300,
    });
    change(&mut claims);
    Claims::new(Document::parse(claims.to_string()).unwrap()).unwrap()
}

fn holds(server: Option<&str>, change: impl Fn(&mut Value)) -> Result<(), Fault> {
    let now = Timestamp::from_millis(NOW_S * 1000 + 999);
    hold(&claims(change), &config(), server, now)
}

#[test]
fn reads_what_it_is_signed_with() {
    let text = token(r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#, "{}");
    let read = read(&text).unwrap();
    assert_eq!(read.algorithm, Algorithm::ES256);
    assert_eq!(read.kid.as_deref(), Some("k1"));
    assert!(read.is_access(Typ::AccessToken).is_ok());
    assert!(text.starts_with(read.signed) && text.ends_with(read.signature));
}

#[test]
fn takes_nothing_for_a_token_that_is_none() {
    let good = r#"{"alg":"RS256"}"#;
    for text in [
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        "a.b.c.d".to_owned(),
        format!("{}.x", token(good, "{}")),
        token("{}", "{}"),
        token(r#"{"alg":"none"}"#, "{}"),
        token(r#"{"alg":"None"}"#, "{}"),
        token(r#"{"alg":"HS256"}"#, "{}"),
        token(r#"{"alg":"rs256"}"#, "{}"),
        token(r#"{"alg":["RS256"]}"#, "{}"),
        token(r#"{"alg":"HS256","alg":"RS256"}"#, "{}"),
        token(r#"{"alg":"RS256","kid":7}"#, "{}"),
        token(r#"{"alg":"RS256","typ":"logout+jwt"}"#, "{}"),
        token(r#"{"alg":"RS256","typ":5}"#, "{}"),
        token(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "{}"),
        token(good, "[]"),
        token(good, "not json"),
        token(good, r#"{"exp":1,"exp":2}"#),
        format!("{}=", token(good, "{}")).replacen('.', "=.", 1),
        token(good, &format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000))),
        token(good, &format!("{}{}", "[".repeat(40), "]".repeat(40))),
    ] {
        assert!(matches!(read(&text), Err(Fault::Invalid(_))), "{text}");
    }
}

#[test]
fn holds_between_its_times_and_the_clock_may_be_off() {
    assert_eq!(holds(None, |_| {}), Ok(()));
    for (name, value, good) in [
        ("exp", json!(NOW_S - 59), true),
        ("exp", json!(NOW_S - 60), false),
        ("exp", json!(NOW_S as f64 + 0.5), true),
        ("exp", json!((NOW_S + 300).to_string()), false),
        ("exp", json!(-1), false),
        ("exp", json!(1e300), false),
        ("exp", json!(null), false),
        ("exp", json!(true), false),
        ("nbf", json!(NOW_S + 60), true),
        ("nbf", json!(NOW_S + 61), false),
        ("nbf", json!("0"), false),
        ("iat", json!(NOW_S + 61), false),
        ("iat", json!([NOW_S]), false),
    ] {
        let held = holds(None, |claims| claims[name] = value.clone());
        assert_eq!(held.is_ok(), good, "{name} {value}: {held:?}");
    }
    let without = |name: &str| {
        holds(None, |claims| {
            claims.as_object_mut().unwrap().remove(name);
        })
    };
    assert!(without("nbf").is_ok() && without("iat").is_ok());
    for name in ["exp", "aud", "iss"] {
        assert!(without(name).is_err(), "{name}");
    }
}

#[test]
fn is_for_this_gateway_or_for_the_one_endpoint() {
    let (all, files) = (None, Some("files"));
    for (aud, server, good) in [
        (json!("https://gw.example.com/mcp"), files, true),
        (json!("api://gateway"), all, true),
        (json!(["x", "api://gateway"]), files, true),
        (json!("https://gw.example.com/mcp/files"), files, true),
        (
            json!("https://gw.example.com/mcp/files"),
            Some("mail"),
            false,
        ),
        (json!("https://gw.example.com/mcp/files"), all, false),
        (json!("https://gw.example.com/mcp/"), all, false),
        (json!("https://gw.example.com/mcpx"), all, false),
        (json!("https://gw.example.com/mcpfiles"), files, false),
        (json!("https://gw.example.com"), files, false),
        (json!("https://GW.example.com/mcp"), files, false),
        (json!([]), files, false),
        (json!(["api://gateway", 7]), files, false),
        (json!({"a": "api://gateway"}), files, false),
        (json!(""), files, false),
    ] {
        let held = holds(server, |claims| claims["aud"] = aud.clone());
        assert_eq!(held.is_ok(), good, "{aud} at {server:?}");
    }
    for issuer in [
        json!("https://login.example.com/"),
        json!("https://evil.example"),
        json!(["https://login.example.com"]),
    ] {
        assert!(holds(None, |claims| claims["iss"] = issuer.clone()).is_err());
    }
}

#[test]
fn is_current_for_as_long_as_it_is_held_to_be() {
    let config = config();
    let claims = claims(|_| {});
    for (off_s, good) in [(0, true), (359, true), (360, false)] {
        let now = Timestamp::from_millis((NOW_S + off_s) * 1000 + 999);
        assert_eq!(is_current(&claims, &config, now), good, "{off_s}");
        assert_eq!(hold(&claims, &config, None, now).is_ok(), good, "{off_s}");
    }
}

#[test]
fn without_scopes_that_are_wanted_every_scope_is_enough() {
    let mut config = config();
    assert_eq!(reaches(&claims(|_| {}), &config), Ok(()));
    config.scopes = vec!["tools".to_owned()];
    assert_eq!(reaches(&claims(|_| {}), &config), Err(Fault::Scope));
    let held = claims(|claims| claims["scp"] = json!(["a", "tools"]));
    assert_eq!(reaches(&held, &config), Ok(()));
}
