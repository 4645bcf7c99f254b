use std::time::Duration;

use serde_json::{Value, json};

use super::{MAX_SUCCESSIONS, Succession};
use crate::clock::Timestamp;
use crate::code::Code;
use crate::feed::{Epoch, FeedError};
use crate::fixture::{AUTHORITY, NOW, key};
use crate::key::KeyId;
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

/// Seeds of root keys, each the successor of the one before.
const A: u64 = 200;
const B: u64 = 201;
const C: u64 = 202;
const THIEF: u64 = 900;

fn kid(seed: u64) -> KeyId {
    key(seed).public_key().key_id().clone()
}

fn leads(from: u64, to: u64, number: i64) -> Succession {
    let (old, new) = (key(from), key(to));
    Succession::sign(AUTHORITY, number, NOW, new.public_key(), &old).unwrap()
}

fn roots(seeds: &[(u64, KeyState)]) -> Vec<TrustedKey> {
    let root = |(seed, state): &(u64, KeyState)| TrustedKey {
        usage: KeyUse::Root,
        state: *state,
        public_key: key(*seed).public_key().clone(),
    };
    seeds.iter().map(root).collect()
}

/// A set signed by `signer` after those successions.
fn signed(signer: u64, successions: &[Succession]) -> String {
    let keys = roots(&[
        (A, KeyState::Tainted),
        (B, KeyState::Tainted),
        (signer, KeyState::Active),
    ]);
    let keys = keys.get(if signer == B { 2 } else { 0 }..).unwrap();
    let text = TrustBundle::unsigned_after(AUTHORITY, 9, NOW, &kid(signer), keys, successions);
    statement::sign(statement::TRUST, &text, &key(signer)).unwrap()
}

fn believed(text: &str, root: u64) -> Result<(), Refusal> {
    TrustBundle::parse(text)?.verify(&kid(root))
}

fn malformed(successions: &[Succession], signer: u64) {
    let refusal = TrustBundle::parse(&signed(signer, successions)).unwrap_err();
    assert_eq!(refusal.code(), Code::Malformed, "{refusal}");
}

/// The set with something in it changed, signed anew by its root.
fn changed(text: &str, signer: u64, change: impl FnOnce(&mut Value)) -> String {
    let mut tree: Value = serde_json::from_str(text).unwrap();
    tree.as_object_mut().unwrap().remove("signature");
    change(&mut tree);
    statement::sign(statement::TRUST, &tree.to_string(), &key(signer)).unwrap()
}

#[test]
fn every_root_that_led_to_the_one_that_signs_is_good_to_believe_it_by() {
    let successions = [leads(A, B, 4), leads(B, C, 9)];
    let text = signed(C, &successions);
    for root in [A, B, C] {
        believed(&text, root).unwrap();
    }
    let bundle = TrustBundle::parse(&text).unwrap();
    assert_eq!(bundle.signer(), &kid(C));
    let read: Vec<_> = bundle.successions().iter().collect();
    assert_eq!((read[0].from(), read[0].to()), (&kid(A), &kid(B)));
    assert_eq!((read[1].number(), read[1].issued_at()), (9, NOW));
    assert_eq!(read[1].authority(), AUTHORITY);
    assert_eq!(read[1].text(), successions[1].text());
    assert!(bundle.has_succeeded(&kid(A)) && bundle.has_succeeded(&kid(B)));
    assert!(!bundle.has_succeeded(&kid(C)));
    // What is made from it leads on.
    let next = bundle.next_json(NOW, bundle.keys());
    let next = statement::sign(statement::TRUST, &next, &key(C)).unwrap();
    believed(&next, A).unwrap();
    assert_eq!(TrustBundle::parse(&next).unwrap().number(), 10);
}

#[test]
fn a_root_that_nobody_led_from_is_refused() {
    let text = signed(C, &[leads(B, C, 9)]);
    believed(&text, B).unwrap();
    for root in [A, THIEF] {
        assert_eq!(believed(&text, root).unwrap_err(), Refusal::UnknownIssuer);
    }
    let alone = signed(THIEF, &[]);
    assert_eq!(believed(&alone, A).unwrap_err(), Refusal::UnknownIssuer);
}

