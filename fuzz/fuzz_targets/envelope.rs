//! Envelopes in both carriers. The signature itself is left out: a digest that is the signed one
//! stands for a signature that verifies, which lets the fuzzer see what is behind it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::jcs::{self, Overlay};
use mcps_core::json::Value;
use mcps_core::key::{PublicKey, SecretKey};
use mcps_core::message::Message;
use mcps_core::passport::PassportId;
use mcps_core::random::SeededRandom;
use mcps_core::signature::Signature;
use mcps_core::signer::{Signer, SignerError};

/// Gives one signature to everything.
#[derive(Debug)]
struct Stamp(PublicKey);

impl Signer for Stamp {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn sign(&self, _: &Digest) -> Result<Signature, SignerError> {
        Ok(Signature::from_bytes([1; 64]))
    }
}

static STAMP: LazyLock<Stamp> = LazyLock::new(|| {
    let key = SecretKey::generate(&SeededRandom::new(1)).unwrap();
    Stamp(key.public_key().clone())
});

fn fields() -> Fields {
    let stamped = Timestamp::from_millis(1_795_262_400_000);
    Fields {
        passport_id: PassportId::parse("asp_00112233445566778899aabbccddeeff").unwrap(),
        timestamp: stamped.to_string(),
        stamped,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
        aud: "https://server.example/mcp".to_owned(),
        session: "ffeeddccbbaa99887766554433221100".to_owned(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    }
}

/// The canonical form without what the native carrier leaves to hops: trace members of `_meta`, and
/// a `_meta` that holds nothing else.
fn meaning(message: &Message, carrier: Carrier) -> String {
    let mut without: Vec<Value<'_>> = Vec::new();
    if let (Carrier::Native, Some(meta)) = (carrier, message.meta()) {
        without.extend(
            ["traceparent", "tracestate", "baggage"]
                .iter()
                .filter_map(|name| meta.get(name)),
        );
        if without.len() == meta.len() {
            without.extend(message.body().and_then(|body| body.get("_meta")));
        }
    }
    let mut out = Vec::new();
    jcs::write_overlaid(
        message.root(),
        &Overlay {
            without: &without,
            with: &[],
        },
        &mut out,
    );
    String::from_utf8(out).unwrap()
}

fn read(text: impl Into<Vec<u8>>, carrier: Carrier) -> Option<Sealed> {
    Message::parse(text)
        .and_then(|message| Sealed::read(message, carrier))
        .ok()
}

fuzz_target!(|bytes: &[u8]| {
    // The first two bytes say where to edit what was sealed, the third with what.
    let [at, at_low, with, text @ ..] = bytes else {
        return;
    };
    let Ok(message) = Message::parse(text) else {
        return;
    };
    for carrier in [Carrier::Native, Carrier::Draft00] {
        // As somebody's signed message.
        if let Ok(sealed) = Sealed::read(message.clone(), carrier) {
            let _ = sealed.verify(STAMP.public_key());
            let kind = sealed.message().kind();
            let stripped = sealed.strip().expect("what was read can be stripped");
            assert_eq!(stripped.kind(), kind);
            assert!(!envelope::is_signed(&stripped));
            Message::parse(stripped.text()).expect("what was stripped is a message");
        }
        // As a message to sign.
        let Ok(signed) = envelope::seal(message.clone(), carrier, &fields(), &*STAMP) else {
            continue;
        };
        let sealed = read(signed.text.as_str(), carrier).expect("what was sealed can be read");
        assert_eq!(sealed.digest(), &signed.digest);
        assert_eq!(sealed.strip().unwrap().text().as_bytes(), text);
        // As a message that was edited on the way.
        let mut edited = signed.text.into_bytes();
        let at = usize::from(u16::from_be_bytes([*at, *at_low])) % edited.len();
        edited[at] = *with;
        if let Some(sealed) = read(edited, carrier)
            && sealed.digest() == &signed.digest
        {
            let stripped = sealed.strip().unwrap();
            assert_eq!(meaning(&stripped, carrier), meaning(&message, carrier));
        }
    }
});
