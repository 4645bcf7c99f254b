use mcps_core::passport::{Kind, PassportId};
use mcps_core::random::SystemRandom;

use super::*;
use crate::store::FollowerId;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// When the event was committed.
const THEN: Timestamp = Timestamp::from_millis(1_800_000_000_000 - 5_000);

fn at(seq: u64) -> Cursor {
    Cursor { epoch: 1, seq }
}

/// One that has been there for long, and told `ms` after the event how far it is.
fn follower(name: &str, seq: u64, ms: u64) -> FollowerRecord {
    let reached_at = THEN.plus(Duration::from_millis(ms));
    FollowerRecord {
        id: FollowerId {
            tenant: "default".to_owned(),
            kind: Kind::Gateway,
            name: name.to_owned(),
            instance: "0".repeat(32),
        },
        passport_id: PassportId::generate(&SystemRandom).unwrap(),
        position: at(seq),
        enforced_at: reached_at,
        since: THEN.minus(ALIVE),
        reached_at,
        heard_at: reached_at,
    }
}

fn names(followers: &[FollowerRecord]) -> Vec<&str> {
    followers.iter().map(|one| one.id.name.as_str()).collect()
}

#[test]
fn it_is_counted_by_when_how_many_enforce_a_position() {
    let followers = (1..=200).map(|ms| follower("edge", 41, ms)).collect();
    let found = enforcement(at(41), Some(THEN), followers, NOW);
    assert_eq!((found.followers, found.enforcing), (200, 200));
    let after = |ms| Some(THEN.plus(Duration::from_millis(ms)));
    let expected = By {
        p50: after(100),
        p99: after(198),
        all: after(200),
    };
    assert_eq!(found.by, expected);
    assert_eq!((found.lagging.len(), found.silent.len()), (0, 0));
}

#[test]
fn whoever_lags_is_named_and_not_all_do() {
    let followers = vec![
        follower("a", 41, 7),
        follower("b", 40, 9),
        follower("c", 42, 8),
        // Of an epoch that has ended.
        FollowerRecord {
            position: Cursor { epoch: 0, seq: 99 },
            ..follower("d", 0, 9)
        },
    ];
    let found = enforcement(at(41), Some(THEN), followers, NOW);
    assert_eq!((found.followers, found.enforcing), (4, 2));
    assert_eq!(names(&found.lagging), ["b", "d"]);
    assert_eq!(found.by.p50, Some(THEN.plus(Duration::from_millis(8))));
    assert_eq!((found.by.p99, found.by.all), (None, None));
}

#[test]
fn whoever_is_silent_is_not_counted_but_named() {
    let silent = FollowerRecord {
        heard_at: NOW.minus(ALIVE),
        ..follower("silent", 40, 0)
    };
    let followers = vec![follower("a", 41, 7), silent];
    let found = enforcement(at(41), Some(THEN), followers, NOW);
    assert_eq!((found.followers, found.enforcing), (1, 1));
    assert_eq!(names(&found.silent), ["silent"]);
    assert_eq!(found.by.all, Some(THEN.plus(Duration::from_millis(7))));
}

#[test]
fn whoever_came_later_does_not_count_into_the_times() {
    let later = FollowerRecord {
        since: THEN.plus(Duration::from_secs(4)),
        ..follower("later", 41, 4_000)
    };
    let followers = vec![follower("a", 41, 7), later];
    let found = enforcement(at(41), Some(THEN), followers, NOW);
    assert_eq!((found.followers, found.enforcing), (2, 2));
    assert_eq!(found.by.all, Some(THEN.plus(Duration::from_millis(7))));
}

#[test]
fn nobody_enforces_where_nobody_is() {
    let found = enforcement(at(41), Some(THEN), Vec::new(), NOW);
    assert_eq!((found.followers, found.enforcing), (0, 0));
    assert_eq!(found.by, By::default());
    let unknown = enforcement(at(41), None, vec![follower("a", 41, 7)], NOW);
    assert_eq!((unknown.enforcing, unknown.by), (1, By::default()));
}