/// Whoever pins the new root never goes back, whatever number the old one writes.
#[test]
fn the_old_root_is_not_believed_by_whoever_pins_the_new_one() {
    let old = roots(&[(A, KeyState::Active)]);
    let text = TrustBundle::unsigned_json(AUTHORITY, 1_000_000, NOW, &kid(A), &old);
    let text = statement::sign(statement::TRUST, &text, &key(A)).unwrap();
    believed(&text, A).unwrap();
    assert_eq!(believed(&text, B).unwrap_err(), Refusal::UnknownIssuer);
    // Nor when it says that the new one led to it: that is not the new one's word.
    let back = leads(A, B, 3);
    let back = changed(&signed(B, &[back]), A, |tree| {
        tree["keys"][0] = json!({
            "kid": kid(A).as_str(), "use": "root", "state": "active",
            "public_key": tree["successions"][0]["from"],
        });
        tree["kid"] = json!(kid(A).as_str());
        let (from, to) = (
            tree["successions"][0]["to"].clone(),
            tree["successions"][0]["from"].clone(),
        );
        tree["successions"][0]["kid"] = json!(kid(B).as_str());
        tree["successions"][0]["from"] = from;
        tree["successions"][0]["to"] = to;
    });
    assert_eq!(believed(&back, B).unwrap_err(), Refusal::BadSignature);
}

#[test]
fn a_succession_that_the_old_root_did_not_sign_is_refused() {
    let mut forged: Value = serde_json::from_str(leads(A, THIEF, 9).text()).unwrap();
    forged.as_object_mut().unwrap().remove("signature");
    let by_thief = statement::sign(statement::ROOT, &forged.to_string(), &key(THIEF)).unwrap();
    // The old root's signature over something else.
    let other = statement::sign(statement::EPOCH, &forged.to_string(), &key(A)).unwrap();
    let good = signed(THIEF, &[leads(A, THIEF, 9)]);
    believed(&good, A).unwrap();
    for text in [by_thief, other] {
        let text = changed(&good, THIEF, |tree| {
            tree["successions"][0] = serde_json::from_str(&text).unwrap();
        });
        for root in [A, THIEF] {
            assert_eq!(believed(&text, root).unwrap_err(), Refusal::BadSignature);
        }
    }
}

#[test]
fn a_changed_succession_is_refused() {
    let text = signed(C, &[leads(A, B, 4), leads(B, C, 9)]);
    let mut bare: Value = serde_json::from_str(&text).unwrap();
    bare.as_object_mut().unwrap().remove("successions");
    assert_eq!(
        believed(&bare.to_string(), C).unwrap_err(),
        Refusal::BadSignature
    );
    for (name, value) in [
        ("number", json!(5)),
        ("issued_at", json!("2026-11-22T12:00:00.000Z")),
        ("more", json!(1)),
    ] {
        let change = |tree: &mut Value| tree["successions"][0][name] = value.clone();
        let text = changed(&text, C, change);
        assert_eq!(
            believed(&text, C).unwrap_err(),
            Refusal::BadSignature,
            "{name}"
        );
    }
}

#[test]
fn gaps_cycles_and_disorder_are_malformed() {
    // One is missing, the order is wrong, the last leads elsewhere, a root comes back.
    malformed(&[leads(A, B, 3), leads(C, THIEF, 4)], THIEF);
    malformed(&[leads(B, C, 4), leads(A, B, 3)], C);
    malformed(&[leads(A, B, 4), leads(B, C, 4)], C);
    malformed(&[leads(A, B, 4)], C);
    malformed(&[leads(A, B, 3), leads(B, A, 4), leads(A, C, 5)], C);
    malformed(&[leads(C, C, 3)], C);
    // Of a set that is still to come, and of another authority.
    malformed(&[leads(B, C, 10)], C);
    let (old, new) = (key(B), key(C));
    let foreign = Succession::sign("other.example", 4, NOW, new.public_key(), &old).unwrap();
    malformed(&[foreign], C);
}

#[test]
fn missing_and_mistyped_members_are_malformed() {
    let text = signed(C, &[leads(B, C, 9)]);
    for name in ["authority", "number", "issued_at", "from", "to", "kid"] {
        for value in [json!(null), json!(1.5), json!("x"), json!([])] {
            let change = |tree: &mut Value| tree["successions"][0][name] = value.clone();
            let refusal = TrustBundle::parse(&changed(&text, C, change)).unwrap_err();
            assert_eq!(refusal.code(), Code::Malformed, "{name} = {value}");
        }
        let remove = |tree: &mut Value| {
            tree["successions"][0].as_object_mut().unwrap().remove(name);
        };
        assert!(
            TrustBundle::parse(&changed(&text, C, remove)).is_err(),
            "{name}"
        );
    }
    for value in [json!(null), json!({}), json!("x"), json!([1]), json!([[]])] {
        let change = |tree: &mut Value| tree["successions"] = value.clone();
        assert!(
            TrustBundle::parse(&changed(&text, C, change)).is_err(),
            "{value}"
        );
    }
}

