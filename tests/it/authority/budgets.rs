//! Budgets of issuing and of cutting off: neither takes from the other.

use mcps_authority::Config;
use mcps_authority::store::Pool;
use reqwest::Response;
use serde_json::{Value, json};
use sqlx::Executor as _;

use super::engine::Engine;
use super::world::{World, kid, new_key};

/// An authority that allows so many requests an hour, and a folder for it.
async fn world(engine: Engine, issue: &str, order: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        issue_quota: issue.parse().unwrap(),
        order_quota: order.parse().unwrap(),
        ..Config::local(folder.path().join("data"))
    };
    (World::start_with(engine, config).await, folder)
}

pub(super) async fn post(world: &World, path: &str, key: Option<&str>, body: &Value) -> Response {
    let client = reqwest::Client::builder().build().unwrap();
    let mut request = client.post(world.running.url() + path).json(body);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    request.send().await.unwrap()
}

pub(super) fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

fn challenge(world: &World) -> Value {
    json!({"subject": "a", "kid": kid(&new_key()), "audience": world.running.name})
}

fn suspension(name: &str) -> Value {
    json!({"target": {"kind": "tenant", "tenant": name}})
}

#[tokio::test]
async fn issuing_that_has_spent_its_budget_does_not_keep_a_revocation_waiting() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, "3/3600", "5/3600").await;
        for left in [2, 1, 0] {
            let opened = post(&world, "/v1/challenges", None, &challenge(&world)).await;
            assert_eq!(opened.status(), 201);
            assert_eq!(header(&opened, "ratelimit-policy"), "\"issue\";q=3;w=3600");
            let state = header(&opened, "ratelimit");
            assert!(
                state.starts_with(&format!("\"issue\";r={left};t=")),
                "{state}"
            );
        }
        for path in ["/v1/challenges", "/v1/passports", "/v1/passports/x/renew"] {
            let refused = post(&world, path, None, &challenge(&world)).await;
            assert_eq!(refused.status(), 429, "{path}");
            let retry: u64 = header(&refused, "retry-after").parse().unwrap();
            assert!((1..=1200).contains(&retry), "{retry}");
            let problem: Value = refused.json().await.unwrap();
            assert_eq!(problem["type"], "https://mcps.dev/problems/rate-limited");
            assert_eq!(problem["code"], "MCPS-010");
        }
        // What an operator may issue is counted apart from what comes from the same address.
        let operator = Some(world.operator.as_str());
        let token = json!({"kind": "agent", "owner": "o", "name": "a"});
        let made = post(&world, "/v1/enrolment-tokens", operator, &token).await;
        assert_eq!(made.status(), 201);
        for name in ["a", "b", "c"] {
            let done = post(&world, "/v1/suspensions", operator, &suspension(name)).await;
            assert_eq!(done.status(), 200);
            assert_eq!(header(&done, "ratelimit-policy"), "\"order\";q=5;w=3600");
        }
        // Nor is what only reads counted.
        assert_eq!(world.get("/.well-known/mcps-trust").await.status, 200);
    }
}

#[tokio::test]
async fn whoever_makes_keys_up_does_not_spend_an_operators_budget() {
    for engine in Engine::BOTH {
        let (world, _folder) = world(engine, "9/3600", "2/3600").await;
        let mut refused = 0;
        for n in 0..6 {
            let guess = format!("mcps_op_{}{n}", "A".repeat(42));
            let answer = post(&world, "/v1/revocations", Some(&guess), &suspension("a")).await;
            refused += u32::from(answer.status() == 429);
        }
        assert_eq!(refused, 4, "guessing has a budget too");
        let operator = Some(world.operator.as_str());
        let done = post(&world, "/v1/revocations", operator, &suspension("a")).await;
        assert_eq!(done.status(), 200);
        post(&world, "/v1/revocations", operator, &suspension("b")).await;
        let spent = post(&world, "/v1/revocations", operator, &suspension("c")).await;
        assert_eq!(spent.status(), 429);
        // Which leaves issuing as it was.
        let opened = post(&world, "/v1/challenges", None, &challenge(&world)).await;
        assert_eq!(opened.status(), 201);
    }
}

/// Issuing that waits in the database leaves connections for an order. SQLite has one writer, so
/// there is nothing to share there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn issuing_that_is_stuck_does_not_hold_every_connection() {
    let world = World::start(Engine::Postgres).await;
    let db = world.database().await;
    let Pool::Postgres(pool) = db.pool() else {
        panic!("not PostgreSQL");
    };
    let mut blocker = pool.begin().await.unwrap();
    blocker
        .execute("LOCK TABLE challenges IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let url = world.running.url();
    let mut stuck = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (url, body) = (url.clone(), challenge(&world));
        stuck.spawn(async move {
            let client = reqwest::Client::builder().build().unwrap();
            let sent = client.post(url + "/v1/challenges").json(&body).send();
            sent.await.map(|answer| answer.status().as_u16())
        });
    }
    // Until issuing has all that it gets, two round trips at once: nothing else tells that the requests
    // have arrived.
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
         AND datname = current_database()";
    loop {
        let (count,): (i64,) = sqlx::query_as(waiting).fetch_one(pool).await.unwrap();
        if count >= 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let done = world
        .post_as_operator("/v1/suspensions", &suspension("a"))
        .await;
    assert_eq!(done.status, 200, "{}", done.text);
    blocker.rollback().await.unwrap();
    stuck.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_fills_the_first_address_leaves_the_one_for_orders_free() {
    for engine in Engine::BOTH {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            max_connections: 2,
            order_listen: Some("127.0.0.1:0".parse().unwrap()),
            ..Config::local(folder.path().join("data"))
        };
        let world = World::start_with(engine, config).await;
        let addr = world.running.addr;
        // Two who say nothing take both places; a third one waits for one.
        let idle = [(); 2].map(|()| tokio::net::TcpStream::connect(addr));
        let idle = futures_util::future::join_all(idle).await;
        let mut waiting = tokio::task::JoinSet::new();
        let (url, body) = (world.running.url(), challenge(&world));
        waiting.spawn(async move {
            let client = reqwest::Client::builder().build().unwrap();
            let sent = client.post(url + "/v1/challenges").json(&body).send();
            sent.await.unwrap().status().as_u16()
        });
        let order_addr = world.running.order_addr.unwrap();
        let client = reqwest::Client::builder().build().unwrap();
        let order = client
            .post(format!("http://{order_addr}/v1/suspensions"))
            .bearer_auth(&world.operator)
            .json(&suspension("a"));
        assert_eq!(order.send().await.unwrap().status(), 200);
        assert!(waiting.try_join_next().is_none());
        drop(idle);
        assert_eq!(waiting.join_all().await, [201]);
    }
}

#[tokio::test]
async fn whatever_cuts_off_is_of_the_order_budget() {
    let (world, _folder) = world(Engine::Sqlite, "1/3600", "50/3600").await;
    let operator = Some(world.operator.as_str());
    let nobody = format!("op_{}", "0".repeat(32));
    for path in [
        "/v1/tenants/default/disable".to_owned(),
        "/v1/tenants/default/scanners/operator/revoke".to_owned(),
        format!("/v1/approver-keys/{}/revoke", kid(&new_key())),
        format!("/v1/operators/{nobody}/disable"),
        "/v1/sources/alerts/disable".to_owned(),
    ] {
        let done = post(&world, &path, operator, &json!({})).await;
        assert_eq!(
            header(&done, "ratelimit-policy"),
            "\"order\";q=50;w=3600",
            "{path}"
        );
    }
}
