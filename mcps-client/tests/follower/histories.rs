//! A sample of what `cargo bench -p mcps-client --bench histories` does a million times.

use proptest::prelude::*;

use crate::model::{Attack, Dice, History, Seen, attacked};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_attack_is_seen_or_harmless(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let history = History::generate(&mut dice);
        for attack in Attack::ALL {
            let seen = attacked(&history, attack, &mut dice);
            let always = matches!(attack, Attack::ForeignKey | Attack::ForeignAuthority | Attack::Fork);
            prop_assert!(!always || seen == Seen::Alert, "{attack:?}: {seen:?}");
        }
    }
}
