use std::fs;
use std::path::Path;

use mcps_authority::api;
use serde_json::Value;

use super::world::on_both;

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/authority.json");
    let committed = fs::read_to_string(path).unwrap();
    assert!(
        committed == api::openapi_json().unwrap(),
        "openapi/authority.json is out of date; run: cargo run -p mcps-authority -- openapi > openapi/authority.json"
    );
}

#[test]
fn every_operation_says_who_may_call_it_and_what_can_go_wrong() {
    let document: Value = serde_json::from_str(&api::openapi_json().unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut guarded = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            if operation.get("security").is_some() {
                assert!(operation["responses"]["401"].is_object(), "{method} {path}");
                assert!(operation["responses"]["403"].is_object(), "{method} {path}");
                guarded.push(format!("{method} {path}"));
            }
        }
    }
    guarded.sort();
    assert_eq!(
        guarded,
        [
            "delete /v1/webhooks/{id}",
            "get /metrics",
            "get /v1/actions",
            "get /v1/approver-keys",
            "get /v1/audit/checkpoints",
            "get /v1/audit/lanes/{lane}",
            "get /v1/audit/records",
            "get /v1/authority-keys",
            "get /v1/dead-letters",
            "get /v1/enrolment-tokens",
            "get /v1/evidence/{id}",
            "get /v1/evidence/{id}/report",
            "get /v1/feed/enforcement",
            "get /v1/inbox",
            "get /v1/inbox/{id}",
            "get /v1/operators",
            "get /v1/operators/{id}",
            "get /v1/passports",
            "get /v1/servers",
            "get /v1/servers/{id}",
            "get /v1/servers/{id}/diff",
            "get /v1/servers/{id}/manifests",
            "get /v1/servers/{id}/manifests/{version}",
            "get /v1/sources",
            "get /v1/sources/{name}",
            "get /v1/subjects/{kind}/{tenant}/{name}/trust",
            "get /v1/subjects/{kind}/{tenant}/{name}/trust/attestation",
            "get /v1/tenants",
            "get /v1/tenants/{tenant}",
            "get /v1/tenants/{tenant}/policy",
            "get /v1/tenants/{tenant}/policy/versions",
            "get /v1/tenants/{tenant}/scanners",
            "get /v1/tenants/{tenant}/verdicts",
            "get /v1/tenants/{tenant}/verdicts/orders",
            "get /v1/webhooks",
            "get /v1/webhooks/{id}",
            "patch /v1/servers/{id}",
            "post /v1/actions/{id}/undo",
            "post /v1/approver-keys",
            "post /v1/approver-keys/{kid}/revoke",
            "post /v1/authority-keys",
            "post /v1/authority-keys/{kid}/activate",
            "post /v1/authority-keys/{kid}/revoke",
            "post /v1/authority-keys/{kid}/taint",
            "post /v1/enrolment-tokens",
            "post /v1/enrolment-tokens/{id}/withdraw",
            "post /v1/evidence/{id}/approvals",
            "post /v1/inbox/{id}/approve",
            "post /v1/inbox/{id}/dismiss",
            "post /v1/inbox/{id}/undo",
            "post /v1/operators",
            "post /v1/operators/{id}/disable",
            "post /v1/operators/{id}/rotate",
            "post /v1/passports",
            "post /v1/passports/{id}/revoke",
            "post /v1/reinstatements",
            "post /v1/revocations",
            "post /v1/servers",
            "post /v1/sources/{name}/disable",
            "post /v1/sources/{name}/enable",
            "post /v1/sources/{name}/test",
            "post /v1/stops",
            "post /v1/subjects/{kind}/{tenant}/{name}/evidence",
            "post /v1/subjects/{kind}/{tenant}/{name}/origin-challenges",
            "post /v1/subjects/{kind}/{tenant}/{name}/origin-checks",
            "post /v1/subjects/{kind}/{tenant}/{name}/reports",
            "post /v1/suspensions",
            "post /v1/tenants",
            "post /v1/tenants/{tenant}/disable",
            "post /v1/tenants/{tenant}/enable",
            "post /v1/tenants/{tenant}/scanners",
            "post /v1/tenants/{tenant}/scanners/{scanner}/revoke",
            "post /v1/tenants/{tenant}/verdicts",
            "post /v1/webhooks",
            "post /v1/webhooks/{id}/replay",
            "post /v1/webhooks/{id}/test",
            "put /v1/sources/{name}",
            "put /v1/tenants/{tenant}/policy",
        ]
    );
}

#[test]
fn whatever_is_counted_says_so() {
    let document: Value = serde_json::from_str(&api::openapi_json().unwrap()).unwrap();
    let mut counted = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods["post"]["responses"]["429"].is_object() {
            counted.push(path.as_str());
        }
    }
    assert_eq!(
        counted,
        [
            "/v1/actions/{id}/undo",
            "/v1/approver-keys/{kid}/revoke",
            "/v1/authority-keys/{kid}/revoke",
            "/v1/authority-keys/{kid}/taint",
            "/v1/challenges",
            "/v1/enrolment-tokens",
            "/v1/enrolment-tokens/{id}/withdraw",
            "/v1/feed/acks",
            "/v1/hooks/{source}",
            "/v1/hooks/{source}/{address}",
            "/v1/inbox/{id}/approve",
            "/v1/inbox/{id}/dismiss",
            "/v1/inbox/{id}/undo",
            "/v1/key-compromises",
            "/v1/operators/{id}/disable",
            "/v1/passports",
            "/v1/passports/{id}/renew",
            "/v1/passports/{id}/revoke",
            "/v1/passports/{id}/rotate",
            "/v1/reinstatements",
            "/v1/revocations",
            "/v1/sources/{name}/disable",
            "/v1/stops",
            "/v1/suspensions",
            "/v1/tenants/{tenant}/disable",
            "/v1/tenants/{tenant}/scanners/{scanner}/revoke",
            "/v1/tenants/{tenant}/verdicts",
            "/v1/webhooks/{id}/poll",
        ]
    );
}

#[tokio::test]
async fn serves_the_document() {
    on_both(async |world| {
        let served = world.get("/openapi.json").await.json();
        let expected: Value = serde_json::from_str(&api::openapi_json().unwrap()).unwrap();
        assert_eq!(served, expected);
    })
    .await;
}

#[test]
fn every_reference_in_it_leads_somewhere() {
    fn follow(part: &Value, document: &Value) {
        let reference = part.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let members = part.as_object().into_iter().flat_map(|part| part.values());
        for inner in members.chain(part.as_array().into_iter().flatten()) {
            follow(inner, document);
        }
    }
    let document: Value = serde_json::from_str(&api::openapi_json().unwrap()).unwrap();
    follow(&document, &document);
}
