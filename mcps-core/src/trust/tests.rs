use serde_json::{Value, json};

use super::{KeyState, KeyUse, TrustBundle, TrustStore, TrustedKey};
use crate::code::Code;
use crate::fixture::{AUTHORITY, NOW, agent, key};
use crate::key::KeyId;
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::statement;

/// Seeds of an authority's keys.
const ROOT: u64 = 100;
const OLD_PASSPORT: u64 = 101;
const PASSPORT: u64 = 102;
const BURNT_PASSPORT: u64 = 103;
const STATUS: u64 = 104;
const FEED: u64 = 105;

fn kid(seed: u64) -> KeyId {
    key(seed).public_key().key_id().clone()
}

fn set() -> Vec<TrustedKey> {
    [
        (ROOT, KeyUse::Root, KeyState::Active),
        (OLD_PASSPORT, KeyUse::Passport, KeyState::Tainted),
        (PASSPORT, KeyUse::Passport, KeyState::Active),
        (BURNT_PASSPORT, KeyUse::Passport, KeyState::Revoked),
        (STATUS, KeyUse::Status, KeyState::Active),
        (FEED, KeyUse::Feed, KeyState::Active),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    })
    .into()
}

fn unsigned() -> String {
    TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(ROOT), &set())
}

fn signed(unsigned: &str, seed: u64) -> String {
    statement::sign(statement::TRUST, unsigned, &key(seed)).unwrap()
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_set_signed_by_the_pinned_root_is_believed() {
    let text = signed(&unsigned(), ROOT);
    let bundle = TrustBundle::parse(&text).unwrap();
    bundle.verify(&kid(ROOT)).unwrap();
    assert_eq!(
        (bundle.authority(), bundle.number(), bundle.issued_at()),
        (AUTHORITY, 7, NOW)
    );
    assert_eq!(
        (bundle.signer(), bundle.text()),
        (&kid(ROOT), text.as_str())
    );
    let kids = |usage| {
        bundle
            .usable(usage)
            .map(|key| key.public_key.key_id().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(kids(KeyUse::Root), [kid(ROOT)]);
    assert_eq!(kids(KeyUse::Passport), [kid(OLD_PASSPORT), kid(PASSPORT)]);
    assert_eq!(kids(KeyUse::Status), [kid(STATUS)]);
    assert_eq!(kids(KeyUse::Feed), [kid(FEED)]);
}

#[test]
fn another_root_is_refused() {
    let bundle = TrustBundle::parse(&signed(&unsigned(), ROOT)).unwrap();
    for seed in [PASSPORT, STATUS, 999] {
        assert_eq!(
            bundle.verify(&kid(seed)).unwrap_err(),
            Refusal::UnknownIssuer
        );
    }
    // A key of another use signs, and says so.
    let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(PASSPORT), &set());
    let bundle = TrustBundle::parse(&signed(&text, PASSPORT)).unwrap();
    assert_eq!(
        bundle.verify(&kid(PASSPORT)).unwrap_err(),
        Refusal::UnknownIssuer
    );
    // The pinned root's name under another key's signature.
    let bundle = TrustBundle::parse(&signed(&unsigned(), 999)).unwrap();
    assert_eq!(
        bundle.verify(&kid(ROOT)).unwrap_err(),
        Refusal::BadSignature
    );
}

#[test]
fn a_root_that_is_revoked_or_missing_from_its_set_is_refused() {
    let mut keys = set();
    keys[0].state = KeyState::Revoked;
    for keys in [&keys[..], &keys[1..]] {
        let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(ROOT), keys);
        let bundle = TrustBundle::parse(&signed(&text, ROOT)).unwrap();
        assert_eq!(
            bundle.verify(&kid(ROOT)).unwrap_err(),
            Refusal::UnknownIssuer
        );
    }
}

/// What authorities without a feed have published.
#[test]
fn a_set_without_a_feed_key_is_read_as_before() {
    let keys = &set()[..5];
    let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(ROOT), keys);
    assert!(!text.contains("feed"));
    let bundle = TrustBundle::parse(&signed(&text, ROOT)).unwrap();
    bundle.verify(&kid(ROOT)).unwrap();
    assert_eq!(bundle.usable(KeyUse::Feed).count(), 0);
}

