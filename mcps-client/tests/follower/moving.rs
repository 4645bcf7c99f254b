//! The states, and what drives them.

use std::time::Duration;

use mcps_client::follower::{Alert, Follower, LAG, Progress, Resync, State};
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Event, FeedError, Target};
use mcps_core::level::TrustLevel;

use crate::authority::{Authority, BUNDLE, LIFE, NAME, NOW};

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn tenant(name: &str) -> Target {
    Target::Tenant(name.to_owned())
}

fn started() -> (Authority, Follower) {
    let mut follower = Follower::new(NAME);
    follower.start(1);
    (Authority::new(NAME, 1), follower)
}

fn hear(follower: &mut Follower, text: String, now: Timestamp) -> Result<Progress, Alert> {
    follower.receive(text, &BUNDLE, now)
}

#[test]
fn goes_from_cold_to_stale_and_back() {
    let mut follower = Follower::new(NAME);
    assert_eq!(follower.state(NOW), State::Cold);
    assert_eq!(follower.wants(), Some(Resync::Snapshot));
    assert_eq!(follower.resume(), None);
    assert!(follower.freshness(NOW).is_none());
    follower.start(1);
    assert_eq!(follower.state(NOW), State::Syncing);
    assert_eq!(follower.resume(), follower.position());

    let authority = Authority::new(NAME, 1);
    let beat = |seconds| authority.heartbeat(at(seconds));
    assert_eq!(hear(&mut follower, beat(0), NOW), Ok(Progress::Heartbeat));
    for (now, state) in [
        (NOW, State::Live),
        (NOW.plus(LAG - Duration::from_millis(1)), State::Live),
        (NOW.plus(LAG), State::Lagging),
        (NOW.plus(LIFE - Duration::from_millis(1)), State::Lagging),
        (NOW.plus(LIFE), State::Stale),
        (NOW.minus(Duration::from_secs(61)), State::Stale),
    ] {
        assert_eq!(follower.state(now), state, "{now}");
    }
    hear(&mut follower, beat(100), at(100)).unwrap();
    assert_eq!(follower.state(at(100)), State::Live);
    assert_eq!(follower.resume(), follower.position());
    assert_eq!(follower.state(at(100)), State::Syncing);
}

#[test]
fn the_bounds_of_the_levels_hold() {
    let (authority, mut follower) = started();
    hear(&mut follower, authority.heartbeat(NOW), NOW).unwrap();
    for (age, level) in [
        (0, Some(TrustLevel::L4)),
        (60, Some(TrustLevel::L4)),
        (61, Some(TrustLevel::L3)),
        (900, Some(TrustLevel::L3)),
        (901, Some(TrustLevel::L2)),
        (3600, Some(TrustLevel::L2)),
        (3601, Some(TrustLevel::L1)),
        (86_400, Some(TrustLevel::L1)),
        (86_401, None),
    ] {
        let fresh = follower.freshness(at(age)).unwrap();
        assert_eq!(fresh.age, Duration::from_secs(age));
        assert_eq!(fresh.level().ok(), level, "{age} s");
        assert_eq!(fresh.lapsed, age >= 30);
    }
    let back = follower.freshness(NOW.minus(Duration::from_secs(3601)));
    assert_eq!(
        back.unwrap().level(),
        Ok(TrustLevel::L1),
        "a clock set back"
    );
}

#[test]
fn catches_up_by_old_frames_and_is_fresh_only_by_a_new_one() {
    let (mut authority, mut follower) = started();
    let mut kept = Vec::new();
    for seconds in 0..3 {
        authority.commit(&Action::Revoke(tenant("a")), at(seconds));
        kept.push(authority.frame(seconds, seconds + 1, at(seconds), LIFE));
    }
    let now = at(1000);
    for (seq, text) in (1..).zip(kept) {
        assert!(
            matches!(hear(&mut follower, text, now), Ok(Progress::Moved(events)) if events.len() == 1)
        );
        assert_eq!(follower.position().unwrap().seq, seq);
        assert_eq!(follower.state(now), State::Syncing);
        assert!(follower.freshness(now).is_none(), "nothing vouched for it");
    }
    hear(&mut follower, authority.heartbeat(now), now).unwrap();
    assert_eq!(follower.state(now), State::Live);
}

/// The 257th event of a burst comes in another frame; the first cannot vouch that there is none.
#[test]
fn a_frame_with_more_behind_it_makes_nothing_fresh() {
    let (mut authority, mut follower) = started();
    hear(&mut follower, authority.heartbeat(NOW), NOW).unwrap();
    for _ in 0..2 {
        authority.commit(&Action::Revoke(tenant("a")), at(5));
    }
    let first = authority.frame(0, 1, at(5), Duration::ZERO);
    assert!(matches!(
        hear(&mut follower, first, at(5)),
        Ok(Progress::Moved(_))
    ));
    assert_eq!(
        follower.freshness(at(5)).unwrap().age,
        Duration::from_secs(5)
    );
    let second = authority.frame(1, 2, at(5), LIFE);
    hear(&mut follower, second, at(5)).unwrap();
    assert_eq!(follower.freshness(at(5)).unwrap().age, Duration::ZERO);
}

