use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Entry, FeedError, Held, Target};

use super::super::Trouble;
use super::super::tests::network::{Answer, Does, follow, follow_from};
use super::super::tests::{Authority, NAME, NEXT, NOW, at, bundle};
use crate::follower::{Alert, Block, Follower, State};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn tenant(name: &str) -> Target {
    Target::Tenant(name.to_owned())
}

fn unreachable() -> Trouble {
    Trouble::Unreachable("connection failed".to_owned())
}

/// An authority that revoked tenant `a`, and a follower that knows.
fn followed() -> (Authority, Follower) {
    let mut authority = Authority::new(1);
    authority.revoke("a");
    let mut follower = Follower::new(NAME);
    follower.start(1);
    follower
        .receive(authority.frame(0, 1, NOW), &bundle(1), NOW)
        .unwrap();
    (authority, follower)
}

/// Heartbeats every 5 s from second `from` on.
fn beating(authority: &Authority, from: u64, count: u64) -> Vec<Does> {
    let beat = |number| {
        [
            Does::Sends(authority.heartbeat(at(from + 5 * number))),
            Does::Waits(seconds(5)),
        ]
    };
    (0..count).flat_map(beat).collect()
}

#[tokio::test(start_paused = true)]
async fn starts_from_a_snapshot_and_follows_the_stream() {
    let mut authority = Authority::new(1);
    let revoked = Entry {
        target: tenant("old"),
        held: Held::Revoked,
    };
    let snapshot = authority.snapshot(NOW, vec![revoked]);
    let first = authority.heartbeat(NOW);
    authority.revoke("a");
    let second = authority.frame(0, 1, at(1));
    let told = follow(
        3,
        [
            Answer::Text(snapshot),
            Answer::Stream(vec![
                Does::Sends(first),
                Does::Waits(seconds(1)),
                Does::Sends(second),
            ]),
        ],
    )
    .await;
    assert_eq!(told.network.questions(), ["snapshot", "stream 1:0"]);
    assert_eq!(told.notes.news, [1]);
    assert_eq!(told.notes.states, [State::Syncing, State::Live]);
    let blocked = |name| {
        told.feed
            .read(|follower| follower.blocks().target(&tenant(name), at(3)))
    };
    assert_eq!(blocked("old"), Some(Block::Revoked));
    assert_eq!(blocked("a"), Some(Block::Revoked));
    assert_eq!(blocked("b"), None);
}

