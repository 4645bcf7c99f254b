use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::hooks::adapter::Adapter;
use crate::hooks::mapping::Said;

// The examples of RFC 8417, §2.1.1, §2.1.2 and §2.1.4.
const SCIM: &str = r#"{
  "iss": "https://scim.example.com", "iat": 1458496404, "jti": "4d3559ec67504aaba65d40b0363faad8",
  "aud": ["https://scim.example.com/Feeds/98d52461fa5bbc879593b7754", "https://scim.example.com/Feeds/5d7604516b1d08641d7676ee7"],
  "events": {"urn:ietf:params:scim:event:create": {"ref": "https://scim.example.com/Users/44f6142df96bd6ab61e7521d9",
    "attributes": ["id", "name", "userName", "password", "emails"]}}}"#;
const LOGOUT: &str = r#"{
  "iss": "https://server.example.com", "sub": "248289761001", "aud": "s6BhdRkqt3", "iat": 1471566154, "jti": "bWJq",
  "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
  "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}"#;
const RISC: &str = r#"{
  "iss": "https://idp.example.com/", "jti": "756E69717565206964656E746966696572", "iat": 1508184845, "aud": "636C69656E745F6964",
  "events": {"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {
    "subject": {"subject_type": "iss-sub", "iss": "https://idp.example.com/", "sub": "7375626A656374"},
    "reason": "hijacking"}}}"#;
const HEAD: &str = r#"{"typ":"secevent+jwt","alg":"EdDSA","kid":"k1"}"#;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwks(seed: u8) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]})
}

fn transmitter(issuer: &str, audience: &str) -> Transmitter {
    let text = json!({"issuer": issuer, "audience": audience, "jwks": jwks(7)});
    Transmitter::parse(&text.to_string()).unwrap()
}

