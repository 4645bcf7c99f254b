//! What must not pass, whoever tried it.

use p256::elliptic_curve::ops::Neg as _;
use serde_json::{Map, Value, json};

use super::super::{BINDINGS, Carrier, ENVELOPE, Sealed};
use super::{CARRIERS, SHAPES, full_fields, opened, sealed, sealed_with};
use crate::code::Code;
use crate::fixture::{self, fields};
use crate::message::Message;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::statement;

const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{"b":2}}}"#;

fn read(text: impl Into<String>, carrier: Carrier) -> Result<Sealed, Refusal> {
    Sealed::read(Message::parse(text.into())?, carrier)
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The envelope, or in the draft carrier the bindings, of [`REQUEST`]-like trees.
fn envelope<'t>(tree: &'t mut Value, name: &str) -> &'t mut Map<String, Value> {
    let holder = if name == "mcps" {
        tree
    } else {
        &mut tree["params"]["_meta"]
    };
    holder[name].as_object_mut().unwrap()
}

/// [`REQUEST`] with every member an envelope can have, one of its objects edited.
fn edited(carrier: Carrier, object: &str, edit: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut tree = tree(&sealed_with(REQUEST, carrier, &full_fields()));
    edit(envelope(&mut tree, object));
    tree.to_string()
}

const OBJECTS: [(Carrier, &str); 3] = [
    (Carrier::Native, ENVELOPE),
    (Carrier::Draft00, "mcps"),
    (Carrier::Draft00, BINDINGS),
];

#[test]
fn refuses_every_missing_member_with_a_code() {
    for (carrier, object) in OBJECTS {
        let mut whole = tree(&sealed_with(REQUEST, carrier, &full_fields()));
        for name in envelope(&mut whole, object).keys() {
            let text = edited(carrier, object, |envelope| drop(envelope.remove(name)));
            let refusal = opened(&text, carrier).unwrap_err();
            let needed = [
                "version",
                "passport_id",
                "timestamp",
                "nonce",
                "signature",
                "typ",
                "aud",
                "session",
            ];
            let expected = if needed.contains(&name.as_str()) || name == "seq" || name == "prev" {
                Code::Malformed
            } else {
                Code::InvalidSignature
            };
            assert_eq!(refusal.code(), expected, "{object}.{name}");
        }
    }
}

#[test]
fn refuses_every_mistyped_member_with_a_code() {
    let values = [
        json!(null),
        json!(true),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
    ];
    for (carrier, object) in OBJECTS {
        let mut whole = tree(&sealed_with(REQUEST, carrier, &full_fields()));
        for (name, old) in envelope(&mut whole, object) {
            for value in values.iter().filter(|value| *value != old) {
                let text = edited(carrier, object, |envelope| {
                    drop(envelope.insert(name.clone(), value.clone()))
                });
                let refusal = opened(&text, carrier).unwrap_err();
                let expected: &[Code] = match (name.as_str(), value) {
                    ("version", Value::String(_)) => &[Code::NoMutualVersion],
                    ("signature", Value::String(_)) => &[Code::InvalidSignature],
                    // Well-typed, so the signature decides.
                    ("aud", Value::String(aud)) if aud == "x" => &[Code::InvalidSignature],
                    ("added", Value::Array(_)) => &[Code::InvalidSignature],
                    ("passport", _) => &[Code::InvalidPassport],
                    _ => &[Code::Malformed],
                };
                assert!(
                    expected.contains(&refusal.code()),
                    "{object}.{name} = {value}: {refusal}"
                );
            }
        }
    }
}