#[tokio::test(start_paused = true)]
async fn a_restored_follower_goes_on_from_its_position() {
    let (authority, follower) = followed();
    let script = beating(&authority, 0, 3);
    let told = follow_from(follower, 12, [Answer::Stream(script)]).await;
    assert_eq!(told.network.questions(), ["stream 1:1"]);
    assert_eq!(told.notes.followed, 3);
    assert_eq!(told.notes.alerts, []);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_opened_anew_after_twelve_seconds() {
    let (authority, follower) = followed();
    let told = follow_from(
        follower,
        20,
        [
            Answer::Stream(vec![Does::Sends(authority.heartbeat(NOW))]),
            Answer::Stream(vec![Does::Sends(authority.heartbeat(at(12)))]),
        ],
    )
    .await;
    assert_eq!(told.network.questions(), ["stream 1:1", "stream 1:1"]);
    let again = told.network.times()[1];
    assert!(seconds(12) <= again && again < seconds(13), "{again:?}");
    assert_eq!(told.notes.states.last(), Some(&State::Live));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_while_nobody_answers_and_shrink_when_somebody_does() {
    let (authority, follower) = followed();
    let mut script = vec![Answer::Fails(unreachable()); 12];
    script.push(Answer::Stream(vec![
        Does::Sends(authority.heartbeat(at(34))),
        Does::Ends,
    ]));
    let told = follow_from(follower, 120, script).await;
    let times = told.network.times();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] <= Duration::from_millis(100), "{pauses:?}");
    let bounds = |pause: &&Duration| (Duration::from_millis(2500)..=seconds(5)).contains(*pause);
    assert_eq!(pauses[6..12].iter().filter(bounds).count(), 6, "{pauses:?}");
    // The stream's end came after a frame.
    assert!(pauses[12] <= Duration::from_millis(100), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_as_long_as_a_busy_authority_asks() {
    let (authority, follower) = followed();
    let told = follow_from(
        follower,
        30,
        [
            Answer::Fails(Trouble::Busy(Some(seconds(9)))),
            Answer::Stream(vec![Does::Sends(authority.heartbeat(at(9)))]),
        ],
    )
    .await;
    let again = told.network.times()[1];
    assert!(seconds(9) <= again && again < seconds(10), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn an_authority_without_a_feed_is_asked_seldom() {
    let told = follow(1000, vec![Answer::Fails(Trouble::Absent); 20]).await;
    let asked = told.network.questions().len();
    assert!((3..=8).contains(&asked), "{asked}");
    assert_eq!(told.feed.state(at(1000)), State::Cold);
}

#[tokio::test(start_paused = true)]
async fn where_streams_are_swallowed_it_polls_and_tries_them_again() {
    let (mut authority, follower) = followed();
    let mut script = vec![Answer::Stream(Vec::new()), Answer::Hangs];
    script.push(Answer::Frames(
        seconds(20),
        vec![authority.heartbeat(at(40))],
    ));
    authority.revoke("b");
    script.push(Answer::Frames(
        seconds(1),
        vec![authority.frame(1, 2, at(41))],
    ));
    for number in 0..8 {
        let beat = authority.heartbeat(at(61 + 20 * number));
        script.push(Answer::Frames(seconds(20), vec![beat]));
    }
    script.push(Answer::Stream(vec![Does::Sends(
        authority.heartbeat(at(230)),
    )]));
    let told = follow_from(follower, 240, script).await;
    let questions = told.network.questions();
    assert_eq!(
        questions[..5],
        [
            "stream 1:1",
            "stream 1:1",
            "frames 1:1",
            "frames 1:1",
            "frames 1:2"
        ]
    );
    assert_eq!(questions[12], "stream 1:2", "{questions:?}");
    assert_eq!(told.notes.news, [2]);
    assert_eq!(told.notes.alerts, []);
}

#[tokio::test(start_paused = true)]
async fn empty_answers_at_once_do_not_make_it_hurry() {
    let (_, follower) = followed();
    let mut script = vec![Answer::Stream(Vec::new()), Answer::Hangs];
    script.extend(vec![Answer::Frames(Duration::ZERO, Vec::new()); 500]);
    let told = follow_from(follower, 60, script).await;
    let asked = told.network.questions().len();
    assert!(asked < 50, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_was_pruned_is_made_up_for_by_a_snapshot() {
    let (mut authority, follower) = followed();
    authority.revoke("b");
    authority.revoke("c");
    let entries = ["a", "b", "c"].map(|name| Entry {
        target: tenant(name),
        held: Held::Revoked,
    });
    let told = follow_from(
        follower,
        5,
        [
            Answer::Fails(Trouble::Pruned),
            Answer::Text(authority.snapshot(NOW, entries.into())),
            Answer::Stream(vec![Does::Sends(authority.heartbeat(at(1)))]),
        ],
    )
    .await;
    assert_eq!(
        told.network.questions(),
        ["stream 1:1", "snapshot", "stream 1:3"]
    );
    assert_eq!(told.notes.states.last(), Some(&State::Live));
}

#[tokio::test(start_paused = true)]
async fn an_ended_epoch_is_left_by_the_word_of_the_root() {
    let (authority, follower) = followed();
    let next = Authority::new(2);
    let told = follow_from(
        follower,
        5,
        [
            Answer::Fails(Trouble::EpochEnded(Some(2))),
            Answer::Text(authority.followed_by(2, 1)),
            Answer::Stream(vec![Does::Sends(next.heartbeat(at(1)))]),
        ],
    )
    .await;
    assert_eq!(
        told.network.questions(),
        ["stream 1:1", "epoch 2", "stream 2:0"]
    );
    assert_eq!(told.notes.states.last(), Some(&State::Live));
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_lost_events_is_joined_by_a_snapshot_and_nothing_is_forgotten() {
    let (authority, follower) = followed();
    let next = Authority::new(2);
    let told = follow_from(
        follower,
        5,
        [
            Answer::Stream(vec![Does::Sends(next.heartbeat(NOW))]),
            Answer::Text(authority.followed_by(2, 0)),
            Answer::Text(next.snapshot(NOW, Vec::new())),
            Answer::Stream(vec![Does::Sends(next.heartbeat(at(1)))]),
        ],
    )
    .await;
    assert_eq!(
        told.network.questions(),
        ["stream 1:1", "epoch 2", "snapshot", "stream 2:0"]
    );
    let (have, found) = (1, 2);
    assert_eq!(told.notes.alerts, [Alert::UnannouncedEpoch { have, found }]);
    let a = told
        .feed
        .read(|follower| follower.blocks().target(&tenant("a"), at(5)));
    assert_eq!(a, Some(Block::Revoked));
}

/// Whoever has the feed key alone cannot make followers ask in a circle, or forget.
#[tokio::test(start_paused = true)]
async fn an_epoch_that_nobody_announced_is_asked_for_with_pauses() {
    let (authority, follower) = followed();
    let next = Authority::new(2);
    let mut script = vec![Answer::Stream(vec![Does::Sends(next.heartbeat(NOW))])];
    script.extend(vec![Answer::Fails(Trouble::Absent); 10]);
    script.extend(vec![Answer::Text(authority.followed_by(2, 1)); 1]);
    script.push(Answer::Stream(vec![Does::Sends(next.heartbeat(at(40)))]));
    let told = follow_from(follower, 60, script).await;
    assert_eq!(told.network.questions()[12], "stream 2:0");
    assert!(told.network.times()[10] > seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_fork_is_reported_and_a_snapshot_asked_for() {
    let (_, follower) = followed();
    let mut other = Authority::new(1);
    other.revoke("b");
    let told = follow_from(
        follower,
        3,
        [
            Answer::Stream(vec![Does::Sends(other.frame(0, 1, NOW))]),
            Answer::Text(other.snapshot(NOW, Vec::new())),
        ],
    )
    .await;
    assert_eq!(told.notes.alerts[0], Alert::Forked { seq: 1 });
    assert_eq!(told.network.questions()[..2], ["stream 1:1", "snapshot"]);
    // What either says is revoked stays so.
    for name in ["a", "b"] {
        let block = told
            .feed
            .read(|follower| follower.blocks().target(&tenant(name), NOW));
        assert_eq!(block, Some(Block::Revoked), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn old_and_foreign_frames_move_nothing_and_end_the_connection() {
    let (mut authority, follower) = followed();
    let old = authority.frame(0, 1, Timestamp::from_millis(NOW.as_millis() - 60_000));
    let foreign = Authority::named("other.example", 1).heartbeat(NOW);
    authority.revoke("b");
    authority.revoke("c");
    let gap = authority.frame(2, 3, at(1));
    let told = follow_from(
        follower,
        20,
        [
            Answer::Stream(vec![Does::Sends(foreign)]),
            Answer::Stream(vec![Does::Sends(gap)]),
            Answer::Stream(vec![Does::Sends("{".repeat(30))]),
            Answer::Stream(vec![Does::Sends(old)]),
            Answer::Stream(vec![Does::Sends(authority.frame(1, 3, at(2)))]),
        ],
    )
    .await;
    let position = told.feed.position().unwrap();
    assert_eq!((position.epoch, position.seq), (1, 3));
    assert_eq!(
        told.notes.alerts[..2],
        [
            Alert::Refused(FeedError::ForeignAuthority),
            Alert::Gap { have: 1, after: 2 }
        ]
    );
    assert_eq!(told.notes.news, [2, 3]);
    assert!(
        told.network
            .questions()
            .iter()
            .all(|asked| asked == "stream 1:1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_feed_key_is_believed_once_the_key_set_has_it() {
    let (authority, follower) = followed();
    let frame = |second| authority.signed_by(&NEXT, 1, 1, at(second));
    let told = follow_from(
        follower,
        5,
        [
            Answer::Stream(vec![Does::Sends(frame(0))]),
            Answer::Stream(vec![Does::Sends(frame(1))]),
        ],
    )
    .await;
    assert_eq!(told.notes.alerts, [Alert::Refused(FeedError::ForeignKey)]);
    assert_eq!(told.refreshed, 1);
    assert_eq!(told.notes.states.last(), Some(&State::Live));
}

#[tokio::test(start_paused = true)]
async fn frames_of_an_unknown_key_do_not_have_the_key_set_fetched_all_the_time() {
    let (authority, follower) = followed();
    let stranger = super::super::tests::key(999);
    let frame = authority.signed_by(&stranger, 1, 1, NOW);
    let script = vec![Answer::Stream(vec![Does::Sends(frame)]); 100];
    let told = follow_from(follower, 60, script).await;
    assert!(told.network.questions().len() > 10);
    assert!((5..=7).contains(&told.refreshed), "{}", told.refreshed);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_and_a_wrong_answer_are_told_and_tried_again() {
    let (authority, follower) = followed();
    let told = follow_from(
        follower,
        5,
        [
            Answer::Fails(Trouble::Answer("it is not text/event-stream".to_owned())),
            Answer::Stream(vec![
                Does::Sends(authority.heartbeat(NOW)),
                Does::Breaks(Trouble::Answer("a line is too long".to_owned())),
            ]),
            Answer::Stream(vec![Does::Sends(authority.heartbeat(at(1)))]),
        ],
    )
    .await;
    assert_eq!(told.notes.troubles.len(), 2);
    assert_eq!(told.notes.states.last(), Some(&State::Live));
}
