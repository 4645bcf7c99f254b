//! Who may do what: docs/access.md says it, route by route and role by role, and here every word of it is
//! tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mcps_authority::api;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{World, new_key, on_both};

const ROLES: [&str; 7] = [
    "viewer",
    "operator",
    "issuer",
    "responder",
    "auditor",
    "approver",
    "owner",
];

/// What the document says of one role and one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Anyone,
    /// Held for one tenant or for all.
    Yes,
    /// Held for all tenants.
    All,
    No,
}

/// The table of docs/access.md: for each route, what each role may.
fn table() -> BTreeMap<String, Vec<Cell>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/access.md");
    let text = fs::read_to_string(path).unwrap();
    let mut rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = |row: &str| -> Vec<String> {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let head = rows.find(|row| row.starts_with("| route ")).unwrap();
    assert_eq!(cells(head)[1..], ROLES);
    let mut table = BTreeMap::new();
    for row in rows {
        let row = cells(row);
        let marks = row[1..].iter().map(|mark| match mark.as_str() {
            "anyone" => Cell::Anyone,
            "yes" => Cell::Yes,
            "all" => Cell::All,
            "–" => Cell::No,
            other => panic!("{other} in the row of {}", row[0]),
        });
        let marks: Vec<Cell> = marks.collect();
        assert_eq!(marks.len(), ROLES.len(), "{}", row[0]);
        assert!(table.insert(row[0].clone(), marks).is_none(), "{}", row[0]);
    }
    table
}

