//! What of the inbox is not kept for ever.

use std::time::Duration;

use serde_json::{Value, json};

use super::incidents::{agent, bearer, inbox, resolve, send, suspend};
use super::world::{new_key, on_both};

#[tokio::test]
async fn what_is_over_goes_after_a_while_and_what_waits_or_holds_stays() {
    on_both(async |world| {
        let token = bearer(&world, json!({"reach": 1, "per_hour": 100})).await;
        for name in ["over", "held", "wide"] {
            world.issue(name, &new_key()).await;
        }
        let tell = async |id: &str, target: Value| {
            let told = send(&world, &token, &suspend(id, target)).await;
            assert!(told.status.is_success(), "{}", told.text);
        };
        tell("over", agent("over")).await;
        tell("held", agent("held")).await;
        tell("nobody", agent("nobody")).await;
        tell("wide", json!({"kind": "tenant", "tenant": "default"})).await;
        let over = send(&world, &token, &resolve("over")).await;
        assert!(over.status.is_success(), "{}", over.text);
        let keep = 400 * Duration::from_secs(24 * 3600);
        let db = world.database().await;
        world.clock.advance(keep);
        assert_eq!(db.prune_incidents(keep, world.now()).await.unwrap(), 0);
        world.clock.advance(Duration::from_secs(1));
        // The one that was resolved, what resolved it, and the one of nobody.
        assert_eq!(db.prune_incidents(keep, world.now()).await.unwrap(), 3);
        assert_eq!(db.prune_incidents(keep, world.now()).await.unwrap(), 0);
        let mut left: Vec<String> = inbox(&world, "")
            .await
            .iter()
            .map(|one| {
                format!(
                    "{} {}",
                    one["action"].as_str().unwrap(),
                    one["outcome"].as_str().unwrap()
                )
            })
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["suspend done", "suspend proposed"]);
    })
    .await;
}
