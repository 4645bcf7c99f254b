//! Token Status Lists, as whoever does not follow the feed reads them.

use std::time::Duration;

use mcps_core::passport::Passport;
use mcps_core::status_list::{ListedStatus, StatusListToken};
use reqwest::StatusCode;
use serde_json::json;

use super::world::{World, new_key, on_both};

/// What the list says of a passport, a second after whatever was before.
async fn listed(world: &World, passport: &Passport) -> ListedStatus {
    world.clock.advance(Duration::from_secs(1));
    let place = passport.ext().unwrap().status.clone().unwrap();
    let path = place.uri.strip_prefix(&world.running.url()).unwrap();
    let answer = world.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.content_type, "application/statuslist+jwt");
    let bundle = world.bundle().await;
    let token = StatusListToken::verify(&answer.text, &place.uri, &bundle, world.now()).unwrap();
    token.list.get(place.index).unwrap()
}

#[tokio::test]
async fn says_what_has_become_of_each_passport() {
    on_both(async |world| {
        let (one, two) = (new_key(), new_key());
        let first = world.issue("one", &one).await;
        let second = world.issue("two", &two).await;
        assert_eq!(listed(&world, &first).await, ListedStatus::Valid);
        world.revoke(&first, "policy").await;
        assert_eq!(listed(&world, &first).await, ListedStatus::Invalid);
        assert_eq!(listed(&world, &second).await, ListedStatus::Valid);

        for (target, is) in [
            (
                json!({"kind": "tenant", "tenant": "default"}),
                ListedStatus::Suspended,
            ),
            (
                json!({"kind": "tenant", "tenant": "other"}),
                ListedStatus::Valid,
            ),
            (
                json!({"kind": "agent", "tenant": "default", "name": "two"}),
                ListedStatus::Suspended,
            ),
            (
                json!({"kind": "server", "tenant": "default", "name": "two"}),
                ListedStatus::Valid,
            ),
            (
                json!({"kind": "owner", "tenant": "default", "owner": "ops@example.org"}),
                ListedStatus::Suspended,
            ),
            (
                json!({"kind": "passport", "id": second.id().as_str()}),
                ListedStatus::Suspended,
            ),
            (
                json!({"kind": "key", "key": second.public_key().key_id().as_str()}),
                ListedStatus::Suspended,
            ),
        ] {
            let order = json!({"target": target, "reason": "policy"});
            let answer = world.post_as_operator("/v1/suspensions", &order).await;
            assert!(answer.status.is_success(), "{}", answer.text);
            assert_eq!(listed(&world, &second).await, is, "{target}");
            // What is for good is not softened.
            assert_eq!(listed(&world, &first).await, ListedStatus::Invalid);
            world
                .post_as_operator("/v1/reinstatements", &json!({"target": target}))
                .await;
            assert_eq!(listed(&world, &second).await, ListedStatus::Valid);
        }
        let order = json!({"target": {"kind": "all"}, "reason": "policy"});
        world.post_as_operator("/v1/stops", &order).await;
        assert_eq!(listed(&world, &second).await, ListedStatus::Suspended);
    })
    .await;
}

#[tokio::test]
async fn a_suspension_that_ends_by_itself_ends_there_too() {
    on_both(async |world| {
        let passport = world.issue("agent", &new_key()).await;
        let until = world.now().plus(Duration::from_secs(30)).to_string();
        let target = json!({"kind": "tenant", "tenant": "default"});
        let order = json!({"target": target, "reason": "policy", "until": until});
        world.post_as_operator("/v1/suspensions", &order).await;
        assert_eq!(listed(&world, &passport).await, ListedStatus::Suspended);
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(listed(&world, &passport).await, ListedStatus::Valid);
    })
    .await;
}

#[tokio::test]
async fn every_passport_has_a_place_of_its_own() {
    on_both(async |world| {
        let keys: Vec<_> = (0..20).map(|_| new_key()).collect();
        let names: Vec<_> = (0..20).map(|index| format!("agent-{index}")).collect();
        let issued = keys
            .iter()
            .zip(&names)
            .map(|(key, name)| world.issue(name, key));
        let issued = futures_util::future::join_all(issued).await;
        let places = issued.iter().map(|passport| {
            let place = passport.ext().unwrap().status.clone().unwrap();
            (place.uri, place.index)
        });
        let places: std::collections::BTreeSet<_> = places.collect();
        assert_eq!(places.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn is_fetched_again_only_when_it_changed() {
    on_both(async |world| {
        let passport = world.issue("agent", &new_key()).await;
        let path = "/v1/status-lists/0";
        let tag = world.headers(path).await["etag"]
            .to_str()
            .unwrap()
            .to_owned();
        let again = world.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(
            (again.status, again.text.as_str()),
            (StatusCode::NOT_MODIFIED, "")
        );
        world.clock.advance(Duration::from_secs(2));
        let again = world.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        world.revoke(&passport, "policy").await;
        let changed = world.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(changed.status, StatusCode::OK);
        for path in [
            "/v1/status-lists/1",
            "/v1/status-lists/-1",
            "/v1/status-lists/x",
        ] {
            world.get(path).await.problem(404, "status-list-not-found");
        }
    })
    .await;
}
