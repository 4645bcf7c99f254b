use std::time::Duration;

use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use serde_json::json;

use super::world::{kid, new_key, on_both};

#[tokio::test]
async fn issues_a_passport_that_a_verifier_of_its_key_set_believes() {
    on_both(async |world| {
        let key = new_key();
        let more = json!({"capabilities": ["tools.call"], "origin": "https://a.example", "trust_level": 2, "ttl_s": 60});
        let order = world.order_with("agent-7", &key, more).await;
        let answer = world.post_as_operator("/v1/passports", &order).await;
        assert_eq!(answer.status, 201);
        let passport = answer.passport();
        assert_eq!(answer.location, Some(format!("/v1/passports/{}", passport.id())));
        assert_eq!(passport.agent_name(), "agent-7");
        assert_eq!(passport.capabilities(), ["tools.call"]);
        assert_eq!(passport.origin(), Some("https://a.example"));
        assert_eq!(passport.trust_level(), TrustLevel::L2);
        assert_eq!(passport.issuer(), world.running.name);
        assert_eq!(passport.issued_at(), world.now());
        assert_eq!(passport.expires_at(), world.now().plus(Duration::from_secs(60)));
        let ext = passport.ext().unwrap();
        assert_eq!((ext.tenant.as_str(), ext.kind, ext.owner.as_str()), ("default", Kind::Agent, "ops@example.org"));
        assert!(ext.ca.is_none());

        let standing = world.verifier().await.verify(&passport, world.now()).unwrap();
        assert!(standing.recognised);
    })
    .await;
}

#[tokio::test]
async fn lives_an_hour_as_an_agent_and_a_day_as_a_server_and_ninety_days_at_most() {
    on_both(async |world| {
        for (kind, seconds) in [("agent", 3600), ("server", 86_400), ("gateway", 86_400)] {
            let order = world
                .order_with(kind, &new_key(), json!({"kind": kind}))
                .await;
            let passport = world
                .post_as_operator("/v1/passports", &order)
                .await
                .passport();
            assert_eq!(
                passport.expires_at().since(passport.issued_at()),
                seconds * 1000
            );
        }
        for ttl_s in [
            json!(0),
            json!(-1),
            json!(7_776_001),
            json!(1.5),
            json!("60"),
        ] {
            let order = world
                .order_with("bad", &new_key(), json!({"ttl_s": ttl_s}))
                .await;
            world
                .post_as_operator("/v1/passports", &order)
                .await
                .problem(422, "invalid-request");
        }
    })
    .await;
}

#[tokio::test]
async fn an_operators_word_is_not_evidence_for_levels_three_and_four() {
    on_both(async |world| {
        for level in [3, 4] {
            let order = world
                .order_with("high", &new_key(), json!({"trust_level": level}))
                .await;
            let problem = world
                .post_as_operator("/v1/passports", &order)
                .await
                .problem(403, "evidence-needed");
            assert!(problem["detail"].as_str().unwrap().contains("evidence"));
        }
        let order = world
            .order_with("odd", &new_key(), json!({"trust_level": 5}))
            .await;
        let problem = world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["member"], "trust_level");
    })
    .await;
}

#[tokio::test]
async fn issues_to_operators_alone() {
    on_both(async |world| {
        let order = world.order("agent-7", &new_key()).await;
        let answer = world.post("/v1/passports", &order).await;
        answer.problem(401, "operator-required");
        let mut other = world.operator.clone();
        other.replace_range(10..11, if &other[10..11] == "A" { "B" } else { "A" });
        for key in [other.as_str(), "mcps_op_", "x", &world.operator[8..]] {
            let body = Some(order.to_string());
            let answer = world
                .send(reqwest::Method::POST, "/v1/passports", Some(key), body)
                .await;
            answer.problem(401, "operator-required");
        }
        // None of that has used the challenge up.
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
    })
    .await;
}

#[tokio::test]
async fn a_challenge_is_good_once_for_a_minute_and_for_what_it_names() {
    on_both(async |world| {
        let key = new_key();
        let order = world.order("agent-7", &key).await;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(403, "challenge-refused");

        let order = world.order("agent-7", &key).await;
        world.clock.advance(Duration::from_secs(60));
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(403, "challenge-refused");

        // Another subject and another key, each with a proof that verifies.
        let challenge = world.challenge("agent-7", &key).await;
        let mut order = world.order("agent-8", &key).await;
        order["challenge"] = json!(challenge);
        order["proof"] = json!(world.proof("agent-8", &key, &challenge));
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(403, "challenge-refused");
        let other = new_key();
        let mut order = world.order("agent-7", &other).await;
        order["challenge"] = json!(challenge);
        order["proof"] = json!(world.proof("agent-7", &other, &challenge));
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(403, "challenge-refused");
    })
    .await;
}