/// Every route of the service, as `METHOD /path`.
fn routes() -> Vec<String> {
    let document: Value = serde_json::from_str(&api::openapi_json().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes.sort();
    routes
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let rows: Vec<String> = table().into_keys().collect();
    assert_eq!(rows, routes(), "docs/access.md has a row for each route");
}

/// Calls a route with nothing that it could carry out, and says which problem it answers with.
async fn call(world: &World, route: &str, key: Option<&str>) -> String {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path
        .replace("{tenant}", "acme")
        .replace("{kind}", "agent")
        .replace("{name}", "nobody")
        .replace("{lane}", "0")
        .replace("{number}", "0")
        .replace("{epoch}", "9")
        .replace("{version}", "1")
        .replace("{source}", "nobody")
        .replace("{digest}", &"0".repeat(64))
        .replace("{kid}", &"A".repeat(43))
        .replace("{id}", "of-nothing");
    let path = match path.as_str() {
        "/v1/feed/frames" => "/v1/feed/frames?wait_s=0",
        path => path,
    };
    let method: Method = method.parse().unwrap();
    let client = reqwest::Client::builder().build().unwrap();
    let mut request = client.request(method.clone(), world.running.url() + path);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if method != Method::GET {
        request = request
            .header("content-type", "application/json")
            .body("{}");
    }
    let answer = request.send().await.unwrap();
    if answer.status().is_success() {
        // One of them never ends.
        return String::new();
    }
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let kind = problem["type"].as_str().unwrap();
    kind.rsplit_once('/').unwrap().1.to_owned()
}

#[tokio::test]
async fn each_role_may_what_its_row_says_and_nothing_else() {
    on_both(async |world| {
        let table = table();
        for (at, role) in ROLES.iter().enumerate() {
            let everywhere = world.operator_with(role, &[&format!("{role}@*")]).await;
            let in_one = world.operator_with(role, &[&format!("{role}@acme")]).await;
            for (route, cells) in &table {
                let [all, one] = match cells[at] {
                    Cell::Anyone | Cell::Yes => [true, true],
                    Cell::All => [true, false],
                    Cell::No => [false, false],
                };
                for (key, allowed, held) in [(&everywhere, all, "*"), (&in_one, one, "acme")] {
                    let problem = call(&world, route, Some(key)).await;
                    assert_ne!(problem, "operator-required", "{route} as {role}@{held}");
                    let refused = problem == "role-required";
                    assert_eq!(refused, !allowed, "{route} as {role}@{held}: {problem}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_is_no_operator_reaches_what_is_anyones_alone() {
    on_both(async |world| {
        let nothing = world.operator_with("nothing", &[]).await;
        for (route, cells) in table() {
            let anyones = cells.iter().all(|cell| *cell == Cell::Anyone);
            let problem = call(&world, &route, None).await;
            assert_eq!(
                problem == "operator-required",
                !anyones,
                "{route}: {problem}"
            );
            let problem = call(&world, &route, Some(&nothing)).await;
            assert_eq!(problem == "role-required", !anyones, "{route}: {problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_operator_is_added_shown_given_another_key_and_disabled() {
    on_both(async |world| {
        let asked = json!({"name": "on call", "roles": ["responder@acme", "viewer@acme"]});
        let made = world.post_as_operator("/v1/operators", &asked).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let (path, made) = (made.location.clone().unwrap(), made.json());
        assert_eq!(made["roles"], json!(["viewer@acme", "responder@acme"]));
        let key = made["key"].as_str().unwrap();
        let get = async |path: &str, key: &str| {
            let answer = world.send(Method::GET, path, Some(key), None).await;
            answer.status.as_u16()
        };
        assert_eq!(get("/v1/passports", key).await, 200);
        assert_eq!(get("/v1/operators", key).await, 403);
        let shown = world.get_as_operator(&path).await.json();
        assert_eq!(shown["name"], "on call");
        assert!(shown.get("key").is_none());
        let post = async |verb: &str| {
            let path = format!("{path}/{verb}");
            world.post_as_operator(&path, &json!({})).await
        };
        let rotated = post("rotate").await.json();
        let other = rotated["key"].as_str().unwrap();
        assert_eq!(get("/v1/passports", key).await, 401);
        assert_eq!(get("/v1/passports", other).await, 200);
        assert!(post("disable").await.json()["disabled_at"].is_string());
        assert_eq!(get("/v1/passports", other).await, 401);
        post("rotate").await.problem(409, "operator-unchanged");
        let listed = world.get_as_operator("/v1/operators").await.json();
        assert_eq!(listed["operators"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_operator_ends_when_its_time_is_over_and_nobody_disables_itself() {
    on_both(async |world| {
        let until = world
            .now()
            .plus(std::time::Duration::from_secs(60))
            .to_string();
        let asked = json!({"name": "for a minute", "roles": ["viewer@*"], "expires_at": until});
        let made = world.post_as_operator("/v1/operators", &asked).await.json();
        let key = made["key"].as_str().unwrap().to_owned();
        let get = async || {
            let answer = world
                .send(Method::GET, "/v1/passports", Some(&key), None)
                .await;
            answer.status.as_u16()
        };
        assert_eq!(get().await, 200);
        let asked = json!({"name": "issues", "roles": ["issuer@*"], "expires_at": until});
        let issuer = world.post_as_operator("/v1/operators", &asked).await.json();
        let issuer = issuer["key"].as_str().unwrap().to_owned();
        let token = json!({"kind": "agent", "owner": "ops@example.org", "name": "a"}).to_string();
        let tokens = "/v1/enrolment-tokens";
        let token = world
            .send(Method::POST, tokens, Some(&issuer), Some(token))
            .await;
        let token = token.json()["token"].as_str().unwrap().to_owned();
        world.clock.advance(std::time::Duration::from_secs(60));
        assert_eq!(get().await, 401);
        // What it gave ends with it.
        let order = world.order("a", &new_key()).await.to_string();
        let passports = "/v1/passports";
        let enrolled = world
            .send(Method::POST, passports, Some(&token), Some(order))
            .await;
        enrolled.problem(403, "token-refused");
        let listed = world.get_as_operator("/v1/operators").await.json();
        let own = listed["operators"].as_array().unwrap().iter();
        let own = own
            .clone()
            .find(|operator| operator["name"] == "first")
            .unwrap();
        let path = format!(
            "/v1/operators/{}/disable",
            own["operator_id"].as_str().unwrap()
        );
        let answer = world.post_as_operator(&path, &json!({})).await;
        answer.problem(409, "operator-unchanged");
    })
    .await;
}

#[tokio::test]
async fn an_owner_gives_no_more_than_it_has() {
    on_both(async |world| {
        let owner = world.operator_with("owner of acme", &["owner@acme"]).await;
        let add = async |role: &str| {
            let body = json!({"name": "x", "roles": [role]}).to_string();
            let key = Some(owner.as_str());
            world
                .send(Method::POST, "/v1/operators", key, Some(body))
                .await
        };
        assert_eq!(add("responder@acme").await.status, 201);
        assert_eq!(add("owner@acme").await.status, 201);
        add("viewer@*").await.problem(403, "role-required");
        add("viewer@other").await.problem(404, "tenant-not-found");
        add("root@acme").await.problem(422, "invalid-request");
        // It sees the operators of its tenant, and neither those of others nor those of all.
        let key = Some(owner.as_str());
        let listed = world
            .send(Method::GET, "/v1/operators", key, None)
            .await
            .json();
        assert_eq!(listed["operators"].as_array().unwrap().len(), 3);
        let all = world.get_as_operator("/v1/operators").await.json();
        let first = all["operators"].as_array().unwrap().iter();
        let first = first
            .clone()
            .find(|operator| operator["name"] == "first")
            .unwrap();
        let path = format!("/v1/operators/{}", first["operator_id"].as_str().unwrap());
        let answer = world.send(Method::GET, &path, key, None).await;
        answer.problem(404, "operator-not-found");
        for verb in ["disable", "rotate"] {
            let path = format!("{path}/{verb}");
            let answer = world
                .send(Method::POST, &path, key, Some("{}".to_owned()))
                .await;
            answer.problem(404, "operator-not-found");
        }
    })
    .await;
}

#[tokio::test]
async fn a_disabled_tenant_stands_still_until_it_is_enabled() {
    on_both(async |world| {
        let added = world
            .post_as_operator("/v1/tenants", &json!({"tenant": "acme"}))
            .await;
        assert_eq!(added.status, 201, "{}", added.text);
        let again = world
            .post_as_operator("/v1/tenants", &json!({"tenant": "acme"}))
            .await;
        assert_eq!(again.status, 200, "{}", again.text);
        let own = world.operator_with("of acme", &["owner@acme"]).await;
        let get = async || {
            let answer = world
                .send(Method::GET, "/v1/passports", Some(&own), None)
                .await;
            answer.status.as_u16()
        };
        assert_eq!(get().await, 200);
        let disabled = world
            .post_as_operator("/v1/tenants/acme/disable", &json!({}))
            .await;
        let disabled = disabled.json();
        assert_eq!(disabled["tenant"]["disabled"], true);
        assert_eq!(disabled["position"], "1:1");
        assert_eq!(get().await, 403);
        let order = json!({"kind": "agent", "tenant": "acme", "name": "a", "owner": "o"});
        let token = world.post_as_operator("/v1/enrolment-tokens", &order).await;
        assert_eq!(
            token.status, 201,
            "whoever has every tenant prepares: {}",
            token.text
        );
        let enabled = world
            .post_as_operator("/v1/tenants/acme/enable", &json!({}))
            .await;
        assert_eq!(enabled.json()["tenant"]["disabled"], false);
        assert_eq!(get().await, 200);
        let unknown = world
            .post_as_operator("/v1/tenants/nobody/disable", &json!({}))
            .await;
        unknown.problem(404, "tenant-not-found");
    })
    .await;
}
