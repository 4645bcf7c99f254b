//! What is counted, and who may read it.

use mcps_authority::Config;

use super::engine::Engine;
use super::world::{World, new_key, on_both};

/// The value of the one line that begins so.
#[track_caller]
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn what_happened_is_counted_and_names_nobody() {
    on_both(async |world| {
        let passport = world.issue("agent-of-acme", &new_key()).await;
        world.revoke(&passport, "policy").await;
        world.get("/v1/passports/nonsense").await;
        world.get("/no/such/route-of-theirs").await;
        let answer = world.get_as_operator("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.content_type.starts_with("application/openmetrics-text"),
            "{}",
            answer.content_type
        );
        let text = answer.text;
        for (name, expected) in [
            ("mcps_authority_passports_issued_total{kind=\"agent\"}", 1.0),
            ("mcps_authority_orders_total{action=\"revoke\"}", 1.0),
            (
                "mcps_authority_requests_total{method=\"POST\",route=\"/v1/passports\",status=\"2xx\"}",
                1.0,
            ),
            (
                "mcps_authority_requests_total{method=\"GET\",route=\"/v1/passports/{id}\",status=\"4xx\"}",
                1.0,
            ),
            (
                "mcps_authority_requests_total{method=\"GET\",route=\"-\",status=\"4xx\"}",
                1.0,
            ),
            ("mcps_authority_feed_epoch", 1.0),
            ("mcps_authority_feed_fresh", 1.0),
            ("mcps_authority_feed_followers", 0.0),
        ] {
            assert_eq!(value(&text, name), expected, "{name}");
        }
        let open = value(&text, "mcps_authority_database_connections{state=\"idle\"}")
            + value(&text, "mcps_authority_database_connections{state=\"in_use\"}");
        assert!(open >= 1.0, "{open}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        for secret in ["acme", passport.id().as_str(), "theirs", &world.operator] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_publisher_counts_what_it_publishes() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let told = world.revoke(&passport, "policy").await.json();
        // A poll returns once the event is published; the count comes right after it.
        world.get("/v1/feed/frames?after=1:0").await;
        assert_eq!(told["position"], "1:1");
        loop {
            let text = world.get_as_operator("/metrics").await.text;
            if value(&text, "mcps_authority_feed_publish_seconds_count") == 1.0 {
                assert_eq!(value(&text, "mcps_authority_feed_head"), 1.0);
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_open_metrics_are_on_a_listener_of_their_own() {
    on_both(async |world| {
        world
            .get("/metrics")
            .await
            .problem(401, "operator-required");
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        metrics_listen: Some(([127, 0, 0, 1], 0).into()),
        ..Config::local(folder.path().join("data"))
    };
    let world = World::start_with(Engine::Sqlite, config).await;
    let addr = world.running.metrics_addr.unwrap();
    let client = reqwest::Client::builder().build().unwrap();
    let get = async |path: &str| {
        let answer = client
            .get(format!("http://{addr}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = get("/metrics").await;
    assert_eq!(status, 200);
    assert_eq!(value(&text, "mcps_authority_feed_epoch"), 1.0);
    // Nothing else is there.
    for path in ["/v1/passports", "/healthz", "/"] {
        assert_eq!(get(path).await.0, 404, "{path}");
    }
    world.running.shutdown().await;
}
