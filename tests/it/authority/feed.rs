//! The feed as its followers receive it.

use std::time::Duration;

use mcps_authority::examine::examine;
use mcps_authority::feed::{KEPT, prune};
use mcps_client::follower::Follower;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Cursor, Frame, Snapshot, Unverified};
use mcps_core::trust::TrustBundle;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::time::timeout;

use super::world::{World, new_key, on_both};

/// One stream, read event by event.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(world: &World, after: Option<&str>) -> Self {
        let response = world.open("/v1/feed", after).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let text = String::new();
        Self { response, text }
    }

    /// The id and the frame of the next event.
    async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let (mut id, mut data) = (None, None);
                for line in event.lines() {
                    match line.split_once(": ").unwrap() {
                        ("id", value) => id = Some(value.to_owned()),
                        ("data", value) => data = Some(value.to_owned()),
                        other => assert_eq!(other, ("retry", "1000")),
                    }
                }
                if let (Some(id), Some(data)) = (id, data) {
                    return Some((id, data));
                }
                continue;
            }
            let chunk = timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("silence on the stream").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn verified(frame: &str, bundle: &TrustBundle) -> Frame {
    let frame = Unverified::read(frame).unwrap().verify(bundle).unwrap();
    frame.check().unwrap();
    frame
}

async fn suspend(world: &World, tenant: &str) -> String {
    let order = json!({"target": {"kind": "tenant", "tenant": tenant}, "reason": "policy"});
    let answer = world.post_as_operator("/v1/suspensions", &order).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()["position"].as_str().unwrap().to_owned()
}

/// A follower that starts from the snapshot.
async fn follower(world: &World, bundle: &TrustBundle) -> Follower {
    let text = world.get("/v1/feed/snapshot").await.text;
    let snapshot = Snapshot::verify(text, bundle).unwrap();
    let mut follower = Follower::new(&world.running.name);
    follower.adopt(&snapshot, world.now()).unwrap();
    follower
}

#[tokio::test]
async fn an_order_is_pushed_to_whoever_follows() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let mut follower = follower(&world, &bundle).await;
        let mut stream = Stream::open(&world, Some("1:0")).await;
        // At once, though nothing has happened.
        let (id, frame) = stream.next().await.unwrap();
        assert_eq!(id, "1:0");
        follower.receive(frame, &bundle, world.now()).unwrap();

        let key = new_key();
        let passport = world.issue("agent", &key).await;
        let revoked = world.revoke(&passport, "policy").await.json();
        assert_eq!(revoked["position"], "1:1");
        assert_eq!(suspend(&world, "acme").await, "1:2");
        while follower.position().unwrap().seq < 2 {
            let (id, frame) = stream.next().await.unwrap();
            follower.receive(frame, &bundle, world.now()).unwrap();
            assert_eq!(id, follower.position().unwrap().cursor().to_string());
        }
        let refused = follower.judge(&passport, 0, None, world.now());
        assert_eq!(refused.unwrap_err().to_string(), "revoked");
    })
    .await;
}

#[tokio::test]
async fn goes_on_where_a_stream_broke_off() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        for tenant in ["a", "b", "c"] {
            suspend(&world, tenant).await;
        }
        let mut stream = Stream::open(&world, Some("1:1")).await;
        let mut numbers = Vec::new();
        while numbers.last() != Some(&3) {
            let (_, frame) = stream.next().await.unwrap();
            numbers.extend(
                verified(&frame, &bundle)
                    .events()
                    .iter()
                    .map(|event| event.seq()),
            );
        }
        numbers.retain(|number| *number > 1);
        assert_eq!(numbers, [2, 3]);

        // Nobody is owed anything, and everybody hears at once that there is nothing.
        let mut stream = Stream::open(&world, Some("1:3")).await;
        let (id, frame) = stream.next().await.unwrap();
        assert_eq!(id, "1:3");
        assert!(verified(&frame, &bundle).vouches());
        let mut stream = Stream::open(&world, None).await;
        assert_eq!(stream.next().await.unwrap().0, "1:3");
    })
    .await;
}

