//! Laws of the guard on random timelines, against a model that is too simple to be wrong.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{ReplayGuard, ReplayLimits};
use crate::clock::Timestamp;
use crate::refusal::Refusal;

const LIMITS: ReplayLimits = ReplayLimits {
    window: Duration::from_secs(30),
    skew: Duration::from_secs(5),
    per_passport: 6,
    total: 20,
};
const START: i64 = 1_795_232_074_129;

/// One message: who sends which nonce to whom, how far off its stamp is, how much time went by.
#[derive(Clone, Debug)]
struct Step {
    key: (u8, u8, u8),
    off_ms: i64,
    pause_ms: i64,
}

fn step(pauses: impl Strategy<Value = i64>) -> impl Strategy<Value = Step> {
    let key = (0..8_u8, 0..2_u8, 0..12_u8);
    let off = prop_oneof![4 => -100..100_i64, 4 => -36_500..6000_i64, 1 => Just(5000), 1 => Just(-35_000)];
    (key, off, pauses).prop_map(|(key, off_ms, pause_ms)| Step {
        key,
        off_ms,
        pause_ms,
    })
}

fn check(guard: &ReplayGuard, step: &Step, now: i64) -> Result<(), Refusal> {
    let (passport, aud, nonce) = step.key;
    let [stamped, now] = [now + step.off_ms, now].map(Timestamp::from_millis);
    guard.check(
        &passport.to_string(),
        &aud.to_string(),
        &nonce.to_string(),
        stamped,
        now,
    )
}

/// Every live key with the second in which it ends.
#[derive(Default)]
struct Model(HashMap<(u8, u8, u8), i64>);

impl Model {
    fn check(&mut self, step: &Step, now: i64) -> Result<(), &'static str> {
        let end = now + step.off_ms + 35_000;
        if step.off_ms > 5000 || end < now {
            return Err("window");
        }
        self.0.retain(|_, second| *second >= now / 1000);
        if self.0.contains_key(&step.key) {
            return Err("replayed");
        }
        if self.0.keys().filter(|key| key.0 == step.key.0).count() >= LIMITS.per_passport {
            return Err("share");
        }
        if self.0.len() >= LIMITS.total {
            return Err("full");
        }
        self.0.insert(step.key, end / 1000);
        Ok(())
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OutOfWindow { .. } => "window",
        Refusal::Replayed => "replayed",
        Refusal::Full("the replay memory") => "full",
        Refusal::Full(_) => "share",
        _ => "something else",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn agrees_with_a_plain_map(steps in vec(step(prop_oneof![6 => 0..1500_i64, 1 => 0..40_000_i64]), 1..300)) {
        let guard = ReplayGuard::since(LIMITS, Timestamp::from_millis(0));
        let mut model = Model::default();
        let mut now = START;
        for step in &steps {
            now += step.pause_ms;
            let answer = check(&guard, step, now).map_err(|refusal| word(&refusal));
            prop_assert_eq!(answer, model.check(step, now), "{:?} at {}", step, now - START);
            prop_assert!(guard.len() >= model.0.values().filter(|end| **end >= now / 1000).count());
            prop_assert!(guard.len() <= LIMITS.total);
        }
    }

    #[test]
    fn accepts_no_message_twice_whatever_the_clock_does(
        steps in vec(step(prop_oneof![6 => -3000..3000_i64, 1 => -80_000..80_000_i64]), 1..300),
        repeats in vec(any::<prop::sample::Index>(), 300),
    ) {
        let limits = ReplayLimits { per_passport: usize::MAX, total: usize::MAX, ..LIMITS };
        let guard = ReplayGuard::since(limits, Timestamp::from_millis(0));
        let mut seen: Vec<(Step, i64)> = Vec::new();
        let mut accepted = HashSet::new();
        let mut now = START;
        for (step, repeat) in steps.into_iter().zip(repeats) {
            now += step.pause_ms;
            let stamped = now + step.off_ms;
            seen.push((step, stamped));
            // This message, and then one of those captured before.
            for (step, stamped) in [seen.last().unwrap(), repeat.get(&seen)] {
                let step = Step { off_ms: stamped - now, ..step.clone() };
                if check(&guard, &step, now).is_ok() {
                    prop_assert!(accepted.insert((step.key, *stamped)), "{:?} twice", step);
                }
            }
        }
    }
}