#[test]
fn refuses_members_that_it_does_not_know() {
    for (carrier, object) in OBJECTS {
        for name in [
            "ctx",
            "message_hash",
            "alg",
            "Nonce",
            "nonce ",
            "",
            "signature2",
        ] {
            let text = edited(carrier, object, |envelope| {
                drop(envelope.insert(name.to_owned(), json!("x")))
            });
            assert_eq!(
                read(text, carrier).unwrap_err().code(),
                Code::Malformed,
                "{object}.{name}"
            );
        }
    }
    for (carrier, object) in [OBJECTS[0], OBJECTS[2]] {
        for inner in ["req", "act"] {
            let text = edited(carrier, object, |envelope| {
                envelope[inner]["more"] = json!(1)
            });
            assert_eq!(
                read(text, carrier).unwrap_err().code(),
                Code::Malformed,
                "{object}.{inner}"
            );
            let text = edited(carrier, object, |envelope| {
                envelope[inner].as_object_mut().unwrap().remove("hash");
            });
            assert_eq!(
                read(text, carrier).unwrap_err().code(),
                Code::Malformed,
                "{object}.{inner}"
            );
        }
    }
}

#[test]
fn refuses_timestamps_and_nonces_in_any_other_form() {
    let times = [
        json!(1_795_262_400),
        json!("2026-11-21T12:00:00"),
        json!("2026-11-21T12:00:00+00:00"),
        json!("2026-11-21t12:00:00Z"),
        json!("2026-11-21 12:00:00Z"),
        json!("2026-02-30T12:00:00Z"),
        json!("2026-11-21T24:00:00Z"),
        json!("0000-11-21T12:00:00Z"),
        json!("2026-11-21T12:00:00.Z"),
        json!("２026-11-21T12:00:00Z"),
    ];
    let nonces = [
        json!("00112233445566778899AABBCCDDEEFF"),
        json!("00112233445566778899aabbccddeef"),
        json!("00112233445566778899aabbccddeeff0"),
        json!(" 0112233445566778899aabbccddeeff"),
        json!("g0112233445566778899aabbccddeeff"),
        json!("é112233445566778899aabbccddeeff"),
    ];
    let wrong = times
        .map(|time| ("timestamp", time))
        .into_iter()
        .chain(nonces.map(|nonce| ("nonce", nonce)));
    for (name, value) in wrong {
        for (carrier, object) in &OBJECTS[..2] {
            let text = edited(*carrier, object, |envelope| {
                drop(envelope.insert(name.to_owned(), value.clone()))
            });
            assert_eq!(
                read(text, *carrier).unwrap_err().code(),
                Code::Malformed,
                "{value}"
            );
        }
    }
}

#[test]
fn refuses_positions_that_cannot_be() {
    let hash = json!("00".repeat(32));
    for (seq, prev) in [
        (json!(0), None),
        (json!(0), Some(hash.clone())),
        (json!(1), Some(hash.clone())),
        (json!(2), None),
        (json!(-1), Some(hash.clone())),
        (json!(2.5), Some(hash.clone())),
        (json!("2"), Some(hash.clone())),
        (json!(2), Some(json!("AB".repeat(32)))),
        (json!(2), Some(json!("ab"))),
        (Value::Null, Some(hash)),
    ] {
        for (carrier, object) in [OBJECTS[0], OBJECTS[2]] {
            let text = edited(carrier, object, |envelope| {
                envelope.remove("prev");
                envelope.insert("seq".to_owned(), seq.clone());
                envelope.extend(prev.clone().map(|prev| ("prev".to_owned(), prev)));
            });
            assert_eq!(
                read(text, carrier).unwrap_err().code(),
                Code::Malformed,
                "{seq} {prev:?}"
            );
        }
    }
    let text = edited(Carrier::Native, ENVELOPE, |envelope| {
        drop(envelope.remove("seq"))
    });
    assert_eq!(
        read(text, Carrier::Native).unwrap_err().code(),
        Code::Malformed
    );
}

/// (r, n−s) verifies wherever (r, s) does; only one of them may be a message.
#[test]
fn high_s_is_refused_native_and_accepted_from_draft_peers() {
    let high = |envelope: &mut Map<String, Value>| {
        let signature = Signature::from_base64(envelope["signature"].as_str().unwrap()).unwrap();
        let low = p256::ecdsa::Signature::from_slice(signature.as_bytes()).unwrap();
        let high = p256::ecdsa::Signature::from_scalars(low.r(), low.s().neg()).unwrap();
        let high = Signature::from_bytes(high.to_bytes().into());
        assert!(signature.is_low_s() && !high.is_low_s());
        envelope["signature"] = json!(high.to_base64());
    };
    let native = opened(&edited(Carrier::Native, ENVELOPE, high), Carrier::Native);
    assert_eq!(native.unwrap_err(), Refusal::BadSignature);
    opened(&edited(Carrier::Draft00, "mcps", high), Carrier::Draft00).unwrap();
}