#[test]
fn only_the_newest_successions_are_kept_and_more_are_not_read() {
    let most = i64::try_from(MAX_SUCCESSIONS).unwrap();
    let seed = |at: i64| u64::try_from(at).unwrap() + 300;
    let all: Vec<_> = (0..=most)
        .map(|at| leads(seed(at), seed(at + 1), at + 1))
        .collect();
    let last = seed(most + 1);
    let keys = roots(&[(last, KeyState::Active)]);
    let text = TrustBundle::unsigned_after(AUTHORITY, 99, NOW, &kid(last), &keys, &all);
    let text = statement::sign(statement::TRUST, &text, &key(last)).unwrap();
    assert_eq!(
        TrustBundle::parse(&text).unwrap().successions().len(),
        MAX_SUCCESSIONS
    );
    believed(&text, seed(1)).unwrap();
    assert_eq!(
        believed(&text, seed(0)).unwrap_err(),
        Refusal::UnknownIssuer
    );
    let more = changed(&text, last, |tree| {
        let first = serde_json::from_str(all[0].text()).unwrap();
        tree["successions"].as_array_mut().unwrap().insert(0, first);
    });
    assert_eq!(
        TrustBundle::parse(&more).unwrap_err().code(),
        Code::Malformed
    );
}

#[test]
fn a_set_without_successions_is_written_as_it_always_was() {
    let keys = roots(&[(A, KeyState::Active)]);
    let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(A), &keys);
    assert!(!text.contains("successions"));
    let tree: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(tree.as_object().unwrap().len(), 5);
}

#[test]
fn a_root_signs_sets_only_while_it_is_active() {
    for state in [KeyState::Prepared, KeyState::Tainted, KeyState::Revoked] {
        let keys = roots(&[(A, state)]);
        let text = TrustBundle::unsigned_json(AUTHORITY, 7, NOW, &kid(A), &keys);
        let text = statement::sign(statement::TRUST, &text, &key(A)).unwrap();
        assert_eq!(believed(&text, A).unwrap_err(), Refusal::UnknownIssuer);
    }
}

fn epoch(iat: Timestamp, by: u64) -> String {
    let epoch = Epoch {
        authority: AUTHORITY.to_owned(),
        epoch: 2,
        previous_epoch: 1,
        seq: 0,
        chain: crate::feed::genesis(AUTHORITY, 1),
        iat,
    };
    epoch.sign(&key(by)).unwrap()
}

/// An epoch that the old root began stays begun; it begins none after it gave way, and none at all
/// once it is revoked.
#[test]
fn what_a_root_said_of_an_epoch_holds_while_it_was_the_root() {
    let text = signed(C, &[leads(A, B, 4), leads(B, C, 9)]);
    let bundle = TrustBundle::parse(&text).unwrap();
    for root in [A, B, C] {
        Epoch::verify(&epoch(NOW, root), &bundle).unwrap();
    }
    let later = NOW.plus(Duration::from_millis(1));
    Epoch::verify(&epoch(later, C), &bundle).unwrap();
    for root in [A, B, THIEF] {
        let refused = Epoch::verify(&epoch(later, root), &bundle).unwrap_err();
        assert_eq!(refused, FeedError::ForeignKey);
    }
    let keys = roots(&[(A, KeyState::Revoked), (C, KeyState::Active)]);
    let chain = [leads(A, B, 4), leads(B, C, 9)];
    let text = TrustBundle::unsigned_after(AUTHORITY, 9, NOW, &kid(C), &keys, &chain);
    let text = statement::sign(statement::TRUST, &text, &key(C)).unwrap();
    // Its word on the next root is the new root's too, and goes on leading there.
    believed(&text, A).unwrap();
    let bundle = TrustBundle::parse(&text).unwrap();
    for root in [A, B] {
        let refused = Epoch::verify(&epoch(NOW, root), &bundle).unwrap_err();
        assert_eq!(refused, FeedError::ForeignKey);
    }
}
