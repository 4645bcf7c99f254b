//! Enrolment by one-time token.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::level::TrustLevel;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor as _;
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{Answer, World, new_key, on_both};

/// Makes a token with further members put in.
async fn token(world: &World, more: Value) -> Value {
    let mut body = json!({"kind": "agent", "owner": "ops@example.org"});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    let made = world.post_as_operator("/v1/enrolment-tokens", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// Presents a token with a body for `POST /v1/passports`.
async fn redeem(world: &World, token: &str, body: &Value) -> Answer {
    world
        .send(
            Method::POST,
            "/v1/passports",
            Some(token),
            Some(body.to_string()),
        )
        .await
}

/// The body by which a new key enrols as `name`: nothing but what a token does not state.
async fn bare(world: &World, name: &str) -> Value {
    let mut order = world.order(name, &new_key()).await;
    order.as_object_mut().unwrap().remove("owner");
    order
}

async fn live(world: &World) -> usize {
    let live = world
        .get_as_operator("/v1/passports?status=live")
        .await
        .json();
    live["passports"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_token_gets_one_passport_as_it_was_made_for() {
    on_both(async |world| {
        let made = token(
            &world,
            json!({"name": "agent-7", "capabilities": ["read"], "origin": "https://a.example",
                   "trust_level": 2, "ttl_s": 600}),
        )
        .await;
        assert_eq!(made["status"], "open");
        let secret = made["token"].as_str().unwrap();
        let passport = redeem(&world, secret, &bare(&world, "agent-7").await)
            .await
            .passport();
        assert_eq!(passport.trust_level(), TrustLevel::L2);
        assert_eq!(passport.capabilities(), ["read"]);
        assert_eq!(passport.origin(), Some("https://a.example"));
        assert_eq!(passport.ext().unwrap().owner, "ops@example.org");
        assert_eq!(
            passport.expires_at(),
            world.now().plus(Duration::from_secs(600))
        );
        world
            .verifier()
            .await
            .verify(&passport, world.now())
            .unwrap();

        let listed = world.get_as_operator("/v1/enrolment-tokens").await;
        assert!(!listed.text.contains(secret), "the token is shown once");
        let listed = listed.json()["tokens"][0].clone();
        assert_eq!(listed["status"], "used");
        assert_eq!(listed["passport_id"], passport.id().as_str());

        let again = redeem(&world, secret, &bare(&world, "agent-7").await).await;
        let problem = again.problem(403, "token-refused");
        assert!(problem["detail"].as_str().unwrap().contains("was used"));
    })
    .await;
}

#[tokio::test]
async fn a_token_is_for_what_it_was_made_for_alone() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "agent-7"})).await;
        let secret = made["token"].as_str().unwrap();
        let beyond = [
            ("name", "agent-8", json!({})),
            ("kind", "agent-7", json!({"kind": "server"})),
            ("owner", "agent-7", json!({"owner": "mallory@example.org"})),
            (
                "origin",
                "agent-7",
                json!({"origin": "https://evil.example"}),
            ),
            (
                "capabilities",
                "agent-7",
                json!({"capabilities": ["admin"]}),
            ),
            ("trust_level", "agent-7", json!({"trust_level": 2})),
            ("ttl_s", "agent-7", json!({"ttl_s": 3601})),
        ];
        for (member, name, more) in beyond {
            let mut order = bare(&world, name).await;
            for (member, value) in more.as_object().unwrap() {
                order[member] = value.clone();
            }
            let problem = redeem(&world, secret, &order)
                .await
                .problem(403, "token-bound");
            assert_eq!(problem["member"], member);
        }
        let mut order = bare(&world, "agent-7").await;
        order["tenant"] = json!("acme");
        let problem = redeem(&world, secret, &order)
            .await
            .problem(403, "token-bound");
        assert_eq!(problem["member"], "tenant");
        // None of that used it up.
        redeem(&world, secret, &bare(&world, "agent-7").await)
            .await
            .passport();
    })
    .await;
}

