//! Shared Signals: security event tokens that are pushed (RFC 8935).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

pub(super) const ISSUER: &str = "https://idp.example";
pub(super) const AUDIENCE: &str = "https://trust.example";
pub(super) const REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// The keys that the transmitter publishes.
pub(super) fn jwks() -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair(7).public_key().as_ref());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]})
}

async fn transmitter(world: &World, ceiling: &str) {
    let order = json!({"adapter": "shared-signals", "authentication": "tokens", "ceiling": ceiling,
        "jwks": jwks(), "issuer": ISSUER, "audience": AUDIENCE});
    let (operator, body) = (Some(world.operator.as_str()), Some(order.to_string()));
    let set = world
        .send(Method::PUT, "/v1/sources/idp", operator, body)
        .await;
    assert_eq!(set.status, 200, "{}", set.text);
}

pub(super) fn claims(world: &World, id: &str, event: &str, name: &str) -> Value {
    json!({"iss": ISSUER, "aud": [AUDIENCE], "jti": id, "iat": world.now().as_millis() / 1000,
        "sub_id": {"format": "opaque", "id": name}, "events": {event: {"reason_admin": {"en": "r"}}}})
}

/// A token by the key of that seed; the transmitter's is 7.
pub(super) fn token(claims: &Value, seed: u8) -> String {
    let head = json!({"typ": "secevent+jwt", "alg": "EdDSA", "kid": "k"});
    let parts = [head.to_string(), claims.to_string()];
    let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = URL_SAFE_NO_PAD.encode(pair(seed).sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

async fn push(world: &World, claims: &Value, seed: u8) -> Answer {
    let token = token(claims, seed).into_bytes();
    let content_type = "application/secevent+jwt";
    world
        .send_bytes(Method::POST, "/v1/hooks/idp", content_type, token)
        .await
}

pub(super) async fn state(world: &World, passport: &mcps_core::passport::Passport) -> Value {
    let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
    shown.json()["status"]["state"].clone()
}

#[tokio::test]
async fn a_session_that_an_identity_provider_ends_suspends_its_agent() {
    on_both(async |world| {
        transmitter(&world, "revoke").await;
        let passport = world.issue("a", &new_key()).await;
        let ended = claims(&world, "1", REVOKED, "a");
        for _ in 0..2 {
            let taken = push(&world, &ended, 7).await;
            assert_eq!((taken.status.as_u16(), taken.text.as_str()), (202, ""));
        }
        assert_eq!(state(&world, &passport).await, "suspended");
        let inbox = world.get_as_operator("/v1/inbox").await.json();
        assert_eq!(inbox["incidents"].as_array().unwrap().len(), 1);
        assert_eq!(inbox["incidents"][0]["event_id"], "1");
        // Whom nobody knows is taken too, and waits in the inbox.
        let nobody = push(&world, &claims(&world, "2", REVOKED, "nobody"), 7).await;
        assert_eq!(nobody.status, 202);
        let gone = push(&world, &claims(&world, "3", PURGED, "a"), 7).await;
        assert_eq!(gone.status, 202);
        assert_eq!(state(&world, &passport).await, "revoked");
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_refused_with_its_registered_code() {
    on_both(async |world| {
        transmitter(&world, "suspend").await;
        let passport = world.issue("a", &new_key()).await;
        let good = claims(&world, "1", REVOKED, "a");
        let changed = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let old = world.now().as_millis() / 1000 - 86_401;
        for (claims, seed, err) in [
            (good.clone(), 8, "invalid_key"),
            (
                changed("iss", "https://other.example".into()),
                7,
                "invalid_issuer",
            ),
            (
                changed("aud", "https://other.example".into()),
                7,
                "invalid_audience",
            ),
            (changed("iat", old.into()), 7, "invalid_request"),
            (changed("jti", "".into()), 7, "invalid_request"),
            // No database keeps it, whatever it stands in.
            (changed("jti", "a\u{0}".into()), 7, "invalid_request"),
            (changed("note", "a\u{0}".into()), 7, "invalid_request"),
        ] {
            let refused = push(&world, &claims, seed).await;
            assert_eq!(refused.status, 400, "{}", refused.text);
            assert_eq!(refused.content_type, "application/json");
            let refused = refused.json();
            assert_eq!(refused["err"], err);
            assert!(refused["description"].is_string());
        }
        push(&world, &good, 7).await;
        // Another event under the same id.
        let other = push(&world, &claims(&world, "1", REVOKED, "b"), 7).await;
        assert_eq!(other.json()["err"], "invalid_request");
        assert_eq!(state(&world, &passport).await, "suspended");
        let nonsense = b"no token".to_vec();
        let refused = world
            .send_bytes(
                Method::POST,
                "/v1/hooks/idp",
                "application/secevent+jwt",
                nonsense,
            )
            .await;
        assert_eq!(refused.json()["err"], "invalid_request");
    })
    .await;
}
