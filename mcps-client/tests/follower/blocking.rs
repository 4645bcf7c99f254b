//! What stands against a passport and a tool.

use std::time::Duration;

use mcps_client::follower::{Block, Follower};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Lifts, Target};
use mcps_core::key::{KeyId, SecretKey};
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ca, Ext, Kind, Passport, PassportId, Unsigned, Within};
use mcps_core::signer::Signer as _;
use mcps_core::trust::{KeyState, KeyUse};

use crate::authority::{Authority, BUNDLE, LIFE, NAME, NOW, key};

/// The authority's passport key, an issuer's and an agent's.
const PASSPORT: u64 = 102;
const ISSUER: u64 = 2;
const AGENT: u64 = 1;

fn kid(seed: u64) -> KeyId {
    key(seed).public_key().key_id().clone()
}

fn unsigned(digit: &str, name: &str, seed: u64) -> Unsigned {
    Unsigned {
        id: PassportId::parse(&format!("asp_{}", digit.repeat(32))).unwrap(),
        agent_name: name.to_owned(),
        agent_version: "1.0.0".to_owned(),
        capabilities: Vec::new(),
        public_key: key(seed).public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L3,
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
        issuer: NAME.to_owned(),
        issuer_chain: Vec::new(),
        key_rotation: None,
        ext: Some(Ext {
            tenant: "acme".to_owned(),
            kind: Kind::Agent,
            owner: "owner@acme.example".to_owned(),
            ca: None,
            status: None,
        }),
    }
}

fn signed(unsigned: &Unsigned, by: &SecretKey) -> Passport {
    unsigned.sign(by).unwrap()
}

fn agent() -> Passport {
    signed(&unsigned("a", "crawler", AGENT), &key(PASSPORT))
}

/// An agent whose issuer is itself one of the authority's, of another tenant.
fn below() -> Passport {
    let mut parent = unsigned("b", "issuer", ISSUER);
    let ext = parent.ext.as_mut().unwrap();
    ext.tenant = "issuers".to_owned();
    ext.owner = "issuer@example".to_owned();
    ext.ca = Some(Ca {
        max_path: 0,
        max_level: TrustLevel::L3,
        origins: Vec::new(),
        within: Within {
            tenants: vec!["acme".to_owned()],
            ..Within::default()
        },
    });
    let mut child = unsigned("a", "crawler", AGENT);
    child.issuer = "issuer".to_owned();
    child.issuer_chain = vec![signed(&parent, &key(PASSPORT))];
    signed(&child, &key(ISSUER))
}

fn after(actions: &[Action]) -> Follower {
    let mut authority = Authority::new(NAME, 1);
    for action in actions {
        authority.commit(action, NOW);
    }
    let mut follower = Follower::new(NAME);
    follower.start(1);
    let frame = authority.frame(0, authority.seq(), NOW, LIFE);
    follower.receive(frame, &BUNDLE, NOW).unwrap();
    follower
}

fn judge(actions: &[Action], passport: &Passport, now: Timestamp) -> Result<(), Block> {
    let relied = passport.issuer_chain().len();
    after(actions).judge(passport, relied, Some(&kid(PASSPORT)), now)
}

fn acme(name: &str) -> Target {
    Target::Agent {
        tenant: "acme".to_owned(),
        name: name.to_owned(),
    }
}

#[test]
fn every_target_reaches_its_passports_and_no_others() {
    let id = |digit: &str| PassportId::parse(&format!("asp_{}", digit.repeat(32))).unwrap();
    let owner = |tenant: &str, owner: &str| Target::Owner {
        tenant: tenant.to_owned(),
        owner: owner.to_owned(),
    };
    let tenant = |name: &str| Target::Tenant(name.to_owned());
    let server = Target::Server {
        tenant: "acme".to_owned(),
        name: "crawler".to_owned(),
    };
    let elsewhere = Target::Agent {
        tenant: "other".to_owned(),
        name: "crawler".to_owned(),
    };
    // The target, whether it reaches the authority's agent, and the one below another issuer.
    let cases = [
        (Target::Passport(id("a")), true, true),
        (Target::Passport(id("b")), false, true),
        (Target::Passport(id("c")), false, false),
        (Target::Key(kid(AGENT)), true, true),
        (Target::Key(kid(ISSUER)), false, true),
        (Target::Key(kid(PASSPORT)), false, false),
        (Target::Issuer(kid(PASSPORT)), true, true),
        (Target::Issuer(kid(ISSUER)), false, true),
        (Target::Issuer(kid(AGENT)), false, false),
        (acme("crawler"), true, true),
        (acme("other"), false, false),
        (elsewhere, false, false),
        (server, false, false),
        (owner("acme", "owner@acme.example"), true, true),
        (owner("other", "owner@acme.example"), false, false),
        (owner("issuers", "issuer@example"), false, true),
        (tenant("acme"), true, true),
        (tenant("issuers"), false, true),
        (tenant("other"), false, false),
    ];
    for (target, direct, beneath) in cases {
        let until = None;
        let suspended = Action::Suspend {
            target: target.clone(),
            until,
        };
        for (action, block) in [
            (Action::Revoke(target.clone()), Block::Revoked),
            (suspended, Block::Suspended),
        ] {
            for (passport, reached) in [(agent(), direct), (below(), beneath)] {
                let expected = if reached { Err(block) } else { Ok(()) };
                let judged = judge(std::slice::from_ref(&action), &passport, NOW);
                assert_eq!(judged, expected, "{target:?}");
            }
        }
    }
}

