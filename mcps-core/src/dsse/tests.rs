use super::{Envelope, IN_TOTO, sign};
use crate::fixture::key;
use crate::json::Document;
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::signer::Signer as _;

fn check(text: &str, key: &PublicKey) -> Result<Envelope, Refusal> {
    let document = Document::parse(text)?;
    let envelope = Envelope::parse(document.root())?;
    envelope.verify(key).map(|()| envelope)
}

#[test]
fn what_is_signed_verifies_by_its_key_and_type_alone() {
    let own = key(1);
    let text = sign(IN_TOTO, br#"{"a":1}"#, &own).unwrap();
    let read = check(&text, own.public_key()).unwrap();
    assert_eq!(
        (read.payload_type(), read.payload()),
        (IN_TOTO, &br#"{"a":1}"#[..])
    );
    assert!(check(&text, key(2).public_key()).is_err());
    // `eyJhIjoxfQ==` is the payload; one byte of it, or its type, makes it another.
    let other = text.replace("eyJhIjoxfQ==", "eyJhIjoyfQ==");
    assert!(check(&other, own.public_key()).is_err());
    let other = text.replace("vnd.in-toto", "vnd.in-tito");
    assert!(check(&other, own.public_key()).is_err());
}

/// Made by securesystemslib 1.6.0: `Envelope(b'{"a":1}', …).sign(CryptoSigner.generate_ecdsa())`.
#[test]
fn an_envelope_of_another_implementation_verifies() {
    let pem = include_str!("testdata/securesystemslib.pem");
    let key = PublicKey::from_pem(pem).unwrap();
    let text = include_str!("testdata/securesystemslib.json");
    assert_eq!(check(text, &key).unwrap().payload(), br#"{"a":1}"#);
}

#[test]
fn what_is_no_envelope_is_refused() {
    let good = sign(IN_TOTO, b"{}", &key(1)).unwrap();
    let signature = |many: usize| {
        let one = r#"{"sig":"AAAA"}"#;
        let many = vec![one; many].join(",");
        format!(r#"{{"payload":"e30=","payloadType":"x","signatures":[{many}]}}"#)
    };
    assert!(matches!(
        check(&signature(8), key(1).public_key()),
        Err(Refusal::BadSignature)
    ));
    for bad in [
        "{}".to_owned(),
        "[]".to_owned(),
        signature(0),
        signature(9),
        good.replace("payloadType", "type"),
        good.replace("\"sig\"", "\"signature\""),
        good.replace("e30=", "e3"),
    ] {
        let refused = check(&bad, key(1).public_key());
        assert!(matches!(refused, Err(Refusal::Statement { .. })), "{bad}");
    }
}
