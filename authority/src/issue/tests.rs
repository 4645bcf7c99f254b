use std::time::Duration;

use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

use super::{level, life};
use crate::error::Error;

#[test]
fn agents_live_an_hour_and_servers_a_day() {
    assert_eq!(life(Kind::Agent, None).unwrap(), Duration::from_secs(3600));
    assert_eq!(
        life(Kind::Server, None).unwrap(),
        Duration::from_secs(86_400)
    );
    assert_eq!(
        life(Kind::Gateway, None).unwrap(),
        Duration::from_secs(86_400)
    );
}

#[test]
fn a_life_is_one_second_to_ninety_days() {
    assert_eq!(life(Kind::Agent, Some(1)).unwrap(), Duration::from_secs(1));
    assert!(life(Kind::Agent, Some(7_776_000)).is_ok());
    for bad in [i64::MIN, -1, 0, 7_776_001, i64::MAX] {
        assert!(matches!(
            life(Kind::Agent, Some(bad)),
            Err(Error::Invalid {
                member: "ttl_s",
                ..
            })
        ));
    }
}

#[test]
fn a_level_is_a_number_from_0_to_4() {
    for (number, expected) in (0..).zip(TrustLevel::ALL) {
        assert_eq!(level(number).unwrap(), expected);
    }
    for bad in [-1, 5, i64::MAX] {
        assert!(matches!(
            level(bad),
            Err(Error::Invalid {
                member: "trust_level",
                ..
            })
        ));
    }
}
