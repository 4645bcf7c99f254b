//! One of several tenants: an owner of it, and what that owner does.

use mcps_core::json::quote;
use mcps_core::key::SecretKey;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::world::{Answer, World, kid, new_key};

/// A tenant and its people.
pub(super) struct Party {
    pub(super) tenant: &'static str,
    /// `owner@TENANT`.
    pub(super) owner: String,
    /// `approver@TENANT`.
    pub(super) approver: String,
    /// `auditor@TENANT`.
    pub(super) auditor: String,
}

impl Party {
    pub(super) async fn new(world: &World, tenant: &'static str) -> Self {
        let operator = async |role: &str| {
            let name = format!("{role} of {tenant}");
            world
                .operator_with(&name, &[&format!("{role}@{tenant}")])
                .await
        };
        Self {
            tenant,
            owner: operator("owner").await,
            approver: operator("approver").await,
            auditor: operator("auditor").await,
        }
    }

    /// What the owner is answered.
    pub(super) async fn get(&self, world: &World, path: &str) -> Answer {
        world.send(Method::GET, path, Some(&self.owner), None).await
    }

    pub(super) async fn post(&self, world: &World, path: &str, body: &Value) -> Answer {
        let body = Some(body.to_string());
        world
            .send(Method::POST, path, Some(&self.owner), body)
            .await
    }

    /// The same with headers.
    pub(super) async fn send(
        &self,
        world: &World,
        (method, path): (Method, &str),
        more: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.owner);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend_from_slice(more);
        world
            .send_to(method, path, &headers, body.to_string())
            .await
    }

    /// What is to be certified in a tenant, perhaps another than its own.
    pub(super) async fn order(
        &self,
        world: &World,
        tenant: &str,
        (kind, name): (&str, &str),
        key: &SecretKey,
    ) -> Value {
        let audience = world.running.name.as_str();
        let asked =
            json!({"tenant": tenant, "subject": name, "kid": kid(key), "audience": audience});
        let opened = world.post("/v1/challenges", &asked).await.json();
        let challenge = opened["challenge"].as_str().unwrap();
        let mut proof = String::from("{");
        let kid = kid(key);
        let members = [
            ("audience", audience),
            ("challenge", challenge),
            ("kid", &kid),
            ("subject", name),
            ("tenant", tenant),
        ];
        for (at, (name, value)) in members.into_iter().enumerate() {
            proof.push_str(if at > 0 { "," } else { "" });
            quote(name, &mut proof);
            proof.push(':');
            quote(value, &mut proof);
        }
        proof.push('}');
        let signed = statement::sign(statement::PROOF, &proof, key).unwrap();
        let signed: Value = serde_json::from_str(&signed).unwrap();
        let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
        json!({
            "tenant": tenant, "name": name, "version": "1.0.0", "kind": kind,
            "owner": format!("people@{}", self.tenant), "public_key": jwk,
            "challenge": challenge, "proof": signed["signature"],
        })
    }

    /// A new passport of its own; its id.
    pub(super) async fn issue(&self, world: &World, kind: &str, name: &str) -> String {
        let order = self
            .order(world, self.tenant, (kind, name), &new_key())
            .await;
        let issued = self.post(world, "/v1/passports", &order).await;
        assert_eq!(issued.status, 201, "{}", issued.text);
        let passport = issued.json();
        passport["passport"]["passport_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The path of a subject of its own.
    pub(super) fn subject(&self, name: &str) -> String {
        format!("/v1/subjects/agent/{}/{name}", self.tenant)
    }
}
