use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock as _, ManualClock, Timestamp};
use mcps_core::feed::{Action, Target};
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ext, Kind, Passport, PassportId, Unsigned};
use mcps_core::random::SeededRandom;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::status::{State, Status};
use mcps_core::trust::{Anchor, Standing, TrustStore};

use super::super::{CutOff, Freshness, Live, TrustSource};
use crate::feed::Feed;
use crate::feed::tests::{Authority, LIFE, NAME, NOW, at, bundle, key};
use crate::follower::Follower;

/// A trust source that knows one agent, and follows an authority that nobody can ask.
struct Scene {
    trust: TrustSource,
    clock: Arc<ManualClock>,
    authority: Authority,
    agent: Passport,
    standing: Standing,
}

impl Scene {
    /// Nothing was heard yet.
    fn silent(cut_off: CutOff) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let issuer = key(1);
        let agent = Unsigned {
            id: PassportId::generate(&SeededRandom::new(5)).unwrap(),
            agent_name: "crawler".to_owned(),
            agent_version: "1".to_owned(),
            capabilities: vec![],
            public_key: key(2).public_key().clone(),
            origin: None,
            scan_json: None,
            trust_level: TrustLevel::L4,
            issued_at: NOW,
            expires_at: at(48 * 3600),
            issuer: NAME.to_owned(),
            issuer_chain: vec![],
            key_rotation: None,
            ext: Some(Ext {
                tenant: "acme".to_owned(),
                kind: Kind::Agent,
                owner: "ops".to_owned(),
                ca: None,
                status: None,
            }),
        };
        let agent = agent.sign(&issuer).unwrap();
        let mut store = TrustStore::default();
        let anchor = Anchor {
            keys: vec![issuer.public_key().clone()],
            cap: TrustLevel::L4,
        };
        store.add_anchor(NAME, anchor);
        let freshness = Freshness {
            cut_off,
            ..Freshness::default()
        };
        let random = Arc::new(SeededRandom::new(6));
        let own_clock = Arc::clone(&clock);
        let mut trust = TrustSource::new(store, None, freshness, own_clock, random);
        trust.feed = Some(Arc::new(Feed::new(Follower::new(NAME))));
        let (_, standing) = trust.passport(agent.id(), Some(&agent)).unwrap();
        Self {
            trust,
            clock,
            authority: Authority::new(1),
            agent,
            standing,
        }
    }

    /// A fresh frame has come.
    fn live(cut_off: CutOff) -> Self {
        let mut scene = Self::silent(cut_off);
        scene.change(|follower, _| follower.start(1));
        scene.beat();
        scene
    }

    fn change(&mut self, change: impl FnOnce(&mut Follower, &Authority)) {
        let feed = self.trust.feed.as_ref().unwrap();
        feed.change(|follower| change(follower, &self.authority));
    }

    /// A heartbeat comes now.
    fn beat(&mut self) {
        let now = self.clock.now();
        self.change(|follower, authority| {
            follower
                .receive(authority.heartbeat(now), &bundle(1), now)
                .unwrap();
        });
    }

    /// An event comes now.
    fn event(&mut self, action: &Action) {
        let (after, now) = (self.authority.seq(), self.clock.now());
        self.authority.commit(action);
        self.change(|follower, authority| {
            let frame = authority.frame(after, after + 1, now);
            follower.receive(frame, &bundle(1), now).unwrap();
        });
    }

    /// A status as if the authority had given it now.
    fn status(&self, state: State) {
        let now = self.clock.now();
        let status = Status {
            authority: NAME.to_owned(),
            passport_id: self.agent.id().clone(),
            state,
            trust_level: Some(TrustLevel::L4),
            reason: None,
            revoked_at: None,
            nonce: String::new(),
            produced_at: now,
            fresh_until: now.plus(Duration::from_secs(60)),
        };
        self.trust.note(self.agent.id(), |heard| heard.hear(status));
    }

    async fn asked(&self) -> Result<Live, Refusal> {
        self.trust.live(&self.agent, self.standing).await
    }

    async fn level(&self) -> Result<TrustLevel, Refusal> {
        self.asked().await?.level()
    }

    fn subject() -> Target {
        Target::subject(Kind::Agent, "acme".to_owned(), "crawler".to_owned())
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test]
async fn the_feed_answers_as_old_as_its_last_word() {
    let scene = Scene::live(CutOff::Levels);
    scene.status(State::Good);
    scene.clock.advance(seconds(20));
    let live = scene.asked().await.unwrap();
    assert_eq!((live.age, live.level()), (seconds(20), Ok(TrustLevel::L4)));
}

#[tokio::test]
async fn nothing_heard_is_not_good() {
    let scene = Scene::silent(CutOff::Levels);
    assert_eq!(scene.asked().await, Err(Refusal::AuthorityUnreachable));
}

