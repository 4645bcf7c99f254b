use std::cell::RefCell;

use mcps_core::feed::UnprovenAck;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{PassportId, Unsigned};
use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;

use super::*;
use crate::feed::tests::network::Paused;
use crate::feed::tests::{Authority, NAME, NOW, at, bundle, key};
use crate::follower::Follower;

/// Keeps what it is told and when, and answers as the script says; then it takes everything.
struct Script {
    start: Instant,
    answers: RefCell<Vec<Trouble>>,
    told: RefCell<Vec<(Ack, Duration)>>,
}

impl Desk for Script {
    async fn acknowledge(&self, ack: String) -> Result<(), Trouble> {
        let ack = UnprovenAck::read(ack).unwrap();
        let ack = ack.verify(key(2).public_key()).unwrap();
        self.told.borrow_mut().push((ack, self.start.elapsed()));
        match self.answers.borrow_mut().pop() {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }
}

struct Scene {
    feed: Feed,
    authority: Authority,
    desk: Script,
    identity: Identity,
    clock: Paused,
}

impl Scene {
    /// A feed of which nothing was heard, and a desk that answers so, the last first.
    fn new(answers: Vec<Trouble>) -> Self {
        let passport = Unsigned {
            id: PassportId::generate(&SeededRandom::new(5)).unwrap(),
            agent_name: "edge".to_owned(),
            agent_version: "1".to_owned(),
            capabilities: vec![],
            public_key: key(2).public_key().clone(),
            origin: None,
            scan_json: None,
            trust_level: TrustLevel::L2,
            issued_at: NOW,
            expires_at: at(48 * 3600),
            issuer: NAME.to_owned(),
            issuer_chain: vec![],
            key_rotation: None,
            ext: None,
        };
        let passport = passport.sign(&key(1)).unwrap();
        let mut follower = Follower::new(NAME);
        follower.start(1);
        Self {
            feed: Feed::new(follower),
            authority: Authority::new(1),
            desk: Script {
                start: Instant::now(),
                answers: RefCell::new(answers),
                told: RefCell::default(),
            },
            identity: Identity::new(std::sync::Arc::new(key(2)), &passport).unwrap(),
            clock: Paused::new(),
        }
    }

    fn beat(&self) {
        let now = self.clock.now();
        let frame = self.authority.heartbeat(now);
        let heard = self
            .feed
            .change(|follower| follower.receive(frame, &bundle(1), now));
        heard.unwrap();
    }

    fn event(&mut self) {
        let (after, now) = (self.authority.seq(), self.clock.now());
        self.authority.revoke("acme");
        let frame = self.authority.frame(after, after + 1, now);
        let heard = self
            .feed
            .change(|follower| follower.receive(frame, &bundle(1), now));
        heard.unwrap();
        self.feed.tell();
    }

    /// Acknowledges for that long. Each time begins another process.
    async fn runs(&self, time: Duration) {
        let random = SeededRandom::new(7);
        let telling = acknowledge(&self.feed, &self.desk, &self.identity, &self.clock, &random);
        drop(timeout(time, telling).await);
    }

    fn told(&self) -> Vec<(u64, Duration)> {
        let told = self.desk.told.borrow();
        told.iter()
            .map(|(ack, at)| (ack.position.seq, *at))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_before_anything_is_known_or_after_it_lapsed() {
    let scene = Scene::new(vec![]);
    scene.runs(Duration::from_secs(5)).await;
    assert_eq!(scene.told(), []);
    scene.beat();
    // Its word is good for 30 s.
    scene.runs(Duration::from_secs(600)).await;
    let told = scene.told();
    assert!((1..=2).contains(&told.len()), "{told:?}");
    assert!(told.iter().all(|(_, at)| at.as_secs() < 36), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_came_is_told_at_once_and_many_events_are_told_together() {
    let mut scene = Scene::new(vec![]);
    scene.beat();
    scene.event();
    let feed = &scene.feed;
    let (desk, identity, clock) = (&scene.desk, &scene.identity, &scene.clock);
    let random = SeededRandom::new(7);
    let mut authority = scene.authority.clone();
    let telling = acknowledge(feed, desk, identity, clock, &random);
    let storm = async {
        sleep(Duration::from_secs(1)).await;
        for _ in 0..100 {
            sleep(Duration::from_millis(5)).await;
            let (after, now) = (authority.seq(), clock.now());
            authority.revoke("acme");
            let frame = authority.frame(after, after + 1, now);
            let heard = feed.change(|follower| follower.receive(frame, &bundle(1), now));
            heard.unwrap();
            feed.tell();
        }
        sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        never = telling => match never {},
        () = storm => {}
    }
    let millis: Vec<(u64, u128)> = scene
        .told()
        .into_iter()
        .map(|(seq, at)| (seq, at.as_millis()))
        .collect();
    // The first event, the first of the storm at once, then four times a second, and the last.
    assert_eq!(millis.len(), 4, "{millis:?}");
    assert_eq!(millis[0], (1, 0));
    assert_eq!(millis[1], (2, 1005));
    assert_eq!(millis.last().unwrap().0, 101);
    assert!(millis.windows(2).all(|pair| pair[1].1 - pair[0].1 >= 250));
}

#[tokio::test(start_paused = true)]
async fn it_is_repeated_now_and_then_with_a_later_time_and_the_same_beginning() {
    let scene = Scene::new(vec![]);
    let beating = async {
        loop {
            scene.beat();
            sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        () = scene.runs(Duration::from_secs(120)) => {}
        () = beating => {}
    }
    let told = scene.desk.told.borrow();
    assert!((4..=8).contains(&told.len()), "{}", told.len());
    for pair in told.windows(2) {
        let [(one, _), (two, _)] = pair else {
            panic!("no pair")
        };
        assert!(one.at < two.at);
        assert_eq!(one.enforced_at, two.enforced_at);
        assert_eq!(one.instance, two.instance);
    }
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_does_not_take_them_is_left_alone() {
    let scene = Scene::new(vec![Trouble::Absent]);
    let beating = async {
        loop {
            scene.beat();
            sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        () = scene.runs(Duration::from_secs(290)) => {}
        () = beating => {}
    }
    assert_eq!(scene.told().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_told_again_after_a_while() {
    let trouble = || Trouble::Busy(None);
    let scene = Scene::new(vec![trouble(), trouble(), trouble()]);
    scene.beat();
    scene.runs(Duration::from_secs(20)).await;
    let told = scene.told();
    assert_eq!(told.len(), 4, "{told:?}");
    let pauses: Vec<Duration> = told.windows(2).map(|two| two[1].1 - two[0].1).collect();
    assert!(pauses[0] >= Duration::from_secs(1), "{pauses:?}");
    assert!(pauses[2] >= Duration::from_secs(4), "{pauses:?}");
}
