//! Passports that may issue others.

use std::time::Duration;

use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ext, Kind, Passport, PassportId, Unsigned};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use serde_json::{Value, json};

use super::rotating::rotate;
use super::world::{World, new_key, on_both};

/// A passport at L2 with this right to issue.
async fn issuer(world: &World, key: &SecretKey, ca: Value) -> Passport {
    let more = json!({"trust_level": 2, "kind": "gateway", "ca": ca});
    let order = world.order_with("branch", key, more).await;
    world
        .post_as_operator("/v1/passports", &order)
        .await
        .passport()
}

/// What `parent` issues for a key of somebody's, without asking the authority.
fn child(
    world: &World,
    (parent, key): (&Passport, &SecretKey),
    edit: impl FnOnce(&mut Unsigned),
) -> Passport {
    let mut unsigned = Unsigned {
        id: PassportId::generate(&SystemRandom).unwrap(),
        agent_name: "bot-1".to_owned(),
        agent_version: "1".to_owned(),
        capabilities: Vec::new(),
        public_key: new_key().public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L1,
        issued_at: world.now(),
        expires_at: world.now().plus(Duration::from_secs(600)),
        issuer: parent.agent_name().to_owned(),
        issuer_chain: vec![parent.clone()],
        key_rotation: None,
        ext: Some(Ext {
            tenant: "default".to_owned(),
            kind: Kind::Agent,
            owner: "branch@example.org".to_owned(),
            ca: None,
            status: None,
        }),
    };
    edit(&mut unsigned);
    unsigned.sign(key).unwrap()
}

#[tokio::test]
async fn what_an_issuing_passport_issues_is_held_to_its_limits_by_verifiers() {
    on_both(async |world| {
        let key = new_key();
        let ca = json!({
            "max_level": 1, "origins": ["https://a.example"], "tenants": ["default", "acme"],
            "kinds": ["agent"], "name_prefixes": ["bot-"], "max_life_s": 600,
        });
        let parent = issuer(&world, &key, ca).await;
        let verifier = world.verifier().await;
        let issue = |edit: &dyn Fn(&mut Unsigned)| child(&world, (&parent, &key), edit);
        let good: [&dyn Fn(&mut Unsigned); 4] = [
            &|_| (),
            &|draft| draft.origin = Some("https://a.example".to_owned()),
            &|draft| draft.ext.as_mut().unwrap().tenant = "acme".to_owned(),
            &|draft| draft.trust_level = TrustLevel::L0,
        ];
        for edit in good {
            let standing = verifier.verify(&issue(edit), world.now()).unwrap();
            assert_eq!((standing.cap, standing.relied), (TrustLevel::L1, 1));
        }
        let later = world.now().plus(Duration::from_secs(601));
        let beyond: [&dyn Fn(&mut Unsigned); 6] = [
            &|draft| draft.trust_level = TrustLevel::L2,
            &|draft| draft.origin = Some("https://b.example".to_owned()),
            &|draft| draft.ext.as_mut().unwrap().tenant = "other".to_owned(),
            &|draft| draft.ext.as_mut().unwrap().kind = Kind::Server,
            &|draft| draft.agent_name = "robot".to_owned(),
            &|draft| draft.expires_at = later,
        ];
        for (at, edit) in beyond.into_iter().enumerate() {
            assert!(verifier.verify(&issue(edit), world.now()).is_err(), "{at}");
        }
        // It may not make issuers: what such a one issues is not believed.
        let middle_key = new_key();
        let middle = child(&world, (&parent, &key), |draft| {
            draft.agent_name = "bot-2".to_owned();
            draft.public_key = middle_key.public_key().clone();
            draft
                .ext
                .as_mut()
                .unwrap()
                .ca
                .clone_from(&parent.ext().unwrap().ca);
        });
        let leaf = child(&world, (&middle, &middle_key), |draft| {
            draft.issuer_chain = vec![middle.clone(), parent.clone()];
        });
        assert!(verifier.verify(&leaf, world.now()).is_err());
    })
    .await;
}

#[tokio::test]
async fn without_the_right_nothing_is_issued() {
    on_both(async |world| {
        let key = new_key();
        let ordinary = world.issue("branch", &key).await;
        let passport = child(&world, (&ordinary, &key), |_| ());
        let verifier = world.verifier().await;
        assert!(verifier.verify(&passport, world.now()).is_err());
    })
    .await;
}

#[tokio::test]
async fn the_right_is_neither_had_by_a_token_nor_widened_by_renewing() {
    on_both(async |world| {
        let token = json!({"kind": "gateway", "name": "branch", "owner": "ops@example.org"});
        let token = world
            .post_as_operator("/v1/enrolment-tokens", &token)
            .await
            .json();
        let more = json!({"kind": "gateway", "ca": {"max_level": 0}});
        let order = world.order_with("branch", &new_key(), more).await;
        let secret = token["token"].as_str();
        let answer = world.send(
            reqwest::Method::POST,
            "/v1/passports",
            secret,
            Some(order.to_string()),
        );
        let problem = answer.await.problem(403, "token-bound");
        assert_eq!(problem["member"], "ca");

        let (key, next) = (new_key(), new_key());
        let parent = issuer(
            &world,
            &key,
            json!({"max_level": 1, "name_prefixes": ["bot-"]}),
        )
        .await;
        let ca = parent.ext().unwrap().ca.clone();
        let renewed = world.renew(&parent, &key, json!({})).await.passport();
        assert_eq!(renewed.ext().unwrap().ca, ca);
        let rotated = rotate(&world, &renewed, &key, &next, json!({})).await;
        assert_eq!(rotated.passport().ext().unwrap().ca, ca);
        let wider = json!({"ca": {"max_level": 2}});
        world
            .renew(&parent, &key, wider)
            .await
            .problem(422, "invalid-request");
    })
    .await;
}

#[tokio::test]
async fn a_right_that_nobody_could_hold_to_is_not_granted() {
    on_both(async |world| {
        for ca in [
            json!({"max_path": 5}),
            json!({"tenants": []}),
            json!({"kinds": []}),
            json!({"kinds": ["planet"]}),
            json!({"name_prefixes": ["-"]}),
            json!({"max_life_s": 0}),
            json!({"max_level": 7}),
            json!({"planets": ["earth"]}),
            json!({"origins": ["HTTPS://A.example"]}),
        ] {
            let order = world
                .order_with("branch", &new_key(), json!({"ca": ca}))
                .await;
            let answer = world.post_as_operator("/v1/passports", &order).await;
            answer.problem(422, "invalid-request");
        }
        let order = json!({"ca": {"max_level": 3}});
        let order = world.order_with("branch", &new_key(), order).await;
        let answer = world.post_as_operator("/v1/passports", &order).await;
        answer.problem(403, "evidence-needed");
    })
    .await;
}
