//! Frames that do not continue the position: refused by name, and what they revoke counts.

use std::time::Duration;

use mcps_client::follower::{Alert, Block, Follower, Progress, Resync, State};
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, FeedError, Frame, Lifts, Target};
use mcps_core::statement;

use crate::authority::{Authority, BUNDLE, FEED, LIFE, NAME, NOW, STRANGER, bundle_of};

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn tenant(name: &str) -> Target {
    Target::Tenant(name.to_owned())
}

fn suspend(name: &str) -> Action {
    Action::Suspend {
        target: tenant(name),
        until: None,
    }
}

fn reinstate(name: &str) -> Action {
    Action::Reinstate {
        target: tenant(name),
        lifts: Lifts::Suspend,
    }
}

/// Three events, followed and live: `a` revoked, `b` suspended and reinstated.
fn followed() -> (Authority, Follower) {
    let mut authority = Authority::new(NAME, 1);
    authority.commit(&Action::Revoke(tenant("a")), NOW);
    authority.commit(&suspend("b"), NOW);
    authority.commit(&reinstate("b"), NOW);
    let mut follower = Follower::new(NAME);
    follower.start(1);
    let frame = authority.frame(0, 3, NOW, LIFE);
    follower.receive(frame, &BUNDLE, NOW).unwrap();
    assert_eq!(follower.state(NOW), State::Live);
    (authority, follower)
}

fn refused(follower: &mut Follower, text: String, now: Timestamp) -> (Alert, Option<Resync>) {
    let before = follower.position();
    let alert = follower.receive(text, &BUNDLE, now).unwrap_err();
    assert_eq!(follower.position(), before);
    assert_ne!(follower.state(now), State::Live);
    let a = follower.blocks().target(&tenant("a"), now);
    assert_eq!(a, Some(Block::Revoked));
    (alert, follower.wants())
}

#[test]
fn a_gap_is_refused_and_what_came_after_it_counts() {
    let (mut authority, mut follower) = followed();
    authority.commit(&Action::Revoke(tenant("c")), at(1));
    authority.commit(&Action::Revoke(tenant("d")), at(1));
    let late = authority.frame(4, 5, at(1), LIFE);
    let gap = Alert::Gap { have: 3, after: 4 };
    assert_eq!(
        refused(&mut follower, late, at(1)),
        (gap, Some(Resync::Resume))
    );
    let block = |name| follower.blocks().target(&tenant(name), at(1));
    assert_eq!((block("c"), block("d")), (None, Some(Block::Revoked)));
}

#[test]
fn a_heartbeat_tells_of_what_was_withheld() {
    let (mut authority, mut follower) = followed();
    authority.commit(&Action::Revoke(tenant("c")), at(1));
    let gap = Alert::Gap { have: 3, after: 4 };
    let (alert, _) = refused(&mut follower, authority.heartbeat(at(5)), at(5));
    assert_eq!(alert, gap);
}

/// Whoever repeats old frames shall not suspend anybody again.
#[test]
fn a_replay_takes_nothing_away_that_was_given_back() {
    let (authority, mut follower) = followed();
    follower
        .receive(authority.heartbeat(at(1)), &BUNDLE, at(1))
        .unwrap();
    let old = authority.frame(0, 2, NOW, LIFE);
    let replayed = Alert::Replayed { have: 3, to: 2 };
    assert_eq!(
        refused(&mut follower, old, at(1)),
        (replayed, Some(Resync::Resume))
    );
    assert_eq!(follower.blocks().target(&tenant("b"), NOW), None);
    follower.resume();
    // The last frame once more is nothing new, and when it has expired it is late.
    let last = authority.frame(0, 3, NOW, LIFE);
    let heard = follower.receive(last.clone(), &BUNDLE, at(2));
    assert_eq!(heard, Ok(Progress::Known));
    let expired = Alert::Expired { have: 3 };
    assert_eq!(refused(&mut follower, last, at(31)).0, expired);
    assert_eq!(follower.blocks().target(&tenant("b"), NOW), None);
}

#[test]
fn a_rollback_is_refused_until_a_snapshot_says_where_to_go_on() {
    let (authority, mut follower) = followed();
    let less = authority.frame(2, 2, at(5), LIFE);
    let back = Alert::RolledBack { have: 3, to: 2 };
    assert_eq!(
        refused(&mut follower, less, at(5)),
        (back, Some(Resync::Snapshot))
    );
    assert_eq!(follower.resume(), None);
}

#[test]
fn a_fork_by_the_real_key_only_ever_revokes() {
    let (authority, mut follower) = followed();
    let mut other = Authority::new(NAME, 1);
    other.commit(&Action::Revoke(tenant("x")), NOW);
    other.commit(&suspend("y"), NOW);
    other.commit(&reinstate("a"), NOW);
    other.commit(&reinstate("y"), NOW);
    let fork = other.frame(0, 4, at(1), LIFE);
    let forked = Alert::Forked { seq: 3 };
    assert_eq!(
        refused(&mut follower, fork, at(1)),
        (forked, Some(Resync::Snapshot))
    );
    let block = |name| follower.blocks().target(&tenant(name), at(1));
    assert_eq!(block("x"), Some(Block::Revoked));
    assert_eq!(block("y"), Some(Block::Suspended));
    // The same number and another chain.
    let (_, mut follower) = followed();
    let (alert, _) = refused(&mut follower, other.frame(3, 3, at(1), LIFE), at(1));
    assert_eq!(alert, forked);
    drop(authority);
}

