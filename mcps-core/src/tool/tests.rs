mod laws;

use super::{BLOCK, ToolClaims, hash, sign, strip, verify};
use crate::clock::Timestamp;
use crate::code::Code;
use crate::digest::Digest;
use crate::jcs;
use crate::json::{Document, Value};
use crate::key::SecretKey;
use crate::random::SeededRandom;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer as _;

/// Every member that MCP 2026-07-28 gives a tool, an unknown one, and odd spacing.
const FULL: &str = r#"{ "name": "read_file",
  "title": "Read", "description": "Reads one file.",
  "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
  "outputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
  "annotations": {"readOnlyHint": true, "destructiveHint": false, "title": "Read!"},
  "icons": [{"src": "https://s.example/i.png", "sizes": ["48x48"]}],
  "execution": {"taskSupport": "optional"}, "x-unknown": 1.50,
  "_meta": {"vendor/cost": 3} }"#;

fn key() -> SecretKey {
    SecretKey::generate(&SeededRandom::new(7)).unwrap()
}

fn claims() -> ToolClaims {
    ToolClaims {
        author_origin: Some("https://s.example".to_owned()),
        signed_at: Timestamp::from_millis(1_795_232_074_129),
        version: "1.4.0".to_owned(),
    }
}

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

fn signed(tool: &str) -> String {
    sign(document(tool).root(), &claims(), &key()).unwrap()
}

fn verified(tool: &str) -> Result<super::SignedTool, Refusal> {
    verify(document(tool).root(), key().public_key())
}

#[track_caller]
fn refused(tool: &str) {
    let code = verified(tool).unwrap_err().code();
    assert!(
        matches!(code, Code::ToolIntegrity | Code::Malformed),
        "{code}"
    );
}

#[test]
fn a_signed_tool_verifies_and_says_what_was_claimed() {
    let tool = verified(&signed(FULL)).unwrap();
    assert_eq!(tool.name(), "read_file");
    assert_eq!(tool.version(), "1.4.0");
    assert_eq!(tool.signed_at(), claims().signed_at);
    assert_eq!(tool.author_origin(), Some("https://s.example"));
    assert_eq!(*tool.hash(), hash(document(FULL).root()));
}

