use std::os::unix::fs::PermissionsExt as _;

use mcps_core::feed::Target;

use super::super::tests::{Authority, NAME, NOW, at, bundle};
use super::super::{Feed, tests::LIFE};
use super::FILE;
use crate::follower::{Block, Follower, Resync, State};
use crate::home::Home;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    std::fs::create_dir(home.dir()).unwrap();
    (folder, home)
}

/// A feed at the `to`th event.
fn feed(authority: &Authority, to: u64) -> Feed {
    let mut follower = Follower::new(NAME);
    follower.start(authority.epoch);
    hear(&mut follower, authority, 0, to);
    Feed::new(follower)
}

fn hear(follower: &mut Follower, authority: &Authority, after: u64, to: u64) {
    let frame = authority.frame(after, to, at(to));
    follower.receive(frame, &bundle(1), at(to)).unwrap();
}

fn seq(feed: &Feed) -> u64 {
    feed.position().unwrap().seq
}

fn blocks(feed: &Feed, name: &str) -> Option<Block> {
    let target = Target::Tenant(name.to_owned());
    feed.read(|follower| follower.blocks().target(&target, NOW))
}

fn revoking(names: &[&str]) -> Authority {
    let mut authority = Authority::new(1);
    for name in names {
        authority.revoke(name);
    }
    authority
}

#[test]
fn what_was_stored_is_loaded() {
    let (_folder, home) = home();
    let authority = revoking(&["a", "b"]);
    let feed = feed(&authority, 2);
    feed.store(&home).unwrap();
    let loaded = Feed::load(&home, NAME);
    assert_eq!(loaded.position(), feed.position());
    assert_eq!(blocks(&loaded, "a"), Some(Block::Revoked));
    assert_eq!(loaded.state(at(2)), State::Syncing);
    let mode = std::fs::metadata(home.path(FILE)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    // As old as it was.
    let age = loaded.read(|follower| follower.freshness(at(2).plus(LIFE)).unwrap().age);
    assert_eq!(age, LIFE);
}

#[test]
fn nothing_is_stored_before_there_is_a_position() {
    let (_folder, home) = home();
    Feed::new(Follower::new(NAME)).store(&home).unwrap();
    assert!(home.read(FILE).unwrap().is_none());
}

#[test]
fn a_home_that_was_removed_does_not_come_back() {
    let (_folder, home) = home();
    std::fs::remove_dir(home.dir()).unwrap();
    feed(&revoking(&["a"]), 1).store(&home).unwrap();
    assert!(!home.dir().exists());
}

#[test]
fn what_is_damaged_or_of_another_authority_is_replaced() {
    for text in ["", "{", "\u{0}\u{0}", "{\"form\":9}\n"] {
        let (_folder, home) = home();
        home.write(FILE, text).unwrap();
        let loaded = Feed::load(&home, NAME);
        assert_eq!(loaded.position(), None, "{text:?}");
        assert_eq!(
            loaded.read(Follower::wants),
            Some(Resync::Snapshot),
            "{text:?}"
        );
        let authority = revoking(&["a"]);
        feed(&authority, 1).store(&home).unwrap();
        assert_eq!(seq(&Feed::load(&home, NAME)), 1, "{text:?}");
    }
    let (_folder, home) = home();
    std::fs::write(home.path(FILE), [0xFF, 0xFE]).unwrap();
    let authority = revoking(&["a"]);
    feed(&authority, 1).store(&home).unwrap();
    assert_eq!(Feed::load(&home, NAME).position().unwrap().seq, 1);
    assert_eq!(Feed::load(&home, "other.example").position(), None);
}

#[test]
fn whoever_is_behind_goes_on_from_where_the_other_is() {
    let (_folder, home) = home();
    let authority = revoking(&["a", "b", "c"]);
    let (behind, ahead) = (feed(&authority, 1), feed(&authority, 3));
    ahead.store(&home).unwrap();
    behind.store(&home).unwrap();
    assert_eq!(seq(&behind), 3);
    assert_eq!(blocks(&behind, "c"), Some(Block::Revoked));
    assert_eq!(behind.read(Follower::wants), Some(Resync::Resume));
    assert_eq!(seq(&Feed::load(&home, NAME)), 3);
}

#[test]
fn whoever_is_ahead_replaces_what_the_other_stored_and_forgets_none_of_it() {
    let (_folder, home) = home();
    let authority = revoking(&["a", "b", "c"]);
    let (behind, ahead) = (feed(&authority, 1), feed(&authority, 3));
    ahead.store(&home).unwrap();
    // A fork by the real key was seen there alone: its revocation counts everywhere.
    let other = revoking(&["x"]);
    behind.change(|follower| {
        let frame = other.frame(0, 1, at(1));
        assert!(follower.receive(frame, &bundle(1), at(1)).is_err());
    });
    assert_eq!(blocks(&behind, "x"), Some(Block::Revoked));
    behind.store(&home).unwrap();
    ahead.store(&home).unwrap();
    assert_eq!(blocks(&ahead, "x"), Some(Block::Revoked));
    let stored = Feed::load(&home, NAME);
    assert_eq!(seq(&stored), 3);
    assert_eq!(blocks(&stored, "x"), Some(Block::Revoked));
    assert_eq!(blocks(&stored, "c"), Some(Block::Revoked));
}

#[test]
fn two_who_were_told_different_histories_find_out() {
    let (_folder, home) = home();
    let (one, two) = (feed(&revoking(&["a"]), 1), feed(&revoking(&["b"]), 1));
    one.store(&home).unwrap();
    two.store(&home).unwrap();
    assert_eq!(two.read(Follower::wants), Some(Resync::Snapshot));
    for name in ["a", "b"] {
        assert_eq!(blocks(&two, name), Some(Block::Revoked), "{name}");
    }
}

#[test]
fn many_who_store_at_once_end_where_the_furthest_is() {
    let (_folder, home) = home();
    let names: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let authority = revoking(&names);
    let feeds: Vec<Feed> = (1..=8).map(|to| feed(&authority, to)).collect();
    std::thread::scope(|scope| {
        for feed in &feeds {
            scope.spawn(|| {
                for _ in 0..5 {
                    feed.store(&home).unwrap();
                }
            });
        }
    });
    assert_eq!(seq(&Feed::load(&home, NAME)), 8);
}