#[tokio::test]
async fn a_bad_proof_does_not_use_the_challenge_up() {
    on_both(async |world| {
        let (key, thief) = (new_key(), new_key());
        let mut order = world.order("agent-7", &key).await;
        let good = order["proof"].clone();
        let challenge = order["challenge"].as_str().unwrap().to_owned();
        for bad in [
            String::new(),
            "A".repeat(88),
            world.proof("agent-7", &thief, &challenge),
        ] {
            order["proof"] = json!(bad);
            let problem = world
                .post_as_operator("/v1/passports", &order)
                .await
                .problem(403, "proof-refused");
            assert_eq!(problem["code"], "MCPS-004");
        }
        order["proof"] = good;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
    })
    .await;
}

#[tokio::test]
async fn a_challenge_is_for_this_authority() {
    on_both(async |world| {
        let asked =
            json!({"subject": "agent-7", "kid": kid(&new_key()), "audience": "somebody-else"});
        world
            .post("/v1/challenges", &asked)
            .await
            .problem(422, "wrong-audience");
        let asked = json!({"subject": "agent-7", "kid": "short", "audience": world.running.name});
        world
            .post("/v1/challenges", &asked)
            .await
            .problem(422, "invalid-request");
    })
    .await;
}

#[tokio::test]
async fn a_name_stays_with_its_owner_while_a_passport_lives() {
    on_both(async |world| {
        let first = world.issue("agent-7", &new_key()).await;
        let theirs = json!({"owner": "mallory@example.org"});
        let order = world
            .order_with("agent-7", &new_key(), theirs.clone())
            .await;
        let problem = world
            .post_as_operator("/v1/passports", &order)
            .await
            .problem(409, "name-taken");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains(first.id().as_str())
        );

        // The owner may bring a new key; another kind is another name.
        world.issue("agent-7", &new_key()).await;
        let server = json!({"owner": "mallory@example.org", "kind": "server"});
        let order = world.order_with("agent-7", &new_key(), server).await;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();

        world.clock.advance(Duration::from_secs(3600));
        let order = world.order_with("agent-7", &new_key(), theirs).await;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
    })
    .await;
}

#[tokio::test]
async fn shows_and_lists_what_was_issued() {
    on_both(async |world| {
        let mut issued = Vec::new();
        for name in ["a", "b", "c"] {
            issued.push(world.issue(name, &new_key()).await);
            world.clock.advance(Duration::from_secs(1));
        }
        world.revoke(&issued[0], "policy").await;
        let shown = world
            .get(&format!("/v1/passports/{}", issued[0].id()))
            .await;
        assert_eq!(shown.passport().text(), issued[0].text());
        assert_eq!(shown.json()["status"]["state"], "revoked");
        let unknown = "/v1/passports/asp_00000000000000000000000000000000";
        world.get(unknown).await.problem(404, "passport-not-found");

        world
            .get("/v1/passports")
            .await
            .problem(401, "operator-required");
        let names = async |query: &str| {
            let page = world
                .get_as_operator(&format!("/v1/passports{query}"))
                .await
                .json();
            let names = page["passports"].as_array().unwrap().iter();
            let names: Vec<String> = names
                .map(|row| row["name"].as_str().unwrap().to_owned())
                .collect();
            (
                names.join(""),
                page["next_cursor"].as_str().map(str::to_owned),
            )
        };
        assert_eq!(names("").await, ("cba".to_owned(), None));
        assert_eq!(names("?status=live").await.0, "cb");
        assert_eq!(names("?status=revoked").await.0, "a");
        assert_eq!(names("?status=expired").await.0, "");
        let (page, cursor) = names("?limit=2").await;
        assert_eq!(page, "cb");
        assert_eq!(
            names(&format!("?limit=2&cursor={}", cursor.unwrap())).await,
            ("a".to_owned(), None)
        );
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(names("?status=expired").await.0, "cb");
        for bad in [
            "?limit=0",
            "?limit=201",
            "?status=maybe",
            "?state=live",
            "?limit=1&limit=2",
        ] {
            let answer = world.get_as_operator(&format!("/v1/passports{bad}")).await;
            answer.problem(422, "invalid-request");
        }
    })
    .await;
}
