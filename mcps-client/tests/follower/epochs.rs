//! New epochs and snapshots.

use std::time::Duration;

use mcps_client::follower::{Alert, Block, Follower, Progress, Resync, State, Turn};
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Entry, Epoch, FeedError, Held, Position, Snapshot, Target};

use crate::authority::{Authority, BUNDLE, FEED, LIFE, NAME, NOW, ROOT};

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn tenant(name: &str) -> Target {
    Target::Tenant(name.to_owned())
}

/// `a` revoked and `b` suspended, followed and live.
fn followed() -> (Authority, Follower) {
    let mut authority = Authority::new(NAME, 1);
    authority.commit(&Action::Revoke(tenant("a")), NOW);
    let (target, until) = (tenant("b"), None);
    authority.commit(&Action::Suspend { target, until }, NOW);
    let mut follower = Follower::new(NAME);
    follower.start(1);
    let frame = authority.frame(0, 2, NOW, LIFE);
    follower.receive(frame, &BUNDLE, NOW).unwrap();
    (authority, follower)
}

fn epoch(authority: &Authority, seq: u64, number: u64) -> Epoch {
    Epoch {
        authority: NAME.to_owned(),
        epoch: number,
        previous_epoch: number - 1,
        seq,
        chain: authority.chains[seq as usize],
        iat: at(1),
    }
}

fn snapshot(of: &Authority, entries: Vec<Entry>) -> Snapshot {
    Snapshot {
        authority: NAME.to_owned(),
        position: Position {
            epoch: of.epoch,
            seq: of.seq(),
            chain: *of.chains.last().unwrap(),
        },
        iat: at(2),
        fresh_until: at(2),
        entries,
    }
}

#[test]
fn nothing_of_an_epoch_that_the_root_did_not_announce_is_followed() {
    let (authority, mut follower) = followed();
    let mut second = Authority::new(NAME, 2);
    second.commit(&Action::Revoke(tenant("c")), at(1));
    let frame = second.frame(0, 1, at(1), LIFE);
    let alert = follower.receive(frame.clone(), &BUNDLE, at(1)).unwrap_err();
    assert_eq!(alert, Alert::UnannouncedEpoch { have: 1, found: 2 });
    assert_eq!(follower.wants(), Some(Resync::Epoch));
    let c = follower.blocks().target(&tenant("c"), at(1));
    assert_eq!(c, Some(Block::Revoked), "the key is the authority's");
    let early = follower.adopt(&snapshot(&second, Vec::new()), at(2));
    assert_eq!(early, Err(alert));

    let by_feed = epoch(&authority, 2, 2).sign(&*FEED).unwrap();
    let refused = follower.turn(&by_feed, &BUNDLE).unwrap_err();
    assert_eq!(refused, Alert::Refused(FeedError::ForeignKey));
    let by_root = epoch(&authority, 2, 2).sign(&*ROOT).unwrap();
    assert_eq!(follower.turn(&by_root, &BUNDLE), Ok(Turn::Followed));
    assert_eq!(follower.turn(&by_root, &BUNDLE), Ok(Turn::Known));
    assert!(matches!(
        follower.receive(frame, &BUNDLE, at(1)),
        Ok(Progress::Moved(_))
    ));
    assert_eq!(follower.position().unwrap().epoch, 2);
    assert_eq!(follower.state(at(1)), State::Live);

    let old = follower.receive(authority.heartbeat(at(1)), &BUNDLE, at(1));
    assert_eq!(old, Err(Alert::OldEpoch { have: 2, found: 1 }));
}

