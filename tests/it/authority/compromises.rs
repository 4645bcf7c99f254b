//! A key that says of itself that it is compromised.

use mcps_core::key::SecretKey;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use serde_json::{Value, json};

use super::rotating::rotate;
use super::world::{Answer, World, kid, new_key, on_both};

/// The statement of `key`, signed by `signer` under `ctx`.
fn said(audience: &str, key: &SecretKey, (ctx, signer): (&str, &SecretKey)) -> Value {
    let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
    let unsigned = json!({"audience": audience, "public_key": jwk}).to_string();
    let signed = statement::sign(ctx, &unsigned, signer).unwrap();
    serde_json::from_str(&signed).unwrap()
}

/// What the key itself says to this authority.
fn own_word(world: &World, key: &SecretKey) -> Value {
    said(&world.running.name, key, (statement::COMPROMISE, key))
}

async fn report(world: &World, statement: &Value) -> Answer {
    world.post("/v1/key-compromises", statement).await
}

async fn state(world: &World, id: &str) -> String {
    let shown = world.get(&format!("/v1/passports/{id}")).await.json();
    shown["status"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_blocks_itself_with_everything_under_it() {
    on_both(async |world| {
        let (key, next) = (new_key(), new_key());
        let (a, b) = (world.issue("a", &key).await, world.issue("b", &key).await);
        let rotated = rotate(&world, &b, &key, &next, json!({})).await.passport();
        let bystander = world.issue("c", &new_key()).await;

        let done = report(&world, &own_word(&world, &key)).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert_eq!(
            (&done.json()["kid"], &done.json()["changed"]),
            (&json!(kid(&key)), &json!(true))
        );
        for passport in [&a, &b, &rotated] {
            assert_eq!(state(&world, passport.id().as_str()).await, "revoked");
        }
        assert_eq!(state(&world, bystander.id().as_str()).await, "good");
        let order = world.order("d", &key).await;
        let refused = world.post_as_operator("/v1/passports", &order).await;
        refused.problem(403, "key-blocked");
        let frames = world
            .get("/v1/feed/frames?after=1:0&wait_s=20")
            .await
            .json();
        let first = &frames["frames"][0]["events"][0];
        assert_eq!(
            (&first["type"], &first["target"]["key"]),
            (&json!("key_block"), &json!(kid(&key)))
        );

        // Said once more, it is so already; and the record says who said it.
        let again = report(&world, &own_word(&world, &key)).await.json();
        assert_eq!(
            (&again["changed"], &again["position"]),
            (&json!(false), &done.json()["position"])
        );
        let actions = world.get_as_operator("/v1/actions").await.json();
        let actions = actions["actions"].as_array().unwrap();
        assert_eq!(actions.len(), 1, "{actions:?}");
        assert_eq!(actions[0]["given_by"], format!("key:{}", kid(&key)));
    })
    .await;
}

#[tokio::test]
async fn an_accusation_blocks_nothing() {
    on_both(async |world| {
        let (key, mallory) = (new_key(), new_key());
        let passport = world.issue("a", &key).await;
        let own = own_word(&world, &key);
        let mut unsigned = own.clone();
        unsigned["signature"] = json!("");
        let name = world.running.name.as_str();
        for statement in [
            said(name, &key, (statement::COMPROMISE, &mallory)),
            // What the key signed for something else.
            said(name, &key, (statement::PROOF, &key)),
            said(name, &key, (statement::ROTATION, &key)),
            unsigned,
        ] {
            let refused = report(&world, &statement).await;
            refused.problem(403, "proof-refused");
        }
        // The signature over one key does not do for another.
        let mut moved = own_word(&world, &mallory);
        moved["public_key"] = own["public_key"].clone();
        report(&world, &moved).await.problem(403, "proof-refused");
        assert_eq!(state(&world, passport.id().as_str()).await, "good");
        world.renew(&passport, &key, json!({})).await.passport();
    })
    .await;
}

#[tokio::test]
async fn what_was_said_to_another_authority_says_nothing_here() {
    on_both(async |world| {
        let key = new_key();
        let passport = world.issue("a", &key).await;
        let elsewhere = said("another-authority", &key, (statement::COMPROMISE, &key));
        report(&world, &elsewhere)
            .await
            .problem(422, "wrong-audience");
        let mut renamed = elsewhere;
        renamed["audience"] = json!(world.running.name);
        report(&world, &renamed).await.problem(403, "proof-refused");
        assert_eq!(state(&world, passport.id().as_str()).await, "good");
    })
    .await;
}

#[tokio::test]
async fn keys_that_nobody_relies_on_do_not_fill_the_feed() {
    on_both(async |world| {
        let stranger = own_word(&world, &new_key());
        report(&world, &stranger)
            .await
            .problem(404, "key-not-found");
        let head = world.get("/v1/feed/frames?after=1:0&wait_s=0").await.json();
        assert_eq!(head["frames"][0]["to"], 0, "{head}");
    })
    .await;
}

#[tokio::test]
async fn a_key_of_the_authority_is_its_operators_affair() {
    on_both(async |world| {
        let pem = std::fs::read_to_string(world.keys().join("passport.pem")).unwrap();
        let own = SecretKey::from_pem(&pem).unwrap();
        let problem = report(&world, &own_word(&world, &own))
            .await
            .problem(409, "authority-key");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("mcps-authority keys revoke"), "{detail}");
    })
    .await;
}
