use super::*;
use mcps_core::digest::Digest;
use signature::Verifier;

fn hook(authentication: Authentication, ceiling: Ceiling) -> Hook {
    Hook {
        name: "soar".into(),
        adapter: Adapter::Generic,
        authentication,
        ceiling,
        tenant: None,
        reach: REACH,
        per_hour: PER_HOUR,
        suspend_for: None,
        mapping: None,
        poll: None,
        disabled_at: None,
    }
}

fn signed() -> Authentication {
    Authentication::Signature(Verifier::Hmac(vec![7; 32]))
}

fn bearer() -> Authentication {
    Authentication::Bearer(Digest::of(b"token"))
}

fn address() -> Authentication {
    Authentication::Address(Digest::of(b"address"))
}

#[test]
fn the_stronger_the_authentication_the_higher_the_ceiling() {
    for (authentication, ceiling, expected) in [
        (signed(), Ceiling::Revoke, Ok(())),
        (
            Authentication::PagerDuty(vec![7; 32]),
            Ceiling::Revoke,
            Ok(()),
        ),
        (bearer(), Ceiling::Suspend, Ok(())),
        (bearer(), Ceiling::Revoke, Err(ProfileError::Bearer)),
        (address(), Ceiling::Propose, Ok(())),
        (
            address(),
            Ceiling::Suspend,
            Err(ProfileError::AddressForever),
        ),
        (address(), Ceiling::Revoke, Err(ProfileError::Address)),
    ] {
        let hook = hook(authentication, ceiling);
        assert_eq!(hook.check(), expected, "{hook:?}");
    }
}

#[test]
fn an_address_alone_suspends_few_and_for_a_day_at_most() {
    let hour = Duration::from_secs(3600);
    let brief = Hook {
        suspend_for: Some(hour),
        ..hook(address(), Ceiling::Suspend)
    };
    assert_eq!(brief.check(), Ok(()));
    let long = Hook {
        suspend_for: Some(25 * hour),
        ..brief.clone()
    };
    assert_eq!(long.check(), Err(ProfileError::AddressForever));
    let far = Hook {
        reach: FEW + 1,
        ..brief.clone()
    };
    assert_eq!(far.check(), Err(ProfileError::AddressFar));
    let often = Hook {
        per_hour: FEW + 1,
        ..brief
    };
    assert_eq!(often.check(), Err(ProfileError::AddressFar));
}

#[test]
fn a_source_without_bounds_is_none() {
    for reach in [0, -1, MOST + 1] {
        let hook = Hook {
            reach,
            ..hook(signed(), Ceiling::Observe)
        };
        assert_eq!(hook.check(), Err(ProfileError::Radius("reach")));
    }
    let nothing = Hook {
        suspend_for: Some(Duration::ZERO),
        ..hook(signed(), Ceiling::Suspend)
    };
    assert_eq!(nothing.check(), Err(ProfileError::Duration));
}

#[test]
fn tokens_and_shared_signals_belong_together() {
    let unsigned = Hook {
        adapter: Adapter::SharedSignals,
        ..hook(signed(), Ceiling::Observe)
    };
    assert_eq!(unsigned.check(), Err(ProfileError::Tokens));
}