/// A restore from a backup: what the authority has lost is kept here.
#[test]
fn what_a_restored_authority_has_lost_is_not_forgotten() {
    let (authority, mut follower) = followed();
    let statement = epoch(&authority, 1, 2).sign(&*ROOT).unwrap();
    let wanted = Turn::Wanted { lost: 1 };
    assert_eq!(follower.turn(&statement, &BUNDLE), Ok(wanted));
    assert_eq!(follower.wants(), Some(Resync::Snapshot));
    assert_eq!(follower.position().unwrap().epoch, 1);
    let second = Authority::new(NAME, 2);
    follower
        .adopt(&snapshot(&second, Vec::new()), at(2))
        .unwrap();
    let block = |name| follower.blocks().target(&tenant(name), at(2));
    assert_eq!(block("a"), Some(Block::Revoked));
    assert_eq!(block("b"), Some(Block::Suspended));
    assert_eq!(
        follower.position().unwrap(),
        snapshot(&second, Vec::new()).position
    );
    let beat = follower.receive(second.heartbeat(at(3)), &BUNDLE, at(3));
    assert_eq!(beat, Ok(Progress::Heartbeat));
}

#[test]
fn an_epoch_that_was_skipped_and_one_we_lag_behind_want_a_snapshot() {
    let (mut authority, mut follower) = followed();
    authority.commit(&Action::Stop(Target::All), at(1));
    let ahead = epoch(&authority, 3, 2).sign(&*ROOT).unwrap();
    assert_eq!(follower.turn(&ahead, &BUNDLE), Ok(Turn::Wanted { lost: 0 }));
    let skipped = epoch(&authority, 3, 4).sign(&*ROOT).unwrap();
    assert_eq!(
        follower.turn(&skipped, &BUNDLE),
        Ok(Turn::Wanted { lost: 0 })
    );
    let fourth = Authority::new(NAME, 4);
    follower
        .adopt(&snapshot(&fourth, Vec::new()), at(2))
        .unwrap();
    let late = follower.turn(&ahead, &BUNDLE);
    assert_eq!(late, Err(Alert::OldEpoch { have: 4, found: 2 }));
}

#[test]
fn a_snapshot_starts_a_cold_follower() {
    let (authority, _) = followed();
    let mut follower = Follower::new(NAME);
    let entries = vec![
        Entry {
            target: tenant("a"),
            held: Held::Revoked,
        },
        Entry {
            target: tenant("b"),
            held: Held::Suspended(None),
        },
    ];
    follower
        .adopt(&snapshot(&authority, entries), at(3))
        .unwrap();
    assert_eq!(follower.wants(), None);
    assert_eq!(
        follower.state(at(3)),
        State::Stale,
        "it vouches for nothing"
    );
    assert_eq!(
        follower.freshness(at(3)).unwrap().age,
        Duration::from_secs(1)
    );
    let (_, other) = followed();
    assert_eq!(follower.blocks(), other.blocks());
    follower
        .receive(authority.heartbeat(at(3)), &BUNDLE, at(3))
        .unwrap();
    assert_eq!(follower.state(at(3)), State::Live);
}

#[test]
fn a_snapshot_takes_suspensions_back_and_never_a_revocation() {
    let (authority, mut follower) = followed();
    follower
        .adopt(&snapshot(&authority, Vec::new()), at(3))
        .unwrap();
    let block = |name| follower.blocks().target(&tenant(name), at(3));
    assert_eq!((block("a"), block("b")), (Some(Block::Revoked), None));
}

#[test]
fn a_snapshot_of_before_or_of_another_history_is_refused() {
    let (authority, mut follower) = followed();
    let mut before = authority.clone();
    before.events.pop();
    before.chains.pop();
    let behind = follower.adopt(&snapshot(&before, Vec::new()), at(3));
    assert_eq!(behind, Err(Alert::Behind { have: 2, to: 1 }));
    before.commit(&Action::Stop(Target::All), NOW);
    let forked = follower.adopt(&snapshot(&before, Vec::new()), at(3));
    assert_eq!(forked, Err(Alert::Forked { seq: 2 }));
    let foreign = Snapshot {
        authority: "other.example".to_owned(),
        ..snapshot(&authority, Vec::new())
    };
    let foreign = follower.adopt(&foreign, at(3));
    assert_eq!(foreign, Err(Alert::Refused(FeedError::ForeignAuthority)));
    assert!(follower.blocks().target(&tenant("b"), NOW).is_some());
}
