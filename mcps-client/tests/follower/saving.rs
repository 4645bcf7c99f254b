//! What is stored, and what comes back.

use std::time::Duration;

use mcps_client::follower::{Block, Follower, Resync, SavedError, State};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Event, FeedError, Target};
use mcps_core::level::TrustLevel;
use proptest::prelude::*;

use crate::authority::{Authority, BUNDLE, LIFE, NAME, NOW};

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// Something of every kind in force.
fn followed() -> (Authority, Follower) {
    let mut authority = Authority::new(NAME, 1);
    let tenant = |name: &str| Target::Tenant(name.to_owned());
    let agent = Target::Agent {
        tenant: "acme \"é\"".to_owned(),
        name: "crawler".to_owned(),
    };
    for action in [
        Action::Revoke(tenant("a")),
        Action::Suspend {
            target: tenant("b"),
            until: None,
        },
        Action::Suspend {
            target: tenant("c"),
            until: Some(at(60)),
        },
        Action::Quarantine(agent.clone()),
        Action::Stop(tenant("d")),
        Action::TrustChange {
            target: agent,
            level: TrustLevel::L1,
        },
    ] {
        authority.commit(&action, NOW);
    }
    let text = r#"{"seq":7,"at":"2026-11-21T12:00:00.000Z","type":"rekey","target":{"kind":"tenant","tenant":"e"}}"#;
    authority.append(Event::parse(text).unwrap());
    let mut follower = Follower::new(NAME);
    follower.start(1);
    let frame = authority.frame(0, 7, NOW, LIFE);
    follower.receive(frame, &BUNDLE, NOW).unwrap();
    (authority, follower)
}

#[test]
fn what_is_stored_is_what_comes_back() {
    let (authority, follower) = followed();
    let saved = follower.save().unwrap();
    assert_eq!(saved.digest, Digest::of(saved.text.as_bytes()));
    let mut again = Follower::restore(NAME, &saved.text).unwrap();
    assert_eq!(again.position(), follower.position());
    assert_eq!(again.blocks(), follower.blocks());
    assert_eq!(again.blocks().len(), 7);
    assert_eq!(again.freshness(at(9)), follower.freshness(at(9)));
    assert_eq!(again.state(NOW), State::Syncing);
    assert_eq!(again.save().unwrap().text, saved.text);
    again
        .receive(authority.heartbeat(at(1)), &BUNDLE, at(1))
        .unwrap();
    assert_eq!(again.state(at(1)), State::Live);
    assert_eq!(
        again.freshness(at(1)).unwrap().age,
        Duration::from_secs(1),
        "the doubt was stored too"
    );
}

/// Compare and set: what is stored must be what this one came from.
#[test]
fn a_store_can_tell_that_another_came_first() {
    let (authority, mut follower) = followed();
    assert!(Follower::new(NAME).save().is_none());
    let first = follower.save().unwrap();
    assert_eq!(first.replaces, None);
    follower.stored(&first);
    let mut other = Follower::restore(NAME, &first.text).unwrap();
    for (seconds, one) in [(1, &mut follower), (2, &mut other)] {
        let beat = authority.heartbeat(at(seconds));
        one.receive(beat, &BUNDLE, at(seconds)).unwrap();
        let saved = one.save().unwrap();
        assert_eq!(saved.replaces, Some(first.digest));
        assert_ne!(saved.digest, first.digest);
    }
    let (one, two) = (follower.save().unwrap(), other.save().unwrap());
    assert_ne!(one.digest, two.digest);
}

#[test]
fn an_alert_that_wants_a_snapshot_outlives_a_restart() {
    let (authority, mut follower) = followed();
    let back = authority.frame(3, 3, at(1), LIFE);
    follower.receive(back, &BUNDLE, at(1)).unwrap_err();
    let saved = follower.save().unwrap();
    let mut again = Follower::restore(NAME, &saved.text).unwrap();
    assert_eq!(again.resume(), None);
    assert_eq!(again.wants(), follower.wants());
}

/// What could not be remembered is not forgotten by a restart.
#[test]
fn an_overflow_outlives_a_restart() {
    let (_, follower) = followed();
    let text = follower.save().unwrap().text;
    let text = text.replacen("\"overflow\":false", "\"overflow\":true", 1);
    let again = Follower::restore(NAME, &text).unwrap();
    let block = again.blocks().target(&Target::All, NOW);
    assert_eq!(block, Some(Block::Overflow));
    assert!(again.save().unwrap().text.contains("\"overflow\":true"));
}

