//! Whose scans a tenant believes, and what falls when one is revoked.

use std::time::Duration;

use serde_json::{Value, json};

use super::approvals::reasons;
use super::reports::{CLEAN, add_scanner, published, seal, submit};
use super::trust::{file, filed, level, told};
use super::world::{Answer, World, new_key, on_both};

const SCANNERS: &str = "/v1/tenants/default/scanners";

async fn revoke(world: &World, name: &str) -> Answer {
    let path = format!("{SCANNERS}/{name}/revoke");
    world
        .post_as_operator(&path, &json!({"reason": "its key leaked"}))
        .await
}

async fn listed(world: &World) -> Value {
    world.get_as_operator(SCANNERS).await.json()["scanners"].clone()
}

#[tokio::test]
async fn to_revoke_a_scanner_voids_all_that_leans_on_it_at_once() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let ci = new_key();
        add_scanner(&world, "ci", &ci).await;
        let good = seal(&world, CLEAN, &digest, &ci);
        let evidence = submit(&world, "", &good).await.location.unwrap();
        assert_eq!(level(&world).await, 3);
        assert_eq!(
            revoke(&world, "ci").await.json(),
            json!({"name": "ci", "fallen": 1})
        );
        assert_eq!(
            (level(&world).await, told(&world).await),
            (2, vec![2, 3, 2])
        );
        assert_eq!(reasons(&world).await.last().unwrap(), "scanner_revoked");
        assert_eq!(world.get_as_operator(&evidence).await.json()["void"], true);
        // Neither it nor its name or key come back, and what it signs is not taken.
        submit(&world, "", &good)
            .await
            .problem(403, "scanner-refused");
        assert_eq!(revoke(&world, "ci").await.json()["fallen"], 0);
        add_scanner(&world, "ci", &new_key())
            .await
            .problem(409, "scanner-not-added");
        add_scanner(&world, "ci2", &ci)
            .await
            .problem(409, "scanner-not-added");
        let ci = &listed(&world).await[0];
        assert_eq!(
            (&ci["state"], &ci["reason"]),
            (&json!("revoked"), &json!("its key leaked"))
        );
        // Another one's scan counts.
        let other = new_key();
        add_scanner(&world, "other", &other).await;
        submit(&world, "", &seal(&world, CLEAN, &digest, &other)).await;
        assert_eq!(level(&world).await, 3);
    })
    .await;
}

#[tokio::test]
async fn what_operators_say_is_a_scanner_that_can_be_revoked_too() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let scan = json!({"type": "scan", "manifest": digest});
        filed(&world, scan.clone()).await;
        assert_eq!(level(&world).await, 3);
        assert_eq!(listed(&world).await[0]["name"], "operator");
        assert_eq!(revoke(&world, "operator").await.json()["fallen"], 1);
        assert_eq!(level(&world).await, 2);
        let mut again = scan.clone();
        again["statement"] = json!("again");
        file(&world, again.clone())
            .await
            .problem(403, "scanner-refused");
        let query = format!("?manifest={digest}");
        submit(&world, &query, CLEAN)
            .await
            .problem(403, "scanner-refused");
        // That something is wrong may always be said.
        let mut wrong = scan.clone();
        wrong["verdict"] = json!("fail");
        assert_eq!(file(&world, wrong).await.status, 201);
        // Back on the list, what was filed before stays void.
        world.clock.advance(Duration::from_secs(3600));
        let back = json!({"name": "operator"});
        assert_eq!(world.post_as_operator(SCANNERS, &back).await.status, 201);
        assert_eq!(level(&world).await, 2);
        filed(&world, again).await;
        assert_eq!(level(&world).await, 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_scanner_is_not_added() {
    on_both(async |world| {
        let key: Value =
            serde_json::from_str(&mcps_core::signer::Signer::public_key(&new_key()).to_jwk())
                .unwrap();
        for bad in [
            json!({"name": "ci"}),
            json!({"name": "ci", "public_key": key}),
            json!({"name": "ci", "formats": ["sarif"]}),
            json!({"name": "ci", "public_key": {"kty": "EC"}, "formats": ["sarif"]}),
            json!({"name": "ci", "public_key": key, "formats": ["pdf"]}),
            json!({"name": "operator", "public_key": key, "formats": ["sarif"]}),
            json!({"name": "../x", "public_key": key, "formats": ["sarif"]}),
        ] {
            let refused = world.post_as_operator(SCANNERS, &bad).await;
            refused.problem(422, "invalid-request");
        }
        revoke(&world, "nobody")
            .await
            .problem(404, "scanner-not-found");
        // In another tenant it is not known.
        let key = new_key();
        add_scanner(&world, "ci", &key).await;
        let other = world
            .get_as_operator("/v1/tenants/acme/scanners")
            .await
            .json();
        assert_eq!(other["scanners"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_a_report_and_its_scanners_end_at_once_none_is_left_standing() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        for round in 0..8 {
            let (name, key) = (format!("ci{round}"), new_key());
            add_scanner(&world, &name, &key).await;
            let sealed = seal(&world, CLEAN, &digest, &key);
            let (filed, revoked) = tokio::join!(submit(&world, "", &sealed), revoke(&world, &name));
            // Filed first, it fell; revoked first, it was not taken.
            assert_eq!(revoked.status, 200, "{}", revoked.text);
            let fallen = u64::from(filed.status == 201);
            assert_eq!(revoked.json()["fallen"], fallen, "{round}");
            assert_eq!(level(&world).await, 2, "{round}");
            world.clock.advance(Duration::from_secs(1));
        }
    })
    .await;
}
