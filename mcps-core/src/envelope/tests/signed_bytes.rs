//! The signed bytes, put together here by hand from PROTOCOL §4.

use super::super::{Carrier, Fields, Sealed};
use super::{SHAPES, canonical, full_fields, sealed, sealed_with};
use crate::digest::Digest;
use crate::fixture::{self, fields};
use crate::json::Document;
use crate::message::Message;

fn digest_of(text: &str, carrier: Carrier) -> Digest {
    *Sealed::read(Message::parse(text).unwrap(), carrier)
        .unwrap()
        .digest()
}

#[test]
fn native_signs_the_envelope_the_context_and_the_hash_of_the_message() {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let Fields {
        passport_id,
        timestamp,
        nonce,
        aud,
        session,
        ..
    } = fields();
    let hash = Digest::of(canonical(text).as_bytes());
    let bytes = format!(
        r#"{{"added":["_meta","params"],"aud":"{aud}","ctx":"mcps-message-v1","message_hash":"{hash}","nonce":"{nonce}","passport_id":"{passport_id}","session":"{session}","timestamp":"{timestamp}","typ":"request","version":"1.0"}}"#
    );
    assert_eq!(
        digest_of(&sealed(text, Carrier::Native), Carrier::Native),
        Digest::of(bytes.as_bytes())
    );
}

#[test]
fn native_leaves_trace_context_and_an_emptied_meta_out_of_the_hash() {
    let plain = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}"#;
    for (text, signed) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{}}}"#,
            plain,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{"baggage":"x"}}}"#,
            plain,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{"baggage":"x","b":2}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{"b":2}}}"#,
        ),
    ] {
        let Fields {
            passport_id,
            timestamp,
            nonce,
            aud,
            session,
            ..
        } = fields();
        let hash = Digest::of(canonical(signed).as_bytes());
        let bytes = format!(
            r#"{{"aud":"{aud}","ctx":"mcps-message-v1","message_hash":"{hash}","nonce":"{nonce}","passport_id":"{passport_id}","session":"{session}","timestamp":"{timestamp}","typ":"request","version":"1.0"}}"#
        );
        assert_eq!(
            digest_of(&sealed(text, Carrier::Native), Carrier::Native),
            Digest::of(bytes.as_bytes()),
            "{text}"
        );
    }
}

#[test]
fn a_data_that_is_no_object_is_signed_as_the_object_around_it() {
    let text = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":[1,2]}}"#;
    let wrapped =
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"value":[1,2]}}}"#;
    let Fields {
        passport_id,
        timestamp,
        nonce,
        aud,
        session,
        ..
    } = fields();
    let hash = Digest::of(canonical(wrapped).as_bytes());
    let bytes = format!(
        r#"{{"added":["value"],"aud":"{aud}","ctx":"mcps-message-v1","message_hash":"{hash}","nonce":"{nonce}","passport_id":"{passport_id}","session":"{session}","timestamp":"{timestamp}","typ":"error","version":"1.0"}}"#
    );
    assert_eq!(
        digest_of(&sealed(text, Carrier::Native), Carrier::Native),
        Digest::of(bytes.as_bytes())
    );
}

#[test]
fn draft_signs_four_members_over_the_message_without_mcps() {
    for text in SHAPES {
        let sealed = sealed(text, Carrier::Draft00);
        let document = Document::parse(sealed.as_str()).unwrap();
        let envelope = document.root().get("mcps").unwrap();
        let mut without = Vec::new();
        let overlay = crate::jcs::Overlay {
            without: &[envelope],
            with: &[],
        };
        crate::jcs::write_overlaid(document.root(), &overlay, &mut without);
        let hash = Digest::of(&without);
        let Fields {
            passport_id,
            timestamp,
            nonce,
            ..
        } = fields();
        let bytes = format!(
            r#"{{"message_hash":"{hash}","nonce":"{nonce}","passport_id":"{passport_id}","timestamp":"{timestamp}"}}"#
        );
        assert_eq!(
            digest_of(&sealed, Carrier::Draft00),
            Digest::of(bytes.as_bytes())
        );
        assert_eq!(envelope.as_object().unwrap().len(), 5);
    }
}

/// The writer of envelopes orders members by hand; the reader sorts. They must agree on all.
#[test]
fn the_written_envelope_is_canonical() {
    for fields in [fields(), full_fields()] {
        let text = sealed_with(SHAPES[0], Carrier::Native, &fields);
        let document = Document::parse(text).unwrap();
        let envelope = document
            .root()
            .get("params")
            .unwrap()
            .get("_meta")
            .unwrap()
            .get(super::ENVELOPE)
            .unwrap();
        assert_eq!(envelope.raw(), crate::jcs::to_string(envelope));
    }
    let aud = Fields {
        aud: "https://é.example/\u{1}\"".to_owned(),
        ..fields()
    };
    let text = sealed_with(SHAPES[0], Carrier::Native, &aud);
    assert_eq!(super::opened(&text, Carrier::Native).unwrap(), SHAPES[0]);
    let _ = fixture::NOW;
}