#[tokio::test]
async fn a_failed_try_does_not_use_a_token_up() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "agent-7"})).await;
        let secret = made["token"].as_str().unwrap();
        let order = bare(&world, "agent-7").await;
        let mut forged = order.clone();
        forged["proof"] = json!("A".repeat(88));
        redeem(&world, secret, &forged)
            .await
            .problem(403, "proof-refused");

        // The name is another owner's: found out inside the transaction that redeems.
        let theirs = json!({"owner": "somebody@example.org"});
        let theirs = world.order_with("agent-7", &new_key(), theirs).await;
        let theirs = world
            .post_as_operator("/v1/passports", &theirs)
            .await
            .passport();
        redeem(&world, secret, &order)
            .await
            .problem(409, "name-taken");
        world.revoke(&theirs, "cessation").await;

        // So is a blocked key.
        let blocked = new_key();
        let spent = world.issue("other", &blocked).await;
        world.revoke(&spent, "key_compromise").await;
        let mut order = world.order("agent-7", &blocked).await;
        order.as_object_mut().unwrap().remove("owner");
        redeem(&world, secret, &order)
            .await
            .problem(403, "key-blocked");

        redeem(&world, secret, &bare(&world, "agent-7").await)
            .await
            .passport();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_redemptions_of_a_token_one_wins() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        let made = token(&world, json!({"name_prefix": "bot-"})).await;
        let secret: Arc<str> = made["token"].as_str().unwrap().into();
        // Each with a name, a key and a challenge of its own: the token is all they share.
        let mut orders = Vec::new();
        for n in 0..64 {
            orders.push(bare(&world, &format!("bot-{n}")).await);
        }
        let mut tries = JoinSet::new();
        for order in orders {
            let (world, secret) = (world.clone(), secret.clone());
            tries.spawn(async move { redeem(&world, &secret, &order).await });
        }
        let answers = tries.join_all().await;
        let won = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(won, 1, "on {engine:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.problem(403, "token-refused");
        }
        assert_eq!(live(&world).await, 1);
    }
}

#[tokio::test]
async fn a_lapsed_a_withdrawn_and_an_unknown_token_are_refused() {
    on_both(async |world| {
        let lapsing = token(&world, json!({"name": "a", "valid_for_s": 60})).await;
        world.clock.advance(Duration::from_secs(60));
        let order = bare(&world, "a").await;
        let refused = redeem(&world, lapsing["token"].as_str().unwrap(), &order).await;
        let problem = refused.problem(403, "token-refused");
        assert!(problem["detail"].as_str().unwrap().contains("lapsed"));

        let withdrawn = token(&world, json!({"name": "a"})).await;
        let path = format!(
            "/v1/enrolment-tokens/{}/withdraw",
            withdrawn["token_id"].as_str().unwrap()
        );
        world
            .post(&path, &json!({}))
            .await
            .problem(401, "operator-required");
        for _ in 0..2 {
            let done = world.post_as_operator(&path, &json!({})).await;
            assert_eq!(done.json()["status"], "withdrawn", "{}", done.text);
        }
        let refused = redeem(&world, withdrawn["token"].as_str().unwrap(), &order).await;
        let problem = refused.problem(403, "token-refused");
        assert!(problem["detail"].as_str().unwrap().contains("withdrawn"));

        let guessed = format!("mcps_et_{}", "A".repeat(43));
        let refused = redeem(&world, &guessed, &order).await;
        refused.problem(403, "token-refused");
        // What only begins as the token does is none.
        let secret = withdrawn["token"].as_str().unwrap();
        for bad in [&secret[..secret.len() - 1], "mcps_et_", "mcps_et_%"] {
            let refused = redeem(&world, bad, &order).await;
            refused.problem(401, "operator-required");
        }
        assert_eq!(live(&world).await, 0);
        let unknown = format!("/v1/enrolment-tokens/enr_{}/withdraw", "0".repeat(32));
        let answer = world.post_as_operator(&unknown, &json!({})).await;
        answer.problem(404, "token-not-found");
    })
    .await;
}

