//! What the draft-00 peer (PyPI `mcps-secure` 1.0.0) signed, verified here. `data/draft00.json` was
//! recorded with `tests/peers/draft00.py record`; `tests/it/draft00.rs` does the same live, both ways.
//!
//! What the draft leaves open, and the peer does (found by calling it):
//! - `issuer_chain` holds padded base64 of each issuing passport's JSON, **the immediate issuer
//!   first**, at most five; the root itself is not in it. So is ours.
//! - Its verification walks the signatures from the passport up to a root that is trusted by the
//!   `issuer` that the last one names. It looks at nothing else: neither that a parent is named by
//!   its child, nor that it may issue, has not expired, or is above what it passes on. Ours does,
//!   so a chain through a draft-00 issuer is refused; believe that issuer itself, by name and key.
//! - A passport's `key_rotation` is absent, not `null`, without a rotation; `origin` and `scan` are
//!   `null` when there is none. Timestamps have six fraction digits; without any the peer refuses.
//! - High-S is accepted, foreign members of the envelope are ignored, `version` is not looked at.
//!   A message whose envelope lacks `nonce` makes it raise.
//! - Canonical JSON: members by code point, where RFC 8785 sorts by UTF-16 unit, and numbers with
//!   an exponent as Python writes them (`1e-07`, `1e+20`). Messages with either do not verify there.

#![cfg(test)]

use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::jcs;
use mcps_core::json::{Document, Value};
use mcps_core::key::PublicKey;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::passport::Passport;
use mcps_core::refusal::Refusal;
use mcps_core::trust::{Anchor, Standing, TrustStore};

fn recorded() -> Document {
    Document::parse(include_str!("data/draft00.json")).unwrap()
}

fn text(value: Value<'_>, name: &str) -> String {
    value.get(name).unwrap().as_str().unwrap().into_owned()
}

fn key(name: &str) -> PublicKey {
    PublicKey::from_pem(&text(recorded().root().get("keys").unwrap(), name)).unwrap()
}

fn passport(name: &str) -> Passport {
    let document = recorded();
    let entry = document.root().get("passports").unwrap().get(name).unwrap();
    Passport::from_value(entry.get("passport").unwrap()).unwrap()
}

fn judged(name: &str, anchor: &str) -> Result<Standing, Refusal> {
    let mut store = TrustStore::default();
    let keys = vec![key(anchor)];
    store.add_anchor(
        anchor,
        Anchor {
            keys,
            cap: TrustLevel::L4,
        },
    );
    let now = Timestamp::parse_rfc3339(&text(recorded().root(), "verify_at")).unwrap();
    store.verify(&passport(name), now)
}

#[test]
fn verifies_the_peer_s_envelopes_of_all_four_kinds() {
    let document = recorded();
    let envelopes = document
        .root()
        .get("envelopes")
        .unwrap()
        .as_object()
        .unwrap();
    assert_eq!(envelopes.len(), 4);
    for member in envelopes {
        let sealed = Message::parse(member.value().raw())
            .and_then(|message| Sealed::read(message, Carrier::Draft00))
            .unwrap();
        assert_eq!(sealed.message().kind().as_str(), member.name());
        assert_eq!(&sealed.fields().passport_id, passport("direct").id());
        sealed.verify(&key("direct")).unwrap();
        assert_eq!(
            sealed.verify(&key("root")).unwrap_err(),
            Refusal::BadSignature
        );
        assert!(sealed.fields().aud.is_empty() && sealed.fields().session.is_empty());
        let stripped = sealed.strip().unwrap();
        assert!(stripped.root().get("mcps").is_none());
        let changed = member
            .value()
            .raw()
            .replacen("\"jsonrpc\"", "\"more\":1,\"jsonrpc\"", 1);
        let changed = Sealed::read(Message::parse(changed).unwrap(), Carrier::Draft00).unwrap();
        assert_eq!(
            changed.verify(&key("direct")).unwrap_err(),
            Refusal::BadSignature
        );
    }
}

#[test]
fn reads_and_verifies_the_peer_s_passport() {
    let direct = passport("direct");
    direct.verify_signature(&key("root")).unwrap();
    assert_eq!(direct.agent_name(), "direct");
    assert_eq!(direct.capabilities(), ["tools.call", "résumé"]);
    assert_eq!(direct.origin(), Some("https://api.example.com"));
    assert_eq!(
        (direct.trust_level(), direct.public_key()),
        (TrustLevel::L1, &key("direct"))
    );
    assert!(direct.ext().is_none() && direct.key_rotation().is_none());
    assert_eq!(
        judged("direct", "root"),
        Ok(Standing {
            cap: TrustLevel::L4,
            recognised: true,
            relied: 0
        })
    );
    assert_eq!(
        judged("direct", "upper"),
        Ok(Standing {
            cap: TrustLevel::L0,
            recognised: false,
            relied: 0
        })
    );
}

#[test]
fn reads_the_peer_s_chain_in_the_order_it_writes() {
    let chained = passport("immediate issuer first");
    let names: Vec<&str> = chained
        .issuer_chain()
        .iter()
        .map(Passport::agent_name)
        .collect();
    assert_eq!(names, ["lower", "upper"]);
    assert!(chained.key_rotation().is_some());
    let mut child = &chained;
    for parent in chained.issuer_chain() {
        assert_eq!(child.issuer(), parent.agent_name());
        child.verify_signature(parent.public_key()).unwrap();
        child = parent;
    }
    child.verify_signature(&key("root")).unwrap();
}

/// Where the peer stops at the signatures, we ask for the right to issue.
#[test]
fn refuses_every_chain_of_issuers_without_the_right_to_issue() {
    let document = recorded();
    for (name, the_peer_accepts) in [
        ("immediate issuer first", true),
        ("root first", false),
        ("issuer named otherwise", true),
        ("issuer is an ordinary agent", true),
    ] {
        let entry = document.root().get("passports").unwrap().get(name).unwrap();
        let peer = entry.get("peer").unwrap().get("valid").unwrap().as_bool();
        assert_eq!(peer, Some(the_peer_accepts), "{name}");
        assert_eq!(
            judged(name, "root").unwrap_err().code(),
            Code::InvalidPassport,
            "{name}"
        );
    }
    let believed_itself = judged("immediate issuer first", "lower");
    assert_eq!(
        believed_itself,
        Ok(Standing {
            cap: TrustLevel::L4,
            recognised: true,
            relied: 0
        })
    );
}

#[test]
fn what_the_peer_signed_of_a_message_is_its_canonical_form() {
    let document = recorded();
    let request = document
        .root()
        .get("envelopes")
        .unwrap()
        .get("request")
        .unwrap();
    let sealed = Sealed::read(Message::parse(request.raw()).unwrap(), Carrier::Draft00).unwrap();
    let stripped = jcs::to_string(sealed.strip().unwrap().root());
    assert_eq!(
        stripped,
        r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"big":9007199254740991,"n":1.5,"path":"/é€😀","zero":0},"name":"read"}}"#
    );
}
