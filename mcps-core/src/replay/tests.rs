use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::code::Code;

/// 2026-11-21, somewhere within a second.
const T0: i64 = 1_795_232_074_129;

fn at(offset_ms: i64) -> Timestamp {
    Timestamp::from_millis(T0 + offset_ms)
}

fn limits(per_passport: usize, total: usize) -> ReplayLimits {
    ReplayLimits {
        per_passport,
        total,
        ..ReplayLimits::default()
    }
}

/// A guard that has been running for long.
fn guard(limits: ReplayLimits) -> ReplayGuard {
    ReplayGuard::new(limits, at(-10_000_000))
}

const SERVER: &str = "https://mcp.example/";

#[test]
fn refuses_a_replayed_nonce() {
    let guard = guard(ReplayLimits::default());
    guard.check("a", SERVER, "n", at(0), at(0)).unwrap();
    let again = guard.check("a", SERVER, "n", at(0), at(1));
    assert_eq!(again, Err(Refusal::Replayed));
    assert_eq!(again.unwrap_err().code(), Code::Replayed);
    // Nor with another timestamp.
    assert_eq!(
        guard.check("a", SERVER, "n", at(20), at(30)),
        Err(Refusal::Replayed)
    );
}

#[test]
fn a_nonce_is_not_burned_by_somebody_elses_passport() {
    let guard = guard(ReplayLimits::default());
    guard.check("mallory", SERVER, "n", at(0), at(0)).unwrap();
    guard.check("alice", SERVER, "n", at(0), at(0)).unwrap();
}

#[test]
fn a_nonce_is_counted_per_audience() {
    let guard = guard(ReplayLimits::default());
    guard.check("a", "https://one/", "n", at(0), at(0)).unwrap();
    guard.check("a", "https://two/", "n", at(0), at(0)).unwrap();
    assert_eq!(
        guard.check("a", "https://one/", "n", at(0), at(0)),
        Err(Refusal::Replayed)
    );
}

#[test]
fn the_members_of_the_key_do_not_run_into_one_another() {
    let guard = guard(ReplayLimits::default());
    guard.check("p", "ab", "c", at(0), at(0)).unwrap();
    guard.check("p", "a", "bc", at(0), at(0)).unwrap();
    guard.check("pa", "b", "c", at(0), at(0)).unwrap();
}

#[test]
fn a_future_dated_message_is_not_replayed_after_its_nonce_was_collected() {
    let guard = guard(ReplayLimits::default());
    let stamped = at(60_000);
    guard.check("a", SERVER, "n", stamped, at(0)).unwrap();
    // Within its window it is known, to the last millisecond and the margin after it.
    for later in [1, 300_000, 359_999, 360_000, 360_001, 420_000] {
        let refused = guard.check("a", SERVER, "n", stamped, at(later));
        assert_eq!(refused, Err(Refusal::Replayed), "{later} ms later");
    }
    // Then it is forgotten, and too old.
    for later in [420_001, 421_000, 500_000, 10_000_000] {
        let refused = guard
            .check("a", SERVER, "n", stamped, at(later))
            .unwrap_err();
        assert_eq!(refused.code(), Code::OutOfWindow, "{later} ms later");
    }
    guard
        .check("a", SERVER, "m", at(500_000), at(500_000))
        .unwrap();
    assert_eq!(guard.len(), 1);
}

#[test]
fn refuses_what_it_could_not_remember_long_enough() {
    let guard = guard(ReplayLimits::default());
    let refused = guard.check("a", SERVER, "n", at(60_001), at(0));
    assert_eq!(
        refused,
        Err(Refusal::OutOfWindow {
            off_ms: 60_001,
            window_ms: 300_000
        })
    );
    let refused = guard.check("a", SERVER, "n", at(-360_001), at(0));
    assert_eq!(
        refused,
        Err(Refusal::OutOfWindow {
            off_ms: -360_001,
            window_ms: 300_000
        })
    );
    assert!(guard.is_empty());
}

#[test]
fn the_nonce_store_is_bounded_and_never_forgets_a_live_entry() {
    let guard = guard(limits(50, 50));
    for n in 0..50 {
        guard
            .check("a", SERVER, &n.to_string(), at(n), at(0))
            .unwrap();
    }
    for n in 50..500 {
        let refused = guard
            .check("b", SERVER, &n.to_string(), at(0), at(0))
            .unwrap_err();
        assert_eq!(refused.code(), Code::RateLimited);
    }
    for n in 0..50 {
        let again = guard.check("a", SERVER, &n.to_string(), at(n), at(0));
        assert_eq!(again, Err(Refusal::Replayed));
    }
    assert_eq!(guard.len(), 50);
}

#[test]
fn one_passport_does_not_take_the_room_of_the_others() {
    let guard = guard(limits(10, 1000));
    for n in 0..10 {
        guard
            .check("greedy", SERVER, &n.to_string(), at(0), at(0))
            .unwrap();
    }
    let refused = guard
        .check("greedy", SERVER, "more", at(0), at(0))
        .unwrap_err();
    assert_eq!(
        refused,
        Refusal::Full("the passport's share of the replay memory")
    );
    assert_eq!(
        guard.check("greedy", SERVER, "3", at(0), at(0)),
        Err(Refusal::Replayed)
    );
    guard.check("modest", SERVER, "more", at(0), at(0)).unwrap();
}