#[test]
fn an_overlap_is_taken_where_it_is_new() {
    let (mut authority, mut follower) = started();
    for _ in 0..2 {
        authority.commit(&Action::Revoke(tenant("a")), NOW);
    }
    hear(&mut follower, authority.frame(0, 2, NOW, LIFE), NOW).unwrap();
    authority.commit(&Action::Revoke(tenant("b")), at(1));
    let overlap = authority.frame(1, 3, at(1), LIFE);
    let Ok(Progress::Moved(events)) = hear(&mut follower, overlap.clone(), at(1)) else {
        panic!("it continues");
    };
    assert_eq!(events.iter().map(Event::seq).collect::<Vec<_>>(), [3]);
    assert_eq!(hear(&mut follower, overlap, at(1)), Ok(Progress::Known));
}

#[test]
fn an_alert_holds_everything_until_the_follower_asks_again() {
    let (mut authority, mut follower) = started();
    hear(&mut follower, authority.heartbeat(NOW), NOW).unwrap();
    let alert = hear(&mut follower, "{}".to_owned(), NOW).unwrap_err();
    assert_eq!(alert, Alert::Refused(FeedError::Member("events")));
    assert_eq!(follower.wants(), Some(Resync::Resume));
    assert_eq!(follower.state(NOW), State::Syncing);
    authority.commit(&Action::Stop(Target::All), at(1));
    let frame = authority.frame(0, 1, at(1), LIFE);
    assert_eq!(
        hear(&mut follower, frame.clone(), at(1)),
        Ok(Progress::Waiting)
    );
    assert_eq!(follower.position().unwrap().seq, 0);
    assert!(follower.blocks().target(&Target::All, at(1)).is_some());
    assert_eq!(follower.resume().unwrap().seq, 0);
    assert!(matches!(
        hear(&mut follower, frame, at(1)),
        Ok(Progress::Moved(_))
    ));
    assert_eq!(follower.state(at(1)), State::Live);
}

/// It is chained like any other, what it names is held back, and knowledge gets no younger.
#[test]
fn what_is_not_understood_makes_cautious() {
    let (mut authority, mut follower) = started();
    hear(&mut follower, authority.heartbeat(NOW), NOW).unwrap();
    let later = r#"{"seq":1,"at":"2026-11-21T12:00:05.000Z","type":"rekey","target":{"kind":"tenant","tenant":"a"}}"#;
    authority.append(Event::parse(later).unwrap());
    let frame = authority.frame(0, 1, at(5), LIFE);
    assert!(matches!(
        hear(&mut follower, frame, at(5)),
        Ok(Progress::Moved(_))
    ));
    hear(&mut follower, authority.heartbeat(at(90)), at(90)).unwrap();
    assert_eq!(follower.position().unwrap().seq, 1);
    assert_eq!(
        follower.freshness(at(90)).unwrap().age,
        Duration::from_secs(90)
    );
    assert!(follower.blocks().target(&tenant("a"), NOW).is_some());
    assert!(follower.blocks().target(&tenant("b"), NOW).is_none());
}

#[test]
fn what_says_that_it_may_be_passed_over_is() {
    let (mut authority, mut follower) = started();
    hear(&mut follower, authority.heartbeat(NOW), NOW).unwrap();
    let note = r#"{"seq":1,"at":"2026-11-21T12:00:05.000Z","type":"note","ignorable":true,"target":{"kind":"tenant","tenant":"a"}}"#;
    authority.append(Event::parse(note).unwrap());
    hear(&mut follower, authority.frame(0, 1, at(5), LIFE), at(5)).unwrap();
    assert_eq!(follower.freshness(at(5)).unwrap().age, Duration::ZERO);
    assert!(follower.blocks().is_empty());
}

/// The worse of what it could mean.
#[test]
fn half_understood_events_only_take_away() {
    let (mut authority, mut follower) = started();
    let until = None;
    let target = tenant("a");
    authority.commit(&Action::Suspend { target, until }, NOW);
    let texts = [
        r#"{"seq":2,"at":"2026-11-21T12:00:00.000Z","type":"reinstate","reason":"x","lifts":"suspend","target":{"kind":"tenant","tenant":"a"},"but":1}"#,
        r#"{"seq":3,"at":"2026-11-21T12:00:00.000Z","type":"revoke","reason":"x","target":{"kind":"tenant","tenant":"b"},"but":1}"#,
    ];
    for text in texts {
        authority.append(Event::parse(text).unwrap());
    }
    hear(&mut follower, authority.frame(0, 3, NOW, LIFE), NOW).unwrap();
    let block = |name| follower.blocks().target(&tenant(name), NOW);
    assert_eq!(block("a"), Some(mcps_client::follower::Block::Suspended));
    assert_eq!(block("b"), Some(mcps_client::follower::Block::Revoked));
}