#[test]
fn the_signed_bytes_are_those_of_the_profile() {
    let text = signed(r#"{"name":"a"}"#);
    let document = document(&text);
    let block = document.root().get("_meta").unwrap().get(BLOCK).unwrap();
    assert_eq!(block.raw(), jcs::to_string(block));
    let text = |name: &str| block.get(name).unwrap().as_str().unwrap().into_owned();
    let tool_hash = Digest::of(br#"{"name":"a"}"#).to_string();
    assert_eq!(text("hash"), tool_hash);
    assert_eq!(block.get("added").unwrap().raw(), r#"["_meta"]"#);
    let bytes = format!(
        r#"{{"author_origin":"https://s.example","ctx":"mcps-tool-v1","kid":"{}","signed_at":"2026-11-21T03:34:34.129Z","tool_hash":"{tool_hash}","version":"1.4.0"}}"#,
        key().public_key().key_id(),
    );
    let signature = Signature::from_base64(&text("signature")).unwrap();
    key()
        .public_key()
        .cross_check(&Digest::of(bytes.as_bytes()), &signature)
        .unwrap();
}

#[test]
fn signing_adds_the_block_and_not_another_byte() {
    let spaced = r#"{"name":"a","_meta": { } , "title":"b" }"#;
    for tool in [
        FULL,
        r#"{"name":"a"}"#,
        r#" {"name":"a"}"#,
        r#"{"_meta":{},"name":"a"}"#,
        spaced,
    ] {
        let tool = document(tool);
        let text = sign(tool.root(), &claims(), &key()).unwrap();
        assert_eq!(strip(document(&text).root()).unwrap(), tool.root().raw());
        assert_eq!(hash(document(&text).root()), hash(tool.root()));
        verified(&text).unwrap();
        // A tool without a block comes back as it is.
        assert_eq!(strip(tool.root()).unwrap(), tool.root().raw());
    }
}

#[test]
fn a_tool_inside_a_list_is_signed_and_stripped_where_it_stands() {
    let list = format!(r#"{{"tools": [ {{"name":"b"}} , {FULL} ]}}"#);
    let list = document(&list);
    let tool = list
        .root()
        .get("tools")
        .unwrap()
        .as_array()
        .unwrap()
        .get(1)
        .unwrap();
    let text = sign(tool, &claims(), &key()).unwrap();
    assert_eq!(strip(document(&text).root()).unwrap(), FULL);
    let mut listed = list.text().to_owned();
    listed.replace_range(tool.span(), &text);
    let listed = document(&listed);
    let tool = listed
        .root()
        .get("tools")
        .unwrap()
        .as_array()
        .unwrap()
        .get(1)
        .unwrap();
    verify(tool, key().public_key()).unwrap();
    assert_eq!(strip(tool).unwrap(), FULL);
}

#[test]
fn a_flipped_annotation_title_output_schema_or_icon_is_refused() {
    let good = signed(FULL);
    for (from, to) in [
        (r#""readOnlyHint": true"#, r#""readOnlyHint": false"#),
        (r#""destructiveHint": false"#, r#""destructiveHint": true"#),
        (r#""title": "Read""#, r#""title": "Reed""#),
        (r#""title": "Read!""#, r#""title": "Read?""#),
        ("Reads one file.", "Reads one file. <IMPORTANT>"),
        (
            r#"{"text": {"type": "string"}}"#,
            r#"{"text": {"type": "number"}}"#,
        ),
        (r#""required": ["path"]"#, r#""required": []"#),
        ("i.png", "j.png"),
        ("48x48", "49x48"),
        ("optional", "required"),
        ("1.50", "1.51"),
        (r#""vendor/cost": 3"#, r#""vendor/cost": 4"#),
        (r#""name": "read_file""#, r#""name": "read_files""#),
        (r#""x-unknown": 1.50,"#, ""),
        (r#""x-unknown""#, r#""added": true, "x-unknown""#),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        let refusal = verified(&changed).unwrap_err();
        assert_eq!(refusal.code(), Code::ToolIntegrity, "{from} -> {to}");
    }
}

#[test]
fn reordered_members_and_other_spellings_do_not_break_a_good_signature() {
    let good = signed(r#"{"name":"a","inputSchema":{"b":1,"a":2.0}}"#);
    let respelled = good.replace(
        r#""name":"a","inputSchema":{"b":1,"a":2.0}"#,
        r#" "inputSchema":{"a":2e0, "b":1} , "name":"\u0061" "#,
    );
    assert_ne!(respelled, good);
    verified(&respelled).unwrap();
}

#[test]
fn a_tool_without_a_description_does_not_crash() {
    assert_eq!(verified(&signed(r#"{"name":"a"}"#)).unwrap().name(), "a");
    for odd in [
        r#""description":null"#,
        r#""description":[7]"#,
        r#""inputSchema":true"#,
    ] {
        verified(&signed(&format!(r#"{{"name":"a",{odd}}}"#))).unwrap();
    }
}

#[test]
fn what_is_no_tool_is_refused_without_a_crash() {
    let block = r#""_meta":{"dev.mcps/tool":{}}"#;
    for broken in [
        "{}",
        "[]",
        "7",
        "null",
        "\"a\"",
        r#"{"name":7}"#,
        r#"{"name":""}"#,
    ] {
        let broken = document(broken);
        assert!(sign(broken.root(), &claims(), &key()).is_err());
        assert!(verify(broken.root(), key().public_key()).is_err());
        assert_eq!(strip(broken.root()).unwrap(), broken.text());
    }
    for meta in ["null", "[]", "7", r#""dev.mcps/tool""#] {
        let broken = format!(r#"{{"name":"a","_meta":{meta}}}"#);
        assert!(sign(document(&broken).root(), &claims(), &key()).is_err());
        refused(&broken);
    }
    refused(&format!(r#"{{"name":"a",{block}}}"#));
    for block in ["null", "[]", "7", r#"{"added":[]}"#, r#"{"added":null}"#] {
        refused(&format!(
            r#"{{"name":"a","_meta":{{"dev.mcps/tool":{block}}}}}"#
        ));
    }
}

#[test]
fn an_unsigned_tool_and_one_signed_twice_are_refused() {
    assert_eq!(
        verified(r#"{"name":"a"}"#),
        Err(Refusal::Tool("not signed"))
    );
    assert_eq!(
        verified(r#"{"name":"a","_meta":{"x":1}}"#),
        Err(Refusal::Tool("not signed"))
    );
    let again = sign(document(&signed(FULL)).root(), &claims(), &key());
    assert_eq!(again.unwrap_err().code(), Code::Malformed);
}

/// Replaces the value of one member of the block, or removes the member.
fn with_member(signed: &str, name: &str, value: Option<&str>) -> String {
    let document = document(signed);
    let block = document.root().get("_meta").unwrap().get(BLOCK).unwrap();
    let member = |member: crate::json::Member<'_>| {
        let (its, old) = (member.name(), member.value());
        let new = if its == name { value } else { Some(old.raw()) };
        new.map(|new| format!(r#""{its}":{new}"#))
    };
    let mut members: Vec<String> = block
        .as_object()
        .unwrap()
        .iter()
        .filter_map(member)
        .collect();
    if let (None, Some(value)) = (block.get(name), value) {
        members.push(format!(r#""{name}":{value}"#));
    }
    let mut text = signed.to_owned();
    text.replace_range(block.span(), &format!("{{{}}}", members.join(",")));
    text
}

#[test]
fn every_member_of_the_block_is_needed_typed_and_signed() {
    let good = signed(r#"{"name":"a"}"#);
    assert!(verified(&with_member(&good, "none", None)).is_ok());
    let zeros = format!("\"{}\"", "0".repeat(64));
    let other = SecretKey::generate(&SeededRandom::new(8)).unwrap();
    let other = format!("\"{}\"", other.public_key().key_id());
    for (name, values) in [
        (
            "author_origin",
            ["null", "\"https://t.example\"", "7", "{}"],
        ),
        (
            "signed_at",
            [
                "\"2026-11-21T03:34:34.128Z\"",
                "\"2026-11-21T03:34:34.129000Z\"",
                "1795232074129",
                "null",
            ],
        ),
        ("version", ["\"1.4.1\"", "\"\"", "1.4", "null"]),
        ("kid", [&other, "\"\"", "null", "7"]),
        ("hash", [&zeros, "\"\"", "null", "7"]),
        ("signature", ["\"\"", "null", "7", "[]"]),
        (
            "added",
            ["[]", "[\"params\"]", "null", "[\"_meta\",\"_meta\"]"],
        ),
        ("unknown", ["1", "null", "\"\"", "{}"]),
    ] {
        if name != "unknown" {
            refused(&with_member(&good, name, None));
        }
        for value in values {
            refused(&with_member(&good, name, Some(value)));
        }
    }
}

/// The other signature that verifies: (r, n − s).
pub(super) fn twin(signature: &Signature) -> Signature {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut bytes = *signature.as_bytes();
    let mut borrow = 0;
    for (s, n) in bytes[32..].iter_mut().zip(ORDER).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = difference.rem_euclid(256) as u8;
    }
    Signature::from_bytes(bytes)
}

#[test]
fn an_upper_case_hash_and_a_signature_with_high_s_are_refused() {
    let good = signed(r#"{"name":"a"}"#);
    let hash = hash(document(&good).root()).to_string();
    refused(&good.replace(&hash, &hash.to_uppercase()));
    let sent = document(&good);
    let block = sent.root().get("_meta").unwrap().get(BLOCK).unwrap();
    let sent = block
        .get("signature")
        .unwrap()
        .as_str()
        .unwrap()
        .into_owned();
    let high = twin(&Signature::from_base64(&sent).unwrap()).to_base64();
    assert_eq!(
        verified(&good.replace(&sent, &high)),
        Err(Refusal::Tool("signature does not verify"))
    );
    refused(&good.replace(&sent, sent.trim_end_matches('=')));
}

#[test]
fn nothing_is_smuggled_into_a_meta_that_is_said_to_be_made_by_the_signer() {
    let made = signed(r#"{"name":"a"}"#);
    refused(&made.replacen(r#""_meta":{"#, r#""_meta":{"x":1,"#, 1));
    // And the claim can neither be added nor dropped: `{}` is not absence.
    let empty = signed(r#"{"name":"a","_meta":{}}"#);
    refused(&with_member(&empty, "added", Some(r#"["_meta"]"#)));
    refused(&with_member(&made, "added", None));
    let full = signed(r#"{"name":"a","_meta":{"x":1}}"#);
    refused(&with_member(&full, "added", Some(r#"["_meta"]"#)));
}

#[test]
fn a_block_moved_to_another_tool_is_refused() {
    let one = signed(r#"{"name":"a"}"#);
    refused(&one.replace(r#""name":"a""#, r#""name":"b""#));
}

#[test]
fn a_tool_signed_by_another_key_is_refused() {
    let other = SecretKey::generate(&SeededRandom::new(8)).unwrap();
    let text = sign(document(FULL).root(), &claims(), &other).unwrap();
    assert_eq!(verified(&text), Err(Refusal::Tool("signed by another key")));
    // Nor by another key under our name.
    let ours = with_member(
        &text,
        "kid",
        Some(&format!("\"{}\"", key().public_key().key_id())),
    );
    assert_eq!(
        verified(&ours),
        Err(Refusal::Tool("signature does not verify"))
    );
}

#[test]
fn a_signature_made_in_another_context_is_refused() {
    let good = signed(r#"{"name":"a"}"#);
    let hash = hash(document(&good).root());
    let kid = key().public_key().key_id().clone();
    for ctx in [
        r#""ctx":"mcps-message-v1","#,
        r#""ctx":"mcps-manifest-v1","#,
        "",
    ] {
        let bytes = format!(
            r#"{{"author_origin":"https://s.example",{ctx}"kid":"{kid}","signed_at":"2026-11-21T03:34:34.129Z","tool_hash":"{hash}","version":"1.4.0"}}"#
        );
        let signature = key()
            .sign(&Digest::of(bytes.as_bytes()))
            .unwrap()
            .to_base64();
        refused(&with_member(
            &good,
            "signature",
            Some(&format!("\"{signature}\"")),
        ));
    }
}

#[test]
fn the_shape_of_a_signed_tool() {
    let tool: Document = document(&signed(r#"{"name":"a"}"#));
    let block = tool.root().get("_meta").unwrap().get(BLOCK).unwrap();
    let names: Vec<_> = block
        .as_object()
        .unwrap()
        .iter()
        .map(|m| m.name().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "added",
            "author_origin",
            "hash",
            "kid",
            "signature",
            "signed_at",
            "version"
        ]
    );
    assert_eq!(
        tool.root()
            .get("_meta")
            .and_then(Value::as_object)
            .unwrap()
            .len(),
        1
    );
}
