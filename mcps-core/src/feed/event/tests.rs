use std::time::Duration;

use serde_json::{Value, json};

use super::Event;
use crate::digest::Digest;
use crate::feed::{Action, FeedError, Lifts, MAX_NUMBER, Target};
use crate::fixture::{NOW, id_of, key};
use crate::level::TrustLevel;
use crate::signer::Signer as _;
use crate::trust::{KeyState, KeyUse};

fn tenant_of(name: &str) -> (String, String) {
    ("acme".to_owned(), name.to_owned())
}

/// One of every kind that may be revoked.
fn reaches() -> Vec<Target> {
    let key = key(1).public_key().key_id().clone();
    let (tenant, name) = tenant_of("crawler");
    let owner = "owner@example".to_owned();
    vec![
        Target::Passport(id_of("agent")),
        Target::Key(key.clone()),
        Target::Agent {
            tenant: tenant.clone(),
            name: name.clone(),
        },
        Target::Server {
            tenant: tenant.clone(),
            name: name.clone(),
        },
        Target::Gateway {
            tenant: tenant.clone(),
            name,
        },
        Target::Owner {
            tenant: tenant.clone(),
            owner,
        },
        Target::Tenant(tenant),
        Target::Issuer(key),
    ]
}

fn tool(hash: Option<Digest>) -> Target {
    let (tenant, server) = tenant_of("weather");
    let name = "forecast".to_owned();
    Target::Tool {
        tenant,
        server,
        name,
        hash,
    }
}

fn every_action() -> Vec<Action> {
    let mut actions = Vec::new();
    for target in reaches() {
        actions.push(Action::Revoke(target.clone()));
        for until in [None, Some(NOW.plus(Duration::from_secs(60)))] {
            let target = target.clone();
            actions.push(Action::Suspend { target, until });
        }
        let lifts = Lifts::Suspend;
        actions.push(Action::Reinstate { target, lifts });
    }
    let hash = Digest::of(b"tool");
    let agent = reaches().remove(2);
    actions.extend([
        Action::KeyBlock(key(1).public_key().key_id().clone()),
        Action::ToolRevoke(tool(None)),
        Action::ToolRevoke(tool(Some(hash))),
        Action::Quarantine(tool(Some(hash))),
        Action::Quarantine(agent.clone()),
        Action::Stop(Target::All),
        Action::Stop(Target::Tenant("acme".to_owned())),
    ]);
    for (target, lifts) in [(tool(None), Lifts::Quarantine), (Target::All, Lifts::Stop)] {
        actions.push(Action::Reinstate { target, lifts });
    }
    for level in TrustLevel::ALL {
        let target = agent.clone();
        actions.push(Action::TrustChange { target, level });
    }
    for tenant in [None, Some("acme".to_owned())] {
        let policy = hash;
        actions.push(Action::PolicyChange { tenant, policy });
    }
    actions.push(Action::VerdictChange {
        tenant: "acme".to_owned(),
        verdicts: hash,
    });
    actions.push(Action::ManifestChange {
        target: Target::Server {
            tenant: "acme".to_owned(),
            name: "weather".to_owned(),
        },
        manifest: hash,
    });
    let uses = [KeyUse::Root, KeyUse::Passport, KeyUse::Status, KeyUse::Feed];
    for usage in uses {
        for state in [
            KeyState::Prepared,
            KeyState::Active,
            KeyState::Tainted,
            KeyState::Revoked,
        ] {
            actions.push(Action::AuthorityKey {
                key: key(2).public_key().key_id().clone(),
                usage,
                state,
                number: 8,
            });
        }
    }
    actions
}

fn tree(event: &Event) -> Value {
    serde_json::from_str(event.canonical()).unwrap()
}

fn revocation() -> Event {
    let action = Action::Revoke(Target::Passport(id_of("agent")));
    Event::new(7, NOW, &action, "policy").unwrap()
}

#[test]
fn every_action_is_read_as_it_was_written() {
    for action in every_action() {
        let event = Event::new(7, NOW, &action, "key_compromise: \"é\"").unwrap();
        assert_eq!(event.action(), Some(&action));
        assert!(event.is_understood());
        // Followers of before know neither.
        let newer = ["verdict_change", "manifest_change"].contains(&event.name());
        assert_eq!(event.is_ignorable(), newer);
        assert_eq!((event.seq(), event.at()), (7, NOW));
        assert_eq!(event.name(), action.as_str());
        assert_eq!(event.reason(), Some("key_compromise: \"é\""));
        assert_eq!(Event::parse(event.canonical()).unwrap(), event);
        let tidy = serde_json_canonicalizer::to_string(&tree(&event)).unwrap();
        assert_eq!(event.canonical(), tidy);
    }
}

#[test]
fn the_wire_form_is_what_the_page_shows() {
    assert_eq!(
        revocation().canonical(),
        format!(
            r#"{{"at":"2026-11-21T12:00:00.000Z","reason":"policy","seq":7,"target":{{"id":"{}","kind":"passport"}},"type":"revoke"}}"#,
            id_of("agent")
        )
    );
}

