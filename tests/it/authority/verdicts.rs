//! What tenants' operators say of tools that gateways hold back: orders, what stands of them, and what
//! the feed tells.

use mcps_core::digest::Digest;
use mcps_core::feed::{Held, Snapshot, Target};
use mcps_core::verdict::{Ruling, Verdicts};
use reqwest::Method;
use serde_json::{Value, json};

use super::audit::{findings, records};
use super::world::{Answer, World, on_both};

const PATH: &str = "/v1/tenants/acme/verdicts";

fn hash(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

fn about(order: &str, tool: &str, text: &str) -> Value {
    let mut body = json!({"order": order, "server": "files", "tool": tool});
    if !text.is_empty() {
        body["hash"] = hash(text).into();
    }
    body
}

async fn send(world: &World, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
    let bearer = format!("Bearer {}", world.operator);
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    let body = body.to_string();
    world.send_to(Method::POST, path, &headers, body).await
}

async fn order(world: &World, order: &str, tool: &str, text: &str) -> Value {
    let answer = send(world, PATH, &[], &about(order, tool, text)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// What a snapshot says that a tenant's operators have said.
async fn told(world: &World, tenant: &str) -> Option<Digest> {
    let text = world.get("/v1/feed/snapshot").await.text;
    let snapshot = Snapshot::verify(text, &world.bundle().await).unwrap();
    let target = Target::Tenant(tenant.to_owned());
    let mut entries = snapshot.entries.iter();
    entries.find_map(|entry| match entry.held {
        Held::Verdicts(digest) if entry.target == target => Some(digest),
        _ => None,
    })
}

async fn document(world: &World, tenant: &str, digest: &str) -> Answer {
    let path = format!("/v1/tenants/{tenant}/verdicts/documents/{digest}");
    world.get(&path).await
}

#[tokio::test]
async fn what_is_ordered_stands_is_told_and_says_who_ordered_it() {
    on_both(async |world| {
        let none = world.get_as_operator(PATH).await.json();
        assert_eq!(
            (&none["version"], &none["verdicts"]),
            (&json!(0), &json!([]))
        );
        assert_eq!(told(&world, "acme").await, None);
        let mut body = about("promote", "send", "one");
        body["reason"] = "looked at it".into();
        let first = send(&world, PATH, &[], &body).await.json();
        assert_eq!(first["changed"], true);
        let first = &first["verdict"];
        assert_eq!(
            (&first["version"], &first["position"], &first["order"]),
            (&json!(1), &json!("1:1"), &json!("promote"))
        );
        assert!(first["ordered_by"].as_str().unwrap().starts_with("op_"));
        let one = first["digest"].as_str().unwrap().to_owned();
        assert_eq!(told(&world, "acme").await, Digest::from_hex(&one));

        // Whoever fetches it gets the very bytes that the digest is of, and neither who nor why.
        let fetched = document(&world, "acme", &one).await;
        assert_eq!(hash(&fetched.text), one);
        assert!(!fetched.text.contains("looked at it") && !fetched.text.contains("op_"));
        let read = Verdicts::parse(fetched.text.as_bytes()).unwrap();
        let given = read.find("files", "send", Digest::from_hex(&hash("one")).as_ref());
        assert_eq!(given.map(|it| it.ruling), Some(Ruling::Promoted));

        order(&world, "reject", "send", "two").await;
        order(&world, "block", "look", "").await;
        let standing = world.get_as_operator(PATH).await.json();
        let said = |standing: &Value| -> Vec<(String, String)> {
            let all = standing["verdicts"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            all.map(|it| (text(&it["order"]), text(&it["tool"])))
                .collect()
        };
        let mut found = said(&standing);
        found.sort();
        let expected = [("block", "look"), ("promote", "send"), ("reject", "send")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let last = order(&world, "unblock", "look", "").await;
        let turned = order(&world, "reject", "send", "one").await;
        assert_ne!(last["verdict"]["digest"], turned["verdict"]["digest"]);
        let standing = world.get_as_operator(PATH).await.json();
        let rejected = || ("reject".to_owned(), "send".to_owned());
        assert_eq!(said(&standing), [rejected(), rejected()]);
        // What stood before is still to be had.
        assert_eq!(document(&world, "acme", &one).await.text, fetched.text);

        let listed = world
            .get_as_operator(&format!("{PATH}/orders"))
            .await
            .json();
        let orders = listed["orders"].as_array().unwrap();
        let numbers: Vec<_> = orders.iter().map(|one| one["version"].as_i64()).collect();
        assert_eq!(numbers, [5, 4, 3, 2, 1].map(Some));
        assert_eq!(orders[4]["reason"], "looked at it");
        let page = format!("{PATH}/orders?before=3&limit=1");
        let page = world.get_as_operator(&page).await.json();
        assert_eq!(page["orders"][0]["version"], 2);
        let recorded = records(&world).await.into_iter();
        let recorded = recorded.filter(|record| record.action.starts_with("quarantine."));
        let recorded: Vec<_> = recorded.collect();
        assert_eq!(recorded.len(), 5);
        assert!(recorded.iter().all(|record| record.subject == "acme"));
        assert_eq!(findings(&world).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_so_already_a_repetition_and_a_dry_run_change_nothing() {
    on_both(async |world| {
        let dry = format!("{PATH}?dry_run=true");
        let tried = send(&world, &dry, &[], &about("block", "look", ""))
            .await
            .json();
        assert_eq!(
            (&tried["changed"], &tried["dry_run"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(tried["verdict"]["position"], Value::Null);
        assert_eq!(told(&world, "acme").await, None);
        let nothing = order(&world, "unblock", "look", "").await;
        assert_eq!(
            (&nothing["changed"], &nothing["verdict"]),
            (&json!(false), &Value::Null)
        );
        let once = [("idempotency-key", "k")];
        let promote = about("promote", "send", "one");
        let one = send(&world, PATH, &once, &promote).await.json();
        order(&world, "reject", "send", "one").await;
        // Repeated after it was lost on the way: it does not take back what came since.
        let two = send(&world, PATH, &once, &promote).await.json();
        assert_eq!(
            (&two["verdict"], &two["changed"]),
            (&one["verdict"], &json!(false))
        );
        let other = about("promote", "send", "two");
        send(&world, PATH, &once, &other)
            .await
            .problem(409, "other-body");
        let again = order(&world, "reject", "send", "one").await;
        assert_eq!(
            (&again["verdict"]["version"], &again["changed"]),
            (&json!(2), &json!(false))
        );
        order(&world, "block", "send", "").await;
        for (verb, text) in [("promote", "one"), ("reject", "three")] {
            send(&world, PATH, &[], &about(verb, "send", text))
                .await
                .problem(409, "not-ordered");
        }
        assert_eq!(world.as_found().await.head().await.unwrap().position.seq, 3);
    })
    .await;
}

#[tokio::test]
async fn only_operators_order_and_no_tenant_has_what_another_ones_said() {
    on_both(async |world| {
        let done = order(&world, "block", "look", "").await;
        let digest = done["verdict"]["digest"].as_str().unwrap().to_owned();
        for path in [PATH.to_owned(), format!("{PATH}/orders")] {
            world.get(&path).await.problem(401, "operator-required");
        }
        let body = about("block", "look", "").to_string();
        world
            .send_to(Method::POST, PATH, &[], body)
            .await
            .problem(401, "operator-required");
        for (tenant, digest) in [
            ("other", &*digest),
            ("acme", &"0".repeat(64)),
            ("acme", "x"),
        ] {
            document(&world, tenant, digest)
                .await
                .problem(404, "verdicts-not-found");
        }
        document(&world, "Acme", &digest)
            .await
            .problem(400, "bad-tenant");
        let other = world.get_as_operator("/v1/tenants/other/verdicts").await;
        assert_eq!(other.json()["verdicts"], json!([]));
        assert_eq!(told(&world, "other").await, None);
    })
    .await;
}

#[tokio::test]
async fn what_gateways_would_not_read_is_not_taken() {
    on_both(async |world| {
        let with = |name: &str, value: Value| {
            let mut body = about("promote", "send", "one");
            body[name] = value;
            body
        };
        for body in [
            json!({}),
            about("promote", "send", ""),
            about("block", "send", "one"),
            with("order", "allow".into()),
            with("hash", hash("one").to_uppercase().into()),
            with("server", "".into()),
            with("server", "a/b".into()),
            with("tool", "a\nb".into()),
            with("tool", "x".repeat(257).into()),
            with("reason", "two\nlines".into()),
            with("tenant", "acme".into()),
        ] {
            let problem = send(&world, PATH, &[], &body)
                .await
                .problem(422, "invalid-request");
            assert!(!problem["detail"].as_str().unwrap().is_empty());
        }
        let odd = with("tool", "l\u{f6}schen \"alles\"".into());
        let done = send(&world, PATH, &[], &odd).await;
        assert_eq!(done.status, 200, "{}", done.text);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_is_changed_put_in_or_taken_away_behind_the_back_is_told() {
    on_both(async |world| {
        for (verb, text) in [("promote", "one"), ("reject", "two"), ("promote", "three")] {
            order(&world, verb, "send", text).await;
        }
        assert_eq!(findings(&world).await, [""; 0]);
        for (statement, expected) in [
            (
                "UPDATE tenant_verdicts SET ended_by = 2 WHERE version = 2",
                &["verdict 3 of tenant acme: what stands is not what the orders come to"][..],
            ),
            (
                "UPDATE tenant_verdicts SET verb = 'promote', ended_by = NULL WHERE version = 2",
                &[
                    "verdict 2 of tenant acme: not what its record says was ordered",
                    "verdict 3 of tenant acme: what stands is not what the orders come to",
                ],
            ),
            (
                "DELETE FROM tenant_verdicts WHERE version = 2",
                &[
                    "verdict 3 of tenant acme: what stands is not what the orders come to",
                    "verdict 2 of tenant acme: was ordered, and is gone",
                ],
            ),
        ] {
            world.sql(statement).await;
            assert_eq!(findings(&world).await, expected, "{statement}");
        }
        // Nobody is given what does not have the digest that the feed told.
        let told = told(&world, "acme").await.unwrap().to_string();
        document(&world, "acme", &told)
            .await
            .problem(404, "verdicts-not-found");
    })
    .await;
}
