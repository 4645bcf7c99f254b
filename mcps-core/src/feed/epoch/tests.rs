use serde_json::{Value, json};

use super::Epoch;
use crate::digest::Digest;
use crate::feed::{FeedError, genesis};
use crate::fixture::{AUTHORITY, NOW, key};
use crate::signer::Signer as _;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const ROOT: u64 = 100;
const OTHER_ROOT: u64 = 101;
const FEED: u64 = 105;

fn bundle_of(authority: &str) -> TrustBundle {
    let keys = [
        (ROOT, KeyUse::Root),
        (OTHER_ROOT, KeyUse::Root),
        (FEED, KeyUse::Feed),
    ]
    .map(|(seed, usage)| TrustedKey {
        usage,
        state: KeyState::Active,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(ROOT);
    let text = TrustBundle::unsigned_json(authority, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn second() -> Epoch {
    Epoch {
        authority: AUTHORITY.to_owned(),
        epoch: 2,
        previous_epoch: 1,
        seq: 41,
        chain: Digest::of(b"41"),
        iat: NOW,
    }
}

fn verify(text: &str) -> Result<Epoch, FeedError> {
    Epoch::verify(text, &bundle_of(AUTHORITY))
}

#[test]
fn an_epoch_begins_by_the_word_of_the_root() {
    let text = second().sign(&key(ROOT)).unwrap();
    assert_eq!(verify(&text).unwrap(), second());
    assert_eq!(second().genesis(), genesis(AUTHORITY, 2));
}

/// Above all not by the feed key: whoever has that alone cannot make followers forget.
#[test]
fn no_other_key_begins_one() {
    for seed in [FEED, OTHER_ROOT, 999] {
        let text = second().sign(&key(seed)).unwrap();
        assert_eq!(verify(&text).unwrap_err(), FeedError::ForeignKey, "{seed}");
    }
    let text = second().sign(&key(ROOT)).unwrap();
    let foreign = Epoch::verify(&text, &bundle_of("other.example"));
    assert_eq!(foreign.unwrap_err(), FeedError::ForeignAuthority);
    for (from, to) in [
        ("\"epoch\":2", "\"epoch\":3"),
        ("\"seq\":41", "\"seq\":40"),
        ("12:00:00.000Z", "12:00:00.001Z"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(verify(&changed).unwrap_err(), FeedError::BadSignature);
    }
}

#[test]
fn epochs_only_count_up() {
    for (epoch, previous_epoch) in [(1, 1), (1, 2)] {
        let backwards = Epoch {
            epoch,
            previous_epoch,
            ..second()
        };
        let refusal = backwards.sign(&key(ROOT)).unwrap_err();
        assert_eq!(refusal, FeedError::EpochOrder);
    }
}

#[test]
fn missing_mistyped_and_unknown_members_are_refused() {
    let text = second().sign(&key(ROOT)).unwrap();
    let mut tree: Value = serde_json::from_str(&text).unwrap();
    tree.as_object_mut().unwrap().remove("signature");
    let sign =
        |tree: &Value| statement::sign(statement::EPOCH, &tree.to_string(), &key(ROOT)).unwrap();
    assert!(verify(&sign(&tree)).is_ok());
    for name in tree.as_object().unwrap().keys() {
        for value in [json!(null), json!(-1), json!(1.5), json!(""), json!([])] {
            let mut changed = tree.clone();
            changed[name] = value;
            assert!(
                matches!(verify(&sign(&changed)), Err(FeedError::Member(found)) if found == name)
            );
        }
        let mut changed = tree.clone();
        changed.as_object_mut().unwrap().remove(name);
        assert!(verify(&sign(&changed)).is_err(), "{name}");
    }
    tree["more"] = json!(1);
    assert_eq!(verify(&sign(&tree)).unwrap_err(), FeedError::UnknownMember);
    for text in ["", "1", "[]", "{}", &" ".repeat(5000)] {
        assert!(verify(text).is_err());
    }
}
