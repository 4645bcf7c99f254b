//! What the registry and the levels change is in the audit trail.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::approvals::Approver;
use super::audit::records;
use super::trust::{DAY, filed, published, wait_for};
use super::world::on_both;

#[tokio::test]
async fn every_change_of_the_registry_and_of_evidence_leaves_a_record() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        // What changes nothing leaves none; what is refused under a version does.
        server.publish(&world, "1", &[r#"{"name":"read"}"#]).await;
        server.publish(&world, "1", &[]).await;
        let bearer = format!("Bearer {}", world.operator);
        let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
        let path = format!("/v1/servers/{}", server.id);
        for state in ["disabled", "active", "active"] {
            let body = json!({"state": state}).to_string();
            world.send_to(Method::PATCH, &path, &headers, body).await;
        }
        filed(&world, json!({"type": "operator_decision"})).await;
        let audit = filed(&world, json!({"type": "audit", "manifest": digest})).await;
        let other = Approver::new(&world, "b").await;
        for _ in 0..2 {
            other.approve(&world, &audit, 4).await;
        }
        let scanners = "/v1/tenants/default/scanners";
        for _ in 0..2 {
            other.revoke_key(&world).await;
            let path = format!("{scanners}/operator/revoke");
            world.post_as_operator(&path, &json!({})).await;
        }
        let back = json!({"name": "operator"});
        world.post_as_operator(scanners, &back).await;
        let path = "/v1/subjects/server/default/notes/origin-challenges";
        world.post_as_operator(path, &json!({})).await;
        world.clock.advance(91 * DAY + Duration::from_secs(1));
        wait_for(&world, 4).await;

        let mut actions: Vec<String> = records(&world)
            .await
            .into_iter()
            .map(|record| record.action)
            .filter(|action| !action.starts_with("operator.") && !action.starts_with("trail."))
            .collect();
        actions.sort();
        assert_eq!(
            actions,
            [
                "approver_key.add",
                "approver_key.revoke",
                "evidence.approve",
                "evidence.file",
                "evidence.file",
                "manifest.publish",
                "manifest.refuse",
                "origin.challenge",
                "passport.issue",
                "scanner.add",
                "scanner.revoke",
                "server.add",
                "server.change",
                "server.change",
                "trust.lapse",
            ]
        );
    })
    .await;
}
