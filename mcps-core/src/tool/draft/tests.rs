use super::{hash, sign, verify};
use crate::code::Code;
use crate::digest::Digest;
use crate::json::{Document, Value};
use crate::key::{PublicKey, SecretKey};
use crate::random::SeededRandom;
use crate::signature::Signature;
use crate::signer::Signer as _;
use crate::tool::tests::twin;

fn recorded() -> Document {
    Document::parse(include_str!("../draft00.json")).unwrap()
}

struct Case<'d> {
    what: String,
    tool: Value<'d>,
    origin: Option<String>,
    tool_hash: Digest,
    signature: String,
    key: PublicKey,
}

fn cases(recorded: &Document) -> Vec<Case<'_>> {
    let root = recorded.root();
    let read = |case: Value<'_>, name: &str| case.get(name).unwrap().as_str().unwrap().into_owned();
    let cases = root.get("cases").unwrap().as_array().unwrap();
    let case = |case| {
        let pem = read(root.get("keys").unwrap(), &read(case, "key"));
        Case {
            what: read(case, "what"),
            tool: case.get("tool").unwrap(),
            origin: case
                .get("author_origin")
                .unwrap()
                .as_str()
                .map(|origin| origin.into_owned()),
            tool_hash: Digest::from_hex(&read(case, "tool_hash")).unwrap(),
            signature: read(case, "signature"),
            key: PublicKey::from_pem(&pem).unwrap(),
        }
    };
    cases.iter().map(case).collect()
}

#[test]
fn agrees_with_what_the_live_peer_signed() {
    let recorded = recorded();
    let cases = cases(&recorded);
    assert_eq!(cases.len(), 7);
    for case in cases {
        let verified = verify(
            case.tool,
            case.origin.as_deref(),
            &case.signature,
            &case.key,
        );
        assert_eq!(verified, Ok(case.tool_hash), "{}", case.what);
    }
}

#[test]
fn refuses_another_origin_tool_key_or_signature() {
    let recorded = recorded();
    let cases = cases(&recorded);
    let (plain, with_origin, other) = (&cases[0], &cases[1], &cases[3]);
    let refused = |tool, origin, signature: &str, key| {
        let refusal = verify(tool, origin, signature, key).unwrap_err();
        assert_eq!(refusal.code(), Code::ToolIntegrity);
    };
    refused(
        plain.tool,
        Some("https://s.example"),
        &plain.signature,
        &plain.key,
    );
    refused(
        with_origin.tool,
        None,
        &with_origin.signature,
        &with_origin.key,
    );
    refused(other.tool, None, &plain.signature, &plain.key);
    refused(plain.tool, None, &plain.signature, &other.key);
    for signature in ["", "AAAA", plain.signature.trim_end_matches('=')] {
        refused(plain.tool, None, signature, &plain.key);
    }
}

#[test]
fn accepts_the_twin_with_high_s_as_the_peer_does() {
    let recorded = recorded();
    let case = cases(&recorded).remove(0);
    let twin = twin(&Signature::from_base64(&case.signature).unwrap());
    assert!(!twin.is_low_s());
    verify(case.tool, None, &twin.to_base64(), &case.key).unwrap();
}

#[test]
fn what_we_sign_we_verify() {
    let key = SecretKey::generate(&SeededRandom::new(5)).unwrap();
    let tool = Document::parse(r#"{"name":"a","description":"d","inputSchema":{"b":1,"a":2.0}}"#);
    let tool = tool.unwrap();
    let signed = sign(tool.root(), Some("https://o.example"), &key).unwrap();
    let signature = signed.signature.to_base64();
    let verified = verify(
        tool.root(),
        Some("https://o.example"),
        &signature,
        key.public_key(),
    );
    assert_eq!(verified, Ok(signed.tool_hash));
}

#[test]
fn a_tool_without_a_description_does_not_crash() {
    let key = SecretKey::generate(&SeededRandom::new(5)).unwrap();
    let bare = Document::parse(r#"{"name":"a"}"#).unwrap();
    let null = Document::parse(r#"{"inputSchema":{},"description":null,"name":"a"}"#).unwrap();
    assert_eq!(hash(bare.root(), None), hash(null.root(), None));
    let signature = sign(bare.root(), None, &key).unwrap().signature.to_base64();
    verify(bare.root(), None, &signature, key.public_key()).unwrap();
    for broken in [
        "{}",
        "[]",
        "null",
        r#"{"name":7}"#,
        r#"{"name":""}"#,
        r#"{"name":null}"#,
    ] {
        let broken = Document::parse(broken).unwrap();
        assert!(sign(broken.root(), None, &key).is_err());
        assert!(verify(broken.root(), None, &signature, key.public_key()).is_err());
    }
}
