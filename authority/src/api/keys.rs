//! The published keys: `/.well-known/mcps-trust` and `/.well-known/jwks.json`.

use axum::extract::State;
use axum::response::Response;
use mcps_core::key::PublicKey;
use mcps_core::refusal::Refusal;
use mcps_core::trust::KeyUse;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::tag::Known;
use crate::error::Error;

/// Key sets change rarely, and a change is numbered.
const CACHE: &str = "public, max-age=60";

/// A JWK set (RFC 7517 §5).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Jwks {
    /// The keys whose signatures are good.
    keys: Vec<PublishedJwk>,
}

/// One public key (RFC 7517 §4).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishedJwk {
    /// `EC`.
    kty: &'static str,
    /// `P-256`.
    crv: &'static str,
    /// 32 bytes, base64url.
    x: String,
    /// 32 bytes, base64url.
    y: String,
    /// RFC 7638 thumbprint.
    kid: String,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// `ES256`.
    alg: &'static str,
}

impl PublishedJwk {
    fn new(key: &PublicKey) -> Self {
        let point = key.to_sec1();
        let (x, y) = point.split_at(33);
        Self {
            kty: "EC",
            crv: "P-256",
            x: base64_url(x.get(1..).unwrap_or_default()),
            y: base64_url(y),
            kid: key.key_id().to_string(),
            usage: "sig",
            alg: "ES256",
        }
    }
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// The numbered key set, signed by the root key
#[utoipa::path(
    get, path = "/.well-known/mcps-trust", operation_id = "trust", tag = "keys",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier answer")),
    responses(
        (status = OK, body = Object, description = "The signed key set (ctx mcps-trust-v1)"),
        (status = NOT_MODIFIED, description = "It is as it was"),
    )
)]
pub(super) async fn trust(known: Known, State(authority): State<Shared>) -> Response {
    let text = authority.keys().ring().bundle().text().to_owned();
    known.or_send(text, CACHE)
}

/// The same keys as a JWK set
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "keys",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier answer")),
    responses(
        (status = OK, body = Jwks),
        (status = NOT_MODIFIED, description = "They are as they were"),
    )
)]
pub(super) async fn jwks(known: Known, State(authority): State<Shared>) -> Result<Response, Error> {
    let ring = authority.keys().ring();
    let keys = KeyUse::ALL
        .into_iter()
        .flat_map(|usage| ring.bundle().usable(usage));
    let keys = keys.map(|key| PublishedJwk::new(&key.public_key)).collect();
    let json = serde_json::to_string(&Jwks { keys });
    let json = json.map_err(|_| Error::Stored(Refusal::Passport("not JSON")))?;
    Ok(known.or_send(json, CACHE))
}