/// The feed key signed it, whoever has that; nothing of it is followed, and what it revokes counts.
#[test]
fn what_does_not_hold_together_only_ever_revokes() {
    let (mut authority, mut follower) = followed();
    authority.commit(&Action::Revoke(tenant("c")), at(1));
    authority.commit(&reinstate("c"), at(1));
    let text = authority.frame(3, 5, at(1), LIFE);
    let (body, _) = text.split_once(",\"signature\"").unwrap();
    for (from, to, error) in [
        ("\"seq\":5", "\"seq\":6", out_of_order(5, 6)),
        ("\"to\":5", "\"to\":6", FeedError::Range),
        ("\"to\":5", "\"to\":2", FeedError::Range),
        ("policy", "polish", FeedError::BrokenChain),
        ("12:00:31", "12:09:31", FeedError::Lifetime),
    ] {
        let changed = body.replacen(from, to, 1) + "}";
        assert_ne!(changed, format!("{body}}}"));
        let text = statement::sign(statement::FEED, &changed, &*FEED).unwrap();
        let expected = (Alert::Broken(error), Some(Resync::Snapshot));
        assert_eq!(refused(&mut follower, text, at(1)), expected);
        let c = follower.blocks().target(&tenant("c"), at(1));
        assert_eq!(c, Some(Block::Revoked));
    }
}

fn out_of_order(expected: u64, found: u64) -> FeedError {
    FeedError::OutOfOrder { expected, found }
}

/// Of what looks like a replay, only what is for good counts: the rest may have been taken back.
#[test]
fn an_old_frame_revokes_and_suspends_nobody() {
    let (mut authority, mut follower) = followed();
    for _ in 0..3 {
        authority.commit(&Action::Stop(Target::All), at(1));
    }
    let frame = authority.frame(3, 6, at(1), LIFE);
    follower.receive(frame, &BUNDLE, at(1)).unwrap();
    let mut other = Authority::new(NAME, 1);
    other.commit(&Action::Revoke(tenant("x")), NOW);
    other.commit(&suspend("y"), NOW);
    let replayed = Alert::Replayed { have: 6, to: 2 };
    let old = other.frame(0, 2, NOW, LIFE);
    assert_eq!(refused(&mut follower, old, at(1)).0, replayed);
    let block = |name| follower.blocks().target(&tenant(name), at(1));
    assert_eq!((block("x"), block("y")), (Some(Block::Revoked), None));
}

#[test]
fn foreign_and_edited_frames_are_refused_by_name_and_revoke_nothing() {
    let mut stranger = Authority::new(NAME, 1);
    stranger.commit(&Action::Revoke(tenant("x")), NOW);
    let by_stranger = stranger.signed_by(&STRANGER, 0, 1, NOW, LIFE);
    let mut other = Authority::new("other.example", 1);
    other.commit(&Action::Revoke(tenant("x")), NOW);
    let of_other = other.signed_by(&FEED, 0, 1, NOW, LIFE);
    let edited = stranger.frame(0, 1, NOW, LIFE).replace("policy", "polish");
    for (text, error) in [
        (by_stranger, FeedError::ForeignKey),
        (of_other, FeedError::ForeignAuthority),
        (edited, FeedError::BadSignature),
        (
            " ".repeat(2 << 20),
            FeedError::TooLarge {
                bytes: 2 << 20,
                limit: 1 << 20,
            },
        ),
    ] {
        let (_, mut follower) = followed();
        let expected = (Alert::Refused(error), Some(Resync::Resume));
        assert_eq!(refused(&mut follower, text, NOW), expected);
        assert_eq!(follower.blocks().target(&tenant("x"), NOW), None);
    }
}

/// Whoever follows several authorities and mixes them up blocks nobody of one by the word of another.
#[test]
fn what_another_authority_did_sign_revokes_nothing_here() {
    let mut other = Authority::new("other.example", 1);
    other.commit(&Action::Revoke(tenant("x")), NOW);
    let text = other.frame(0, 1, NOW, LIFE);
    let frame = Frame::verify(text, &bundle_of("other.example")).unwrap();
    let (_, mut follower) = followed();
    let refused = follower.hear(Ok(&frame), NOW);
    let foreign = Alert::Refused(FeedError::ForeignAuthority);
    assert_eq!(refused, Err(foreign));
    assert_eq!(follower.blocks().target(&tenant("x"), NOW), None);
}

#[test]
fn the_future_is_refused_beyond_the_skew() {
    let (authority, mut follower) = followed();
    let ahead = authority.heartbeat(at(60));
    assert_eq!(
        follower.receive(ahead, &BUNDLE, NOW),
        Ok(Progress::Heartbeat)
    );
    let further = authority.heartbeat(NOW.plus(Duration::from_millis(60_001)));
    let (alert, _) = refused(&mut follower, further, NOW);
    assert_eq!(alert, Alert::FromFuture { have: 3 });
}

#[test]
fn a_late_heartbeat_is_refused_even_while_catching_up() {
    let (authority, mut follower) = followed();
    follower.resume();
    let (alert, _) = refused(&mut follower, authority.heartbeat(at(1)), at(31));
    assert_eq!(alert, Alert::Expired { have: 3 });
}
