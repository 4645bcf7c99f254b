use super::Manifest;
use crate::clock::Timestamp;
use crate::code::Code;
use crate::digest::Digest;
use crate::json::Document;
use crate::key::SecretKey;
use crate::random::SeededRandom;
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::statement;
use crate::tool::{self, SignedTool, ToolClaims};

const SERVER: &str = "https://s.example";

fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&SeededRandom::new(seed)).unwrap()
}

fn signed(definition: &str) -> SignedTool {
    let claims = ToolClaims {
        author_origin: None,
        signed_at: Timestamp::from_millis(0),
        version: "1".to_owned(),
    };
    let definition = Document::parse(definition).unwrap();
    let text = tool::sign(definition.root(), &claims, &key(1)).unwrap();
    let text = Document::parse(text).unwrap();
    tool::verify(text.root(), key(1).public_key()).unwrap()
}

fn tools() -> [SignedTool; 2] {
    [
        signed(r#"{"name":"read","title":"Read"}"#),
        signed(r#"{"name":"list"}"#),
    ]
}

fn manifest() -> Manifest {
    Manifest::new(SERVER, "1.4.0", &tools()).unwrap()
}

fn verify(text: &str) -> Result<Manifest, Refusal> {
    let document = Document::parse(text).unwrap();
    Manifest::verify(document.root(), SERVER, key(1).public_key())
}

fn resigned(unsigned: &str) -> Result<Manifest, Refusal> {
    verify(&statement::sign(statement::MANIFEST, unsigned, &key(1)).unwrap())
}

#[test]
fn a_signed_manifest_comes_back_as_it_was() {
    let text = manifest().sign(&key(1)).unwrap();
    let read = verify(&text).unwrap();
    assert_eq!(read, manifest());
    assert_eq!((read.server(), read.version()), (SERVER, "1.4.0"));
    assert_eq!(
        read.tools().map(|(name, _)| name).collect::<Vec<_>>(),
        ["list", "read"]
    );
    assert!(
        text.starts_with(r#"{"server":"https://s.example","tools":[{"hash":""#),
        "{text}"
    );
    assert!(
        text.contains(r#"}],"version":"1.4.0","signature":""#),
        "{text}"
    );
}

#[test]
fn a_subset_is_fine_an_addition_or_a_changed_tool_is_refused() {
    let manifest = manifest();
    for tool in &tools() {
        manifest.allows(tool.name(), tool.hash()).unwrap();
    }
    let changed = signed(r#"{"name":"read","title":"Reed"}"#);
    let added = signed(r#"{"name":"write"}"#);
    for tool in [changed, added] {
        let refusal = manifest.allows(tool.name(), tool.hash()).unwrap_err();
        assert_eq!(refusal.code(), Code::ToolIntegrity);
    }
    // One tool's definition under another's name.
    let [read, list] = tools();
    assert!(manifest.allows(list.name(), read.hash()).is_err());
    assert!(
        Manifest::new(SERVER, "1", [])
            .unwrap()
            .allows("read", read.hash())
            .is_err()
    );
}

#[test]
fn a_changed_manifest_and_one_by_another_key_are_refused() {
    let text = manifest().sign(&key(1)).unwrap();
    let [read, list] = tools().map(|tool| tool.hash().to_string());
    for changed in [
        text.replace("1.4.0", "1.4.1"),
        text.replace("\"read\"", "\"write\""),
        text.replace(&read, &list),
        text.replace(&read, &read.to_uppercase()),
        text.replace(
            r#""tools":["#,
            &format!(r#""tools":[{{"hash":"{read}","name":"x"}},"#),
        ),
        manifest().sign(&key(2)).unwrap(),
        statement::sign(statement::STATUS, &unsigned("[]"), &key(1)).unwrap(),
    ] {
        assert_ne!(changed, text);
        assert_eq!(verify(&changed).unwrap_err().code(), Code::ToolIntegrity);
    }
}

fn unsigned(tools: &str) -> String {
    format!(r#"{{"server":"https://s.example","version":"1","tools":{tools}}}"#)
}

#[test]
fn the_manifest_of_another_server_is_refused() {
    let text = manifest().sign(&key(1)).unwrap();
    let document = Document::parse(text).unwrap();
    let other = Manifest::verify(document.root(), "https://t.example", key(1).public_key());
    assert_eq!(other, Err(Refusal::Tool("the manifest of another server")));
}

#[test]
fn what_is_signed_and_malformed_is_refused() {
    let hash = Digest::of(b"").to_string();
    let entry = |name: &str| format!(r#"{{"name":"{name}","hash":"{hash}"}}"#);
    resigned(&unsigned("[]")).unwrap();
    resigned(&unsigned(&format!("[{}]", entry("a")))).unwrap();
    for tools in [
        "null",
        "{}",
        "[7]",
        r#"["a"]"#,
        "[{}]",
        r#"[{"name":"a"}]"#,
        r#"[{"name":"a","hash":"00"}]"#,
        &format!(r#"[{{"name":7,"hash":"{hash}"}}]"#),
        &format!(r#"[{{"name":"a","hash":"{hash}","also":1}}]"#),
        &format!(r#"[{{"name":"a","hash":"{}"}}]"#, hash.to_uppercase()),
        &format!("[{},{}]", entry("a"), entry("a")),
    ] {
        assert_eq!(
            resigned(&unsigned(tools)).unwrap_err().code(),
            Code::Malformed,
            "{tools}"
        );
    }
    for whole in [
        r#"{"server":"https://s.example","version":"1"}"#,
        r#"{"server":7,"version":"1","tools":[]}"#,
        r#"{"server":"https://s.example","version":1,"tools":[]}"#,
        r#"{"server":"https://s.example","version":"1","tools":[],"more":1}"#,
    ] {
        assert_eq!(
            resigned(whole).unwrap_err().code(),
            Code::Malformed,
            "{whole}"
        );
    }
    for bare in ["[]", "7", "{}", &unsigned("[]")] {
        assert_eq!(verify(bare).unwrap_err().code(), Code::Malformed, "{bare}");
    }
}

#[test]
fn two_tools_with_one_name_make_no_manifest() {
    let twins = [
        signed(r#"{"name":"read"}"#),
        signed(r#"{"name":"read","title":"Read"}"#),
    ];
    assert!(Manifest::new(SERVER, "1", &twins).is_err());
}

#[test]
fn what_an_authority_vouches_for_is_what_its_digest_is_of_and_nothing_else() {
    let signed = manifest().sign(&key(1)).unwrap();
    let document = Document::parse(signed).unwrap();
    let digest = manifest().digest().unwrap();
    let vouched = Manifest::vouched(document.root(), &digest);
    assert_eq!(vouched, Ok(manifest()));
    let other = Manifest::vouched(document.root(), &Digest::of(b"another"));
    let expected = Refusal::Tool("another manifest than was told of");
    assert_eq!(other, Err(expected));
    let malformed = Document::parse(unsigned("[]")).unwrap();
    assert!(Manifest::vouched(malformed.root(), &digest).is_err());
}