#[test]
fn refuses_signatures_in_any_other_base64() {
    let forms: [fn(&str) -> String; 8] = [
        |good| good.trim_end_matches('=').to_owned(),
        |good| good.replacen("==", "=", 1),
        |good| format!("{good}="),
        |good| format!("{good}\n"),
        |good| format!(" {}", &good[1..]),
        |good| good.replace('+', "-").replace('/', "_") + "A",
        |_| String::new(),
        // The last character before the padding has four bits that must be zero.
        |good| format!("{}{}==", &good[..85], char::from(good.as_bytes()[85] + 1)),
    ];
    for (carrier, object) in &OBJECTS[..2] {
        for form in forms {
            let text = edited(*carrier, object, |envelope| {
                envelope["signature"] = json!(form(envelope["signature"].as_str().unwrap()));
            });
            assert_eq!(read(text, *carrier).unwrap_err(), Refusal::BadSignature);
        }
        for bytes in [[0; 64], [0xff; 64]] {
            let text = edited(*carrier, object, |envelope| {
                envelope["signature"] = json!(Signature::from_bytes(bytes).to_base64());
            });
            assert_eq!(opened(&text, *carrier).unwrap_err(), Refusal::BadSignature);
        }
    }
}

#[test]
fn bytes_moved_between_fields_do_not_verify() {
    for (carrier, object, from, to) in [
        (Carrier::Native, ENVELOPE, "aud", "session"),
        (Carrier::Native, ENVELOPE, "nonce", "session"),
        (Carrier::Draft00, BINDINGS, "aud", "session"),
    ] {
        let swapped = edited(carrier, object, |envelope| {
            let taken = envelope[from].clone();
            envelope[from] = std::mem::replace(&mut envelope[to], taken);
        });
        assert!(opened(&swapped, carrier).is_err(), "{from} and {to}");
    }
    let moved = sealed(
        r#"{"jsonrpc":"2.0","id":1,"method":"ab","params":{"a":"bc"}}"#,
        Carrier::Native,
    );
    for (from, to) in [
        (r#""method":"ab""#, r#""method":"a""#),
        (r#""a":"bc""#, r#""ab":"c""#),
        (r#""a":"bc""#, r#""a":{"b":"c"}"#),
    ] {
        let changed = moved.replacen(from, to, 1);
        assert_eq!(
            opened(&changed, Carrier::Native).unwrap_err(),
            Refusal::BadSignature
        );
    }
}

#[test]
fn an_envelope_does_not_fit_another_message() {
    for carrier in CARRIERS {
        let mut here = tree(&sealed(REQUEST, carrier));
        let mut there = tree(&sealed(&REQUEST.replace(r#""a":1"#, r#""a":2"#), carrier));
        let name = if carrier == Carrier::Native {
            ENVELOPE
        } else {
            "mcps"
        };
        std::mem::swap(envelope(&mut here, name), envelope(&mut there, name));
        for tree in [here, there] {
            assert_eq!(
                opened(&tree.to_string(), carrier).unwrap_err(),
                Refusal::BadSignature
            );
        }
    }
}

/// The envelope of one kind of message around a message of another kind, `typ` as it was and
/// `typ` made to fit.
#[test]
fn one_kind_of_message_cannot_pass_as_another() {
    let kinds = [
        (
            "request",
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"b":2}}}"#,
        ),
        (
            "notification",
            r#"{"jsonrpc":"2.0","method":"m","params":{"_meta":{"b":2}}}"#,
        ),
        (
            "response",
            r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"b":2}}}"#,
        ),
        (
            "error",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"b":2}}}"#,
        ),
    ];
    let path = |kind: &str| match kind {
        "response" => "/result/_meta",
        "error" => "/error/data",
        _ => "/params/_meta",
    };
    for (from, message) in kinds {
        let source = tree(&sealed(message, Carrier::Native));
        let envelope = source.pointer(path(from)).unwrap()[ENVELOPE].clone();
        for (to, message) in kinds.into_iter().filter(|(to, _)| *to != from) {
            let mut target = tree(message);
            target.pointer_mut(path(to)).unwrap()[ENVELOPE] = envelope.clone();
            let refusal = read(target.to_string(), Carrier::Native).unwrap_err();
            assert_eq!(refusal, Refusal::Envelope("typ is not what the message is"));
            target.pointer_mut(path(to)).unwrap()[ENVELOPE]["typ"] = json!(to);
            assert_eq!(
                opened(&target.to_string(), Carrier::Native).unwrap_err(),
                Refusal::BadSignature
            );
        }
    }
}

