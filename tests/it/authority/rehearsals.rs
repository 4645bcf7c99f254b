//! Dry runs of what changes who may do what, whose word counts, and who is told: the same path, and nothing
//! stays of it.

use mcps_core::approval::ApproverKey;
use mcps_core::key::KeyId;
use mcps_core::signer::Signer as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::trust::{filed, level, published};
use super::world::{Answer, World, new_key, on_both};

/// What a dry run must not change: the records, the feed, and what is shown.
async fn all(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for path in [
        "/v1/operators",
        "/v1/tenants",
        "/v1/approver-keys",
        "/v1/tenants/default/scanners",
        "/v1/sources",
        "/v1/webhooks",
        "/v1/audit/records?limit=500",
    ] {
        let shown = world.get_as_operator(path).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text);
        all.push(shown.text);
    }
    let events = world.as_found().await.events_after(1, 0).await.unwrap();
    all.push(events.len().to_string());
    all
}

async fn ask(world: &World, method: Method, path: &str, body: &Value) -> Answer {
    let body = Some(body.to_string());
    world.send(method, path, Some(&world.operator), body).await
}

/// Asks what would come of it, which changes nothing.
async fn foresee(world: &World, method: Method, path: &str, body: &Value) -> Value {
    let before = all(world).await;
    let answer = ask(world, method, &format!("{path}?dry_run=true"), body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert_eq!(all(world).await, before, "{path}");
    let answer = answer.json();
    assert_eq!(answer["dry_run"], true, "{path}: {answer}");
    for secret in ["key", "secret"] {
        assert!(answer.get(secret).is_none(), "{path}: {answer}");
    }
    answer
}

/// Does it.
async fn really(world: &World, method: Method, path: &str, body: &Value) -> Value {
    let answer = ask(world, method, path, body).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    let answer = answer.json();
    assert!(answer.get("dry_run").is_none(), "{path}: {answer}");
    answer
}

#[tokio::test]
async fn operators() {
    on_both(async |world| {
        let new = json!({"name": "ann", "roles": ["viewer@acme"]});
        let foreseen = foresee(&world, Method::POST, "/v1/operators", &new).await;
        assert!(foreseen.get("operator_id").is_none(), "{foreseen}");
        assert_eq!(foreseen["roles"], json!(["viewer@acme"]));
        let made = really(&world, Method::POST, "/v1/operators", &new).await;
        let (id, key) = (made["operator_id"].as_str().unwrap(), made["key"].as_str());
        let opens = async || {
            let asked = world.send(Method::GET, "/v1/passports", key, None).await;
            asked.status.as_u16()
        };
        let rotate = format!("/v1/operators/{id}/rotate");
        let foreseen = foresee(&world, Method::POST, &rotate, &json!({})).await;
        assert_eq!(
            (foreseen["name"].as_str(), opens().await),
            (Some("ann"), 200)
        );
        let disable = format!("/v1/operators/{id}/disable");
        let foreseen = foresee(&world, Method::POST, &disable, &json!({})).await;
        assert!(foreseen["disabled_at"].is_string(), "{foreseen}");
        assert_eq!(opens().await, 200);
        really(&world, Method::POST, &disable, &json!({})).await;
        assert_eq!(opens().await, 401);
        // What is refused is refused in a dry run as well.
        let again = format!("{rotate}?dry_run=true");
        let refused = ask(&world, Method::POST, &again, &json!({})).await;
        refused.problem(409, "operator-unchanged");
        let odd = format!("{rotate}?dry_run=perhaps");
        let refused = ask(&world, Method::POST, &odd, &json!({})).await;
        assert!(refused.status.is_client_error(), "{}", refused.text);
    })
    .await;
}

#[tokio::test]
async fn tenants() {
    on_both(async |world| {
        let new = json!({"tenant": "acme", "note": "Acme Ltd"});
        let foreseen = foresee(&world, Method::POST, "/v1/tenants", &new).await;
        assert_eq!(foreseen["note"], "Acme Ltd");
        let missing = world.get_as_operator("/v1/tenants/acme").await;
        missing.problem(404, "tenant-not-found");
        really(&world, Method::POST, "/v1/tenants", &new).await;
        let (disable, enable) = ("/v1/tenants/acme/disable", "/v1/tenants/acme/enable");
        let foreseen = foresee(&world, Method::POST, disable, &json!({})).await;
        assert_eq!(foreseen["tenant"]["disabled"], true, "{foreseen}");
        assert_eq!(foreseen["position"], Value::Null);
        let done = really(&world, Method::POST, disable, &json!({})).await;
        assert_eq!(done["position"], "1:1");
        let foreseen = foresee(&world, Method::POST, enable, &json!({})).await;
        assert_eq!(foreseen["tenant"]["disabled"], false, "{foreseen}");
        let done = really(&world, Method::POST, enable, &json!({})).await;
        assert_eq!(done["tenant"]["disabled"], false);
    })
    .await;
}

#[tokio::test]
async fn scanners_and_keys_of_approvers() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        filed(&world, json!({"type": "scan", "manifest": digest})).await;
        assert_eq!(level(&world).await, 3);
        let scanners = "/v1/tenants/default/scanners";
        let jwk: Value = serde_json::from_str(&new_key().public_key().to_jwk()).unwrap();
        let new = json!({"name": "ci", "public_key": jwk, "formats": ["sarif"]});
        let foreseen = foresee(&world, Method::POST, scanners, &new).await;
        assert_eq!(
            (&foreseen["name"], &foreseen["state"]),
            (&json!("ci"), &json!("active"))
        );
        let revoke = format!("{scanners}/operator/revoke");
        let foreseen = foresee(&world, Method::POST, &revoke, &json!({})).await;
        assert_eq!((&foreseen["fallen"], level(&world).await), (&json!(1), 3));

        let own = world.get_as_operator("/v1/approver-keys").await.json();
        let text = |name: &str| own[name].as_str().unwrap();
        let signed = ApproverKey::sign(text("authority"), text("approver"), &new_key()).unwrap();
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let keys = "/v1/approver-keys";
        let foreseen = foresee(&world, Method::POST, keys, &signed).await;
        assert_eq!(foreseen["keys"].as_array().map(Vec::len), Some(1));
        let added = really(&world, Method::POST, keys, &signed).await;
        let id = added["keys"][0]["key_id"].as_str().unwrap();
        assert!(KeyId::parse(id).is_some());
        let revoke_key = format!("{keys}/{id}/revoke");
        let foreseen = foresee(&world, Method::POST, &revoke_key, &json!({})).await;
        assert_eq!(foreseen["fallen"], 0);
        let done = really(&world, Method::POST, &revoke, &json!({})).await;
        assert_eq!((&done["fallen"], level(&world).await), (&json!(1), 2));
    })
    .await;
}

