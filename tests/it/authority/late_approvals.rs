//! A suspension that an operator approves long after the alert counts from the approval.

use std::time::Duration;

use mcps_authority::incidents::Made;
use serde_json::json;

use super::incidents::{agent, bearer, inbox, resolve, send, suspend};
use super::signals::state;
use super::world::{World, new_key, on_both};

const MINUTE: Duration = Duration::from_secs(60);

async fn proposed(world: &World) -> String {
    let proposed = inbox(world, "?outcome=proposed").await;
    assert_eq!(proposed.len(), 1, "{proposed:?}");
    proposed[0]["incident_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_alert_whose_suspension_is_in_force_is_kept() {
    on_both(async |world| {
        let token = bearer(&world, json!({"reach": 1, "suspend_s": 20 * 60})).await;
        let passport = world.issue("a", &new_key()).await;
        world.issue("b", &new_key()).await;
        let wide = json!({"kind": "tenant", "tenant": "default"});
        let told = send(&world, &token, &suspend("wide", wide)).await;
        assert_eq!(told.status, 202, "{}", told.text);
        let id = proposed(&world).await;
        world.clock.advance(15 * MINUTE);
        let path = format!("/v1/inbox/{id}/approve");
        let approved = world.post_as_operator(&path, &json!({})).await;
        assert_eq!(approved.status, 200, "{}", approved.text);
        // More than that after the alert, and less after the approval.
        world.clock.advance(10 * MINUTE);
        let db = world.database().await;
        assert_eq!(state(&world, &passport).await, "suspended");
        assert_eq!(
            db.prune_incidents(10 * MINUTE, world.now()).await.unwrap(),
            0
        );
        world.clock.advance(11 * MINUTE);
        assert_eq!(state(&world, &passport).await, "good");
        assert_eq!(
            db.prune_incidents(10 * MINUTE, world.now()).await.unwrap(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn an_alert_that_is_approved_holds_its_target_when_another_is_over() {
    on_both(async |world| {
        let token = bearer(&world, json!({"per_hour": 1, "suspend_s": 120 * 60})).await;
        let passport = world.issue("a", &new_key()).await;
        world.issue("b", &new_key()).await;
        for (id, name) in [("first", "b"), ("late", "a")] {
            let told = send(&world, &token, &suspend(id, agent(name))).await;
            assert!(told.status.is_success(), "{}", told.text);
        }
        let late = proposed(&world).await;
        world.clock.advance(90 * MINUTE);
        // Approved, and its order not given yet: else the suspension would be the operator's.
        let db = world.database().await;
        let late = db.incident(&late).await.unwrap().unwrap();
        let decided = db.decide(&late, Made::Pending, ("op", None), world.now());
        assert!(decided.await.unwrap());
        let other = send(&world, &token, &suspend("other", agent("a"))).await;
        assert_eq!(other.status, 200, "{}", other.text);
        world.clock.advance(60 * MINUTE);
        let over = send(&world, &token, &resolve("other")).await;
        assert_eq!(over.status, 200, "{}", over.text);
        let why = over.json()["incidents"][0]["why"].clone();
        assert_eq!(why, "another alert that is not over suspends the target");
        assert_eq!(state(&world, &passport).await, "suspended");
    })
    .await;
}
