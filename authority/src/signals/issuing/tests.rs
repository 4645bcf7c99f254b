use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mcps_core::clock::ManualClock;
use mcps_core::key::SecretKey;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::trust::TrustBundle;

use super::*;
use crate::keys::Keyring;

const ISSUER: &str = "https://trust.example";
const AUDIENCE: &str = "https://soc.example";

fn at() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_123)
}

/// An issuer of tokens, and its status key as anybody reads it.
fn issuer() -> (TokenIssuer, DecodingKey) {
    let (root, status) = (secret(), secret());
    let id = root.public_key().key_id();
    let bundle = TrustBundle::unsigned_json("ta", 1, at(), id, &[]);
    let bundle = statement::sign(statement::TRUST, &bundle, &root).unwrap();
    let bundle = TrustBundle::parse(&bundle).unwrap();
    let point = status.public_key().to_sec1();
    let key = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    let key = DecodingKey::from_ec_components(&key[0], &key[1]).unwrap();
    let signer: Arc<dyn Signer> = Arc::new(status);
    let ring = Keyring::of(bundle, &[(KeyUse::Status, signer)]);
    let keys = Keys::fixed(ring, Arc::new(ManualClock::new(at())));
    (
        TokenIssuer::new("https://trust.example/", Arc::new(keys)),
        key,
    )
}

fn secret() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

fn telling(body: &str) -> Telling<'_> {
    Telling {
        id: "evt_1_41",
        stream: "wh_1",
        audience: AUDIENCE,
        at: at(),
        body,
    }
}

fn message(kind: &str, target: &Value, more: &Value) -> String {
    let mut event = json!({"seq": 41, "at": "2027-01-15T08:00:00.000Z", "type": kind,
        "reason": "policy", "target": target});
    event
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"type": kind, "timestamp": "t", "data": {"position": "1:41", "event": event}})
        .to_string()
}

/// Read by a library that knows nothing of us.
fn read(token: &str, key: &DecodingKey) -> Value {
    let head = decode_header(token).unwrap();
    assert_eq!(
        (head.alg, head.typ.as_deref()),
        (Algorithm::ES256, Some("secevent+jwt"))
    );
    assert!(head.kid.is_some());
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims = HashSet::new();
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    decode::<Value>(token, key, &validation).unwrap().claims
}

#[test]
fn a_token_is_verified_and_read_by_another_library() {
    let (issuer, key) = issuer();
    let crawler = json!({"kind": "agent", "tenant": "acme", "name": "crawler"});
    let until = json!({"until": "2027-01-15T09:00:00.000Z"});
    let body = message("suspend", &crawler, &until);
    let token = issuer.token(telling(&body)).unwrap().unwrap();
    let expected = json!({
        "iss": ISSUER, "aud": AUDIENCE, "jti": "evt_1_41", "iat": 1_800_000_000,
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "agent/acme/crawler"},
        "events": {SESSION_REVOKED: {
            "event_timestamp": 1_800_000_000,
            "reason_admin": {"en": "policy"},
            "mcps": {"type": "suspend", "until": "2027-01-15T09:00:00.000Z", "position": "1:41"},
        }},
    });
    assert_eq!(read(&token, &key), expected);
    // Another key's is none.
    let (_, other) = self::issuer();
    let validation = Validation::new(Algorithm::ES256);
    assert!(decode::<Value>(&token, &other, &validation).is_err());
}

#[test]
fn each_kind_of_event_is_told_as_one_of_caep_or_risc() {
    let (issuer, key) = issuer();
    let server = json!({"kind": "server", "tenant": "acme", "name": "weather"});
    let thumbprint = json!({"kind": "key", "key": "A".repeat(43)});
    let passport = json!({"kind": "passport", "id": format!("asp_{}", "0".repeat(32))});
    for (kind, target, uri) in [
        ("suspend", &passport, SESSION_REVOKED),
        ("stop", &json!({"kind": "all"}), SESSION_REVOKED),
        ("revoke", &server, SESSION_REVOKED),
        ("revoke", &passport, CREDENTIAL_CHANGE),
        ("revoke", &thumbprint, CREDENTIAL_CHANGE),
        ("key_block", &thumbprint, COMPROMISE),
        ("reinstate", &server, ENABLED),
    ] {
        let more = match kind {
            "reinstate" => json!({"lifts": "suspend"}),
            _ => json!({}),
        };
        let token = issuer.token(telling(&message(kind, target, &more)));
        let events = read(&token.unwrap().unwrap(), &key)["events"].clone();
        let events = events.as_object().unwrap();
        assert_eq!(events.keys().collect::<Vec<_>>(), [uri], "{kind} {target}");
        let event = &events[uri];
        let credential = uri == CREDENTIAL_CHANGE || uri == COMPROMISE;
        assert_eq!(event.get("credential_type").is_some(), credential);
        assert_eq!(event["change_type"] == "revoke", uri == CREDENTIAL_CHANGE);
    }
    let test = r#"{"type":"test","timestamp":"t","data":{}}"#;
    let test = read(&issuer.token(telling(test)).unwrap().unwrap(), &key);
    assert_eq!(test["events"], json!({VERIFICATION: {"state": "evt_1_41"}}));
    assert_eq!(test["sub_id"], json!({"format": "opaque", "id": "wh_1"}));
    for untold in [
        message("policy_change", &server, &json!({})),
        message("quarantine", &server, &json!({})),
        "nonsense".to_owned(),
    ] {
        assert_eq!(issuer.token(telling(&untold)).unwrap(), None, "{untold}");
    }
}
