//! What tenants decide at gateways: versions of it, who changed them, and what the feed tells.

use std::sync::Arc;

use mcps_core::digest::Digest;
use mcps_core::feed::{Held, Snapshot, Target};
use mcps_core::tenant::{MAX_DOCUMENT_BYTES, TenantPolicy};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::audit::{findings, records};
use super::engine::Engine;
use super::world::{Answer, World, on_both};

const PATH: &str = "/v1/tenants/acme/policy";
const FORBID: &str = "forbid (principal, action, resource);\n";

fn policy(text: &str) -> Value {
    json!({"min_level": 2, "policy": [{"name": "acme.cedar", "text": text}]})
}

async fn send(world: &World, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
    let bearer = format!("Bearer {}", world.operator);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    let body = body.to_string();
    world.send_to(Method::PUT, path, &headers, body).await
}

async fn push(world: &World, after: &str, body: &Value) -> Answer {
    send(world, PATH, &[("if-match", after)], body).await
}

/// What a snapshot says that the tenant decides by.
async fn in_force(world: &World, tenant: &str) -> Option<Digest> {
    let text = world.get("/v1/feed/snapshot").await.text;
    let snapshot = Snapshot::verify(text, &world.bundle().await).unwrap();
    let target = Target::Tenant(tenant.to_owned());
    let mut entries = snapshot.entries.iter();
    entries.find_map(|entry| match entry.held {
        Held::Policy(digest) if entry.target == target => Some(digest),
        _ => None,
    })
}

async fn document(world: &World, tenant: &str, digest: &str) -> Answer {
    let path = format!("/v1/tenants/{tenant}/policy/documents/{digest}");
    world.get(&path).await
}

#[tokio::test]
async fn what_is_pushed_is_in_force_and_every_version_says_who_pushed_it() {
    on_both(async |world| {
        world
            .get_as_operator(PATH)
            .await
            .problem(404, "policy-not-found");
        assert_eq!(in_force(&world, "acme").await, None);
        let mut first = policy(FORBID);
        first["note"] = "the first".into();
        let pushed = push(&world, "\"0\"", &first).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text);
        assert_eq!(pushed.etag.as_deref(), Some("\"1\""));
        let pushed = pushed.json();
        assert_eq!(pushed["changed"], true);
        assert_eq!(pushed["version"]["position"], "1:1");
        let digest = pushed["version"]["digest"].as_str().unwrap().to_owned();
        assert_eq!(in_force(&world, "acme").await, Digest::from_hex(&digest));

        // Whoever fetches it gets the very bytes that the digest is of.
        let fetched = document(&world, "acme", &digest).await;
        assert_eq!(Digest::of(fetched.text.as_bytes()).to_string(), digest);
        let read = TenantPolicy::parse(fetched.text.as_bytes()).unwrap();
        assert_eq!((read.min_level.number(), read.default_policy), (2, true));
        assert_eq!(read.texts[0].text, FORBID);

        let second = push(&world, "\"1\"", &policy("# other\n")).await.json();
        assert_ne!(second["version"]["digest"], digest.as_str());
        // To go back is to push what was.
        let third = push(&world, "\"2\"", &policy(FORBID)).await.json();
        assert_eq!(third["version"]["digest"], digest.as_str());
        assert_eq!(third["version"]["version"], 3);
        assert_eq!(in_force(&world, "acme").await, Digest::from_hex(&digest));

        let shown = world.get_as_operator(PATH).await;
        assert_eq!(shown.etag.as_deref(), Some("\"3\""));
        assert_eq!(shown.json()["document"]["policy"][0]["text"], FORBID);
        let old = world.get_as_operator(&format!("{PATH}?version=2")).await;
        assert_eq!(old.json()["document"]["policy"][0]["text"], "# other\n");
        world
            .get_as_operator(&format!("{PATH}?version=4"))
            .await
            .problem(404, "policy-not-found");

        let listed = world
            .get_as_operator(&format!("{PATH}/versions"))
            .await
            .json();
        let versions = listed["versions"].as_array().unwrap();
        let numbers: Vec<_> = versions.iter().map(|one| one["version"].as_i64()).collect();
        assert_eq!(numbers, [Some(3), Some(2), Some(1)]);
        assert_eq!(versions[2]["note"], "the first");
        assert!(
            versions[0]["pushed_by"]
                .as_str()
                .unwrap()
                .starts_with("op_")
        );
        let page = format!("{PATH}/versions?before=3&limit=1");
        let page = world.get_as_operator(&page).await.json();
        assert_eq!(page["versions"][0]["version"], 2);

        let recorded = records(&world).await;
        let pushes = recorded
            .iter()
            .filter(|record| record.action == "policy.push");
        let pushes: Vec<_> = pushes.collect();
        assert_eq!(pushes.len(), 3);
        assert!(pushes.iter().all(|record| record.subject == "acme"));
        let of_first = pushes
            .iter()
            .find(|record| record.detail("version") == Some("1"));
        assert_eq!(of_first.unwrap().detail("digest"), Some(digest.as_str()));
    })
    .await;
}

