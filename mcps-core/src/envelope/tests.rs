use super::{Carrier, ENVELOPE, Fields, Sealed, seal};
use crate::fixture::{self, fields};
use crate::jcs;
use crate::json::Document;
use crate::message::Message;
use crate::refusal::Refusal;
use crate::signer::Signer as _;

mod laws;
mod refusals;
mod reserved;
mod signed_bytes;

const CARRIERS: [Carrier; 2] = [Carrier::Native, Carrier::Draft00];

/// Every shape that the envelope has to find or make room in.
const SHAPES: [&str; 24] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{ }}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{ }}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"traceparent":"00-1-2-01"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"tracestate":"a=b","progressToken":7,"baggage":"k=v"}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"path":"/notes/é€😀","n":9007199254740991}}}"#,
    r#" { "jsonrpc" : "2.0" , "id" : 1 , "method" : "x" , "params" : { "a" : [ 1 , 2 ] , "_meta" : { "b" : null } } } "#,
    r#"{"id":1.0,"params":{"b":1e2,"a":"é\/"},"method":"x","jsonrpc":"2.0"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.25,"progressToken":1}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok\n \u2028<&>"}]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{},"x":1}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#,
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"a":1}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"value":1}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":"text"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data": [1, 2] }}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"data":null,"code":-1,"message":"m"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":17},"extra":{"_meta":{"a":1}}}"#,
];

fn sealed_with(text: &str, carrier: Carrier, fields: &Fields) -> String {
    let message = Message::parse(text).unwrap();
    seal(message, carrier, fields, &fixture::key(1))
        .unwrap()
        .text
}

fn sealed(text: &str, carrier: Carrier) -> String {
    sealed_with(text, carrier, &fields())
}

/// Reads, verifies by the signer's key and strips: what a receiver ends up with.
fn opened(text: &str, carrier: Carrier) -> Result<String, Refusal> {
    let sealed = Sealed::read(Message::parse(text)?, carrier)?;
    sealed.verify(fixture::key(1).public_key())?;
    Ok(sealed.strip()?.into_text())
}

fn canonical(text: &str) -> String {
    jcs::to_string(Document::parse(text).unwrap().root())
}

#[test]
fn stripping_gives_back_the_very_bytes() {
    for shape in SHAPES {
        for carrier in CARRIERS {
            let text = sealed(shape, carrier);
            assert_eq!(opened(&text, carrier).unwrap(), shape, "{carrier}: {text}");
        }
    }
}

#[test]
fn a_native_envelope_stands_where_today_s_sdks_keep_it() {
    let found = |text: &str, path: &[&str]| {
        let text = sealed(text, Carrier::Native);
        let document = Document::parse(text).unwrap();
        let holder = path
            .iter()
            .try_fold(document.root(), |value, name| value.get(name));
        holder.is_some_and(|holder| holder.get(ENVELOPE).is_some())
    };
    assert!(found(SHAPES[0], &["params", "_meta"]));
    assert!(found(SHAPES[10], &["params", "_meta"]));
    assert!(found(SHAPES[12], &["result", "_meta"]));
    assert!(found(SHAPES[15], &["error", "data"]));
    assert!(found(SHAPES[20], &["error", "data"]));
}

#[test]
fn reads_back_every_member_that_was_written() {
    let full = full_fields();
    for carrier in CARRIERS {
        let text = sealed_with(SHAPES[7], carrier, &full);
        let sealed = Sealed::read(Message::parse(text).unwrap(), carrier).unwrap();
        sealed.verify(fixture::key(1).public_key()).unwrap();
        let read = sealed.fields();
        assert_eq!(read.passport_id, full.passport_id);
        assert_eq!(
            (&read.timestamp, read.stamped),
            (&full.timestamp, full.stamped)
        );
        assert_eq!(
            (&read.nonce, &read.aud, &read.session),
            (&full.nonce, &full.aud, &full.session)
        );
        let digest = |fields: &Fields| *fields.passport.as_ref().unwrap().signed_digest();
        assert_eq!(digest(read), digest(&full));
        assert_eq!(
            (&read.req, &read.act, &read.ath),
            (&full.req, &full.act, &full.ath)
        );
        assert_eq!((read.position, read.last), (full.position, full.last));
    }
}

/// An envelope with every member there is.
fn full_fields() -> Fields {
    use crate::binding::Req;
    use crate::digest::Digest;
    let agent = fixture::key(1);
    Fields {
        passport: Some(Box::new(fixture::passport("agent", &agent))),
        req: Some(Req {
            hash: Digest::of(b"request"),
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
            passport_id: fixture::id_of("asker"),
        }),
        position: Some(crate::stream::Position {
            seq: 2,
            prev: Some(Digest::of(b"before")),
        }),
        last: true,
        act: Some(super::Act {
            passport_id: fixture::id_of("caller"),
            hash: Digest::of(b"act"),
        }),
        ath: Some(Digest::of(b"token")),
        ..fields()
    }
}

/// A passport as an authority assembled it is not in canonical form: `signature` comes last.
#[test]
fn a_passport_in_any_form_is_signed_in_canonical_form() {
    let agent = fixture::key(1);
    let canonical = fixture::passport("agent", &agent);
    let spaced = canonical
        .text()
        .replacen(":", " : ", 3)
        .replace("owner@example", "owner\\u0040example");
    let passport = crate::passport::Passport::parse(&spaced).unwrap();
    let fields = Fields {
        passport: Some(Box::new(passport)),
        ..fields()
    };
    for carrier in CARRIERS {
        let text = sealed_with(SHAPES[0], carrier, &fields);
        assert_eq!(opened(&text, carrier).unwrap(), SHAPES[0], "{carrier}");
    }
}

#[test]
fn a_message_with_no_room_left_under_the_limit_can_still_be_sealed() {
    let long = "x".repeat(4 * 1024 * 1024 - 80);
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":"{long}"}}}}"#);
    for carrier in CARRIERS {
        assert!(sealed(&text, carrier).len() > text.len());
    }
}

#[test]
fn the_digest_of_a_sealed_message_is_the_one_its_reader_computes() {
    for carrier in CARRIERS {
        let signed = seal(
            Message::parse(SHAPES[7]).unwrap(),
            carrier,
            &fields(),
            &fixture::key(1),
        )
        .unwrap();
        let sealed = Sealed::read(Message::parse(signed.text).unwrap(), carrier).unwrap();
        assert_eq!(sealed.digest(), &signed.digest);
        assert_eq!(sealed.as_req().hash, signed.digest);
        assert_eq!(sealed.as_req().nonce, fields().nonce);
    }
}
