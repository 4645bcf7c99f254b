//! Names and places that the profile keeps to itself, and what `added` may say of them.

use serde_json::{Value, json};

use super::super::{BINDINGS, Carrier, ENVELOPE, Fields, Sealed, seal};
use super::{CARRIERS, opened, sealed};
use crate::code::Code;
use crate::digest::Digest;
use crate::fixture::{self, fields};
use crate::message::Message;
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::stream::Position;

fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read(text: impl Into<String>, carrier: Carrier) -> Result<Sealed, Refusal> {
    Sealed::read(Message::parse(text.into())?, carrier)
}

fn refuses_to_seal(text: &str, carrier: Carrier, fields: &Fields) {
    let refusal = seal(
        Message::parse(text).unwrap(),
        carrier,
        fields,
        &fixture::key(1),
    )
    .unwrap_err();
    assert!(
        matches!(refusal, Refusal::Envelope(_)),
        "{carrier}: {text}: {refusal}"
    );
}

/// Signs a tree with the draft carrier's four members, as a peer of ill will could.
fn signed_draft(mut tree: Value) -> String {
    let fields = fields();
    let hash = Digest::of(super::canonical(&tree.to_string()).as_bytes());
    let input = format!(
        r#"{{"message_hash":"{hash}","nonce":"{}","passport_id":"{}","timestamp":"{}"}}"#,
        fields.nonce, fields.passport_id, fields.timestamp
    );
    let signature = fixture::key(1)
        .sign(&Digest::of(input.as_bytes()))
        .unwrap()
        .to_base64();
    tree["mcps"] = json!({
        "version": "1.0", "passport_id": fields.passport_id.as_str(), "timestamp": fields.timestamp,
        "nonce": fields.nonce, "signature": signature,
    });
    tree.to_string()
}

/// Signs a tree whose native envelope lacks only `signature`, as a peer of ill will could.
fn signed_native(mut tree: Value, pointer: &str, hashed: &Value, added: &[&str]) -> String {
    let fields = fields();
    let typ = if pointer.starts_with("/error") {
        "error"
    } else {
        "request"
    };
    let hash = Digest::of(super::canonical(&hashed.to_string()).as_bytes()).to_string();
    let mut envelope = json!({
        "version": "1.0", "passport_id": fields.passport_id.as_str(), "timestamp": fields.timestamp, "nonce": fields.nonce,
        "aud": fields.aud, "session": fields.session, "typ": typ, "added": added,
    });
    let mut signed = envelope.clone();
    signed["message_hash"] = json!(hash);
    let text = crate::statement::sign(
        crate::statement::MESSAGE,
        &signed.to_string(),
        &fixture::key(1),
    )
    .unwrap();
    envelope["signature"] = self::tree(&text)["signature"].clone();
    tree.pointer_mut(pointer).unwrap()[ENVELOPE] = envelope;
    tree.to_string()
}

/// An untrusted server behind a wrapper must not have its own envelope sent on as if it were ours.
#[test]
fn refuses_to_seal_a_message_that_has_a_reserved_member() {
    for carrier in CARRIERS {
        for name in [ENVELOPE, BINDINGS] {
            for text in [
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{{"{name}":{{}}}}}}}}"#
                ),
                format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"_meta":{{"{name}":1}}}}}}"#),
                format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"_meta":{{"{name}":null}}}}}}"#),
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"m","data":{{"{name}":{{}}}}}}}}"#
                ),
            ] {
                refuses_to_seal(&text, carrier, &fields());
            }
        }
        refuses_to_seal(
            r#"{"jsonrpc":"2.0","id":1,"method":"m","mcps":{}}"#,
            carrier,
            &fields(),
        );
        refuses_to_seal(
            &sealed(super::SHAPES[0], Carrier::Native),
            carrier,
            &fields(),
        );
        refuses_to_seal(
            &sealed(super::SHAPES[0], Carrier::Draft00),
            carrier,
            &fields(),
        );
    }
}

/// Two envelopes are two readings; and what is left after stripping one would look signed.
#[test]
fn refuses_a_message_with_something_of_the_other_carrier() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"b":2}}}"#;
    let mut both = tree(&sealed(text, Carrier::Native));
    both["mcps"] = tree(&sealed(text, Carrier::Draft00))["mcps"].clone();
    assert_eq!(
        read(both.to_string(), Carrier::Native).unwrap_err().code(),
        Code::Malformed
    );
    let mut hashed = tree(text);
    hashed["params"]["_meta"][BINDINGS] = json!({});
    let native = signed_native(hashed.clone(), "/params/_meta", &hashed, &[]);
    assert_eq!(
        read(native, Carrier::Native).unwrap_err().code(),
        Code::Malformed
    );
    let mut inner = tree(text);
    inner["params"]["_meta"][ENVELOPE] = json!({"forged": true});
    assert_eq!(
        read(signed_draft(inner), Carrier::Draft00)
            .unwrap_err()
            .code(),
        Code::Malformed
    );
}

