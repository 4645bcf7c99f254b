use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{MAX_SNAPSHOT_BYTES, Snapshot};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::feed::{Entry, FeedError, Held, MAX_LIFE, Position, Target, genesis};
use crate::fixture::{AUTHORITY, NOW, key};
use crate::json::Limits;
use crate::level::TrustLevel;
use crate::passport::PassportId;
use crate::signer::Signer as _;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const FEED: u64 = 105;
const REVOKED: u64 = 106;

fn bundle_of(authority: &str) -> TrustBundle {
    let keys = [
        (100, KeyUse::Root, KeyState::Active),
        (101, KeyUse::Status, KeyState::Active),
        (FEED, KeyUse::Feed, KeyState::Active),
        (REVOKED, KeyUse::Feed, KeyState::Revoked),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(100);
    let text = TrustBundle::unsigned_json(authority, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn passport_id(number: u64) -> String {
    format!("asp_{number:032x}")
}

fn passport(number: u64) -> Target {
    Target::Passport(PassportId::parse(&passport_id(number)).unwrap())
}

fn ids(numbers: &[u128]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|one| one.to_be_bytes()).collect();
    STANDARD.encode(bytes)
}

fn snapshot() -> Snapshot {
    let subject = || Target::Agent {
        tenant: "acme".to_owned(),
        name: "crawler".to_owned(),
    };
    let tenant = Target::Tenant("acme".to_owned());
    let entries = [
        (tenant, Held::Suspended(Some(NOW))),
        (passport(3), Held::Suspended(None)),
        (subject(), Held::Quarantined),
        (Target::All, Held::Stopped),
        (subject(), Held::Level(TrustLevel::L2)),
        (
            Target::Tenant("other".to_owned()),
            Held::Policy(Digest::of(b"policy")),
        ),
        (
            Target::Tenant("other".to_owned()),
            Held::Verdicts(Digest::of(b"verdicts")),
        ),
        (passport(1), Held::Revoked),
        (passport(2), Held::Revoked),
    ]
    .map(|(target, held)| Entry { target, held });
    Snapshot {
        authority: AUTHORITY.to_owned(),
        position: Position {
            epoch: 1,
            seq: 41,
            chain: Digest::of(b"41"),
        },
        iat: NOW,
        fresh_until: NOW.plus(std::time::Duration::from_secs(30)),
        entries: entries.into(),
    }
}

fn verify(text: &str) -> Result<Snapshot, FeedError> {
    Snapshot::verify(text, &bundle_of(AUTHORITY))
}

#[test]
fn what_a_feed_key_signed_is_what_is_read() {
    let empty = Snapshot {
        entries: Vec::new(),
        position: Position {
            epoch: 3,
            seq: 0,
            chain: genesis(AUTHORITY, 3),
        },
        fresh_until: NOW,
        ..snapshot()
    };
    for snapshot in [snapshot(), empty] {
        let text = snapshot.sign(&key(FEED)).unwrap();
        assert_eq!(verify(&text).unwrap(), snapshot);
    }
}

#[test]
fn no_other_key_and_no_other_authority_makes_one() {
    for seed in [100, 101, REVOKED, 999] {
        let text = snapshot().sign(&key(seed)).unwrap();
        assert_eq!(verify(&text), Err(FeedError::ForeignKey), "{seed}");
    }
    let text = snapshot().sign(&key(FEED)).unwrap();
    let foreign = Snapshot::verify(text, &bundle_of("other.example"));
    assert_eq!(foreign, Err(FeedError::ForeignAuthority));
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    let text = snapshot().sign(&key(FEED)).unwrap();
    for (from, to) in [
        (r#""epoch":1"#, r#""epoch":2"#),
        (r#""seq":41"#, r#""seq":42"#),
        ("12:00:00.000Z", "12:00:00.001Z"),
        ("12:00:30.000Z", "12:04:30.000Z"),
        (r#""level":2"#, r#""level":4"#),
        (r#"{"held":"stopped","target":{"kind":"all"}},"#, ""),
        ("crawler", "browser"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(verify(&changed), Err(FeedError::BadSignature), "{from}");
    }
}

/// A frame's signature says nothing of a snapshot.
#[test]
fn is_signed_as_a_snapshot_alone() {
    for ctx in [statement::FEED, statement::EPOCH, statement::STATUS] {
        assert_eq!(
            verify(&signed(ctx, |_| ())),
            Err(FeedError::BadSignature),
            "{ctx}"
        );
    }
    assert_eq!(verify(&signed(statement::SNAPSHOT, |_| ())), Ok(snapshot()));
}

/// Signed by the feed key, after a change.
fn signed(ctx: &str, change: impl Fn(&mut Value)) -> String {
    let text = snapshot().sign(&key(FEED)).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("signature");
    change(&mut value);
    statement::sign(ctx, &value.to_string(), &key(FEED)).unwrap()
}

#[test]
fn is_read_strictly_even_when_rightly_signed() {
    let later = NOW.plus(MAX_LIFE).as_millis() + 1;
    let later = Timestamp::from_millis(later).to_string();
    let passports = FeedError::Member("revoked_passports");
    let one = "AAAAAAAAAAAAAAAAAAAAAQ==";
    let cases: [(&str, Value, FeedError); 24] = [
        ("more", json!(1), FeedError::UnknownMember),
        ("epoch", json!(0), FeedError::Member("epoch")),
        ("epoch", json!("1"), FeedError::Member("epoch")),
        ("seq", json!(-1), FeedError::Member("seq")),
        ("seq", json!(0), FeedError::BrokenChain),
        ("chain", json!("00"), FeedError::Member("chain")),
        (
            "iat",
            json!("2026-07-29T12:00:00Z"),
            FeedError::Member("iat"),
        ),
        ("fresh_until", json!(later), FeedError::Lifetime),
        (
            "fresh_until",
            json!("2020-01-01T00:00:00.000Z"),
            FeedError::Lifetime,
        ),
        ("fresh_until", Value::Null, FeedError::Member("fresh_until")),
        ("entries", Value::Null, FeedError::Member("entries")),
        ("entries", json!({}), FeedError::Member("entries")),
        ("entries", json!([1]), FeedError::Member("entries")),
        (
            "entries",
            json!([{"held": "unclear", "target": {"kind": "all"}}]),
            FeedError::Member("held"),
        ),
        (
            "entries",
            json!([{"held": "paused", "target": {"kind": "all"}}]),
            FeedError::Member("held"),
        ),
        (
            "entries",
            json!([{"held": "stopped", "target": {"kind": "all"}, "until": "x"}]),
            FeedError::UnknownMember,
        ),
        (
            "entries",
            json!([{"held": "revoked", "target": {"kind": "passport", "id": passport_id(1)}}]),
            FeedError::Member("entries"),
        ),
        ("revoked_passports", Value::Null, passports),
        ("revoked_passports", json!([]), passports),
        ("revoked_passports", json!("AAA="), passports),
        (
            "revoked_passports",
            json!(one.trim_end_matches('=')),
            passports,
        ),
        ("revoked_passports", json!(ids(&[2, 1])), passports),
        ("revoked_passports", json!(ids(&[1, 1])), passports),
        ("kid", json!("x"), FeedError::Member("kid")),
    ];
    for (member, value, error) in cases {
        let text = signed(statement::SNAPSHOT, |snapshot| {
            snapshot[member] = value.clone();
        });
        assert_eq!(verify(&text), Err(error), "{member}: {value}");
    }
    for member in super::MEMBERS {
        let mut value: Value = serde_json::from_str(&snapshot().sign(&key(FEED)).unwrap()).unwrap();
        value.as_object_mut().unwrap().remove(member);
        assert!(verify(&value.to_string()).is_err(), "without {member}");
    }
    for text in [
        "",
        "[]",
        "{}",
        "null",
        "{\"authority\":\"a\",\"authority\":\"b\"}",
    ] {
        assert!(verify(text).is_err(), "{text}");
    }
}

#[test]
fn what_no_follower_would_read_is_not_signed() {
    let unclear = Entry {
        target: Target::All,
        held: Held::Unclear,
    };
    for (snapshot, error) in [
        (
            Snapshot {
                entries: vec![unclear],
                ..snapshot()
            },
            FeedError::Member("held"),
        ),
        (
            Snapshot {
                fresh_until: NOW.minus(MAX_LIFE),
                ..snapshot()
            },
            FeedError::Lifetime,
        ),
        (
            Snapshot {
                authority: String::new(),
                ..snapshot()
            },
            FeedError::Member("authority"),
        ),
    ] {
        assert_eq!(snapshot.sign(&key(FEED)), Err(error));
    }
}

/// 100,000 entries are 11 MB and 700,000 values, beyond what other documents may have.
#[test]
fn carries_many_entries() {
    let entry = |number| Entry {
        target: passport(number),
        held: Held::Suspended(None),
    };
    let many = Snapshot {
        entries: (0..100_000).map(entry).collect(),
        ..snapshot()
    };
    let text = many.sign(&key(FEED)).unwrap();
    assert!(text.len() > Limits::default().bytes && text.len() < MAX_SNAPSHOT_BYTES);
    assert_eq!(verify(&text).unwrap(), many);
}

#[test]
fn is_at_most_32_mebibytes() {
    let tenant = "t".repeat(200);
    let entry = |number: u64| Entry {
        target: Target::Tenant(format!("{tenant}{number:06}")),
        held: Held::Suspended(None),
    };
    let many = Snapshot {
        entries: (0..130_000).map(entry).collect(),
        ..snapshot()
    };
    let error = many.sign(&key(FEED)).unwrap_err();
    assert!(matches!(error, FeedError::TooLarge { limit, .. } if limit == MAX_SNAPSHOT_BYTES));
    let spaces = " ".repeat(MAX_SNAPSHOT_BYTES + 1);
    assert!(matches!(verify(&spaces), Err(FeedError::TooLarge { .. })));
}

/// A million passports revoked one by one are within what a follower reads.
#[test]
fn a_revoked_passport_takes_little_of_it() {
    let revoked = |number| Entry {
        target: passport(number),
        held: Held::Revoked,
    };
    let many = Snapshot {
        entries: (0..10_000).map(revoked).collect(),
        ..snapshot()
    };
    let text = many.sign(&key(FEED)).unwrap();
    assert!(text.len() * 100 < MAX_SNAPSHOT_BYTES, "{}", text.len());
    assert_eq!(verify(&text).unwrap(), many);
}