/// Whoever gets a statement signed in one context has no signature for another.
#[test]
fn a_statement_s_signature_cannot_pass_as_a_message_s() {
    let hash = crate::digest::Digest::of(super::canonical(REQUEST).as_bytes());
    let fields = fields();
    let members = format!(
        r#""version":"1.0","passport_id":"{}","timestamp":"{}","nonce":"{}","typ":"request","aud":"{}","session":"{}""#,
        fields.passport_id, fields.timestamp, fields.nonce, fields.aud, fields.session
    );
    let place = |signature: &str| {
        REQUEST.replacen(
            r#""_meta":{"#,
            &format!(r#""_meta":{{"{ENVELOPE}":{{{members},"signature":"{signature}"}},"#),
            1,
        )
    };
    let signed = |ctx: &str| {
        let unsigned = format!(r#"{{{members},"message_hash":"{hash}"}}"#);
        let text = statement::sign(ctx, &unsigned, &fixture::key(1)).unwrap();
        place(tree(&text)["signature"].as_str().unwrap())
    };
    assert_eq!(
        opened(&signed(statement::MESSAGE), Carrier::Native).unwrap(),
        REQUEST
    );
    for ctx in [
        statement::TOOL,
        statement::MANIFEST,
        statement::STATUS,
        statement::TRUST,
        statement::PROOF,
        "",
    ] {
        assert_eq!(
            opened(&signed(ctx), Carrier::Native).unwrap_err(),
            Refusal::BadSignature,
            "{ctx}"
        );
    }
}

#[test]
fn refuses_a_passport_that_is_not_the_one_named() {
    for (carrier, object) in [OBJECTS[0], OBJECTS[2]] {
        let other = fixture::passport("other", &fixture::key(1));
        let text = edited(carrier, object, |envelope| {
            envelope["passport"] = tree(other.text())
        });
        assert_eq!(read(text, carrier).unwrap_err().code(), Code::Malformed);
    }
}

#[test]
fn an_envelope_in_the_other_carrier_s_place_is_none() {
    for shape in SHAPES {
        let native = sealed(shape, Carrier::Native);
        assert_eq!(
            read(native, Carrier::Draft00).unwrap_err(),
            Refusal::Unsigned,
            "{shape}"
        );
        let draft = sealed(shape, Carrier::Draft00);
        assert_eq!(
            read(draft, Carrier::Native).unwrap_err(),
            Refusal::Unsigned,
            "{shape}"
        );
        assert_eq!(read(shape, Carrier::Native).unwrap_err(), Refusal::Unsigned);
        assert_eq!(
            read(shape, Carrier::Draft00).unwrap_err(),
            Refusal::Unsigned
        );
    }
}

#[test]
fn another_key_s_signature_is_refused() {
    for carrier in CARRIERS {
        let sealed = read(sealed(REQUEST, carrier), carrier).unwrap();
        use crate::signer::Signer as _;
        assert_eq!(
            sealed.verify(fixture::key(2).public_key()).unwrap_err(),
            Refusal::BadSignature
        );
    }
}