#[test]
fn any_change_breaks_the_signature() {
    let text = signed(&unsigned(), ROOT);
    for (pointer, value) in [
        ("/authority", json!("other.example")),
        ("/number", json!(8)),
        ("/issued_at", json!("2026-11-22T12:00:00.000Z")),
        ("/keys/3/state", json!("active")),
        ("/keys/4/use", json!("passport")),
        ("/keys/0/more", json!(1)),
    ] {
        let mut changed = tree(&text);
        match changed.pointer_mut(pointer) {
            Some(slot) => *slot = value,
            None => changed["keys"][0]["more"] = value,
        }
        let bundle = TrustBundle::parse(&changed.to_string()).unwrap();
        assert_eq!(
            bundle.verify(&kid(ROOT)).unwrap_err(),
            Refusal::BadSignature,
            "{pointer}"
        );
    }
    let mut changed = tree(&text);
    changed["keys"].as_array_mut().unwrap().pop();
    let bundle = TrustBundle::parse(&changed.to_string()).unwrap();
    assert_eq!(
        bundle.verify(&kid(ROOT)).unwrap_err(),
        Refusal::BadSignature
    );
}

#[test]
fn a_statement_of_another_kind_is_no_set() {
    for ctx in [
        statement::STATUS,
        statement::TOOL,
        statement::MANIFEST,
        statement::PROOF,
    ] {
        let text = statement::sign(ctx, &unsigned(), &key(ROOT)).unwrap();
        let bundle = TrustBundle::parse(&text).unwrap();
        assert_eq!(
            bundle.verify(&kid(ROOT)).unwrap_err(),
            Refusal::BadSignature,
            "{ctx}"
        );
    }
}

#[test]
fn refuses_missing_and_mistyped_members_with_a_code() {
    let text = signed(&unsigned(), ROOT);
    let members = [
        "/authority",
        "/number",
        "/issued_at",
        "/keys",
        "/kid",
        "/keys/0/kid",
        "/keys/0/use",
        "/keys/0/state",
        "/keys/0/public_key",
        "/keys/0",
    ];
    for pointer in members {
        for value in [
            json!(null),
            json!(true),
            json!(1.5),
            json!({}),
            json!("x"),
            json!([1]),
        ] {
            // A name of any kind, and uses and states of later versions.
            let texts = ["/authority", "/keys/0/use", "/keys/0/state"];
            if texts.contains(&pointer) && value.is_string() {
                continue;
            }
            let mut changed = tree(&text);
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            let refusal = TrustBundle::parse(&changed.to_string()).unwrap_err();
            assert_eq!(refusal.code(), Code::Malformed, "{pointer} = {value}");
        }
    }
    for name in ["authority", "number", "issued_at", "keys", "kid"] {
        let mut changed = tree(&text);
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(
            TrustBundle::parse(&changed.to_string()).unwrap_err().code(),
            Code::Malformed,
            "{name}"
        );
    }
    for text in ["", "1", "[]", "{}"] {
        assert!(TrustBundle::parse(text).is_err());
    }
}

#[test]
fn a_kid_that_is_not_its_key_s_is_refused() {
    let mut changed = tree(&unsigned());
    changed["keys"][1]["kid"] = json!(kid(PASSPORT).as_str());
    assert_eq!(
        TrustBundle::parse(&changed.to_string()).unwrap_err().code(),
        Code::Malformed
    );
}

#[test]
fn is_bounded() {
    let keys = vec![set()[0].clone(); 257];
    let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(ROOT), &keys);
    assert_eq!(
        TrustBundle::parse(&text).unwrap_err().code(),
        Code::Malformed
    );
}