#[tokio::test]
async fn what_the_feed_refuses_is_refused_whatever_a_status_says() {
    for (action, refusal) in [
        (
            Action::Revoke(Scene::subject()),
            Refusal::Revoked("revoked"),
        ),
        (
            Action::Suspend {
                target: Scene::subject(),
                until: None,
            },
            Refusal::Revoked("suspended"),
        ),
        (Action::Quarantine(Scene::subject()), Refusal::Quarantined),
        (Action::Stop(Target::All), Refusal::Stopped),
        (
            Action::KeyBlock(key(2).public_key().key_id().clone()),
            Refusal::Revoked("revoked"),
        ),
        // The authority's key that signed the passport.
        (
            Action::Revoke(Target::Issuer(key(1).public_key().key_id().clone())),
            Refusal::Revoked("revoked"),
        ),
    ] {
        let mut scene = Scene::live(CutOff::Levels);
        scene.event(&action);
        scene.status(State::Good);
        assert_eq!(scene.asked().await, Err(refusal.clone()), "{action:?}");
        let known = scene.trust.admits_known(scene.agent.id());
        assert_eq!(known, Err(refusal), "{action:?}");
    }
}

#[tokio::test]
async fn what_a_status_refused_the_feed_does_not_excuse() {
    for state in [State::Revoked, State::Unknown, State::Suspended] {
        let mut scene = Scene::live(CutOff::Levels);
        scene.status(state);
        scene.clock.advance(seconds(6));
        scene.beat();
        assert!(
            matches!(scene.asked().await, Err(Refusal::Revoked(_))),
            "{state:?}"
        );
    }
}

/// Of a passport that is new here the authority is asked; its silence does not outweigh the feed.
#[tokio::test]
async fn a_new_passport_is_asked_for_once_in_a_while_until_it_is_answered() {
    let mut scene = Scene::live(CutOff::Levels);
    let failed_at = |scene: &Scene| {
        let heard = scene.trust.heard.lock().unwrap();
        heard
            .get(scene.agent.id())
            .and_then(|heard| heard.failed_at)
    };
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
    assert_eq!(failed_at(&scene), Some(NOW));
    scene.clock.advance(seconds(25));
    scene.beat();
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
    assert_eq!(failed_at(&scene), Some(NOW));
    scene.clock.advance(seconds(35));
    scene.beat();
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
    assert_eq!(failed_at(&scene), Some(at(60)));
}

#[tokio::test]
async fn cut_off_each_level_holds_for_its_time() {
    let scene = Scene::live(CutOff::Levels);
    for (after, level) in [
        (59, Ok(TrustLevel::L4)),
        (61, Ok(TrustLevel::L3)),
        (901, Ok(TrustLevel::L2)),
        (3601, Ok(TrustLevel::L1)),
        (
            86_401,
            Err(Refusal::StatusTooOld {
                level: TrustLevel::L1,
            }),
        ),
    ] {
        scene.clock.set(at(after));
        assert_eq!(scene.level().await, level, "{after} s");
    }
}

#[tokio::test]
async fn cut_off_and_told_to_refuse_nothing_above_l1_goes_on() {
    let mut scene = Scene::live(CutOff::Refuse);
    scene.clock.set(at(29));
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
    scene.clock.set(NOW.plus(LIFE));
    assert_eq!(scene.level().await, Ok(TrustLevel::L1));
    // A status vouches for as long as it says.
    scene.status(State::Good);
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
    scene.clock.set(at(95));
    assert_eq!(scene.level().await, Ok(TrustLevel::L1));
    scene.beat();
    assert_eq!(scene.level().await, Ok(TrustLevel::L4));
}

#[tokio::test]
async fn a_level_that_was_changed_counts_at_once() {
    let mut scene = Scene::live(CutOff::Levels);
    scene.status(State::Good);
    // As the status said, since no event says otherwise.
    assert_eq!(scene.asked().await.unwrap().recorded, Some(TrustLevel::L4));
    scene.event(&Action::TrustChange {
        target: Scene::subject(),
        level: TrustLevel::L1,
    });
    assert_eq!(scene.asked().await.unwrap().recorded, Some(TrustLevel::L1));
    scene.event(&Action::TrustChange {
        target: Scene::subject(),
        level: TrustLevel::L3,
    });
    assert_eq!(scene.asked().await.unwrap().recorded, Some(TrustLevel::L3));
}

/// After a fork the authority is asked, as long as it takes to find out.
#[tokio::test]
async fn what_is_amiss_does_not_suffice() {
    let mut scene = Scene::live(CutOff::Levels);
    scene.status(State::Good);
    scene.event(&Action::Revoke(Target::Tenant("elsewhere".to_owned())));
    scene.change(|follower, _| {
        let mut other = Authority::new(1);
        other.revoke("nowhere");
        let fork = follower.receive(other.frame(0, 1, NOW), &bundle(1), NOW);
        assert!(fork.is_err());
    });
    scene.clock.advance(seconds(20));
    let known: Timestamp = scene.clock.now();
    scene.asked().await.unwrap();
    let heard = scene.trust.heard.lock().unwrap();
    let failed_at = heard.get(scene.agent.id()).unwrap().failed_at;
    assert_eq!(failed_at, Some(known));
}