fn token(head: &str, claims: &str, seed: u8) -> String {
    let signed = [head, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = URL_SAFE_NO_PAD.encode(pair(seed).sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

#[test]
fn believes_the_published_examples_when_they_are_signed() {
    for (claims, issuer, audience, iat, jti) in [
        (
            SCIM,
            "https://scim.example.com",
            "https://scim.example.com/Feeds/5d7604516b1d08641d7676ee7",
            1_458_496_404,
            "4d3559ec67504aaba65d40b0363faad8",
        ),
        (
            LOGOUT,
            "https://server.example.com",
            "s6BhdRkqt3",
            1_471_566_154,
            "bWJq",
        ),
        (
            RISC,
            "https://idp.example.com/",
            "636C69656E745F6964",
            1_508_184_845,
            "756E69717565206964656E746966696572",
        ),
    ] {
        let transmitter = transmitter(issuer, audience);
        let token = token(HEAD, claims, 7);
        let believed = transmitter.believe(token.as_bytes(), at(iat + 10)).unwrap();
        assert_eq!(believed.id.as_deref(), Some(jti));
        assert_eq!(believed.text, claims.as_bytes());
    }
}

fn refused(head: &str, claims: &str, seed: u8, now: i64) -> TokenError {
    let transmitter = transmitter("https://idp.example.com/", "636C69656E745F6964");
    let token = token(head, claims, seed);
    transmitter.believe(token.as_bytes(), at(now)).unwrap_err()
}

#[test]
fn refuses_what_the_transmitter_did_not_sign_for_us_just_now() {
    const NOW: i64 = 1_508_184_850;
    assert_eq!(refused(HEAD, RISC, 8, NOW), TokenError::Key);
    let other = HEAD.replace("k1", "k2");
    assert_eq!(refused(&other, RISC, 7, NOW), TokenError::Key);
    for head in [
        r#"{"typ":"secevent+jwt","alg":"none"}"#,
        r#"{"typ":"secevent+jwt","alg":"HS256"}"#,
    ] {
        assert_eq!(refused(head, RISC, 7, NOW), TokenError::Request("alg"));
    }
    // An ID token or an access token of the same issuer is no event.
    for head in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"typ":"JWT","alg":"EdDSA"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA"}"#,
    ] {
        assert_eq!(refused(head, RISC, 7, NOW), TokenError::Request("typ"));
    }
    let crit = HEAD.replace("\"kid\"", "\"crit\":[\"x\"],\"kid\"");
    assert_eq!(refused(&crit, RISC, 7, NOW), TokenError::Request("crit"));
    for (from, to, error) in [
        (
            "idp.example.com/\", \"jti",
            "idp.example.org/\", \"jti",
            TokenError::Issuer,
        ),
        ("636C69656E745F6964", "another", TokenError::Audience),
        ("\"iat\": 1508184845, ", "", TokenError::Request("iat")),
        (
            "756E69717565206964656E746966696572",
            "",
            TokenError::Request("jti"),
        ),
        ("\"events\"", "\"event\"", TokenError::Request("events")),
        (
            "hijacking",
            "hi\\u0000jacking",
            TokenError::Request("events"),
        ),
    ] {
        let claims = RISC.replace(from, to);
        assert_ne!(claims, RISC);
        assert_eq!(refused(HEAD, &claims, 7, NOW), error);
    }
    for now in [1_508_184_845 + 86_401, 1_508_184_845 - 301] {
        assert_eq!(refused(HEAD, RISC, 7, now), TokenError::Time);
    }
}

#[test]
fn every_refusal_has_its_registered_code() {
    for (error, code) in [
        (TokenError::Request("typ"), "invalid_request"),
        (TokenError::Time, "invalid_request"),
        (TokenError::Key, "invalid_key"),
        (TokenError::Issuer, "invalid_issuer"),
        (TokenError::Audience, "invalid_audience"),
    ] {
        assert_eq!(error.code(), code);
    }
}

#[test]
fn a_transmitter_has_public_keys_alone() {
    let secret = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"}]});
    let mut private = jwks(7);
    private["keys"][0]["d"] = "AAAA".into();
    let mut encrypting = jwks(7);
    encrypting["keys"][0]["use"] = "enc".into();
    for jwks in [secret, private, encrypting, json!({"keys": []})] {
        let text = json!({"issuer": "i", "audience": "a", "jwks": jwks}).to_string();
        assert_eq!(
            Transmitter::parse(&text).unwrap_err(),
            TransmitterError::Keys
        );
    }
    let text = json!({"issuer": "", "audience": "a", "jwks": jwks(7)}).to_string();
    assert_eq!(
        Transmitter::parse(&text).unwrap_err(),
        TransmitterError::Form
    );
}

fn asked(claims: &str) -> Vec<(String, String)> {
    let claims = Document::parse(claims).unwrap();
    let alerts = Adapter::SharedSignals.read(&claims, None).unwrap();
    let read = alerts.into_iter().map(|alert| match alert.said {
        Said::Firing(wanted) => (wanted.action.as_str().to_owned(), wanted.target.to_json()),
        said => panic!("{said:?}"),
    });
    read.collect()
}

#[test]
fn an_event_names_whom_it_is_about_in_any_of_the_known_forms() {
    let caep = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
    let agent = |name: &str| {
        let target = json!({"kind": "agent", "tenant": "default", "name": name});
        serde_json::from_value::<Value>(target).unwrap()
    };
    for (claims, action, name) in [
        (RISC.to_owned(), "suspend", "7375626A656374"),
        (
            json!({"jti": "1", "sub_id": {"format": "opaque", "id": "crawler"}, "events": {caep: {}}}).to_string(),
            "suspend",
            "crawler",
        ),
        (
            json!({"jti": "1", "events": {caep: {"subject": {"format": "iss_sub", "iss": "i", "sub": "crawler"}}}}).to_string(),
            "suspend",
            "crawler",
        ),
        (
            json!({"jti": "1", "sub_id": {"format": "complex", "user": {"format": "opaque", "id": "crawler"}}, "events": {caep: {}}}).to_string(),
            "suspend",
            "crawler",
        ),
        (LOGOUT.to_owned(), "observe", "248289761001"),
    ] {
        let read = asked(&claims);
        let target: Value = serde_json::from_str(&read[0].1).unwrap();
        assert_eq!((read[0].0.as_str(), target), (action, agent(name)), "{claims}");
    }
}