/// Tainted keys' passports stay good; revoked keys' and other uses' never are.
#[test]
fn passports_are_good_by_the_keys_for_passports_alone() {
    let mut store = TrustStore::default();
    store.add_bundle(
        &TrustBundle::parse(&signed(&unsigned(), ROOT)).unwrap(),
        TrustLevel::L2,
    );
    for (seed, good) in [
        (PASSPORT, true),
        (OLD_PASSPORT, true),
        (BURNT_PASSPORT, false),
        (STATUS, false),
        (FEED, false),
        (ROOT, false),
    ] {
        let passport = agent("agent", &key(1)).sign(&key(seed)).unwrap();
        let standing = store.verify(&passport, NOW);
        assert_eq!(standing.is_ok(), good, "{seed}");
        assert!(standing.is_err() || standing.unwrap().cap == TrustLevel::L2);
    }
}

#[test]
fn a_later_set_replaces_the_earlier_one() {
    let mut store = TrustStore::default();
    store.add_bundle(
        &TrustBundle::parse(&signed(&unsigned(), ROOT)).unwrap(),
        TrustLevel::L4,
    );
    let passport = agent("agent", &key(1)).sign(&key(PASSPORT)).unwrap();
    assert!(store.verify(&passport, NOW).unwrap().recognised);
    let mut keys = set();
    keys[2].state = KeyState::Revoked;
    let text = TrustBundle::unsigned_json(AUTHORITY, 8, NOW, &kid(ROOT), &keys);
    store.add_bundle(
        &TrustBundle::parse(&signed(&text, ROOT)).unwrap(),
        TrustLevel::L4,
    );
    assert_eq!(
        store.verify(&passport, NOW).unwrap_err().code(),
        Code::InvalidPassport
    );
}

#[test]
fn a_prepared_key_is_known_and_nothing_it_signs_is_good() {
    let mut keys = set();
    keys[2].state = KeyState::Prepared;
    let text = TrustBundle::unsigned_json(AUTHORITY, 8, NOW, &kid(ROOT), &keys);
    let bundle = TrustBundle::parse(&signed(&text, ROOT)).unwrap();
    bundle.verify(&kid(ROOT)).unwrap();
    assert!(bundle.is_understood());
    assert_eq!(bundle.keys().len(), 6);
    assert_eq!(bundle.keys()[2].state, KeyState::Prepared);
    assert_eq!(bundle.usable(KeyUse::Passport).count(), 1);
    let mut store = TrustStore::default();
    store.add_bundle(&bundle, TrustLevel::L4);
    let passport = agent("agent", &key(1)).sign(&key(PASSPORT)).unwrap();
    assert!(store.verify(&passport, NOW).is_err());
}

/// What a later version calls a key makes none good here, and does not make the others bad.
#[test]
fn a_key_of_an_unknown_use_or_state_is_left_out() {
    for (member, value) in [("state", "paused"), ("state", "ACTIVE"), ("use", "notary")] {
        let mut changed = tree(&unsigned());
        changed["keys"][2][member] = json!(value);
        let bundle = TrustBundle::parse(&signed(&changed.to_string(), ROOT)).unwrap();
        bundle.verify(&kid(ROOT)).unwrap();
        assert!(!bundle.is_understood());
        let own = bundle.keys().iter();
        assert!(
            !own.map(|key| key.public_key.key_id())
                .any(|id| *id == kid(PASSPORT))
        );
        let good = bundle.usable(KeyUse::Passport);
        let good: Vec<_> = good.map(|key| key.public_key.key_id().clone()).collect();
        assert_eq!(good, [kid(OLD_PASSPORT)], "{member} {value}");
    }
    // Nor does it make a root.
    let mut changed = tree(&unsigned());
    changed["keys"][0]["state"] = json!("paused");
    let bundle = TrustBundle::parse(&signed(&changed.to_string(), ROOT)).unwrap();
    let refused = bundle.verify(&kid(ROOT)).unwrap_err();
    assert_eq!(refused, Refusal::UnknownIssuer);
}
