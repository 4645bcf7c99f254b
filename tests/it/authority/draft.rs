use std::time::Duration;

use mcps_core::digest::Digest;
use mcps_core::jcs::{self, Overlay};
use mcps_core::json::Document;
use mcps_core::key::PublicKey;
use mcps_core::passport::Passport;
use mcps_core::signature::Signature;
use serde_json::{Value, json};

use super::world::{World, new_key, on_both};

const UNKNOWN: &str = "asp_00000000000000000000000000000000";

/// Checks an answer as a draft-00 peer does: the signature over JCS of the rest, by the one key.
async fn verified(world: &World, text: &str) -> Value {
    let key = world.get("/api/ta/public-key").await.json();
    assert_eq!(
        (&key["issuer"], &key["algorithm"]),
        (&json!(world.running.name), &json!("ES256"))
    );
    let key = PublicKey::from_pem(key["public_key"].as_str().unwrap()).unwrap();
    let document = Document::parse(text).unwrap();
    let signature = document.root().get("signature").unwrap();
    let mut bytes = Vec::new();
    jcs::write_overlaid(
        document.root(),
        &Overlay {
            without: &[signature],
            with: &[],
        },
        &mut bytes,
    );
    let signature = Signature::from_base64(&signature.as_str().unwrap()).unwrap();
    key.verify(&Digest::of(&bytes), &signature).unwrap();
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_draft_peer_can_ask_and_check_with_one_key() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let path = format!("/api/verify/{}", passport.id());
        let verdict = verified(&world, &world.get(&path).await.text).await;
        assert_eq!(
            (
                &verdict["status"],
                &verdict["revoked"],
                &verdict["reason"],
                &verdict["trust_level"]
            ),
            (&json!("VALID"), &json!(false), &Value::Null, &json!(1))
        );
        assert_eq!(verdict["passport_id"], passport.id().as_str());

        world.revoke(&passport, "cessation").await;
        let verdict = verified(&world, &world.get(&path).await.text).await;
        assert_eq!(
            (&verdict["status"], &verdict["revoked"], &verdict["reason"]),
            (&json!("REVOKED"), &json!(true), &json!("cessation"))
        );
        assert_eq!(verdict["revoked_at"], world.now().to_string());

        // The peer takes anything but REVOKED as not revoked.
        let answer = world.get(&format!("/api/verify/{UNKNOWN}")).await;
        let verdict = verified(&world, &answer.text).await;
        assert_eq!(
            (&verdict["status"], &verdict["revoked"], &verdict["reason"]),
            (&json!("REVOKED"), &json!(true), &json!("unknown"))
        );
    })
    .await;
}

#[tokio::test]
async fn the_bare_passport_the_staple_and_the_list_are_there() {
    on_both(async |world| {
        let (one, two) = (
            world.issue("a", &new_key()).await,
            world.issue("b", &new_key()).await,
        );
        let text = world.get(&format!("/api/passport/{}", one.id())).await.text;
        assert_eq!(Passport::parse(&text).unwrap().text(), one.text());
        world
            .get(&format!("/api/passport/{UNKNOWN}"))
            .await
            .problem(404, "passport-not-found");
        world
            .get(&format!("/api/staple/{UNKNOWN}"))
            .await
            .problem(404, "passport-not-found");
        let staple = world.get(&format!("/api/staple/{}", two.id())).await.json();
        assert_eq!(
            verified(&world, &staple["staple"].to_string()).await["status"],
            "VALID"
        );

        let list = verified(&world, &world.get("/api/crl").await.text).await;
        assert_eq!(list["revoked"], json!([]));
        world.revoke(&two, "policy").await;
        world.clock.advance(Duration::from_secs(1));
        world.revoke(&one, "key_compromise").await;
        let list = verified(&world, &world.get("/api/crl").await.text).await;
        let ids = [two.id().as_str(), one.id().as_str()];
        let listed: Vec<&str> = list["revoked"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["passport_id"].as_str().unwrap())
            .collect();
        assert_eq!(listed, ids);
        assert_eq!(list["revoked"][1]["reason"], "key_compromise");
        // Past their time they are refused anyway and leave the list.
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(world.get("/api/crl").await.json()["revoked"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn the_key_sets_agree() {
    on_both(async |world| {
        let trust = world.get("/.well-known/mcps-trust").await.json();
        let jwks = world.get("/.well-known/jwks.json").await.json();
        let kids = |set: &Value| -> Vec<String> {
            set["keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key["kid"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(kids(&trust), kids(&jwks));
        assert_eq!(trust["number"], 1);
        assert_eq!(trust["kid"], world.running.root_kid.as_str());
        for key in jwks["keys"].as_array().unwrap() {
            let document = Document::parse(key.to_string()).unwrap();
            let read = PublicKey::from_jwk(document.root()).unwrap();
            assert_eq!(key["kid"], read.key_id().as_str());
        }
        let mut edited = trust.clone();
        edited["number"] = json!(2);
        let edited = mcps_core::trust::TrustBundle::parse(&edited.to_string()).unwrap();
        assert!(edited.verify(world.bundle().await.signer()).is_err());
    })
    .await;
}
