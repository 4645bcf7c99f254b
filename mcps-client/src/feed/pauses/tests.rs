use std::time::Duration;

use mcps_core::random::SeededRandom;

use super::{LONGEST, MOST, Pauses, SHORTEST};

#[test]
fn pauses_grow_from_a_tenth_of_a_second_to_five_and_start_anew() {
    let random = SeededRandom::new(1);
    let mut pauses = Pauses::default();
    let first = pauses.next(&random);
    assert!(SHORTEST / 2 <= first && first <= SHORTEST, "{first:?}");
    let long: Vec<Duration> = (0..40).map(|_| pauses.next(&random)).collect();
    let last = long.iter().rev().take(30);
    assert!(
        last.clone()
            .all(|pause| LONGEST / 2 <= *pause && *pause <= LONGEST)
    );
    // Not all alike.
    assert!(last.clone().min() < last.clone().max());
    pauses.reset();
    assert!(pauses.next(&random) <= SHORTEST);
}

#[test]
fn the_authority_may_ask_for_longer_within_reason() {
    let random = SeededRandom::new(1);
    let mut pauses = Pauses::default();
    let asked = Duration::from_secs(7);
    assert!(pauses.asked(asked, &random) >= asked);
    let much = pauses.asked(Duration::from_secs(1_000_000), &random);
    assert!(much <= MOST + LONGEST, "{much:?}");
    assert!(pauses.asked(Duration::ZERO, &random) > Duration::ZERO);
}
