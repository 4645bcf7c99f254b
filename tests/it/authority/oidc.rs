//! Operators by tokens of an OpenID provider, which is a small one of the test's own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_authority::Config;
use mcps_authority::oidc::OidcConfig;
use reqwest::Method;
use serde_json::{Value, json};

use super::engine::Engine;
use super::world::{Answer, World};
use crate::gateway::callers::issuer::{Issuer, Signer};

/// An authority that believes the provider.
async fn world(engine: Engine, issuer: &Issuer) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = [
        "groups=acme-oncall:responder@acme",
        "groups=acme-oncall:viewer@acme",
        "role=platform:owner@*",
    ];
    let oidc = OidcConfig {
        issuer: issuer.url.clone(),
        audience: vec!["mcps-authority".to_owned()],
        jwks_url: None,
        rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
    };
    let config = Config {
        oidc: Some(oidc),
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

/// What a good token says.
fn claims(world: &World, issuer: &Issuer) -> Value {
    let now = world.now().as_millis() / 1000;
    json!({"iss": issuer.url, "aud": ["mcps-authority"], "sub": "00u1", "email": "ann@example.com",
        "groups": ["staff", "acme-oncall"], "iat": now, "nbf": now, "exp": now + 300})
}

fn with(claims: &Value, member: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[member] = value;
    claims
}

async fn list(world: &World, token: &str) -> Answer {
    world
        .send(Method::GET, "/v1/passports", Some(token), None)
        .await
}

#[tokio::test]
async fn whom_the_provider_vouches_for_holds_what_its_claims_give() {
    for engine in Engine::BOTH {
        let signer = Signer::ec("one");
        let issuer = Issuer::of(&[&signer]).await;
        let (world, _folder) = world(engine, &issuer).await;
        let claims = claims(&world, &issuer);
        let token = signer.token(&claims);
        assert_eq!(list(&world, &token).await.status, 200);
        let order = |tenant: &str| {
            let target = json!({"kind": "agent", "tenant": tenant, "name": "a"});
            Some(json!({"target": target}).to_string())
        };
        let suspend = async |tenant: &str| {
            let path = "/v1/suspensions";
            world
                .send(Method::POST, path, Some(&token), order(tenant))
                .await
        };
        assert_eq!(suspend("acme").await.status, 200);
        suspend("other").await.problem(404, "tenant-not-found");
        let servers = "/v1/servers";
        let body = json!({"tenant": "acme", "name": "s", "owner": "o"}).to_string();
        let answer = world
            .send(Method::POST, servers, Some(&token), Some(body))
            .await;
        answer.problem(403, "role-required");
        // Whoever is in no group holds nothing.
        let nobody = signer.token(&with(&claims, "groups", json!([])));
        list(&world, &nobody).await.problem(403, "role-required");
        let platform = with(&claims, "role", json!("platform"));
        let platform = signer.token(&with(&platform, "sub", json!("00u2")));
        let operators = world
            .send(Method::GET, "/v1/operators", Some(&platform), None)
            .await;
        let operators = operators.json();
        let operators = operators["operators"].as_array().unwrap();
        let ann = operators
            .iter()
            .find(|operator| operator["credential"] == "oidc");
        let ann = ann.unwrap();
        assert_eq!(ann["name"], "ann@example.com");
        // What was done is recorded under an id of the authority's own.
        let actions = world.get_as_operator("/v1/actions").await.json();
        let ids: Vec<&Value> = operators
            .iter()
            .map(|operator| &operator["operator_id"])
            .collect();
        assert!(ids.contains(&&actions["actions"][0]["given_by"]));
    }
}

#[tokio::test]
async fn a_token_that_fits_no_rule_leaves_nothing_behind() {
    for engine in Engine::BOTH {
        let signer = Signer::ec("one");
        let issuer = Issuer::of(&[&signer]).await;
        let (world, _folder) = world(engine, &issuer).await;
        let nobody = with(&claims(&world, &issuer), "groups", json!(["staff"]));
        let operators = async || world.get_as_operator("/v1/operators").await.json();
        let before = operators().await;
        for number in 0..3 {
            let token = signer.token(&with(&nobody, "sub", json!(format!("stranger {number}"))));
            list(&world, &token).await.problem(403, "role-required");
            let body = json!({"target": {"kind": "agent", "tenant": "acme", "name": "a"}});
            let order = Some(body.to_string());
            let answer = world.send(Method::POST, "/v1/suspensions", Some(&token), order);
            answer.await.problem(403, "role-required");
        }
        assert_eq!(operators().await, before);
        // Once a rule fits, somebody is known by that name.
        let token = signer.token(&with(&claims(&world, &issuer), "sub", json!("stranger 1")));
        assert_eq!(list(&world, &token).await.status, 200);
        assert_ne!(operators().await, before);
    }
}

#[tokio::test]
async fn a_disabled_person_stays_out_whatever_the_provider_says() {
    for engine in Engine::BOTH {
        let signer = Signer::ec("one");
        let issuer = Issuer::of(&[&signer]).await;
        let (world, _folder) = world(engine, &issuer).await;
        let token = signer.token(&claims(&world, &issuer));
        assert_eq!(list(&world, &token).await.status, 200);
        let operators = world.get_as_operator("/v1/operators").await.json();
        let operators = operators["operators"].as_array().unwrap();
        let ann = operators
            .iter()
            .find(|operator| operator["credential"] == "oidc");
        let id = ann.unwrap()["operator_id"].as_str().unwrap();
        let path = format!("/v1/operators/{id}/disable");
        assert_eq!(world.post_as_operator(&path, &json!({})).await.status, 200);
        list(&world, &token)
            .await
            .problem(401, "access-token-refused");
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_with_the_reason() {
    let signer = Signer::rsa("one");
    let (other, foreign) = (Signer::ec("one"), Signer::ec("other"));
    let issuer = Issuer::of(&[&signer]).await;
    let stranger = Issuer::of(&[&foreign]).await;
    let (world, _folder) = world(Engine::Sqlite, &issuer).await;
    let good = claims(&world, &issuer);
    assert_eq!(list(&world, &signer.token(&good)).await.status, 200);
    let now = world.now().as_millis() / 1000;
    let unsigned = {
        let coded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", coded(&json!({"alg": "none"})), coded(&good))
    };
    let mut endless = good.clone();
    endless.as_object_mut().unwrap().remove("exp");
    let saying = |header: Value| signer.token_saying(&header, &good);
    let tampered = {
        let token = signer.token(&good);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.encode(with(&good, "role", json!("platform")).to_string());
        format!("{head}.{claims}.{signature}")
    };
    let cases = [
        (
            signer.token(&with(&good, "exp", json!(now - 61))),
            "expired",
        ),
        (
            signer.token(&with(&good, "nbf", json!(now + 61))),
            "not good yet",
        ),
        (
            signer.token(&with(&good, "iat", json!(now + 61))),
            "not good yet",
        ),
        (signer.token(&endless), "never expires"),
        (
            signer.token(&with(&good, "aud", json!("another"))),
            "somebody else",
        ),
        (
            signer.token(&with(&good, "exp", json!("soon"))),
            "no number of seconds",
        ),
        (signer.token(&with(&good, "nonce", json!("x"))), "ID token"),
        (
            foreign.token(&with(&good, "iss", json!(stranger.url))),
            "issuer is another",
        ),
        (foreign.token(&good), "no key of the name"),
        (other.token(&good), "no key of the name"),
        (unsigned, "proves its issuer"),
        (
            saying(json!({"alg": "HS256", "kid": "one"})),
            "proves its issuer",
        ),
        (
            saying(json!({"alg": "PS256", "kid": "one"})),
            "no key of the name",
        ),
        (
            saying(json!({"alg": "RS256", "kid": "one", "crit": ["x"]})),
            "critical",
        ),
        (tampered, "signature"),
        ("a.b.c".to_owned(), "cannot be read"),
        (format!("a.{}.c", "b".repeat(20_000)), "longer"),
    ];
    for (token, why) in cases {
        let problem = list(&world, &token)
            .await
            .problem(401, "access-token-refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail} for {why}");
        assert!(!detail.contains(&token), "a token is not repeated");
    }
    list(&world, "no-token")
        .await
        .problem(401, "operator-required");
}

#[tokio::test]
async fn new_keys_are_fetched_once_for_all_and_old_ones_serve_for_a_day() {
    let (first, second, made_up) = (Signer::ec("one"), Signer::ec("two"), Signer::ec("three"));
    let issuer = Issuer::of(&[&first]).await;
    let (world, _folder) = world(Engine::Sqlite, &issuer).await;
    let token = |signer: &Signer| {
        let now = world.now().as_millis() / 1000;
        let claims = with(&claims(&world, &issuer), "exp", json!(now + 90_000));
        signer.token(&claims)
    };
    let status = async |signer: &Signer| list(&world, &token(signer)).await.status.as_u16();
    assert_eq!(status(&first).await, 200);
    assert_eq!(issuer.fetched(), 1);
    // Names that somebody makes up cause one question in half a minute, however many there are.
    for _ in 0..20 {
        assert_eq!(status(&made_up).await, 401);
    }
    assert_eq!(issuer.fetched(), 1);
    issuer.publish(&[&second]);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(status(&second).await, 200);
    assert_eq!(status(&first).await, 401);
    assert_eq!(issuer.fetched(), 2);
    // The provider is away: what it published last is good for a day, and no longer.
    issuer.is_down(true);
    world.clock.advance(Duration::from_secs(23 * 3600));
    assert_eq!(status(&second).await, 200);
    world.clock.advance(Duration::from_secs(2 * 3600));
    let answer = list(&world, &token(&second)).await;
    answer.problem(503, "unavailable");
    issuer.is_down(false);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(status(&second).await, 200);
    // Whoever has a key goes on all the while.
    assert_eq!(list(&world, &world.operator).await.status, 200);
}
