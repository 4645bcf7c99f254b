//! How far the feed is enforced: what followers say, and what is made of it.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock as _, Timestamp};
use mcps_core::feed::{Ack, Cursor};
use mcps_core::key::SecretKey;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::random::{SystemRandom, hex16};
use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

/// A process with a passport that follows the feed.
struct Follower {
    key: Arc<SecretKey>,
    passport: Passport,
    instance: String,
}

impl Follower {
    async fn enrol(world: &World, name: &str) -> Self {
        let key = Arc::new(new_key());
        Self {
            passport: world.issue(name, &key).await,
            key,
            instance: hex16(&SystemRandom).unwrap(),
        }
    }

    /// That it enforces an event since now.
    fn ack(&self, world: &World, seq: u64) -> Ack {
        Ack {
            authority: world.running.name.clone(),
            passport_id: self.passport.id().clone(),
            instance: self.instance.clone(),
            position: Cursor { epoch: 1, seq },
            enforced_at: world.now(),
            at: world.now(),
        }
    }

    fn signed(&self, ack: &Ack) -> String {
        ack.sign(self.key.as_ref()).unwrap()
    }

    /// Says, a millisecond later, that it enforces an event.
    async fn says(&self, world: &World, seq: u64) {
        world.clock.advance(Duration::from_millis(1));
        let ack = self.signed(&self.ack(world, seq));
        let answer = tell(world, ack).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
}

async fn tell(world: &World, ack: String) -> Answer {
    world.send_with("/v1/feed/acks", &[], ack).await
}

async fn enforcement(world: &World, position: &str) -> Value {
    let path = format!("/v1/feed/enforcement?position={position}");
    let answer = world.get_as_operator(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Suspends a tenant that nobody is of.
async fn event(world: &World) {
    let tenant = hex16(&SystemRandom).unwrap();
    let order = json!({"target": {"kind": "tenant", "tenant": tenant}, "reason": "policy"});
    let answer = world.post_as_operator("/v1/suspensions", &order).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_operator_sees_who_enforces_an_event_by_when_and_who_lags() {
    on_both(async |world| {
        let (quick, slow) = (
            Follower::enrol(&world, "quick").await,
            Follower::enrol(&world, "slow").await,
        );
        quick.says(&world, 0).await;
        slow.says(&world, 0).await;
        event(&world).await;
        let committed = world.now();
        quick.says(&world, 1).await;

        let found = enforcement(&world, "1:1").await;
        assert_eq!(found["committed_at"], committed.to_string());
        assert_eq!(
            (&found["followers"], &found["enforcing"]),
            (&json!(2), &json!(1))
        );
        let by = committed.plus(Duration::from_millis(1)).to_string();
        assert_eq!(
            found["enforced_by"],
            json!({"p50": by, "p99": null, "all": null})
        );
        assert_eq!(
            (names(&found["lagging"]), &found["lagging_count"]),
            (vec!["slow"], &json!(1))
        );
        assert_eq!(found["lagging"][0]["position"], "1:0");
        assert_eq!(
            found["lagging"][0]["passport_id"],
            slow.passport.id().as_str()
        );

        // A word that it is still there changes nothing of when it was.
        quick.says(&world, 1).await;
        slow.says(&world, 1).await;
        let found = enforcement(&world, "1:1").await;
        let all = committed.plus(Duration::from_millis(3)).to_string();
        assert_eq!(
            found["enforced_by"],
            json!({"p50": by, "p99": all, "all": all})
        );
        assert_eq!(
            (&found["enforcing"], &found["lagging"]),
            (&json!(2), &json!([]))
        );
        // The newest position is what is asked for unless another is.
        let newest = world.get_as_operator("/v1/feed/enforcement").await.json();
        assert_eq!(newest["position"], "1:1");
        let report = super::audit::examined(&world).await;
        assert_eq!(report.findings, []);
    })
    .await;
}

#[tokio::test]
async fn what_is_forged_foreign_edited_or_of_another_kind_is_refused() {
    on_both(async |world| {
        let (follower, other) = (
            Follower::enrol(&world, "one").await,
            Follower::enrol(&world, "two").await,
        );
        event(&world).await;
        let ack = follower.ack(&world, 1);
        let forged = ack.sign(other.key.as_ref()).unwrap();
        let answer = tell(&world, forged).await;
        answer.problem(403, "ack-refused");
        assert!(
            answer.text.contains("not signed by the key"),
            "{}",
            answer.text
        );

        let edited = follower
            .signed(&follower.ack(&world, 0))
            .replace(r#""seq":0"#, r#""seq":1"#);
        tell(&world, edited).await.problem(403, "ack-refused");

        let foreign = Ack {
            authority: "elsewhere".to_owned(),
            ..ack.clone()
        };
        let answer = tell(&world, follower.signed(&foreign)).await;
        answer.problem(403, "ack-refused");
        assert!(answer.text.contains("another authority"), "{}", answer.text);

        let passport_id = PassportId::generate(&SystemRandom).unwrap();
        let unknown = Ack {
            passport_id,
            ..ack.clone()
        };
        tell(&world, follower.signed(&unknown))
            .await
            .problem(403, "ack-refused");

        let text = follower.signed(&ack);
        let more = text.replace(r#""seq":1"#, r#""seq":1,"more":1"#);
        tell(&world, more).await.problem(422, "invalid-request");
        tell(&world, text.replace('{', "["))
            .await
            .problem(422, "invalid-request");
        let answer = world
            .send_bytes(
                reqwest::Method::POST,
                "/v1/feed/acks",
                "text/plain",
                text.into(),
            )
            .await;
        answer.problem(415, "not-json");
        assert_eq!(enforcement(&world, "1:1").await["followers"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_repetition_counts_nothing_and_nobody_goes_back() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        event(&world).await;
        event(&world).await;
        let early = follower.signed(&follower.ack(&world, 1));
        world.clock.advance(Duration::from_millis(1));
        let ack = follower.signed(&follower.ack(&world, 2));
        assert_eq!(tell(&world, ack.clone()).await.status, 204);
        world.clock.advance(Duration::from_secs(59));
        tell(&world, ack).await.problem(409, "ack-not-newer");
        // Overtaken on the way, and a process that forgot what it knew.
        tell(&world, early).await.problem(409, "ack-not-newer");
        let back = follower.signed(&follower.ack(&world, 1));
        tell(&world, back).await.problem(409, "ack-not-newer");
        // Nobody is kept alive by what was said before.
        world.clock.advance(Duration::from_secs(1));
        let found = enforcement(&world, "1:2").await;
        assert_eq!(
            (&found["followers"], &found["silent_count"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(names(&found["silent"]), ["edge"]);
    })
    .await;
}

#[tokio::test]
async fn a_position_that_the_feed_has_not_reached_is_refused() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        event(&world).await;
        let ack = follower.ack(&world, 2);
        tell(&world, follower.signed(&ack))
            .await
            .problem(409, "ack-ahead");
        let epoch = Ack {
            position: Cursor { epoch: 2, seq: 0 },
            ..ack
        };
        tell(&world, follower.signed(&epoch))
            .await
            .problem(409, "ack-ahead");
        let asked = world
            .get_as_operator("/v1/feed/enforcement?position=1:2")
            .await;
        asked.problem(404, "position-ahead");
        let asked = world
            .get_as_operator("/v1/feed/enforcement?position=1:02")
            .await;
        asked.problem(400, "bad-position");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_not_believed() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        for at in [
            world.now().plus(Duration::from_secs(301)),
            world.now().minus(Duration::from_secs(301)),
        ] {
            let ack = Ack {
                at,
                enforced_at: at,
                ..follower.ack(&world, 0)
            };
            tell(&world, follower.signed(&ack))
                .await
                .problem(403, "ack-refused");
        }
    })
    .await;
}

#[tokio::test]
async fn a_revoked_passport_acknowledges_nothing_and_is_not_counted() {
    on_both(async |world| {
        let (one, two, three) = (
            Follower::enrol(&world, "one").await,
            Follower::enrol(&world, "two").await,
            Follower::enrol(&world, "three").await,
        );
        for follower in [&one, &two, &three] {
            follower.says(&world, 0).await;
        }
        world.revoke(&one.passport, "policy").await;
        // Not the passport but whatever that agent has.
        let target = json!({"kind": "agent", "tenant": "default", "name": "two"});
        let order = json!({"target": target, "reason": "policy"});
        world.post_as_operator("/v1/revocations", &order).await;
        for follower in [&one, &two] {
            world.clock.advance(Duration::from_millis(1));
            let ack = follower.signed(&follower.ack(&world, 2));
            let answer = tell(&world, ack).await;
            answer.problem(403, "ack-refused");
            assert!(answer.text.contains("has been revoked"), "{}", answer.text);
        }
        three.says(&world, 2).await;
        let found = enforcement(&world, "1:2").await;
        assert_eq!(
            (&found["followers"], &found["enforcing"]),
            (&json!(1), &json!(1))
        );
        // Whoever is only held back goes on enforcing, and a stop must be seen to arrive.
        let stop = json!({"target": {"kind": "all"}, "reason": "policy"});
        world.post_as_operator("/v1/stops", &stop).await;
        three.says(&world, 3).await;
        assert_eq!(enforcement(&world, "1:3").await["enforcing"], 1);
    })
    .await;
}

#[tokio::test]
async fn names_are_for_operators() {
    on_both(async |world| {
        let answer = world.get("/v1/feed/enforcement").await;
        answer.problem(401, "operator-required");
    })
    .await;
}

#[tokio::test]
async fn the_fastest_of_several_processes_does_not_speak_for_the_slowest() {
    on_both(async |world| {
        let one = Follower::enrol(&world, "edge").await;
        let other = Follower {
            key: Arc::clone(&one.key),
            passport: one.passport.clone(),
            instance: hex16(&SystemRandom).unwrap(),
        };
        one.says(&world, 0).await;
        other.says(&world, 0).await;
        event(&world).await;
        one.says(&world, 1).await;
        let found = enforcement(&world, "1:1").await;
        assert_eq!(
            (&found["followers"], &found["enforcing"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(found["lagging"][0]["instance"], other.instance.as_str());
    })
    .await;
}

#[tokio::test]
async fn a_renewed_passport_goes_on_as_the_same_follower() {
    on_both(async |world| {
        let mut follower = Follower::enrol(&world, "edge").await;
        follower.says(&world, 0).await;
        let renewed = world.renew(&follower.passport, &follower.key, json!({}));
        follower.passport = renewed.await.passport();
        event(&world).await;
        follower.says(&world, 1).await;
        let found = enforcement(&world, "1:1").await;
        assert_eq!(
            (&found["followers"], &found["enforcing"]),
            (&json!(1), &json!(1))
        );
    })
    .await;
}

#[tokio::test]
async fn an_expired_passport_acknowledges_nothing() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        let life = follower.passport.expires_at().since(world.now());
        let life = Duration::from_millis(u64::try_from(life).unwrap());
        world.clock.advance(life);
        let ack = follower.signed(&follower.ack(&world, 0));
        tell(&world, ack).await.problem(403, "ack-refused");
    })
    .await;
}

#[tokio::test]
async fn no_passport_speaks_for_more_processes_than_it_may_have() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        let mut refused = 0;
        for _ in 0..3 {
            let acks = (0..40).map(|_| Ack {
                instance: hex16(&SystemRandom).unwrap(),
                ..follower.ack(&world, 0)
            });
            let told = acks.map(|ack| tell(&world, follower.signed(&ack)));
            for answer in futures_util::future::join_all(told).await {
                if answer.status != 204 {
                    answer.problem(429, "too-many-acks");
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 120 - 64);
        assert_eq!(enforcement(&world, "1:0").await["followers"], 64);
    })
    .await;
}

#[tokio::test]
async fn another_replica_counts_the_same() {
    let world = World::start(super::engine::Engine::Postgres).await;
    let replica = world.replica().await;
    let follower = Follower::enrol(&world, "edge").await;
    event(&world).await;
    // Whatever that replica has published by then: it looks where the feed is.
    follower.says(&replica, 1).await;
    assert_eq!(enforcement(&world, "1:1").await["enforcing"], 1);
    let again = follower.signed(&follower.ack(&world, 1));
    tell(&world, again).await.problem(409, "ack-not-newer");
}

/// The times that are shown are the authority's, whatever clocks followers have.
#[tokio::test]
async fn a_slow_clock_makes_nobody_look_faster() {
    on_both(async |world| {
        let follower = Follower::enrol(&world, "edge").await;
        let behind = |world: &World, seq| {
            let at: Timestamp = world.clock.now().minus(Duration::from_secs(200));
            let ack = Ack {
                at,
                enforced_at: at,
                ..follower.ack(world, seq)
            };
            follower.signed(&ack)
        };
        assert_eq!(tell(&world, behind(&world, 0)).await.status, 204);
        event(&world).await;
        world.clock.advance(Duration::from_millis(80));
        assert_eq!(tell(&world, behind(&world, 1)).await.status, 204);
        let found = enforcement(&world, "1:1").await;
        assert_eq!(found["enforced_by"]["all"], world.now().to_string());
    })
    .await;
}

/// How long each of so many orders takes from being given to being heard, in milliseconds, sorted.
async fn orders(world: &World, count: u64) -> Vec<u128> {
    let mut times = Vec::new();
    for _ in 0..count {
        let newest = world.get_as_operator("/v1/feed/enforcement").await.json();
        let after = newest["position"].as_str().unwrap().to_owned();
        let path = format!("/v1/feed/frames?after={after}&wait_s=20");
        let began = std::time::Instant::now();
        event(world).await;
        let heard = world.get(&path).await.json();
        times.push(began.elapsed().as_millis());
        assert!(!heard["frames"].as_array().unwrap().is_empty());
    }
    times.sort_unstable();
    times
}

#[tokio::test]
async fn a_thousand_followers_are_heard_while_orders_go_on() {
    on_both(async |world| {
        let mut followers = Vec::new();
        for passport in 0..20 {
            let one = Follower::enrol(&world, &format!("edge-{passport}")).await;
            for _ in 0..50 {
                followers.push(Follower {
                    key: Arc::clone(&one.key),
                    passport: one.passport.clone(),
                    instance: hex16(&SystemRandom).unwrap(),
                });
            }
        }
        event(&world).await;
        let quiet = orders(&world, 20).await;
        let acks: Vec<String> = followers
            .iter()
            .map(|follower| follower.signed(&follower.ack(&world, 1)))
            .collect();
        let began = std::time::Instant::now();
        let telling = async {
            let told = acks.into_iter().map(|ack| tell(&world, ack));
            let answers = futures_util::future::join_all(told).await;
            (answers, began.elapsed())
        };
        let ((answers, took), busy) = tokio::join!(telling, orders(&world, 20));
        assert!(answers.iter().all(|answer| answer.status == 204));
        println!("1000 acknowledgements in {} ms", took.as_millis());
        println!("orders in ms: quiet {quiet:?}, meanwhile {busy:?}");
        let found = enforcement(&world, "1:1").await;
        assert_eq!(
            (&found["followers"], &found["enforcing"]),
            (&json!(1000), &json!(1000))
        );
        let newest = world.get_as_operator("/v1/feed/enforcement").await.json();
        assert_eq!(
            (
                &newest["lagging_count"],
                newest["lagging"].as_array().unwrap().len()
            ),
            (&json!(1000), 100)
        );
    })
    .await;
}