#[tokio::test]
async fn a_used_token_is_not_withdrawn_but_its_passport_revoked() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "a"})).await;
        let order = bare(&world, "a").await;
        let passport = redeem(&world, made["token"].as_str().unwrap(), &order)
            .await
            .passport();
        let path = format!(
            "/v1/enrolment-tokens/{}/withdraw",
            made["token_id"].as_str().unwrap()
        );
        let problem = world
            .post_as_operator(&path, &json!({}))
            .await
            .problem(409, "token-used");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(passport.id().as_str()), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_no_operators_key() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "a"})).await;
        let secret = made["token"].as_str().unwrap();
        let body = json!({"kind": "agent", "owner": "x", "name": "b"}).to_string();
        let passports = world.send(Method::GET, "/v1/passports", Some(secret), None);
        passports.await.problem(401, "operator-required");
        for path in ["/v1/enrolment-tokens", "/v1/revocations", "/v1/stops"] {
            let answer = world
                .send(Method::POST, path, Some(secret), Some(body.clone()))
                .await;
            answer.problem(401, "operator-required");
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_operator_gave_ends_with_the_operator() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "a"})).await;
        let db = world.database().await;
        let disable = "UPDATE operators SET disabled_at = 1";
        let disabled = match db.pool() {
            mcps_authority::store::Pool::Postgres(pool) => {
                pool.execute(disable).await.map(|done| done.rows_affected())
            }
            mcps_authority::store::Pool::Sqlite(pool) => {
                pool.execute(disable).await.map(|done| done.rows_affected())
            }
        };
        assert_eq!(disabled.unwrap(), 1);
        let order = bare(&world, "a").await;
        let refused = redeem(&world, made["token"].as_str().unwrap(), &order).await;
        refused.problem(403, "token-refused");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_held_back_gets_nothing_by_a_token_either() {
    on_both(async |world| {
        let made = token(&world, json!({"name": "a"})).await;
        let target = json!({"kind": "agent", "tenant": "default", "name": "a"});
        let order = json!({"target": target});
        world.post_as_operator("/v1/suspensions", &order).await;
        let body = bare(&world, "a").await;
        let secret = made["token"].as_str().unwrap();
        redeem(&world, secret, &body)
            .await
            .problem(403, "held-back");
        world.post_as_operator("/v1/reinstatements", &order).await;
        redeem(&world, secret, &body).await.passport();
    })
    .await;
}

#[tokio::test]
async fn an_order_for_a_token_says_what_is_wrong() {
    on_both(async |world| {
        let bad = [
            ("name", json!({})),
            ("name", json!({"name": "a", "name_prefix": "b"})),
            ("valid_for_s", json!({"name": "a", "valid_for_s": 604_801})),
            ("valid_for_s", json!({"name": "a", "valid_for_s": 0})),
            ("ttl_s", json!({"name": "a", "ttl_s": 7_776_001})),
            ("trust_level", json!({"name": "a", "trust_level": 5})),
        ];
        for (member, more) in bad {
            let mut body = json!({"kind": "agent", "owner": "ops"});
            for (member, value) in more.as_object().unwrap() {
                body[member] = value.clone();
            }
            let answer = world.post_as_operator("/v1/enrolment-tokens", &body).await;
            assert_eq!(answer.problem(422, "invalid-request")["member"], member);
        }
        let body = json!({"kind": "agent", "owner": "ops", "name": "a", "trust_level": 3});
        let answer = world.post_as_operator("/v1/enrolment-tokens", &body).await;
        answer.problem(403, "evidence-needed");
        // An operator, who may do as he likes, has to say who answers for it.
        let order = bare(&world, "a").await;
        let answer = world.post_as_operator("/v1/passports", &order).await;
        assert_eq!(answer.problem(422, "invalid-request")["member"], "owner");
    })
    .await;
}
