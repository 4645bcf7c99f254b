use std::time::Duration;

use super::{Effective, TrustLevel};

#[test]
fn levels_are_numbered_and_ordered() {
    for (number, level) in TrustLevel::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(level.number()), number);
        assert_eq!(TrustLevel::from_number(number as i64), Some(level));
        assert_eq!(level.to_string().parse::<TrustLevel>().unwrap(), level);
        assert_eq!(number.to_string().parse::<TrustLevel>().unwrap(), level);
    }
    assert!(TrustLevel::ALL.is_sorted());
    for number in [-1, 5, i64::MAX, i64::MIN, 256] {
        assert_eq!(TrustLevel::from_number(number), None);
    }
    for text in ["", "L", "L5", "-1", "LL1", "l9", "Verified"] {
        assert!(text.parse::<TrustLevel>().is_err(), "{text}");
    }
}

/// The smallest of the three decides, whichever it is: no one of them can raise the others.
#[test]
fn the_effective_level_is_the_least_of_three() {
    for passport in TrustLevel::ALL {
        for cap in TrustLevel::ALL {
            for channel in TrustLevel::ALL {
                let level = Effective {
                    passport,
                    cap,
                    channel,
                }
                .level();
                assert!(level <= passport && level <= cap && level <= channel);
                assert!([passport, cap, channel].contains(&level));
            }
        }
    }
}

#[test]
fn higher_levels_ask_for_fresher_knowledge() {
    let bounds: Vec<_> = TrustLevel::ALL
        .into_iter()
        .map(TrustLevel::status_bound)
        .collect();
    let hours = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(
        bounds,
        [None, hours(86_400), hours(3600), hours(900), hours(60)]
    );
}