/// What each tenant decides by: told of one, of all, and of one again.
fn deciding() -> (Authority, Follower) {
    let mut authority = Authority::new(NAME, 1);
    for (tenant, policy) in [
        (Some("acme"), "1"),
        (Some("other"), "2"),
        (None, "3"),
        (Some("acme"), "4"),
    ] {
        let tenant = tenant.map(str::to_owned);
        let policy = Digest::of(policy.as_bytes());
        authority.commit(&Action::PolicyChange { tenant, policy }, NOW);
    }
    let mut follower = Follower::new(NAME);
    follower.start(1);
    (authority, follower)
}

#[test]
fn a_tenant_decides_by_what_was_told_of_it_last_and_that_is_stored() {
    let (authority, mut follower) = deciding();
    let told = |follower: &Follower, tenant| follower.blocks().policy(tenant);
    let digest = |text: &str| Some(Digest::of(text.as_bytes()));
    assert_eq!(told(&follower, "acme"), None);
    for (to, acme, other) in [(2, "1", "2"), (3, "3", "3"), (4, "4", "3")] {
        let frame = authority.frame(to - 1, to, NOW, LIFE);
        // A frame that leaves a gap moves nothing, and changes no policy.
        if to == 2 {
            follower.receive(frame, &BUNDLE, NOW).unwrap_err();
            assert_eq!(told(&follower, "other"), None);
            follower = Follower::new(NAME);
            follower.start(1);
            let frame = authority.frame(0, 2, NOW, LIFE);
            follower.receive(frame, &BUNDLE, NOW).unwrap();
        } else {
            follower.receive(frame, &BUNDLE, NOW).unwrap();
        }
        assert_eq!(told(&follower, "acme"), digest(acme), "at {to}");
        assert_eq!(told(&follower, "other"), digest(other), "at {to}");
        let again = Follower::restore(NAME, &follower.save().unwrap().text).unwrap();
        assert_eq!(again.blocks(), follower.blocks());
    }
}

#[test]
fn what_was_said_last_of_tools_and_published_last_stands_and_is_stored() {
    let mut authority = Authority::new(NAME, 1);
    let target = Target::Server {
        tenant: "acme".to_owned(),
        name: "weather".to_owned(),
    };
    let digest = |text: &str| Digest::of(text.as_bytes());
    for text in ["1", "2"] {
        let tenant = "acme".to_owned();
        let verdicts = digest(text);
        authority.commit(&Action::VerdictChange { tenant, verdicts }, NOW);
        let (target, manifest) = (target.clone(), digest(text));
        authority.commit(&Action::ManifestChange { target, manifest }, NOW);
    }
    let mut follower = Follower::new(NAME);
    follower.start(1);
    let frame = authority.frame(0, 4, NOW, LIFE);
    follower.receive(frame, &BUNDLE, NOW).unwrap();
    let again = Follower::restore(NAME, &follower.save().unwrap().text).unwrap();
    for follower in [follower, again] {
        let blocks = follower.blocks();
        assert_eq!(blocks.verdicts("acme"), Some(digest("2")));
        assert_eq!(blocks.verdicts("other"), None);
        assert_eq!(blocks.manifest("acme", "weather"), Some(digest("2")));
        assert_eq!(blocks.manifest("other", "weather"), None);
        // Nobody is cut off by either.
        assert_eq!(blocks.target(&target, NOW), None);
    }
}

#[test]
fn what_a_version_without_policies_or_verdicts_stored_asks_for_a_snapshot() {
    let (_, follower) = followed();
    let saved = follower.save().unwrap().text;
    for form in [1, 2] {
        let before = saved.replacen("\"form\":3", &format!("\"form\":{form}"), 1);
        let again = Follower::restore(NAME, &before).unwrap();
        assert_eq!(again.blocks(), follower.blocks());
        assert_eq!(again.wants(), Some(Resync::Snapshot));
    }
    assert_eq!(Follower::restore(NAME, &saved).unwrap().wants(), None);
}

#[test]
fn what_was_cut_or_is_not_ours_is_refused() {
    let (_, follower) = followed();
    let saved = follower.save().unwrap();
    let refused = |text: &str| Follower::restore(NAME, text).unwrap_err();
    let foreign = Follower::restore("other.example", &saved.text);
    assert_eq!(foreign.unwrap_err(), SavedError::ForeignAuthority);
    let lines: Vec<&str> = saved.text.lines().collect();
    assert_eq!(
        refused(&lines[..lines.len() - 1].join("\n")),
        SavedError::Cut
    );
    let form = saved.text.replacen("\"form\":3", "\"form\":4", 1);
    assert_eq!(refused(&form), SavedError::Member("form"));
    let held = saved.text.replacen("\"revoked\"", "\"pardoned\"", 1);
    assert_eq!(refused(&held), SavedError::Entry(FeedError::Member("held")));
    assert!(matches!(refused(""), SavedError::Json(_)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte in 0_u8..128) {
        let mut bytes = followed().1.save().unwrap().text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        drop(Follower::restore(NAME, &String::from_utf8_lossy(&bytes)));
    }
}
