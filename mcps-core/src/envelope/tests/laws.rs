//! Laws over generated messages and over every single bit of a sealed one.

use proptest::prelude::*;

use super::super::{Carrier, ENVELOPE, Sealed};
use super::{CARRIERS, canonical, full_fields, opened, sealed, sealed_with};
use crate::fixture;
use crate::json::{Document, JsonError, Value};
use crate::message::Message;

/// The canonical form without what hops may set, and without a `_meta` that holds nothing else:
/// all that the native carrier signs of a message, besides which of its containers existed.
fn signed_meaning(text: &str) -> String {
    let document = Document::parse(text).unwrap();
    let body = ["params", "result"]
        .iter()
        .find_map(|name| document.root().get(name));
    let Some(meta) = body.and_then(|body| body.get("_meta")) else {
        return canonical(text);
    };
    let mut without: Vec<Value<'_>> = ["traceparent", "tracestate", "baggage"]
        .iter()
        .filter_map(|name| meta.get(name))
        .collect();
    if meta.as_object().unwrap().len() == without.len() {
        without.push(meta);
    }
    let mut out = Vec::new();
    crate::jcs::write_overlaid(
        document.root(),
        &crate::jcs::Overlay {
            without: &without,
            with: &[],
        },
        &mut out,
    );
    String::from_utf8(out).unwrap()
}

/// What a change of a sealed text may do at most: nothing to the meaning.
fn holds(original: &str, changed: &str, carrier: Carrier) {
    let Ok(stripped) = opened(changed, carrier) else {
        return;
    };
    let same = match carrier {
        Carrier::Native => signed_meaning(&stripped) == signed_meaning(original),
        Carrier::Draft00 => canonical(&stripped) == canonical(original),
    };
    assert!(same, "{carrier}: {changed} verifies and gives {stripped}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn open_undoes_seal(text in fixture::json::message()) {
        for carrier in CARRIERS {
            let sealed = sealed(&text, carrier);
            prop_assert_eq!(&opened(&sealed, carrier).unwrap(), &text, "{}", sealed);
        }
    }

    #[test]
    fn canonical_form_and_order_do_not_matter(text in fixture::json::message()) {
        for carrier in CARRIERS {
            let sealed = canonical(&sealed(&text, carrier));
            // RFC 8785 writes 1e20 as an integer, which RFC 7493 then has no place for.
            if matches!(Document::parse(sealed.as_str()), Err(JsonError::IntegerRange { .. })) {
                continue;
            }
            let stripped = opened(&sealed, carrier).unwrap();
            prop_assert_eq!(canonical(&stripped), canonical(&text));
        }
    }

    #[test]
    fn any_spliced_byte_is_refused_or_means_the_same(
        text in fixture::json::message(),
        at in any::<prop::sample::Index>(),
        delete in 0..3_usize,
        insert in prop_oneof![Just(String::new()), "[0-9a-f\"{}:,\\\\ ]{1,2}", any::<char>().prop_map(String::from)],
    ) {
        for carrier in CARRIERS {
            let sealed = sealed(&text, carrier);
            let mut bytes = sealed.into_bytes();
            let at = at.index(bytes.len());
            let end = (at + delete).min(bytes.len());
            bytes.splice(at..end, insert.bytes());
            if let Ok(changed) = String::from_utf8(bytes) {
                holds(&text, &changed, carrier);
            }
        }
    }
}

/// Every bit of one message with every envelope member there is.
#[test]
fn any_flipped_bit_is_refused_or_means_the_same() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"n":1.5},"_meta":{"traceparent":"00-1"}}}"#;
    for carrier in CARRIERS {
        let sealed = sealed_with(text, carrier, &full_fields());
        assert!(opened(&sealed, carrier).is_ok());
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bytes = sealed.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    holds(text, &changed, carrier);
                }
            }
        }
    }
}

/// Space between tokens, escapes and the way a number is written are outside the signed meaning;
/// so are the names that hops may set. Nothing else is: this list is the whole of it.
#[test]
fn what_is_outside_the_signed_meaning_still_verifies() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":1.5}}"#;
    let sealed = sealed(text, Carrier::Native);
    for (from, to) in [
        (r#""n":1.5"#, r#""n" : 1.5"#),
        (r#""n":1.5"#, r#""n":15e-1"#),
        (r#""n":1.5"#, r#""\u006e":1.50"#),
        (r#""typ":"request""#, r#""typ":"\u0072equest""#),
        (r#""_meta":{"#, r#""_meta":{"traceparent":"00-1-2-01","#),
        (
            r#""_meta":{"#,
            r#""_meta":{"baggage":"k=v","tracestate":"a=b","#,
        ),
    ] {
        let changed = sealed.replacen(from, to, 1);
        assert_ne!(changed, sealed);
        assert!(opened(&changed, Carrier::Native).is_ok(), "{to}");
        holds(text, &changed, Carrier::Native);
    }
}

/// A hop that adds a trace context to a message without `params` leaves it in place: the receiver
/// sees it, and nothing else that the signer did not write.
#[test]
fn a_trace_context_added_on_the_way_survives_stripping() {
    let sealed = sealed(
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        Carrier::Native,
    );
    let changed = sealed.replacen(r#""_meta":{"#, r#""_meta":{"traceparent":"00-1","#, 1);
    let stripped = opened(&changed, Carrier::Native).unwrap();
    assert_eq!(
        canonical(&stripped),
        r#"{"id":1,"jsonrpc":"2.0","method":"ping","params":{"_meta":{"traceparent":"00-1"}}}"#
    );
}

#[test]
fn no_envelope_is_left_after_stripping() {
    for carrier in CARRIERS {
        let text = sealed(
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"a":1}}}"#,
            carrier,
        );
        let sealed = Sealed::read(Message::parse(text).unwrap(), carrier).unwrap();
        let stripped = sealed.strip().unwrap();
        assert!(!super::super::is_signed(&stripped));
        assert!(!stripped.text().contains("dev.mcps") && !stripped.text().contains(ENVELOPE));
    }
}