#[tokio::test]
async fn sources_and_webhooks() {
    on_both(async |world| {
        let source = "/v1/sources/alerts";
        let new = json!({"authentication": "bearer", "ceiling": "suspend"});
        let foreseen = foresee(&world, Method::PUT, source, &new).await;
        assert_eq!(foreseen["ceiling"], "suspend");
        really(&world, Method::PUT, source, &new).await;
        let disable = format!("{source}/disable");
        let foreseen = foresee(&world, Method::POST, &disable, &json!({})).await;
        assert!(foreseen["disabled_at"].is_string(), "{foreseen}");
        really(&world, Method::POST, &disable, &json!({})).await;
        let enable = format!("{source}/enable");
        let foreseen = foresee(&world, Method::POST, &enable, &json!({})).await;
        assert_eq!(foreseen["disabled_at"], Value::Null);
        really(&world, Method::POST, &enable, &json!({})).await;

        let new = json!({"url": "https://93.184.216.34/hook", "events": ["suspend"]});
        let foreseen = foresee(&world, Method::POST, "/v1/webhooks", &new).await;
        assert!(foreseen.get("webhook_id").is_none(), "{foreseen}");
        assert_eq!(foreseen["public_key"], Value::Null);
        let added = really(&world, Method::POST, "/v1/webhooks", &new).await;
        let path = format!("/v1/webhooks/{}", added["webhook_id"].as_str().unwrap());
        let foreseen = foresee(&world, Method::DELETE, &path, &json!({})).await;
        assert_eq!(foreseen["webhook_id"], added["webhook_id"]);
        really(&world, Method::DELETE, &path, &json!({})).await;
    })
    .await;
}
