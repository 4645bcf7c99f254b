use proptest::prelude::*;

use super::{
    EPOCH, FEED, MANIFEST, MESSAGE, PROOF, ROOT, STATUS, TOOL, TRUST, digest, sign, verify,
};
use crate::code::Code;
use crate::digest::Digest;
use crate::fixture::{self, key};
use crate::json::Document;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer as _;

const ALL: [&str; 9] = [
    MESSAGE, TOOL, MANIFEST, STATUS, TRUST, ROOT, FEED, EPOCH, PROOF,
];

fn check(ctx: &str, text: &str) -> Result<(), Refusal> {
    verify(ctx, Document::parse(text)?.root(), key(1).public_key())
}

#[test]
fn signs_the_canonical_object_with_its_context() {
    let document = Document::parse(r#"{"z":1,"a":"é","signature":"x"}"#).unwrap();
    let expected = Digest::of(r#"{"a":"é","ctx":"mcps-tool-v1","z":1}"#.as_bytes());
    assert_eq!(digest(TOOL, document.root()), expected);
}

#[test]
fn what_was_signed_verifies_in_its_own_context_only() {
    for text in ["{}", "{ }", r#"{"a":1}"#, " {\"b\":[1,2] , \"a\":\"x\"}\n"] {
        for ctx in ALL {
            let signed = sign(ctx, text, &key(1)).unwrap();
            for other in ALL {
                let expected = if ctx == other {
                    Ok(())
                } else {
                    Err(Refusal::BadSignature)
                };
                assert_eq!(check(other, &signed), expected, "{ctx} as {other}");
            }
        }
    }
}

#[test]
fn refuses_to_sign_what_is_no_unsigned_object() {
    for text in [
        "",
        "1",
        "[]",
        "\"a\"",
        "{",
        r#"{"a":1,"a":2}"#,
        r#"{"signature":1}"#,
        r#"{"ctx":"mcps-tool-v1"}"#,
        r#"{"\u0063tx":1}"#,
    ] {
        assert_eq!(
            sign(TOOL, text, &key(1)).unwrap_err().code(),
            Code::Malformed,
            "{text}"
        );
    }
}

#[test]
fn refuses_a_statement_that_brings_its_context() {
    let signed = sign(TOOL, r#"{"a":1}"#, &key(1)).unwrap();
    for ctx in ["mcps-tool-v1", "mcps-status-v1"] {
        let brought = signed.replacen('{', &format!(r#"{{"ctx":"{ctx}","#), 1);
        assert_eq!(check(TOOL, &brought).unwrap_err().code(), Code::Malformed);
    }
}

#[test]
fn refuses_missing_mistyped_and_high_s_signatures() {
    for text in [
        "{}",
        "1",
        "[]",
        r#"{"signature":1}"#,
        r#"{"signature":null}"#,
        r#"{"signature":""}"#,
        r#"{"signature":{}}"#,
    ] {
        assert_eq!(
            check(TOOL, text).unwrap_err(),
            Refusal::BadSignature,
            "{text}"
        );
    }
    let signed = sign(TOOL, r#"{"a":1}"#, &key(1)).unwrap();
    let document = Document::parse(signed.as_str()).unwrap();
    let text = document.root().get("signature").unwrap().as_str().unwrap();
    let low = Signature::from_base64(&text).unwrap();
    let parts = p256::ecdsa::Signature::from_slice(low.as_bytes()).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(parts.r(), -*parts.s()).unwrap();
    let high = Signature::from_bytes(high.to_bytes().into());
    key(1)
        .public_key()
        .verify(&digest(TOOL, document.root()), &high)
        .unwrap();
    assert_eq!(
        check(TOOL, &signed.replace(&*text, &high.to_base64())).unwrap_err(),
        Refusal::BadSignature
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_object_can_be_signed_and_verified(text in fixture::json::members().prop_flat_map(fixture::json::object)) {
        prop_assume!(!text.contains("\"ctx\"") && !text.contains("\"signature\""));
        let signed = sign(TOOL, &text, &key(1)).unwrap();
        prop_assert_eq!(check(TOOL, &signed), Ok(()));
        let document = Document::parse(text).unwrap();
        prop_assert_eq!(digest(TOOL, document.root()), digest(TOOL, Document::parse(signed).unwrap().root()));
    }
}