#[tokio::test]
async fn what_is_in_force_already_and_a_dry_run_change_nothing() {
    on_both(async |world| {
        let dry = format!("{PATH}?dry_run=true");
        let tried = send(&world, &dry, &[("if-match", "\"0\"")], &policy(FORBID))
            .await
            .json();
        assert_eq!(
            (&tried["changed"], &tried["dry_run"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(tried["version"]["position"], Value::Null);
        world
            .get_as_operator(PATH)
            .await
            .problem(404, "policy-not-found");
        assert_eq!(in_force(&world, "acme").await, None);

        push(&world, "\"0\"", &policy(FORBID)).await;
        let again = push(&world, "\"1\"", &policy(FORBID)).await;
        assert_eq!(again.etag.as_deref(), Some("\"1\""));
        assert_eq!(again.json()["changed"], false);
        send(&world, &dry, &[("if-match", "\"0\"")], &policy("#"))
            .await
            .problem(412, "changed-meanwhile");
        let tried = send(&world, &dry, &[("if-match", "*")], &policy("#")).await;
        assert_eq!(tried.json()["version"]["version"], 2);
        assert_eq!(world.as_found().await.head().await.unwrap().position.seq, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_pushes_that_follow_the_same_version_one_wins() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        push(&world, "\"0\"", &policy(FORBID)).await;
        let mut pushes = JoinSet::new();
        for n in 0..16 {
            let world = Arc::clone(&world);
            pushes.spawn(async move { push(&world, "\"1\"", &policy(&format!("# {n}"))).await });
        }
        let answers = pushes.join_all().await;
        let won = answers.iter().filter(|answer| answer.status == 200);
        let won: Vec<_> = won.map(Answer::json).collect();
        assert_eq!(won.len(), 1, "on {engine:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.problem(412, "changed-meanwhile");
        }
        let digest = won[0]["version"]["digest"].as_str().unwrap();
        assert_eq!(in_force(&world, "acme").await, Digest::from_hex(digest));
    }
}

#[tokio::test]
async fn the_same_push_under_one_key_is_one_version() {
    on_both(async |world| {
        let order = async |after: &str, body: &Value| {
            let headers = [("if-match", after), ("idempotency-key", "k")];
            send(&world, PATH, &headers, body).await
        };
        let one = order("\"0\"", &policy(FORBID)).await.json();
        // Repeated after it was lost on the way: what it follows is not in force any more.
        let two = order("\"0\"", &policy(FORBID)).await.json();
        assert_eq!(one["version"], two["version"]);
        assert_eq!(two["changed"], false);
        push(&world, "\"1\"", &policy("# later")).await;
        let three = order("\"0\"", &policy(FORBID)).await.json();
        assert_eq!(one["version"], three["version"]);
        order("*", &policy("# other"))
            .await
            .problem(409, "other-body");
        let shown = world.get_as_operator(PATH).await;
        assert_eq!(shown.etag.as_deref(), Some("\"2\""));
    })
    .await;
}

#[tokio::test]
async fn only_operators_push_and_no_tenant_has_another_ones_text() {
    on_both(async |world| {
        let digest = push(&world, "*", &policy(FORBID)).await.json();
        let digest = digest["version"]["digest"].as_str().unwrap().to_owned();
        for path in [PATH.to_owned(), format!("{PATH}/versions")] {
            world.get(&path).await.problem(401, "operator-required");
        }
        let body = policy("#").to_string();
        world
            .send_to(Method::PUT, PATH, &[("if-match", "*")], body)
            .await
            .problem(401, "operator-required");
        document(&world, "other", &digest)
            .await
            .problem(404, "policy-not-found");
        document(&world, "acme", &"0".repeat(64))
            .await
            .problem(404, "policy-not-found");
        document(&world, "acme", "x")
            .await
            .problem(404, "policy-not-found");
        document(&world, "Acme", &digest)
            .await
            .problem(400, "bad-tenant");
        document(&world, "ac%6de", &digest)
            .await
            .problem(400, "bad-tenant");
        let versions = "/v1/tenants/other/policy/versions";
        let listed = world.get_as_operator(versions).await.json();
        assert_eq!(listed["versions"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_gateways_would_not_read_is_not_taken() {
    on_both(async |world| {
        send(&world, PATH, &[], &policy("#"))
            .await
            .problem(428, "revision-required");
        let text = |name: &str, text: &str| json!({"name": name, "text": text});
        for body in [
            json!({}),
            json!({"policy": [], "min_level": 5}),
            json!({"policy": [], "min_levle": 1}),
            json!({"policy": [{"name": "a.toml"}]}),
            json!({"policy": [{"name": "a.toml", "text": "", "kind": "toml"}]}),
            json!({"policy": [text("../a.toml", "")]}),
            json!({"policy": [text("a.toml", ""), text("a.toml", "#")]}),
            json!({"policy": [text("a.toml", &"x".repeat(MAX_DOCUMENT_BYTES))]}),
            json!({"policy": vec![text("a.toml", ""); 65]}),
            json!({"policy": [], "note": "two\nlines"}),
        ] {
            let problem = push(&world, "*", &body)
                .await
                .problem(422, "invalid-request");
            assert!(!problem["detail"].as_str().unwrap().is_empty());
        }
        let long = "x".repeat(2 * MAX_DOCUMENT_BYTES);
        push(&world, "*", &json!({"policy": [text("a.toml", &long)]}))
            .await
            .problem(413, "body-too-large");
        // As much as gateways read is taken, and more than other bodies may have.
        let much = "x".repeat(MAX_DOCUMENT_BYTES - 200);
        let pushed = push(&world, "*", &json!({"policy": [text("a.toml", &much)]})).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text);
    })
    .await;
}

#[tokio::test]
async fn a_version_that_is_changed_put_in_or_taken_away_behind_the_back_is_told() {
    on_both(async |world| {
        for (after, text) in [("\"0\"", "# 1"), ("\"1\"", "# 2"), ("\"2\"", "# 3")] {
            push(&world, after, &policy(text)).await;
        }
        assert_eq!(findings(&world).await, [""; 0]);
        for statement in [
            "UPDATE tenant_policies SET document = '{}' WHERE version = 1",
            "DELETE FROM tenant_policies WHERE version = 2",
            "INSERT INTO tenant_policies (tenant, version, digest, document, by_whom, at, told_at, \
             once_key, body) SELECT tenant, 4, digest, document, by_whom, at, told_at, 'other', body \
             FROM tenant_policies WHERE version = 3",
        ] {
            world.sql(statement).await;
        }
        let found = findings(&world).await;
        let expected = [
            "policy 1 of tenant acme: not what its record says was pushed",
            "policy 4 of tenant acme: there is no record of its push",
            "policy 2 of tenant acme: was pushed, and is gone",
        ];
        assert_eq!(found, expected);
    })
    .await;
}
