use std::sync::Arc;

use mcps_client::token::AccessToken;
use mcps_client::web::Web;
use mcps_core::clock::{Clock, ManualClock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::random::SeededRandom;
use serde_json::{Value, json};

use super::{Callers, Fault, api_keys, from_claims, with_key};
use crate::call::{Claims, Proof};
use crate::config::{Config, Oidc};

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T08:00:00Z").unwrap()
}

fn stanza(key: &str, more: &str) -> String {
    let digest = Digest::of(key.as_bytes());
    format!("[[api_key]]\nname = \"ci\"\ntenant = \"acme\"\nsha256 = \"{digest}\"\n{more}\n")
}

fn callers(config: &str, clock: &Arc<ManualClock>) -> Callers {
    let config = Config::parse(&format!("[tenant.acme]\n{config}")).unwrap();
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Callers::new(&config, Web::new().unwrap(), clock)
}

async fn recognised(callers: &Callers, key: &str) -> Result<super::Known, Fault> {
    let token = AccessToken::parse(key.as_bytes()).unwrap();
    callers.recognise(&token, None).await
}

#[tokio::test]
async fn each_key_of_a_name_is_the_same_caller_until_it_expires() {
    let random = SeededRandom::new(7);
    let [old, new] = [0, 1].map(|_| api_keys::generate(&random).unwrap());
    assert_ne!(old, new);
    assert_eq!(old.len(), "mcpsk_".len() + 43, "256 bits");
    let clock = Arc::new(ManualClock::new(now()));
    let expires = "expires = \"2026-11-22T09:00:00Z\"";
    let config = format!("{}{}", stanza(&old, expires), stanza(&new, ""));
    let callers = callers(&config, &clock);
    let one = recognised(&callers, &old).await.unwrap();
    let other = recognised(&callers, &new).await.unwrap();
    assert_eq!(one.guest(), other.guest());
    assert_ne!(
        one.principal.proof, other.principal.proof,
        "a record tells which"
    );
    assert!(matches!(one.principal.proof, Proof::ApiKey { .. }));
    assert_eq!(
        (one.principal.kind(), one.tenant.as_str()),
        ("api_key", "acme")
    );

    clock.set(Timestamp::parse_rfc3339("2026-11-22T09:00:00Z").unwrap());
    let fault = recognised(&callers, &old).await.unwrap_err();
    assert_eq!(fault, Fault::Invalid("the key has expired"));
    assert!(recognised(&callers, &new).await.is_ok());
    assert!(!callers.is_gone(&one.guest(), clock.now()));
    assert!(!callers.knows(&one, clock.now()), "that key is over");
    assert!(callers.knows(&other, clock.now()));

    let again = Config::parse(&format!("[tenant.acme]\n{}", stanza(&old, expires))).unwrap();
    let fewer = callers.again(&again);
    assert!(
        fewer.is_gone(&one.guest(), clock.now()),
        "none is good any more"
    );
    assert!(!fewer.knows(&other, now()), "it was taken out");
    assert!(fewer.knows(&one, now()));
    assert!(recognised(&fewer, &new).await.is_err());
    assert!(with_key(&again, "acme", "ci", clock.now()).is_err());
    assert!(with_key(&again, "acme", "ci", now()).is_ok());
}

#[tokio::test]
async fn what_is_near_a_key_is_none() {
    let key = api_keys::generate(&SeededRandom::new(7)).unwrap();
    let clock = Arc::new(ManualClock::new(now()));
    let callers = callers(&stanza(&key, ""), &clock);
    for wrong in [
        &key[..key.len() - 1],
        &format!("{key}A"),
        &key.to_ascii_uppercase(),
        &key["mcpsk_".len()..],
        "mcpsk_",
        &Digest::of(key.as_bytes()).to_string(),
        &format!("mcpsk_{}", Digest::of(key.as_bytes())),
    ] {
        let fault = recognised(&callers, wrong).await.unwrap_err();
        assert!(matches!(fault, Fault::Invalid(_)), "{wrong}");
        assert!(!fault.to_string().contains(wrong));
    }
}

fn oidc(more: &str) -> Oidc {
    let text = format!(
        "[tenant.acme]\n[tenant.lab]\n[[oidc]]\nissuer = \"https://i.example\"\naudience = \"a\"\n{more}"
    );
    Config::parse(&text).unwrap().oidc.remove(0)
}

fn claims(claims: Value) -> Claims {
    Claims::new(Document::parse(claims.to_string()).unwrap()).unwrap()
}

#[test]
fn claims_say_tenant_name_owner_and_groups() {
    let config = oidc(
        "tenant_claim = \"https://i.example/org\"\nname_claim = \"azp\"\nname_prefix = \"i:\"\nowner_claim = \"email\"\ngroups_claim = \"/realm_access/roles\"\n[oidc.tenants]\norg_1 = \"acme\"\norg_2 = \"lab\"",
    );
    let whole = json!({
        "https://i.example/org": "org_2", "azp": "bot", "email": "ann@example.com",
        "realm_access": {"roles": ["dev", "on call"]},
    });
    let known = from_claims(&config, claims(whole.clone())).unwrap();
    assert_eq!(known.tenant, "lab");
    let principal = &known.principal;
    assert_eq!(
        (
            principal.name.as_str(),
            principal.owner.as_str(),
            principal.issuer.as_str()
        ),
        ("i:bot", "ann@example.com", "https://i.example")
    );
    assert_eq!(principal.groups, ["dev", "on call"]);
    assert_eq!(principal.kind(), "oidc");

    for (name, value, fault) in [
        (
            "https://i.example/org",
            json!("org_3"),
            Some(Fault::NoTenant),
        ),
        ("https://i.example/org", json!(7), None),
        ("azp", json!(null), None),
        ("azp", json!(""), None),
        ("azp", json!("bot\u{202e}"), None),
        ("azp", json!(" bot"), None),
        ("email", json!(["x"]), None),
        ("realm_access", json!({"roles": ["dev", 7]}), None),
        ("realm_access", json!({"roles": {"dev": true}}), None),
        ("realm_access", json!({"roles": vec!["g"; 257]}), None),
    ] {
        let mut changed = whole.clone();
        changed[name] = value.clone();
        let refused = from_claims(&config, claims(changed)).unwrap_err();
        assert!(fault.is_none_or(|fault| fault == refused), "{name} {value}");
    }
    let mut without = whole.clone();
    without
        .as_object_mut()
        .unwrap()
        .remove("https://i.example/org");
    assert_eq!(
        from_claims(&config, claims(without)).unwrap_err(),
        Fault::NoTenant
    );
    let mut without = whole;
    without.as_object_mut().unwrap().remove("realm_access");
    let known = from_claims(&config, claims(without)).unwrap();
    assert!(known.principal.groups.is_empty());
}

#[test]
fn a_tenant_claim_without_a_table_is_the_tenants_name() {
    let known = from_claims(
        &oidc("tenant_claim = \"org\""),
        claims(json!({"org": "lab", "sub": "x"})),
    );
    assert_eq!(known.unwrap().tenant, "lab");
    let known = from_claims(
        &oidc("tenant = \"acme\""),
        claims(json!({"org": "lab", "sub": "x"})),
    );
    assert_eq!(known.unwrap().tenant, "acme");
}