#[test]
fn what_is_not_relied_upon_does_not_count() {
    let follower = after(&[Action::Revoke(Target::Key(kid(ISSUER)))]);
    assert_eq!(follower.judge(&below(), 1, None, NOW), Err(Block::Revoked));
    assert_eq!(follower.judge(&below(), 0, None, NOW), Ok(()));
}

#[test]
fn a_suspension_is_lifted_and_a_revocation_is_not() {
    let target = acme("crawler");
    let suspend = |until| Action::Suspend {
        target: acme("crawler"),
        until,
    };
    let lifts = Lifts::Suspend;
    let reinstate = Action::Reinstate { target, lifts };
    let until = NOW.plus(Duration::from_secs(60));
    let before = until.minus(Duration::from_millis(1));
    let held = [suspend(Some(until))];
    assert_eq!(judge(&held, &agent(), before), Err(Block::Suspended));
    assert_eq!(judge(&held, &agent(), until), Ok(()));
    let longer = [suspend(Some(until)), suspend(None)];
    assert_eq!(judge(&longer, &agent(), until), Err(Block::Suspended));
    let shorter = [suspend(None), suspend(Some(until))];
    assert_eq!(judge(&shorter, &agent(), until), Ok(()));
    let back = [suspend(None), reinstate.clone()];
    assert_eq!(judge(&back, &agent(), NOW), Ok(()));
    let gone = [Action::Revoke(acme("crawler")), suspend(None), reinstate];
    assert_eq!(judge(&gone, &agent(), NOW), Err(Block::Revoked));
}

/// Each is lifted by its own name only.
#[test]
fn a_stop_and_a_quarantine_hold_until_they_are_taken_back() {
    let lift = |lifts| Action::Reinstate {
        target: acme("crawler"),
        lifts,
    };
    let stop = Action::Stop(acme("crawler"));
    let quarantine = Action::Quarantine(acme("crawler"));
    for (held, block, own, other) in [
        (&stop, Block::Stopped, Lifts::Stop, Lifts::Quarantine),
        (
            &quarantine,
            Block::Quarantined,
            Lifts::Quarantine,
            Lifts::Suspend,
        ),
    ] {
        let wrong = [held.clone(), lift(other)];
        assert_eq!(judge(&wrong, &agent(), NOW), Err(block));
        let right = [held.clone(), lift(own)];
        assert_eq!(judge(&right, &agent(), NOW), Ok(()));
    }
    let both = [quarantine, stop];
    assert_eq!(
        judge(&both, &agent(), NOW),
        Err(Block::Stopped),
        "the graver"
    );
    let all = [Action::Stop(Target::All)];
    assert_eq!(judge(&all, &agent(), NOW), Err(Block::Stopped));
}

#[test]
fn a_compromised_key_is_refused_as_a_subject_s_and_as_an_issuer_s() {
    let blocked = [Action::KeyBlock(kid(AGENT))];
    assert_eq!(judge(&blocked, &agent(), NOW), Err(Block::Revoked));
    let blocked = [Action::KeyBlock(kid(ISSUER))];
    assert_eq!(judge(&blocked, &below(), NOW), Err(Block::Revoked));
    let key = |usage, state| Action::AuthorityKey {
        key: kid(PASSPORT),
        usage,
        state,
        number: 2,
    };
    let revoked = [key(KeyUse::Passport, KeyState::Revoked)];
    assert_eq!(judge(&revoked, &agent(), NOW), Err(Block::Revoked));
    for state in [KeyState::Prepared, KeyState::Active, KeyState::Tainted] {
        let harmless = [key(KeyUse::Passport, state)];
        assert_eq!(judge(&harmless, &agent(), NOW), Ok(()));
    }
}

#[test]
fn the_recorded_level_is_the_lowest_that_applies() {
    let change = |target, level| Action::TrustChange { target, level };
    let id = Target::Passport(agent().id().clone());
    let recorded = |actions: &[Action]| after(actions).recorded(&agent());
    assert_eq!(recorded(&[]), None);
    let lowered = change(acme("crawler"), TrustLevel::L1);
    let raised = change(acme("crawler"), TrustLevel::L3);
    let other = change(id, TrustLevel::L2);
    assert_eq!(
        recorded(&[lowered.clone(), other.clone()]),
        Some(TrustLevel::L1)
    );
    assert_eq!(recorded(&[lowered, raised, other]), Some(TrustLevel::L2));
}

#[test]
fn a_tool_is_refused_by_definition_or_altogether() {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let tool = |hash| Target::Tool {
        tenant: "acme".to_owned(),
        server: "weather".to_owned(),
        name: "forecast".to_owned(),
        hash,
    };
    let block = |actions: &[Action], server: &str, hash| {
        let follower = after(actions);
        follower
            .blocks()
            .tool("acme", server, "forecast", hash, NOW)
    };
    let definition = [Action::ToolRevoke(tool(Some(one)))];
    assert_eq!(block(&definition, "weather", &one), Some(Block::Revoked));
    assert_eq!(block(&definition, "weather", &other), None);
    assert_eq!(block(&definition, "news", &one), None);
    let altogether = [Action::Quarantine(tool(None))];
    assert_eq!(
        block(&altogether, "weather", &other),
        Some(Block::Quarantined)
    );
}
