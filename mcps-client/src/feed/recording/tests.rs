use mcps_core::feed::{Cursor, FeedError};

use super::super::tests::{Authority, at, bundle, key};
use super::{Flaw, Proven, Recording};
use crate::follower::Alert;

/// Three events, each in a frame, with heartbeats between.
fn recorded() -> (Authority, Vec<String>) {
    let mut authority = Authority::new(1);
    let mut lines = vec![authority.heartbeat(at(0))];
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        authority.revoke(name);
        let number = number as u64;
        lines.push(authority.frame(number, number + 1, at(2 * number + 1)));
        lines.push(authority.heartbeat(at(2 * number + 2)));
    }
    (authority, lines)
}

fn prove(lines: &[String]) -> Result<Proven, Flaw> {
    let bundle = bundle(1);
    let mut recording = Recording::new(&bundle);
    for line in lines {
        recording.take(line)?;
    }
    Ok(recording.proven().clone())
}

fn flaw(lines: &[String]) -> (usize, Alert) {
    let flaw = prove(lines).unwrap_err();
    (flaw.line, flaw.why)
}

fn cursor(epoch: u64, seq: u64) -> Option<Cursor> {
    Some(Cursor { epoch, seq })
}

#[test]
fn a_whole_recording_holds_and_so_does_one_that_begins_later() {
    let (_, lines) = recorded();
    let proven = prove(&lines).unwrap();
    let expected = Proven {
        frames: 7,
        events: 3,
        epochs: 0,
        runs: 1,
        from: cursor(1, 0),
        to: cursor(1, 3),
    };
    assert_eq!(proven, expected);
    let later = prove(&lines[3..]).unwrap();
    assert_eq!((later.events, later.from), (2, cursor(1, 1)));
    assert_eq!(prove(&[]).unwrap(), Proven::default());
    assert_eq!(prove(&["  ".to_owned()]).unwrap(), Proven::default());
}

#[test]
fn heartbeats_may_be_missing_and_frames_come_twice() {
    let (_, mut lines) = recorded();
    lines.remove(2);
    lines.insert(3, lines[2].clone());
    assert_eq!(prove(&lines).unwrap().events, 3);
}

#[test]
fn the_first_line_that_does_not_fit_is_named() {
    let (authority, lines) = recorded();
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        flaw(&lines)
    };
    // Dropped.
    let dropped = changed(&|lines| drop(lines.drain(3..5)));
    assert_eq!(dropped, (4, Alert::Gap { have: 1, after: 2 }));
    // Re-ordered.
    let reordered = changed(&|lines| lines.swap(1, 3));
    assert_eq!(reordered, (2, Alert::Gap { have: 0, after: 1 }));
    // Edited.
    let edited = changed(&|lines| lines[3] = lines[3].replace("policy", "mistake"));
    assert_eq!(edited, (4, Alert::Refused(FeedError::BadSignature)));
    // Cut.
    let cut = changed(&|lines| lines[5].truncate(100));
    assert_eq!(cut.0, 6);
    assert!(matches!(cut.1, Alert::Refused(FeedError::Json(_))));
    // Of another authority, and by another key.
    let foreign = Authority::named("other.example", 1).heartbeat(at(9));
    let foreign = changed(&|lines| lines.push(foreign.clone()));
    assert_eq!(foreign, (8, Alert::Refused(FeedError::ForeignAuthority)));
    let stranger = authority.signed_by(&key(999), 3, 3, at(9));
    let stranger = changed(&|lines| lines.push(stranger.clone()));
    assert_eq!(stranger, (8, Alert::Refused(FeedError::ForeignKey)));
    // Forked.
    let mut other = Authority::new(1);
    for name in ["a", "b", "x"] {
        other.revoke(name);
    }
    let fork = other.heartbeat(at(9));
    let fork = changed(&|lines| lines.push(fork.clone()));
    assert_eq!(fork, (8, Alert::Forked { seq: 3 }));
    // Rolled back.
    let back = authority.frame(2, 2, at(9));
    let back = changed(&|lines| lines.push(back.clone()));
    assert_eq!(back, (8, Alert::RolledBack { have: 3, to: 2 }));
    // Repeated, much later.
    let old = authority.frame(3, 3, at(2));
    let late = authority.heartbeat(at(200));
    let repeated = changed(&|lines| lines.extend([late.clone(), old.clone()]));
    assert_eq!(repeated, (9, Alert::Replayed { have: 3, to: 3 }));
}

#[test]
fn epochs_follow_one_another_by_the_word_of_the_root() {
    let (authority, lines) = recorded();
    let mut next = Authority::new(2);
    next.revoke("d");
    let frame = next.frame(0, 1, at(20));
    let with = |more: &[String]| prove(&[&lines, more].concat());
    // All that we know is known to the new epoch.
    let proven = with(&[authority.followed_by(2, 3), frame.clone()]).unwrap();
    assert_eq!(
        (proven.epochs, proven.runs, proven.to),
        (1, 1, cursor(2, 1))
    );
    // Some was lost: a run of its own.
    let proven = with(&[authority.followed_by(2, 1), next.heartbeat(at(20))]).unwrap();
    assert_eq!((proven.epochs, proven.runs), (1, 2));
    // Nobody announced it.
    let (have, found) = (1, 2);
    let flaw = with(&[frame]).unwrap_err();
    assert_eq!(
        (flaw.line, flaw.why),
        (8, Alert::UnannouncedEpoch { have, found })
    );
}