#[test]
fn what_no_version_leaves_out_is_required() {
    for name in ["seq", "at", "type"] {
        let mut changed = tree(&revocation());
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(
            Event::parse(&changed.to_string()).unwrap_err(),
            FeedError::Member(name)
        );
        for value in [json!(null), json!(-1), json!(1.5), json!(""), json!([])] {
            let mut changed = tree(&revocation());
            changed[name] = value;
            assert_eq!(
                Event::parse(&changed.to_string()).unwrap_err(),
                FeedError::Member(name)
            );
        }
    }
    for seq in [0, MAX_NUMBER + 1] {
        let made = Event::new(seq, NOW, &Action::Stop(Target::All), "x");
        assert!(made.is_err(), "{seq}");
    }
    assert!(Event::new(MAX_NUMBER, NOW, &Action::Stop(Target::All), "x").is_ok());
}

/// An instant has one way to be written.
#[test]
fn other_spellings_of_a_time_are_refused() {
    for at in [
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.0000Z",
        "2026-11-21t12:00:00.000z",
        "2026-11-21T13:00:00.000+01:00",
        "2026-11-31T12:00:00.000Z",
    ] {
        let mut changed = tree(&revocation());
        changed["at"] = json!(at);
        assert_eq!(
            Event::parse(&changed.to_string()).unwrap_err(),
            FeedError::Member("at"),
            "{at}"
        );
    }
}

#[test]
fn an_event_of_an_unknown_type_is_kept_and_said_to_be_unknown() {
    let text = r#"{"seq":9,"at":"2026-11-21T12:00:00.000Z","type":"rekey","target":{"kind":"tenant","tenant":"acme"},"x":[1]}"#;
    let event = Event::parse(text).unwrap();
    assert_eq!((event.seq(), event.name()), (9, "rekey"));
    assert!(!event.is_understood() && event.action().is_none());
    assert_eq!(event.target(), Some(&Target::Tenant("acme".to_owned())));
    assert!(!event.is_ignorable());
    let ignorable = text.replace("\"x\":[1]", "\"ignorable\":true");
    assert!(Event::parse(&ignorable).unwrap().is_ignorable());
}

/// Its action is still told, so that what it takes away can be taken away.
#[test]
fn an_unknown_member_leaves_an_event_not_understood() {
    let mut changed = tree(&revocation());
    changed["except"] = json!("others");
    let event = Event::parse(&changed.to_string()).unwrap();
    assert!(!event.is_understood());
    assert_eq!(event.action(), revocation().action());
    let mut changed = tree(&revocation());
    changed["until"] = json!("2026-11-21T12:00:00.000Z");
    assert!(
        !Event::parse(&changed.to_string()).unwrap().is_understood(),
        "a member of another type"
    );
}

#[test]
fn mistyped_members_and_targets_leave_it_not_understood() {
    let targets = [
        json!(null),
        json!("all"),
        json!({}),
        json!({"kind": "planet"}),
        json!({"kind": "passport", "id": "asp_1"}),
        json!({"kind": "agent", "name": "without tenant"}),
        json!({"kind": "agent", "tenant": "", "name": "x"}),
        json!({"kind": "tenant", "tenant": "acme", "except": "x"}),
        json!({"kind": "tenant", "tenant": "a\u{0}b"}),
        json!({"kind": "tenant", "tenant": "x".repeat(257)}),
        json!({"kind": "key", "key": "short"}),
        // Not what can be revoked.
        json!({"kind": "all"}),
        json!({"kind": "tool", "tenant": "a", "server": "b", "name": "c"}),
    ];
    for target in targets {
        let mut changed = tree(&revocation());
        changed["target"] = target.clone();
        let event = Event::parse(&changed.to_string()).unwrap();
        assert!(!event.is_understood(), "{target}");
        assert!(event.action().is_none());
    }
    for reason in [json!(null), json!(""), json!(1), json!("x".repeat(257))] {
        let mut changed = tree(&revocation());
        changed["reason"] = reason;
        let event = Event::parse(&changed.to_string()).unwrap();
        assert!(!event.is_understood() && event.action().is_some());
    }
}

#[test]
fn nothing_is_written_that_would_not_be_understood() {
    let tool = Action::Revoke(tool(None));
    assert_eq!(
        Event::new(1, NOW, &tool, "x").unwrap_err(),
        FeedError::Member("target")
    );
    let stop = Action::Stop(Target::All);
    for reason in ["", &"x".repeat(257), "\u{7}"] {
        assert_eq!(
            Event::new(1, NOW, &stop, reason).unwrap_err(),
            FeedError::Member("reason")
        );
    }
    let lifts = Lifts::Suspend;
    let target = Target::All;
    assert!(Event::new(1, NOW, &Action::Reinstate { target, lifts }, "x").is_err());
}

#[test]
fn a_long_event_is_refused() {
    let mut changed = tree(&revocation());
    changed["x"] = json!("x".repeat(4000));
    assert!(matches!(
        Event::parse(&changed.to_string()),
        Err(FeedError::EventTooLarge { .. })
    ));
}