#[test]
fn a_passports_share_is_given_back_as_its_entries_end() {
    let guard = guard(limits(3, 1000));
    for second in 0..3 {
        guard
            .check("a", SERVER, &second.to_string(), at(second * 1000), at(0))
            .unwrap();
    }
    let full = Err(Refusal::Full("the passport's share of the replay memory"));
    assert_eq!(
        guard.check("a", SERVER, "x", at(300_000), at(300_000)),
        full
    );
    // T0 is 129 ms into its second: the first entry ends 360 s after it and leaves with its second.
    assert_eq!(
        guard.check("a", SERVER, "x", at(360_870), at(360_870)),
        full
    );
    guard
        .check("a", SERVER, "x", at(360_871), at(360_871))
        .unwrap();
    assert_eq!(
        guard.check("a", SERVER, "y", at(360_871), at(360_871)),
        full
    );
    guard
        .check("a", SERVER, "y", at(361_871), at(361_871))
        .unwrap();
    assert_eq!(guard.len(), 3);
}

#[test]
fn a_full_guard_finds_the_room_that_ended_entries_of_idle_passports_left() {
    let guard = guard(limits(100, 100));
    for n in 0..100 {
        guard
            .check(&n.to_string(), SERVER, "n", at(0), at(0))
            .unwrap();
    }
    let full = Err(Refusal::Full("the replay memory"));
    assert_eq!(
        guard.check("late", SERVER, "n", at(360_000), at(360_000)),
        full
    );
    for n in 0..100 {
        guard
            .check(&format!("late {n}"), SERVER, "n", at(361_000), at(361_000))
            .unwrap();
    }
    assert_eq!(guard.len(), 100);
}

#[test]
fn after_a_restart_refuses_what_the_last_process_may_have_accepted() {
    let guard = ReplayGuard::new(ReplayLimits::default(), at(0));
    for stamped in [-100, 0, 59_999] {
        let refused = guard.check("a", SERVER, "n", at(stamped), at(1000));
        assert_eq!(refused, Err(Refusal::BeforeBoot));
        assert_eq!(refused.unwrap_err().code(), Code::OutOfWindow);
    }
    guard
        .check("a", SERVER, "n", at(60_000), at(60_000))
        .unwrap();
}

#[test]
fn a_guard_that_knows_what_was_accepted_starts_from_there() {
    let guard = ReplayGuard::since(ReplayLimits::default(), at(5));
    assert_eq!(
        guard.check("a", SERVER, "n", at(4), at(6)),
        Err(Refusal::BeforeBoot)
    );
    guard.check("a", SERVER, "n", at(5), at(6)).unwrap();
}

#[test]
fn a_clock_set_back_does_not_open_what_was_forgotten() {
    let guard = guard(ReplayLimits::default());
    guard.check("a", SERVER, "n", at(0), at(0)).unwrap();
    guard
        .check("a", SERVER, "m", at(400_000), at(400_000))
        .unwrap();
    let refused = guard.check("a", SERVER, "n", at(0), at(10)).unwrap_err();
    assert_eq!(refused.code(), Code::OutOfWindow);
    // What ends later than anything forgotten is taken.
    guard.check("a", SERVER, "o", at(2000), at(10)).unwrap();
}

#[test]
fn a_leap_of_the_clock_and_back_leaves_it_usable() {
    let guard = guard(ReplayLimits::default());
    guard.check("a", SERVER, "n", at(0), at(0)).unwrap();
    let day = 86_400_000;
    guard.check("a", SERVER, "far", at(day), at(day)).unwrap();
    guard.check("a", SERVER, "m", at(2000), at(2000)).unwrap();
    assert_eq!(
        guard.check("a", SERVER, "far", at(day), at(day)),
        Err(Refusal::Replayed)
    );
}

#[test]
fn eight_threads_with_one_nonce_get_one_acceptance() {
    let guard = guard(ReplayLimits::default());
    for round in 0..200 {
        let nonce = round.to_string();
        let accepted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    if guard.check("a", SERVER, &nonce, at(0), at(0)).is_ok() {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(accepted.into_inner(), 1);
    }
    assert_eq!(guard.len(), 200);
}

#[test]
fn eight_threads_fill_it_to_the_brim_and_not_beyond() {
    let guard = guard(limits(1000, 500));
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (guard, accepted) = (&guard, &accepted);
            scope.spawn(move || {
                let passport = thread.to_string();
                for n in 0..100 {
                    if guard
                        .check(&passport, SERVER, &n.to_string(), at(0), at(0))
                        .is_ok()
                    {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(accepted.into_inner(), 500);
    assert_eq!(guard.len(), 500);
}

#[test]
fn memory_follows_the_peak_and_is_reused() {
    let guard = guard(limits(usize::MAX, usize::MAX));
    let fill = |start: i64| {
        for n in 0..20_000 {
            let now = at(start + n / 100);
            guard
                .check(&(n % 97).to_string(), SERVER, &n.to_string(), now, now)
                .unwrap();
        }
    };
    fill(0);
    let peak = guard.heap_bytes();
    assert!(peak < 20_000 * 50, "{peak} bytes");
    for hour in 1..20 {
        fill(hour * 3_600_000);
    }
    assert!(
        guard.heap_bytes() <= peak + peak / 8,
        "{} bytes after {peak}",
        guard.heap_bytes()
    );
    assert_eq!(guard.len(), 20_000);
}

#[test]
fn extreme_limits_and_times_are_refused_without_a_panic() {
    let forever = Duration::MAX;
    let wide = ReplayLimits {
        window: forever,
        skew: forever,
        per_passport: 0,
        total: usize::MAX,
    };
    let guard = ReplayGuard::since(wide, Timestamp::from_millis(i64::MIN));
    for now in [i64::MIN, 0, i64::MAX] {
        let now = Timestamp::from_millis(now);
        let full = Refusal::Full("the passport's share of the replay memory");
        assert_eq!(guard.check("", "", "", Timestamp::MAX, now), Err(full));
    }
}
