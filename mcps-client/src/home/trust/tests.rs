use std::fs;

use mcps_core::clock::Timestamp;
use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, Succession, TrustBundle, TrustedKey};

use super::Kept;
use crate::error::ClientError;
use crate::home::{AuthorityPin, Home};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const NAME: &str = "ta";

fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&SeededRandom::new(seed)).unwrap()
}

/// The set `number` by the last of the roots, each of which led to the next.
fn set(number: i64, roots: &[u64]) -> TrustBundle {
    let keys: Vec<SecretKey> = roots.iter().map(|seed| key(*seed)).collect();
    let (signer, _) = keys.split_last().unwrap();
    let successions: Vec<Succession> = keys
        .windows(2)
        .zip(2..)
        .map(|(pair, number)| {
            Succession::sign(NAME, number, NOW, pair[1].public_key(), &pair[0]).unwrap()
        })
        .collect();
    let root = TrustedKey {
        usage: KeyUse::Root,
        state: KeyState::Active,
        public_key: signer.public_key().clone(),
    };
    let kid = signer.public_key().key_id();
    let text = TrustBundle::unsigned_after(NAME, number, NOW, kid, &[root], &successions);
    TrustBundle::parse(&statement::sign(statement::TRUST, &text, signer).unwrap()).unwrap()
}

fn pin(root: u64) -> AuthorityPin {
    AuthorityPin {
        url: "http://127.0.0.1:1".to_owned(),
        name: NAME.to_owned(),
        root_kid: key(root).public_key().key_id().to_string(),
        tenant: "default".to_owned(),
    }
}

/// A home that has pinned that root.
fn home(root: u64) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    home.write_authority(&pin(root)).unwrap();
    (folder, home)
}

fn pinned(home: &Home) -> String {
    home.authority().unwrap().root_kid
}

fn refused(kept: Result<impl std::fmt::Debug, ClientError>) {
    let error = kept.unwrap_err();
    assert!(
        matches!(error, ClientError::Refused(Refusal::UnknownIssuer)),
        "{error}"
    );
}

#[test]
fn a_home_follows_the_root_it_pinned_to_the_next_and_never_back() {
    let (_folder, home) = home(1);
    assert_eq!(home.keep_trust(&set(1, &[1])).unwrap(), Kept::Taken);
    assert_eq!(home.keep_trust(&set(2, &[1, 2])).unwrap(), Kept::Taken);
    assert_eq!(pinned(&home), pin(2).root_kid);
    // The old root signs a later set, and one in which it leads elsewhere.
    refused(home.keep_trust(&set(1000, &[1])));
    refused(home.keep_trust(&set(1000, &[1, 9])));
    refused(home.adopt_trust(&pin(1), &set(1000, &[1])));
    assert_eq!(pinned(&home), pin(2).root_kid);
    let root = pin(2).root().unwrap();
    assert_eq!(home.trust(&root).unwrap().number(), 2);
    assert_eq!(home.keep_trust(&set(3, &[1, 2])).unwrap(), Kept::Taken);
}

#[test]
fn a_home_that_was_away_for_several_roots_follows_them_all() {
    let (_folder, home) = home(1);
    home.keep_trust(&set(1, &[1])).unwrap();
    home.keep_trust(&set(9, &[1, 2, 3, 4])).unwrap();
    assert_eq!(pinned(&home), pin(4).root_kid);
    for old in [&[1][..], &[1, 2], &[1, 2, 3]] {
        refused(home.keep_trust(&set(1000, old)));
    }
}

#[test]
fn an_older_set_does_not_take_the_place_of_a_newer_one() {
    let (_folder, home) = home(1);
    let newer = set(5, &[1]);
    home.keep_trust(&newer).unwrap();
    assert_eq!(home.keep_trust(&set(4, &[1])).unwrap(), Kept::Older);
    assert_eq!(home.keep_trust(&set(4, &[1, 2])).unwrap(), Kept::Older);
    assert_eq!(home.read("trust.json").unwrap().unwrap(), newer.text());
    assert_eq!(pinned(&home), pin(1).root_kid);
}

/// What a crash between the two files leaves.
#[test]
fn a_set_that_was_stored_before_its_root_was_pinned_is_good_and_pinned_next() {
    let (_folder, home) = home(1);
    let next = set(2, &[1, 2]);
    home.write("trust.json", next.text()).unwrap();
    let root = home.authority().unwrap().root().unwrap();
    assert_eq!(home.trust(&root).unwrap().text(), next.text());
    assert_eq!(home.keep_trust(&next).unwrap(), Kept::Taken);
    assert_eq!(pinned(&home), pin(2).root_kid);
    assert!(fs::read_dir(home.dir()).unwrap().count() <= 3);
}

#[test]
fn whoever_enrols_may_name_a_root_that_led_to_the_present_one() {
    let (_folder, home) = home(1);
    let next = set(7, &[1, 2, 3]);
    next.verify(&pin(1).root().unwrap()).unwrap();
    home.adopt_trust(&pin(3), &next).unwrap();
    assert_eq!(pinned(&home), pin(3).root_kid);
    // An authority that was founded anew is another matter.
    home.adopt_trust(&pin(50), &set(1, &[50])).unwrap();
    assert_eq!(pinned(&home), pin(50).root_kid);
}
