//! Pages of lists, and answers that are not sent twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::world::{World, new_key, on_both};

/// Three rows in each list, all made at the same instant.
async fn fill(world: &World) {
    for name in ["a", "b", "c"] {
        world.issue(name, &new_key()).await;
        let token = json!({"kind": "agent", "owner": "o", "name": name});
        world.post_as_operator("/v1/enrolment-tokens", &token).await;
        let order = json!({"target": {"kind": "tenant", "tenant": name}});
        world.post_as_operator("/v1/suspensions", &order).await;
    }
}

const LISTS: [(&str, &str, &str); 3] = [
    ("/v1/passports", "passports", "passport_id"),
    ("/v1/enrolment-tokens", "tokens", "token_id"),
    ("/v1/actions", "actions", "action_id"),
];

#[tokio::test]
async fn pages_go_through_a_list_once_and_whole() {
    on_both(async |world| {
        fill(&world).await;
        for (path, rows, id) in LISTS {
            let all = world.get_as_operator(path).await.json();
            assert!(all.get("next_cursor").is_none());
            let ids = |page: &Value| -> Vec<String> {
                let rows = page[rows].as_array().unwrap().iter();
                rows.map(|row| row[id].as_str().unwrap().to_owned())
                    .collect()
            };
            let mut seen = Vec::new();
            let mut query = "?limit=1".to_owned();
            loop {
                let page = world
                    .get_as_operator(&format!("{path}{query}"))
                    .await
                    .json();
                seen.extend(ids(&page));
                let Some(cursor) = page["next_cursor"].as_str() else {
                    break;
                };
                query = format!("?limit=1&cursor={cursor}");
            }
            assert_eq!(seen, ids(&all), "{path}");
            assert_eq!(seen.len(), 3);
        }
    })
    .await;
}

#[tokio::test]
async fn an_edited_or_a_foreign_cursor_is_refused() {
    on_both(async |world| {
        fill(&world).await;
        let mut cursors = Vec::new();
        for (path, ..) in LISTS {
            let page = world
                .get_as_operator(&format!("{path}?limit=1"))
                .await
                .json();
            cursors.push(page["next_cursor"].as_str().unwrap().to_owned());
        }
        let refused = async |path: String| {
            world
                .get_as_operator(&path)
                .await
                .problem(400, "bad-cursor");
        };
        for (at, (path, ..)) in LISTS.into_iter().enumerate() {
            // Those of the other lists.
            for other in cursors.iter().skip(at + 1).chain(&cursors[..at]) {
                refused(format!("{path}?cursor={other}")).await;
            }
            let own = &cursors[at];
            let bytes = URL_SAFE_NO_PAD.decode(own).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let signed: Value = serde_json::from_str(&text).unwrap();
            let mut edited = Vec::new();
            for (member, value) in [("after", "asp_0"), ("filter", "live"), ("list", "x")] {
                let mut other = signed.clone();
                other[member] = json!(value);
                edited.push(URL_SAFE_NO_PAD.encode(other.to_string()));
            }
            edited.extend([
                "x".to_owned(),
                format!("{own}="),
                own[..40].to_owned(),
                "A".repeat(4000),
            ]);
            for cursor in edited {
                refused(format!("{path}?cursor={cursor}")).await;
            }
        }
        // It is for what was asked.
        refused(format!("/v1/passports?status=live&cursor={}", cursors[0])).await;
        refused(format!("/v1/actions?outcome=done&cursor={}", cursors[2])).await;
        // And of this authority alone.
        let other = World::start(super::engine::Engine::Sqlite).await;
        let path = format!("/v1/passports?cursor={}", cursors[0]);
        let foreign = other.get_as_operator(&path).await;
        foreign.problem(400, "bad-cursor");
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_good_at_every_replica() {
    on_both(async |world| {
        fill(&world).await;
        let page = world.get_as_operator("/v1/passports?limit=2").await.json();
        let cursor = page["next_cursor"].as_str().unwrap().to_owned();
        let world = match world.database_url() {
            Some(_) => world.replica().await,
            None => world.restart().await,
        };
        let page = world
            .get_as_operator(&format!("/v1/passports?limit=2&cursor={cursor}"))
            .await
            .json();
        assert_eq!(page["passports"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_not_sent_to_whoever_has_it() {
    on_both(async |world| {
        let key = new_key();
        let passport = world.issue("a", &key).await;
        let shown = format!("/v1/passports/{}", passport.id());
        let client = reqwest::Client::builder().build().unwrap();
        let ask = async |path: &str, tag: &str| {
            let url = format!("{}{path}", world.running.url());
            let request = client.get(url).header(IF_NONE_MATCH, tag);
            let response = request.send().await.unwrap();
            let tag = response.headers()[ETAG].to_str().unwrap().to_owned();
            (
                response.status().as_u16(),
                tag,
                response.text().await.unwrap(),
            )
        };
        for path in ["/.well-known/mcps-trust", "/.well-known/jwks.json", &shown] {
            let (status, tag, text) = ask(path, "\"other\"").await;
            assert_eq!(status, 200, "{path}");
            assert!(!text.is_empty());
            let known = format!("\"other\", W/{tag}");
            assert_eq!(ask(path, &known).await, (304, tag, String::new()), "{path}");
        }
        // What has changed is sent.
        let (_, before, _) = ask(&shown, "\"other\"").await;
        world.revoke(&passport, "policy").await;
        let (status, after, text) = ask(&shown, &before).await;
        assert_eq!(status, 200);
        assert!(after != before && text.contains("revoked"), "{text}");
    })
    .await;
}
