use serde_json::{Value, json};

use super::{Ext, KeyRotation, Kind, MAX_BYTES, Passport, PassportId, Unsigned};
use crate::code::Code;
use crate::digest::Digest;
use crate::fixture::{self, NOW, agent, authority, issuer, key};
use crate::json::Document;
use crate::random::SeededRandom;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer as _;

fn tree(passport: &Passport) -> Value {
    serde_json::from_str(passport.text()).unwrap()
}

fn read(tree: &Value) -> Result<Passport, Refusal> {
    Passport::parse(&tree.to_string())
}

/// Sets the value at a JSON pointer, or removes it.
fn set(tree: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = tree.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
}

/// Every member that a passport can have.
fn full() -> Unsigned {
    let subject = key(1);
    let above = issuer("issuer", &key(2), 0).sign(&authority()).unwrap();
    let mut unsigned = issuer("subject é \"", &subject, 3);
    unsigned.origin = Some("https://a.example".to_owned());
    unsigned.scan_json = Some(r#"{"passed":true,"score":0.5}"#.to_owned());
    unsigned.issuer = "issuer".to_owned();
    unsigned.issuer_chain = vec![above];
    unsigned.key_rotation = Some(KeyRotation {
        previous_key_hash: "00".repeat(32),
        rotated_at: NOW,
    });
    unsigned
}

#[test]
fn what_was_signed_is_read_back() {
    let (unsigned, signer) = (full(), key(2));
    let passport = unsigned.sign(&signer).unwrap();
    passport.verify_signature(signer.public_key()).unwrap();
    assert_eq!(
        passport.verify_signature(key(3).public_key()).unwrap_err(),
        Refusal::BadSignature
    );
    assert_eq!(passport.id(), &unsigned.id);
    assert_eq!(
        (passport.agent_name(), passport.agent_version()),
        ("subject é \"", "1.0.0")
    );
    assert_eq!(passport.capabilities(), ["tools"]);
    assert_eq!(passport.public_key(), &unsigned.public_key);
    assert_eq!(passport.origin(), Some("https://a.example"));
    assert_eq!(passport.trust_level(), crate::level::TrustLevel::L3);
    assert_eq!(
        (passport.issued_at(), passport.expires_at()),
        (unsigned.issued_at, unsigned.expires_at)
    );
    assert_eq!(passport.issuer(), "issuer");
    assert_eq!(passport.issuer_chain()[0].agent_name(), "issuer");
    assert_eq!(passport.key_rotation(), unsigned.key_rotation.as_ref());
    assert_eq!(passport.ext(), unsigned.ext.as_ref());
}

#[test]
fn what_is_signed_is_canonical_and_lacks_the_signature_only() {
    let unsigned = full();
    let passport = unsigned.sign(&key(2)).unwrap();
    let bytes = unsigned.to_be_signed().unwrap();
    assert_eq!(passport.signed_digest(), &Digest::of(bytes.as_bytes()));
    let mut without = tree(&passport);
    set(&mut without, "/signature", None);
    let document = Document::parse(without.to_string()).unwrap();
    assert_eq!(crate::jcs::to_string(document.root()), bytes);
}

#[test]
fn order_and_form_of_the_members_do_not_matter() {
    let passport = full().sign(&key(2)).unwrap();
    let pretty = serde_json::to_string_pretty(&tree(&passport)).unwrap();
    let again = Passport::parse(&pretty).unwrap();
    assert_eq!(again.signed_digest(), passport.signed_digest());
    assert_eq!(again.text(), pretty);
    again.verify_signature(key(2).public_key()).unwrap();
}

#[test]
fn any_changed_member_breaks_the_signature() {
    let passport = full().sign(&key(2)).unwrap();
    for (pointer, value) in [
        ("/agent/name", json!("other")),
        ("/agent/version", json!("1.0.1")),
        ("/agent/capabilities", json!([])),
        ("/agent/capabilities", json!(["tools", "more"])),
        ("/origin", json!("https://b.example")),
        ("/scan/score", json!(0.9)),
        ("/trust_level", json!(4)),
        ("/issued_at", json!("2026-11-20T11:59:00.000Z")),
        ("/issued_at", json!("2026-11-21T11:59:00Z")),
        ("/expires_at", json!("2027-11-21T13:00:00.000Z")),
        ("/issuer", json!("authority.example")),
        ("/issuer_chain", json!([])),
        ("/key_rotation", Value::Null),
        (
            "/passport_id",
            json!("asp_00000000000000000000000000000000"),
        ),
        ("/ext/owner", json!("other@example")),
        ("/ext/tenant", json!("other")),
        ("/ext/kind", json!("server")),
        ("/ext/ca/max_level", json!(4)),
        ("/ext/ca/max_path", json!(4)),
        ("/ext/ca/origins", json!(["https://c.example"])),
        ("/ext/more", json!(1)),
        ("/more", json!(1)),
    ] {
        let mut changed = tree(&passport);
        set(&mut changed, pointer, Some(value));
        let changed = read(&changed).unwrap();
        assert_eq!(
            changed.verify_signature(key(2).public_key()).unwrap_err(),
            Refusal::BadSignature,
            "{pointer}"
        );
    }
}

#[test]
fn refuses_every_missing_member_with_a_code() {
    let whole = tree(&full().sign(&key(2)).unwrap());
    for pointer in [
        "/mcps_version",
        "/passport_id",
        "/agent",
        "/agent/name",
        "/agent/version",
        "/public_key",
        "/public_key/x",
        "/public_key/y",
        "/public_key/crv",
        "/public_key/kty",
        "/trust_level",
        "/issued_at",
        "/expires_at",
        "/issuer",
        "/signature",
        "/ext/kid",
        "/ext/tenant",
        "/ext/kind",
        "/ext/owner",
        "/ext/ca/max_path",
        "/ext/ca/max_level",
        "/ext/ca/origins",
        "/key_rotation/previous_key_hash",
        "/key_rotation/rotated_at",
    ] {
        let mut changed = whole.clone();
        set(&mut changed, pointer, None);
        let refusal = read(&changed).unwrap_err();
        assert_eq!(
            refusal.code(),
            Code::InvalidPassport,
            "{pointer}: {refusal}"
        );
    }
}

#[test]
fn refuses_every_mistyped_member_with_a_code() {
    let whole = tree(&full().sign(&key(2)).unwrap());
    let values = [
        json!(true),
        json!(17),
        json!(1.5),
        json!(""),
        json!([1]),
        json!({}),
        Value::Null,
    ];
    for pointer in [
        "/mcps_version",
        "/passport_id",
        "/agent",
        "/public_key",
        "/trust_level",
        "/issued_at",
        "/expires_at",
        "/signature",
        "/ext",
        "/ext/kid",
        "/ext/kind",
        "/ext/ca",
        "/ext/ca/max_level",
        "/issuer_chain",
        "/key_rotation",
        "/key_rotation/rotated_at",
        "/agent/capabilities",
    ] {
        for value in &values {
            // `null` is how draft-00 writes that there is none.
            if value.is_null() && ["/key_rotation", "/ext/ca"].contains(&pointer) {
                continue;
            }
            let mut changed = whole.clone();
            set(&mut changed, pointer, Some(value.clone()));
            let refusal = read(&changed).unwrap_err();
            assert_eq!(
                refusal.code(),
                Code::InvalidPassport,
                "{pointer} = {value}: {refusal}"
            );
        }
    }
    for pointer in [
        "/agent/name",
        "/agent/version",
        "/issuer",
        "/ext/tenant",
        "/ext/owner",
        "/origin",
    ] {
        for value in [json!(true), json!(17), json!([1]), json!({})] {
            let mut changed = whole.clone();
            set(&mut changed, pointer, Some(value.clone()));
            assert_eq!(
                read(&changed).unwrap_err().code(),
                Code::InvalidPassport,
                "{pointer} = {value}"
            );
        }
    }
}

#[test]
fn refuses_values_out_of_range() {
    let whole = tree(&full().sign(&key(2)).unwrap());
    for (pointer, value) in [
        ("/mcps_version", json!("1.1")),
        ("/trust_level", json!(5)),
        ("/trust_level", json!(-1)),
        ("/ext/kid", json!(key(3).public_key().key_id().as_str())),
        ("/ext/kind", json!("Agent")),
        ("/ext/ca/max_path", json!(256)),
        ("/ext/ca/max_path", json!(-1)),
        ("/ext/ca/max_level", json!(5)),
        ("/ext/ca/origins", json!([1])),
        ("/ext/ca/origins", json!(vec!["https://x.example"; 65])),
        ("/public_key/d", json!("AA")),
        ("/public_key/crv", json!("P-384")),
        ("/issued_at", json!("2026-11-21T11:59:00+00:00")),
        ("/expires_at", json!("2026-11-21T11:59:00.000Z")),
        ("/expires_at", json!("2026-11-21T11:58:59.999Z")),
        ("/issuer", json!("i".repeat(257))),
        ("/agent/name", json!("n".repeat(257))),
    ] {
        let mut changed = whole.clone();
        set(&mut changed, pointer, Some(value.clone()));
        assert_eq!(
            read(&changed).unwrap_err().code(),
            Code::InvalidPassport,
            "{pointer} = {value}"
        );
    }
}

#[test]
fn refuses_more_than_64_capabilities() {
    let with = |count| {
        let mut unsigned = agent("agent", &key(1));
        unsigned.capabilities = vec!["c".to_owned(); count];
        unsigned.sign(&authority())
    };
    assert_eq!(with(64).unwrap().capabilities().len(), 64);
    assert_eq!(
        with(65).unwrap_err(),
        Refusal::Passport("agent.capabilities")
    );
}

#[test]
fn refuses_a_critical_member_that_it_does_not_know() {
    let mut whole = tree(&fixture::passport("agent", &key(1)));
    for (critical, fine) in [
        (json!([]), true),
        (json!(["quota"]), false),
        (json!(["ca"]), false),
        (json!("quota"), false),
        (json!([1]), false),
    ] {
        set(&mut whole, "/ext/crit", Some(critical.clone()));
        assert_eq!(read(&whole).is_ok(), fine, "{critical}");
    }
}

#[test]
fn refuses_a_passport_above_8192_bytes() {
    let padded = |bytes: usize| {
        let text = fixture::passport("agent", &key(1)).text().to_owned();
        let start = text.len() - 1;
        format!("{}{}}}", &text[..start], " ".repeat(bytes - text.len()))
    };
    assert!(Passport::parse(&padded(MAX_BYTES)).is_ok());
    let text = padded(MAX_BYTES + 1);
    let refusal = Passport::parse(&text).unwrap_err();
    assert_eq!(
        (refusal.code(), refusal),
        (
            Code::PassportTooLarge,
            Refusal::PassportTooLarge { bytes: 8193 }
        )
    );
    let document = Document::parse(format!("[{text}]")).unwrap();
    let inner = document
        .root()
        .as_array()
        .unwrap()
        .into_iter()
        .next()
        .unwrap();
    assert_eq!(
        Passport::from_value(inner).unwrap_err().code(),
        Code::PassportTooLarge
    );
}

#[test]
fn refuses_a_chain_of_more_than_five_members() {
    let mut whole = tree(&fixture::passport("agent", &key(1)));
    for (count, code) in [
        (5, Code::InvalidPassport),
        (6, Code::ChainTooDeep),
        (600, Code::ChainTooDeep),
    ] {
        set(
            &mut whole,
            "/issuer_chain",
            Some(json!(vec!["e30="; count])),
        );
        assert_eq!(read(&whole).unwrap_err().code(), code, "{count}");
    }
}

#[test]
fn refuses_a_chain_member_that_is_no_passport() {
    use base64::Engine as _;
    let encode = |text: &[u8]| base64::engine::general_purpose::STANDARD.encode(text);
    let parent = issuer("issuer", &key(2), 0).sign(&authority()).unwrap();
    let good = encode(parent.text().as_bytes());
    let url_safe = base64::engine::general_purpose::URL_SAFE.encode(br#"{"a":"???>>>"}"#);
    let mut whole = tree(&fixture::passport("agent", &key(1)));
    for member in [
        json!(1),
        json!({}),
        json!(parent.text()),
        json!(""),
        json!("!"),
        json!(good.trim_end_matches('=').to_owned() + "\n"),
        json!(url_safe),
        json!(encode(b"{}")),
        json!(encode(b"[1")),
        json!(encode(&[0xff])),
    ] {
        set(&mut whole, "/issuer_chain", Some(json!([member])));
        let code = read(&whole).unwrap_err().code();
        assert!(
            [Code::InvalidPassport, Code::Malformed].contains(&code),
            "{member}"
        );
    }
    set(&mut whole, "/issuer_chain", Some(json!([good])));
    assert_eq!(read(&whole).unwrap().issuer_chain()[0].id(), parent.id());
}

/// A statement is signed with a context; whoever has one signed that looks like a passport (a tool
/// definition may have any members) must not be able to present it as one.
#[test]
fn a_statement_s_signature_cannot_pass_as_a_passport_s() {
    let unsigned = agent("forged", &key(1)).to_be_signed().unwrap();
    let signer = key(2);
    let statement = crate::statement::sign(crate::statement::TOOL, &unsigned, &signer).unwrap();
    let forged = statement.replacen('{', r#"{"ctx":"mcps-tool-v1","#, 1);
    let believed = Passport::parse(&forged)
        .and_then(|passport| passport.verify_signature(signer.public_key()));
    assert_eq!(believed.unwrap_err(), Refusal::Passport("ctx"));
}

/// An id goes into URLs and log lines: nothing that could mean something there.
#[test]
fn refuses_ids_in_any_other_form() {
    let digits = "00112233445566778899aabbccddeeff";
    assert!(PassportId::parse(&format!("asp_{digits}")).is_some());
    for id in [
        String::new(),
        digits.to_owned(),
        "asp_".to_owned(),
        format!("asp_{}", &digits[1..]),
        format!("asp_{digits}0"),
        format!("ASP_{digits}"),
        format!("asp_{}", digits.to_uppercase()),
        format!("asp_{}?", &digits[1..]),
        format!("asp_{}#", &digits[1..]),
        format!("asp_../../{}", &digits[6..]),
        format!("asp_{}/x", &digits[2..]),
        format!("asp_{}%2f", &digits[3..]),
        format!("asp_{} ", &digits[1..]),
        format!("asp_{}\n", &digits[1..]),
        format!("asp_{digits}\n"),
        format!("asp_{}é", &digits[2..]),
        format!("asp_{}\0", &digits[1..]),
    ] {
        assert_eq!(PassportId::parse(&id), None, "{id:?}");
        let mut whole = tree(&fixture::passport("agent", &key(1)));
        set(&mut whole, "/passport_id", Some(json!(id)));
        assert_eq!(read(&whole).unwrap_err().code(), Code::InvalidPassport);
    }
}

#[test]
fn new_ids_are_random_and_well_formed() {
    let random = SeededRandom::new(7);
    let (one, other) = (
        PassportId::generate(&random).unwrap(),
        PassportId::generate(&random).unwrap(),
    );
    assert_ne!(one, other);
    assert_eq!(PassportId::parse(one.as_str()), Some(one));
}

#[test]
fn a_draft_00_passport_without_ext_is_read() {
    let mut unsigned = agent("peer", &key(1));
    unsigned.ext = None;
    let passport = unsigned.sign(&authority()).unwrap();
    assert!(passport.ext().is_none());
    assert!(!passport.text().contains("\"ext\""));
    let mut whole = tree(&passport);
    set(&mut whole, "/agent/capabilities", None);
    set(&mut whole, "/issuer_chain", None);
    set(&mut whole, "/origin", None);
    set(&mut whole, "/key_rotation", Some(Value::Null));
    let read = read(&whole).unwrap();
    assert!(read.capabilities().is_empty() && read.issuer_chain().is_empty());
}

#[test]
fn nothing_leaves_that_readers_would_refuse() {
    let subject = key(1);
    let mut unsigned = agent("agent", &subject);
    unsigned.scan_json = Some("{\"a\":1,\"a\":2}".to_owned());
    assert_eq!(
        unsigned.sign(&authority()).unwrap_err().code(),
        Code::Malformed
    );
    unsigned.scan_json = Some("null,\"trust_level\":4,\"x\":null".to_owned());
    assert!(
        unsigned.sign(&authority()).is_err(),
        "a member smuggled in with the scan"
    );
    unsigned.scan_json = None;
    unsigned.expires_at = unsigned.issued_at;
    assert!(unsigned.sign(&authority()).is_err());
    let good = agent("agent", &subject).to_be_signed().unwrap();
    let signature = Signature::from_bytes([1; 64]);
    for text in [
        "",
        "{}",
        "[]",
        &good[1..],
        &format!("{},\"signature\":\"\"}}", &good[..good.len() - 1]),
    ] {
        assert!(Passport::assemble(text, &signature).is_err(), "{text}");
    }
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in [Kind::Agent, Kind::Server, Kind::Gateway] {
        assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
        let mut unsigned = agent("x", &key(1));
        unsigned.ext = Some(Ext {
            kind,
            ..unsigned.ext.unwrap()
        });
        assert_eq!(
            unsigned.sign(&authority()).unwrap().ext().unwrap().kind,
            kind
        );
    }
    assert!("root".parse::<Kind>().is_err());
}