#[tokio::test]
async fn a_long_poll_brings_the_same_frames() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        suspend(&world, "a").await;
        let answer = world.get("/v1/feed/frames?after=1:0").await.json();
        let frame = answer["frames"][0].to_string();
        assert_eq!(verified(&frame, &bundle).to(), 1);

        // Nothing new: a heartbeat, when the time is over.
        let answer = world.get("/v1/feed/frames?after=1:1&wait_s=0").await.json();
        let frame = verified(&answer["frames"][0].to_string(), &bundle);
        assert_eq!((frame.to(), frame.vouches()), (1, true));

        // What happens meanwhile comes at once.
        let (answer, _) = tokio::join!(
            world.get("/v1/feed/frames?after=1:1&wait_s=20"),
            suspend(&world, "b")
        );
        let frames = answer.json()["frames"].clone();
        let last = frames.as_array().unwrap().last().unwrap().to_string();
        assert_eq!(verified(&last, &bundle).to(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_bad_position_is_told_apart_from_one_that_is_gone() {
    on_both(async |world| {
        for bad in ["1", "0:1", "1:-1", "01:1", "1:1:1", "x"] {
            let answer = world.get(&format!("/v1/feed/frames?after={bad}")).await;
            answer.problem(400, "bad-position");
            let answer = world.open("/v1/feed", Some(bad)).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        }
        let answer = world.get("/v1/feed/frames?wait_s=26").await;
        answer.problem(422, "invalid-request");
        let answer = world.get("/v1/feed/epochs/1").await;
        answer.problem(404, "epoch-not-found");

        // One who knows more than there is, is shown how much there is.
        let bundle = world.bundle().await;
        let answer = world.get("/v1/feed/frames?after=1:9&wait_s=0").await.json();
        let frame = verified(&answer["frames"][0].to_string(), &bundle);
        assert_eq!((frame.to(), frame.vouches()), (0, true));
    })
    .await;
}

#[tokio::test]
async fn a_position_that_is_none_is_refused_beside_one_that_counts() {
    on_both(async |world| {
        let refused = world.open("/v1/feed?after=%C2%96", Some("1:0")).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let counts = world.open("/v1/feed?after=7:7", Some("1:0")).await;
        assert_eq!(counts.status(), StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn what_is_pruned_is_gone_and_says_where_to_start() {
    on_both(async |world| {
        for n in 0..5 {
            suspend(&world, &format!("t{n}")).await;
        }
        world.sql("DELETE FROM events WHERE seq < 3").await;
        world.sql("UPDATE feed SET pruned = 3").await;
        let world = world.restart().await;
        let problem = world.get("/v1/feed/frames?after=1:2").await;
        let problem = problem.problem(410, "position-pruned");
        assert_eq!(problem["snapshot"], "/v1/feed/snapshot");
        let answer = world.get("/v1/feed/frames?after=1:3&wait_s=0").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn what_is_old_goes_and_a_thousand_events_stay() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let db = world.database().await;
        let tell = async |count: u64, prefix: &str| {
            let target = |n| mcps_core::feed::Target::Tenant(format!("{prefix}{n}"));
            let actions: Vec<_> = (0..count)
                .map(|n| mcps_core::feed::Action::Revoke(target(n)))
                .collect();
            for actions in actions.chunks(250) {
                db.tell(world.now(), actions, "policy").await.unwrap();
            }
        };
        let keep = Duration::from_secs(3600);
        tell(1100, "old").await;
        assert_eq!(prune(&db, keep, world.now()).await.unwrap(), None);
        world.clock.advance(keep * 2);
        // The newest stay whatever their age.
        assert_eq!(
            prune(&db, keep, world.now()).await.unwrap(),
            Some(1100 - KEPT)
        );
        tell(1050, "new").await;
        assert_eq!(prune(&db, keep, world.now()).await.unwrap(), Some(1100));
        assert_eq!(prune(&db, keep, world.now()).await.unwrap(), None);
        let events = db.events_after(1, 0).await.unwrap();
        assert!(
            events
                .iter()
                .all(|event| event.event.contains("new") || event.event.contains("old1099"))
        );
        assert!(examine(&db, &bundle).await.unwrap().findings.is_empty());
        db.close().await;
        // Whoever comes from before is told where to start, and then has it all.
        let world = world.restart().await;
        let gone = world.get("/v1/feed/frames?after=1:1099").await;
        gone.problem(410, "position-pruned");
        let follower = follower(&world, &bundle).await;
        assert_eq!(follower.position().unwrap().seq, 2150);
        let mut stream = Stream::open(&world, Some("1:1100")).await;
        let (_, frame) = stream.next().await.unwrap();
        let frame = verified(&frame, &bundle);
        assert_eq!(frame.from(), 1101);
    })
    .await;
}

#[tokio::test]
async fn a_thousand_events_are_read_from_the_beginning_without_a_gap() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let mut follower = follower(&world, &bundle).await;
        for n in 0..40 {
            suspend(&world, &format!("t{n}")).await;
        }
        // Many more than are kept in memory at the start.
        let target = |n| mcps_core::feed::Target::Tenant(format!("bulk{n}"));
        let actions: Vec<_> = (0..1500)
            .map(|n| mcps_core::feed::Action::Revoke(target(n)))
            .collect();
        let db = world.database().await;
        for actions in actions.chunks(250) {
            db.tell(world.now(), actions, "policy").await.unwrap();
        }
        db.close().await;
        let world = world.restart().await;
        let mut stream = Stream::open(&world, Some("1:0")).await;
        while follower.position().unwrap().seq < 1540 {
            let (_, frame) = stream.next().await.unwrap();
            follower.receive(frame, &bundle, world.now()).unwrap();
        }
        assert_eq!(follower.blocks().len(), 1540);
    })
    .await;
}

#[tokio::test]
async fn a_replica_tells_what_the_other_committed() {
    let world = World::start(super::engine::Engine::Postgres).await;
    let other = world.replica().await;
    let bundle = world.bundle().await;
    let mut stream = Stream::open(&other, Some("1:0")).await;
    stream.next().await.unwrap();
    suspend(&world, "acme").await;
    let (mut id, mut frame) = stream.next().await.unwrap();
    // That nothing has happened may be said once more before it has.
    while id == "1:0" {
        (id, frame) = stream.next().await.unwrap();
    }
    assert_eq!(id, "1:1");
    assert_eq!(verified(&frame, &bundle).events().len(), 1);
}

#[tokio::test]
async fn a_database_that_somebody_edited_is_not_signed() {
    on_both(async |world| {
        for tenant in ["a", "b"] {
            suspend(&world, tenant).await;
        }
        // The last event alone: it is read again at the start.
        world
            .sql("UPDATE events SET event = REPLACE(event, '\"b\"', '\"x\"') WHERE seq = 2")
            .await;
        let world = world.restart().await;
        let answer = world.get("/readyz").await;
        answer.problem(503, "unavailable");
        let text = world.get("/v1/feed/frames?after=1:0&wait_s=0").await.text;
        assert!(!text.contains("\"x\""), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_holds_what_is_in_force_and_no_more() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let (one, two, three) = (new_key(), new_key(), new_key());
        let revoked = world.issue("one", &one).await;
        let compromised = world.issue("two", &two).await;
        let expired = world.issue("three", &three).await;
        world.revoke(&revoked, "policy").await;
        world.revoke(&compromised, "key_compromise").await;
        world.revoke(&expired, "policy").await;
        suspend(&world, "acme").await;
        suspend(&world, "gone").await;
        let lift = json!({"target": {"kind": "tenant", "tenant": "gone"}});
        world.post_as_operator("/v1/reinstatements", &lift).await;
        let until = json!({
            "target": {"kind": "tenant", "tenant": "brief"}, "until": world.now().plus(Duration::from_secs(60)).to_string(),
        });
        world.post_as_operator("/v1/suspensions", &until).await;

        let text = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(text, &bundle).unwrap();
        assert_eq!(snapshot.position.cursor(), Cursor { epoch: 1, seq: 7 });
        assert!(snapshot.fresh_until > snapshot.iat);
        // Three passports, the key twice, two tenants.
        assert_eq!(snapshot.entries.len(), 7, "{:?}", snapshot.entries);

        world.clock.advance(Duration::from_secs(3601));
        let text = world.get("/v1/feed/snapshot").await.text;
        let later = Snapshot::verify(text, &bundle).unwrap();
        assert_eq!(later.entries.len(), 3, "{:?}", later.entries);
        let mut fresh = Follower::new(&world.running.name);
        fresh.adopt(&later, world.now()).unwrap();
        let block = fresh.judge(&compromised, 0, None, world.now()).unwrap_err();
        assert_eq!(block.to_string(), "revoked");
    })
    .await;
}

#[tokio::test]
async fn streams_end_when_the_authority_stops() {
    on_both(async |world| {
        let mut stream = Stream::open(&world, None).await;
        stream.next().await.unwrap();
        let read_to_its_end = async { while stream.next().await.is_some() {} };
        tokio::join!(world.running.shutdown(), read_to_its_end);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_old_words() {
    on_both(async |world| {
        let bundle = world.bundle().await;
        let mut follower = follower(&world, &bundle).await;
        let mut stream = Stream::open(&world, Some("1:0")).await;
        let (_, frame) = stream.next().await.unwrap();
        follower.receive(frame, &bundle, world.now()).unwrap();
        let now = world.now();
        world
            .clock
            .set(Timestamp::from_millis(now.as_millis() - 3_600_000));
        suspend(&world, "acme").await;
        while follower.position().unwrap().seq < 1 {
            let (_, frame) = stream.next().await.unwrap();
            follower.receive(frame, &bundle, now).unwrap();
        }
    })
    .await;
}

impl World {
    /// Opens a stream and leaves it to the caller to read.
    async fn open(&self, path: &str, after: Option<&str>) -> reqwest::Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.get(self.running.url() + path);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        request.send().await.unwrap()
    }

    /// Runs a statement on the authority's database, behind its back.
    pub(super) async fn sql(&self, statement: &str) {
        use mcps_authority::store::Pool;
        let statement = AssertSqlSafe(statement.to_owned());
        match self.as_found().await.pool() {
            Pool::Postgres(pool) => drop(sqlx::query(statement).execute(pool).await.unwrap()),
            Pool::Sqlite(pool) => drop(sqlx::query(statement).execute(pool).await.unwrap()),
        }
    }
}
