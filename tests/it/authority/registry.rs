//! Registered servers.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, on_both};

async fn add(world: &World, more: Value) -> Answer {
    let mut body = json!({"name": "notes", "owner": "ops@example.org"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    world.post_as_operator("/v1/servers", &body).await
}

fn id(answer: &Answer) -> String {
    answer.json()["server_id"].as_str().unwrap().to_owned()
}

async fn change(world: &World, id: &str, revision: Option<&str>, body: Value) -> Answer {
    let bearer = format!("Bearer {}", world.operator);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(revision.map(|revision| ("if-match", revision)));
    let path = format!("/v1/servers/{id}");
    world
        .send_to(Method::PATCH, &path, &headers, body.to_string())
        .await
}

#[tokio::test]
async fn a_server_is_registered_shown_and_listed() {
    on_both(async |world| {
        let origin = "https://notes.example";
        let added = add(&world, json!({"origin": origin})).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let id = id(&added);
        assert_eq!(added.location.unwrap(), format!("/v1/servers/{id}"));
        assert_eq!(added.etag.unwrap(), "\"1\"");

        let shown = world.get_as_operator(&format!("/v1/servers/{id}")).await;
        assert_eq!(shown.etag.as_deref(), Some("\"1\""));
        let shown = shown.json();
        assert_eq!(shown["server"]["origin"], origin);
        assert_eq!(shown["server"]["state"], "active");
        assert_eq!(
            (&shown["current"], &shown["refused"]),
            (&Value::Null, &json!([]))
        );

        for n in 0..3 {
            add(
                &world,
                json!({"name": format!("n{n}"), "owner": "others@example.org"}),
            )
            .await;
        }
        let mut path = "/v1/servers?limit=2".to_owned();
        let mut names = Vec::new();
        loop {
            let page = world.get_as_operator(&path).await.json();
            for server in page["servers"].as_array().unwrap() {
                names.push(server["name"].as_str().unwrap().to_owned());
            }
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/v1/servers?limit=2&cursor={cursor}");
        }
        names.sort();
        assert_eq!(names, ["n0", "n1", "n2", "notes"]);
        for (query, count) in [
            ("name=notes", 1),
            ("owner=others@example.org", 3),
            ("tenant=acme", 0),
            ("state=active", 4),
            ("state=retired", 0),
        ] {
            let found = world
                .get_as_operator(&format!("/v1/servers?{query}"))
                .await
                .json();
            assert_eq!(found["servers"].as_array().unwrap().len(), count, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_operators_register_and_look() {
    on_both(async |world| {
        let body = json!({"name": "notes", "owner": "o"});
        world
            .post("/v1/servers", &body)
            .await
            .problem(401, "operator-required");
        let id = id(&add(&world, json!({})).await);
        for path in [
            "/v1/servers".to_owned(),
            format!("/v1/servers/{id}"),
            format!("/v1/servers/{id}/manifests"),
            format!("/v1/servers/{id}/manifests/1"),
            format!("/v1/servers/{id}/diff?from=1&to=2"),
        ] {
            world.get(&path).await.problem(401, "operator-required");
        }
        let path = format!("/v1/servers/{id}");
        let headers = [("if-match", "*")];
        world
            .send_to(Method::PATCH, &path, &headers, "{}".to_owned())
            .await
            .problem(401, "operator-required");
    })
    .await;
}

#[tokio::test]
async fn a_name_and_an_origin_belong_to_one_server_until_it_is_retired() {
    on_both(async |world| {
        let first = id(&add(&world, json!({"origin": "https://a.example"})).await);
        for more in [
            json!({}),
            json!({"name": "other", "origin": "https://a.example"}),
        ] {
            let problem = add(&world, more).await.problem(409, "server-exists");
            assert!(
                problem["detail"].as_str().unwrap().contains(&first),
                "{problem}"
            );
        }
        // Another tenant's names are its own.
        let elsewhere = json!({"tenant": "acme", "origin": "https://a.example"});
        assert_eq!(add(&world, elsewhere).await.status, 201);
        change(&world, &first, Some("*"), json!({"state": "retired"})).await;
        let second = id(&add(&world, json!({"origin": "https://a.example"})).await);
        assert_ne!(first, second);
        let shown = world
            .get_as_operator(&format!("/v1/servers/{first}"))
            .await
            .json();
        assert_eq!(shown["server"]["state"], "retired");
    })
    .await;
}

#[tokio::test]
async fn the_same_order_under_one_key_makes_one_server() {
    on_both(async |world| {
        let bearer = format!("Bearer {}", world.operator);
        let order = async |key: &str, name: &str| {
            let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
            let body = json!({"name": name, "owner": "o"}).to_string();
            world.send_with("/v1/servers", &headers, body).await
        };
        let (one, two) = tokio::join!(order("k", "notes"), order("k", "notes"));
        assert_eq!(id(&one), id(&two));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201]);
        order("k", "others").await.problem(409, "other-body");
        order("l", "notes").await.problem(409, "server-exists");
        order("not a key", "x")
            .await
            .problem(400, "bad-idempotency-key");
    })
    .await;
}

#[tokio::test]
async fn a_change_is_for_the_revision_that_was_seen() {
    on_both(async |world| {
        let id = id(&add(&world, json!({})).await);
        let disable = json!({"state": "disabled"});
        change(&world, &id, None, disable.clone())
            .await
            .problem(428, "revision-required");
        for bad in ["1", "W/\"1\"", "\"x\"", "\"1\", \"2\"", "\"-1\"", "\"\""] {
            change(&world, &id, Some(bad), disable.clone())
                .await
                .problem(400, "bad-revision");
        }
        let changed = change(&world, &id, Some("\"1\""), disable.clone()).await;
        assert_eq!(changed.etag.as_deref(), Some("\"2\""));
        assert_eq!(changed.json()["state"], "disabled");
        change(&world, &id, Some("\"1\""), json!({"owner": "x"}))
            .await
            .problem(412, "changed-meanwhile");
        // What is so already counts as no change.
        let same = change(&world, &id, Some("\"2\""), disable).await;
        assert_eq!(same.etag.as_deref(), Some("\"2\""));

        let (one, two) = tokio::join!(
            change(&world, &id, Some("\"2\""), json!({"owner": "one"})),
            change(&world, &id, Some("\"2\""), json!({"owner": "two"})),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    })
    .await;
}

#[tokio::test]
async fn a_retired_server_stays_retired() {
    on_both(async |world| {
        let id = id(&add(&world, json!({})).await);
        change(&world, &id, Some("*"), json!({"state": "retired"})).await;
        for body in [json!({"state": "active"}), json!({"owner": "x"})] {
            change(&world, &id, Some("*"), body)
                .await
                .problem(409, "server-retired");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_a_server_is_said_to_be_none() {
    on_both(async |world| {
        let unknown = format!("srv_{}", "0".repeat(32));
        for tail in ["", "/manifests", "/manifests/1", "/diff?from=1&to=2"] {
            let path = format!("/v1/servers/{unknown}{tail}");
            let slug = if tail.len() > 10 {
                "manifest-not-found"
            } else {
                "server-not-found"
            };
            world.get_as_operator(&path).await.problem(404, slug);
        }
        change(&world, &unknown, Some("*"), json!({}))
            .await
            .problem(404, "server-not-found");
        for bad in [
            "srv_0",
            "SRV_00000000000000000000000000000000",
            "%73rv_",
            "asp_0",
        ] {
            let path = format!("/v1/servers/{bad}");
            world
                .get_as_operator(&path)
                .await
                .problem(400, "bad-server-id");
        }
        for body in [
            json!({"name": "notes"}),
            json!({"name": "no tes", "owner": "o"}),
            json!({"name": "notes", "owner": "o", "origin": "HTTPS://A"}),
            json!({"name": "notes", "owner": "o", "more": 1}),
        ] {
            let refused = world.post_as_operator("/v1/servers", &body).await;
            refused.problem(422, "invalid-request");
        }
    })
    .await;
}
