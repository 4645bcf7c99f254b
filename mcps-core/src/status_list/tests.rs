use std::time::Duration;

use proptest::prelude::*;

use super::{ListedStatus, StatusList, StatusListError, StatusListToken};
use crate::fixture::{AUTHORITY, NOW, key};
use crate::signer::Signer as _;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const ROOT: u64 = 100;
const STATUS: u64 = 120;
const REVOKED: u64 = 121;
const PASSPORT: u64 = 122;
const URI: &str = "https://ta.example/v1/status-lists/0";

/// Appendix C of the draft: lists of 2^20 places.
const ONE_BIT: &str = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb";
const TWO_BITS: &str = "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw";

fn bundle() -> TrustBundle {
    let keys = [
        (ROOT, KeyUse::Root, KeyState::Active),
        (STATUS, KeyUse::Status, KeyState::Active),
        (REVOKED, KeyUse::Status, KeyState::Revoked),
        (PASSPORT, KeyUse::Passport, KeyState::Active),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(ROOT);
    let text = TrustBundle::unsigned_json(AUTHORITY, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn statuses(list: &StatusList, count: u64) -> Vec<u8> {
    let all = (0..count).map(|index| list.get(index).unwrap().bits());
    all.collect()
}

#[test]
fn reads_the_examples_of_the_draft() {
    // §4.1 and §4.2.
    let one = StatusList::from_lst(1, "eNrbuRgAAhcBXQ").unwrap();
    let expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    assert_eq!(statuses(&one, 16), expected);
    let two = StatusList::from_lst(2, "eNo76fITAAPfAgc").unwrap();
    assert_eq!(statuses(&two, 12), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    assert_eq!(two.get(12), Err(StatusListError::OutOfRange));
}

#[test]
fn reads_the_vectors_of_the_draft_and_writes_the_same_lists() {
    let one: &[(u64, u8)] = &[
        (0, 1),
        (1993, 1),
        (25460, 1),
        (159_495, 1),
        (495_669, 1),
        (554_353, 1),
        (645_645, 1),
        (723_232, 1),
        (854_545, 1),
        (934_534, 1),
        (1_000_345, 1),
    ];
    let two: &[(u64, u8)] = &[
        (0, 1),
        (1993, 2),
        (25460, 1),
        (159_495, 3),
        (495_669, 1),
        (554_353, 1),
        (645_645, 2),
        (723_232, 1),
        (854_545, 1),
        (934_534, 2),
        (1_000_345, 3),
    ];
    for (bits, lst, set) in [(1, ONE_BIT, one), (2, TWO_BITS, two)] {
        let theirs = StatusList::from_lst(bits, lst).unwrap();
        let mut ours = StatusList::new(bits, 1 << 20).unwrap();
        for (index, status) in set {
            assert!(ours.set(*index, ListedStatus::from_bits(*status)));
        }
        assert_eq!(ours, theirs);
        let again = StatusList::from_lst(bits, &ours.to_lst()).unwrap();
        assert_eq!(again, theirs);
    }
}

#[test]
fn a_million_with_one_in_a_hundred_revoked_fit_in_16_kilobytes() {
    let mut list = StatusList::new(2, 1_000_000).unwrap();
    // Places as random as they come, the same every time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut set = 0;
    while set < 10_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = state % 1_000_000;
        if list.get(index) == Ok(ListedStatus::Valid) {
            assert!(list.set(index, ListedStatus::Invalid));
            set += 1;
        }
    }
    // Three bytes are four characters.
    let packed = list.to_lst().len() * 3 / 4;
    assert!(packed <= 16_000, "{packed}");
}

#[test]
fn a_bomb_is_not_unpacked() {
    use base64::Engine as _;
    use std::io::Read as _;
    let mut packed = Vec::new();
    let zeros = std::io::repeat(0).take(64 << 20);
    let mut encoder = flate2::read::ZlibEncoder::new(zeros, flate2::Compression::best());
    encoder.read_to_end(&mut packed).unwrap();
    let lst = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(packed);
    assert_eq!(
        StatusList::from_lst(1, &lst),
        Err(StatusListError::TooLarge)
    );
    for (bits, lst) in [(1, "x"), (1, "AAAA"), (3, ONE_BIT), (0, ONE_BIT)] {
        let error = StatusList::from_lst(bits, lst).unwrap_err();
        assert_eq!(error, StatusListError::Form("status_list"));
    }
    assert_eq!(StatusList::new(3, 8), None);
    assert_eq!(StatusList::new(8, usize::MAX), None);
}

fn token() -> StatusListToken {
    let mut list = StatusList::new(2, 64).unwrap();
    assert!(list.set(7, ListedStatus::Suspended));
    StatusListToken {
        uri: URI.to_owned(),
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
        ttl_s: 60,
        list,
    }
}

#[test]
fn a_token_is_believed_by_the_status_key_alone_and_in_its_time() {
    let bundle = bundle();
    let text = token().sign(&key(STATUS)).unwrap();
    let read = StatusListToken::verify(&text, URI, &bundle, NOW).unwrap();
    assert_eq!(read, token());
    assert_eq!(read.list.get(7), Ok(ListedStatus::Suspended));
    for seed in [REVOKED, PASSPORT, ROOT, 999] {
        let text = token().sign(&key(seed)).unwrap();
        let refused = StatusListToken::verify(&text, URI, &bundle, NOW);
        assert_eq!(refused, Err(StatusListError::ForeignKey));
    }
    let other = "https://ta.example/v1/status-lists/1";
    let refused = StatusListToken::verify(&text, other, &bundle, NOW);
    assert_eq!(refused, Err(StatusListError::OtherList));
    for now in [
        NOW.plus(Duration::from_secs(3600)),
        NOW.minus(Duration::from_secs(2)),
    ] {
        let refused = StatusListToken::verify(&text, URI, &bundle, now);
        assert_eq!(refused, Err(StatusListError::Expired));
    }
}

#[test]
fn a_token_that_was_changed_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let bundle = bundle();
    let text = token().sign(&key(STATUS)).unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let made = |header: &str, claims: &str| {
        let (header, claims) = (
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims),
        );
        format!("{header}.{claims}.{}", parts[2])
    };
    for (other, error) in [
        (
            made(&header, &claims.replacen("\"ttl\":60", "\"ttl\":61", 1)),
            StatusListError::BadSignature,
        ),
        (
            made(&header.replace("ES256", "none"), &claims),
            StatusListError::Form("typ or alg"),
        ),
        (
            made(&header.replace("statuslist+jwt", "JWT"), &claims),
            StatusListError::Form("typ or alg"),
        ),
        (
            made(&header.replacen('{', "{\"crit\":[\"x\"],", 1), &claims),
            StatusListError::Form("crit"),
        ),
        (
            format!("{}.{}.", parts[0], parts[1]),
            StatusListError::BadSignature,
        ),
        ("x".to_owned(), StatusListError::Form("the token")),
    ] {
        let refused = StatusListToken::verify(&other, URI, &bundle, NOW);
        assert_eq!(refused, Err(error), "{other}");
    }
}

proptest! {
    #[test]
    fn what_is_set_is_got(
        bits in prop::sample::select(vec![1_u8, 2, 4, 8]),
        set in prop::collection::btree_map(0_u64..1000, any::<u8>(), 0..50),
    ) {
        let mut list = StatusList::new(bits, 1000).unwrap();
        let mask = u8::MAX >> (8 - bits);
        for (index, status) in &set {
            prop_assert!(list.set(*index, ListedStatus::from_bits(status & mask)));
        }
        let list = StatusList::from_lst(bits, &list.to_lst()).unwrap();
        for index in 0..1000 {
            let expected = set.get(&index).map_or(0, |status| status & mask);
            prop_assert_eq!(list.get(index), Ok(ListedStatus::from_bits(expected)));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in ".{0,200}") {
        prop_assert!(StatusListToken::verify(&text, URI, &bundle(), NOW).is_err());
    }
}
