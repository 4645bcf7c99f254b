use std::time::Duration;

use serde_json::json;

use super::world::{ext, new_key, on_both};

#[tokio::test]
async fn renews_by_the_old_key_without_an_operator() {
    on_both(async |world| {
        let key = new_key();
        let more = json!({"trust_level": 2, "ttl_s": 600, "capabilities": ["x"], "origin": "https://a.example"});
        let order = world.order_with("agent-7", &key, more).await;
        let old = world.post_as_operator("/v1/passports", &order).await.passport();
        world.clock.advance(Duration::from_secs(300));
        let new = world.renew(&old, &key, json!({})).await.passport();
        assert_ne!(new.id(), old.id());
        assert_eq!(new.public_key(), old.public_key());
        assert_eq!((new.agent_name(), new.trust_level(), ext(&new)), ("agent-7", old.trust_level(), ext(&old)));
        assert_eq!((new.capabilities(), new.origin()), (old.capabilities(), old.origin()));
        assert_eq!(new.expires_at(), world.now().plus(Duration::from_secs(600)));
        world.verifier().await.verify(&new, world.now()).unwrap();
        let shown = world.get(&format!("/v1/passports/{}", old.id())).await.json();
        assert_eq!(shown["status"]["state"], "good");
        let listed = world.get_as_operator("/v1/passports?limit=1").await.json();
        assert_eq!(listed["passports"][0]["renews"], old.id().as_str());
    })
    .await;
}

#[tokio::test]
async fn a_key_alone_cannot_lengthen_what_was_granted() {
    on_both(async |world| {
        let key = new_key();
        let order = world
            .order_with("agent-7", &key, json!({"ttl_s": 600}))
            .await;
        let old = world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        let problem = world
            .renew(&old, &key, json!({"ttl_s": 601}))
            .await
            .problem(422, "invalid-request");
        assert_eq!(problem["member"], "ttl_s");
        let shorter = world
            .renew(&old, &key, json!({"ttl_s": 30}))
            .await
            .passport();
        // Nor in two steps: the short one grants a short one.
        world
            .renew(&shorter, &key, json!({"ttl_s": 31}))
            .await
            .problem(422, "invalid-request");
        world
            .renew(&old, &key, json!({"trust_level": 4}))
            .await
            .problem(422, "invalid-request");
    })
    .await;
}

#[tokio::test]
async fn another_key_cannot_renew() {
    on_both(async |world| {
        let (key, thief) = (new_key(), new_key());
        let old = world.issue("agent-7", &key).await;
        world
            .renew(&old, &thief, json!({}))
            .await
            .problem(403, "proof-refused");
        // A challenge made for the thief's key, answered by nobody who could.
        let challenge = world.challenge("agent-7", &thief).await;
        let proof = world.proof("agent-7", &key, &challenge);
        let body = json!({"challenge": challenge, "proof": proof});
        let answer = world
            .post(&format!("/v1/passports/{}/renew", old.id()), &body)
            .await;
        answer.problem(403, "challenge-refused");
    })
    .await;
}

#[tokio::test]
async fn revoked_expired_and_unknown_passports_are_not_renewed() {
    on_both(async |world| {
        let key = new_key();
        let (revoked, expired) = (world.issue("a", &key).await, world.issue("b", &key).await);
        world.revoke(&revoked, "policy").await;
        let problem = world
            .renew(&revoked, &key, json!({}))
            .await
            .problem(409, "passport-revoked");
        assert_eq!(problem["code"], "MCPS-003");
        world.clock.advance(Duration::from_secs(3600));
        let problem = world
            .renew(&expired, &key, json!({}))
            .await
            .problem(409, "passport-expired");
        assert_eq!(problem["code"], "MCPS-002");
        let body = json!({"challenge": "c", "proof": "p"});
        let unknown = "/v1/passports/asp_00000000000000000000000000000000/renew";
        world
            .post(unknown, &body)
            .await
            .problem(404, "passport-not-found");
    })
    .await;
}
