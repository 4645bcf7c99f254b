use std::time::Duration;

use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use mcps_core::random::SeededRandom;

use super::{EnrolmentToken, Grant, Named, validity};
use crate::error::Error;
use crate::issue::{Asked, AskedLevel};

fn grant() -> Grant {
    Grant {
        tenant: "acme".to_owned(),
        kind: Kind::Agent,
        named: Named::Beginning("bot-".to_owned()),
        owner: "ops@example.org".to_owned(),
        capabilities: vec!["read".to_owned(), "search".to_owned()],
        origin: Some("https://a.example".to_owned()),
        trust_level: TrustLevel::L1,
        life: Duration::from_secs(600),
    }
}

fn asked() -> Asked {
    Asked {
        tenant: "acme".to_owned(),
        name: "bot-1".to_owned(),
        version: "1".to_owned(),
        kind: Kind::Agent,
        owner: None,
        capabilities: None,
        origin: None,
        trust_level: None,
        ttl_s: None,
        ca: None,
    }
}

#[test]
fn a_token_reads_back_and_does_not_show_in_debug() {
    let token = EnrolmentToken::generate(&SeededRandom::new(1)).unwrap();
    let again = EnrolmentToken::parse(token.reveal()).unwrap();
    assert_eq!(again.hash(), token.hash());
    assert_eq!(format!("{token:?}"), "EnrolmentToken(..)");
    let operator = token.reveal().replace("mcps_et_", "mcps_op_");
    for bad in ["", "mcps_et_", "mcps_et_AAAA", &operator] {
        assert!(EnrolmentToken::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn what_is_left_out_is_as_granted() {
    let order = grant().order(asked(), "enr_1").unwrap();
    assert_eq!(order.owner, "ops@example.org");
    assert_eq!(order.capabilities, ["read", "search"]);
    assert_eq!(order.origin.as_deref(), Some("https://a.example"));
    assert_eq!(order.level, AskedLevel::Exactly(TrustLevel::L1));
    assert_eq!(order.life, Duration::from_secs(600));
    assert_eq!(order.token.as_deref(), Some("enr_1"));
}

#[test]
fn less_may_be_asked_for() {
    let less = Asked {
        capabilities: Some(vec!["read".to_owned()]),
        trust_level: Some(TrustLevel::L0),
        ttl_s: Some(60),
        ..asked()
    };
    let order = grant().order(less, "enr_1").unwrap();
    assert_eq!(order.capabilities, ["read"]);
    assert_eq!(order.level, AskedLevel::Exactly(TrustLevel::L0));
    assert_eq!(order.life, Duration::from_secs(60));
}

#[test]
fn nothing_more_and_nothing_other() {
    let text = |text: &str| text.to_owned();
    let beyond = [
        (
            "tenant",
            Asked {
                tenant: text("other"),
                ..asked()
            },
        ),
        (
            "kind",
            Asked {
                kind: Kind::Server,
                ..asked()
            },
        ),
        (
            "name",
            Asked {
                name: text("bo"),
                ..asked()
            },
        ),
        (
            "name",
            Asked {
                name: text("robot-1"),
                ..asked()
            },
        ),
        (
            "owner",
            Asked {
                owner: Some(text("mallory")),
                ..asked()
            },
        ),
        (
            "origin",
            Asked {
                origin: Some(text("https://b.example")),
                ..asked()
            },
        ),
        (
            "capabilities",
            Asked {
                capabilities: Some(vec![text("read"), text("write")]),
                ..asked()
            },
        ),
        (
            "trust_level",
            Asked {
                trust_level: Some(TrustLevel::L2),
                ..asked()
            },
        ),
        (
            "ttl_s",
            Asked {
                ttl_s: Some(601),
                ..asked()
            },
        ),
    ];
    for (expected, asked) in beyond {
        match grant().order(asked, "enr_1") {
            Err(Error::TokenBound { member }) => assert_eq!(member, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let exact = Grant {
        named: Named::Exactly(text("bot-1")),
        ..grant()
    };
    assert!(exact.order(asked(), "enr_1").is_ok());
    let longer = Asked {
        name: text("bot-11"),
        ..asked()
    };
    assert!(exact.order(longer, "enr_1").is_err());
}

#[test]
fn a_token_lives_between_a_second_and_a_week() {
    assert_eq!(validity(None).unwrap(), Duration::from_secs(600));
    assert_eq!(
        validity(Some(604_800)).unwrap(),
        Duration::from_secs(604_800)
    );
    for bad in [-1, 0, 604_801, i64::MAX] {
        assert!(validity(Some(bad)).is_err(), "{bad}");
    }
}