#[test]
fn refuses_to_seal_what_no_reader_would_take() {
    let text = super::SHAPES[0];
    let prev = Some(Digest::of(b"x"));
    let wrong = [
        Fields {
            nonce: "x".to_owned(),
            ..fields()
        },
        Fields {
            nonce: String::new(),
            ..fields()
        },
        Fields {
            session: "x\",\"typ\":\"error".to_owned(),
            ..fields()
        },
        Fields {
            session: String::new(),
            ..fields()
        },
        Fields {
            aud: String::new(),
            ..fields()
        },
        Fields {
            aud: "a".repeat(2049),
            ..fields()
        },
        Fields {
            timestamp: "yesterday".to_owned(),
            ..fields()
        },
        Fields {
            timestamp: "2026-11-21T12:00:01Z".to_owned(),
            ..fields()
        },
        Fields {
            position: Some(Position { seq: 0, prev: None }),
            ..fields()
        },
        Fields {
            position: Some(Position { seq: 1, prev }),
            ..fields()
        },
        Fields {
            position: Some(Position { seq: 2, prev: None }),
            ..fields()
        },
        Fields {
            position: Some(Position { seq: 1 << 53, prev }),
            ..fields()
        },
        Fields {
            passport: Some(Box::new(fixture::passport("other", &fixture::key(1)))),
            ..fields()
        },
    ];
    for fields in wrong {
        for carrier in CARRIERS {
            refuses_to_seal(text, carrier, &fields);
        }
    }
}

/// `added` names members that are then neither signed nor kept: nothing may hide in them.
#[test]
fn refuses_content_in_what_added_names() {
    for (text, pointer, added, hashed) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":1,"_meta":{}}}"#,
            "/params/_meta",
            &["_meta", "params"][..],
            r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":1}}}"#,
            "/params/_meta",
            &["_meta", "params"],
            r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":1}}}"#,
            "/params/_meta",
            &["_meta"],
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"x":1}}}"#,
            "/error/data",
            &["data"],
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#,
        ),
    ] {
        let text = signed_native(tree(text), pointer, &tree(hashed), added);
        assert_eq!(
            read(text.as_str(), Carrier::Native).unwrap_err().code(),
            Code::Malformed,
            "{text}"
        );
    }
}

/// The same in the draft carrier, whose hash covers what `added` names: content there is signed,
/// but would be lost in stripping after it was judged.
#[test]
fn draft_refuses_content_in_what_added_names() {
    let fields = fields();
    let bindings = |typ: &str, added: &[&str]| json!({"aud": fields.aud, "session": fields.session, "typ": typ, "added": added});
    for (text, pointer, added) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":1,"_meta":{}}}"#,
            "/params/_meta",
            &["_meta", "params"][..],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":1}}}"#,
            "/params/_meta",
            &["_meta", "params"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":1}}}"#,
            "/params/_meta",
            &["_meta"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"x":1}}}"#,
            "/error/data",
            &["data"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"x":1}}}"#,
            "/error/data",
            &["value"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"x":1,"value":1}}}"#,
            "/error/data",
            &["value"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"value":{}}}}"#,
            "/error/data",
            &["value"],
        ),
    ] {
        let typ = if pointer.starts_with("/error") {
            "error"
        } else {
            "request"
        };
        let mut tree = tree(text);
        tree.pointer_mut(pointer).unwrap()[BINDINGS] = bindings(typ, added);
        let text = signed_draft(tree);
        assert_eq!(
            read(text.as_str(), Carrier::Draft00).unwrap_err().code(),
            Code::Malformed,
            "{text}"
        );
    }
}

/// `{"value": …}` is made around what is not an object, and around nothing else: otherwise one
/// `data` could travel in two forms, and stripping could lay bare a second envelope.
#[test]
fn refuses_a_wrapped_data_that_needed_no_wrapping() {
    for data in [
        json!({"value": {}}),
        json!({"value": {ENVELOPE: {}}}),
        json!({"value": 1, "x": 2}),
        json!({"x": 2}),
    ] {
        let tree =
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "m", "data": data}});
        let text = signed_native(tree.clone(), "/error/data", &tree, &["value"]);
        assert_eq!(
            read(text.as_str(), Carrier::Native).unwrap_err().code(),
            Code::Malformed,
            "{text}"
        );
    }
    let tree = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "m", "data": {"value": 1}}});
    let text = signed_native(tree.clone(), "/error/data", &tree, &["value"]);
    let stripped = opened(&text, Carrier::Native).unwrap();
    assert_eq!(self::tree(&stripped)["error"]["data"], json!(1));
}

#[test]
fn refuses_an_added_that_no_such_message_needs() {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{}}}"#;
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{}}}"#;
    for (text, pointer, added) in [
        (request, "/params/_meta", &["params"][..]),
        (request, "/params/_meta", &["params", "_meta"]),
        (request, "/params/_meta", &["_meta", "_meta"]),
        (request, "/params/_meta", &["data"]),
        (request, "/params/_meta", &["value"]),
        (request, "/params/_meta", &["_meta", "params", "params"]),
        (request, "/params/_meta", &["id"]),
        (error, "/error/data", &["_meta"]),
        (error, "/error/data", &["data", "value"]),
        (error, "/error/data", &["error"]),
    ] {
        let text = signed_native(tree(text), pointer, &tree(text), added);
        assert_eq!(
            read(text, Carrier::Native).unwrap_err().code(),
            Code::Malformed,
            "{added:?}"
        );
    }
}
