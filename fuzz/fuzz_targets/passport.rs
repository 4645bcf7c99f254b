//! Passports, and the chains in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::jcs::{self, Overlay};
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{MAX_BYTES, MAX_CAPABILITIES, MAX_CHAIN, Passport, PassportId};
use mcps_core::trust::{Anchor, TrustStore};

fuzz_target!(|text: &str| {
    let Ok(passport) = Passport::parse(text) else {
        return;
    };
    assert!(text.len() <= MAX_BYTES);
    assert_eq!(
        PassportId::parse(passport.id().as_str()).as_ref(),
        Some(passport.id())
    );
    assert!(
        passport.capabilities().len() <= MAX_CAPABILITIES
            && passport.issuer_chain().len() <= MAX_CHAIN
    );
    assert!(passport.issued_at() < passport.expires_at());

    // What is signed is the canonical form without the signature.
    let document = Document::parse(text).unwrap();
    let signature = document.root().get("signature").unwrap();
    let mut signed = Vec::new();
    let overlay = Overlay {
        without: &[signature],
        with: &[],
    };
    jcs::write_overlaid(document.root(), &overlay, &mut signed);
    assert_eq!(passport.signed_digest(), &Digest::of(&signed));
    let again = Passport::parse(passport.text()).unwrap();
    assert_eq!(again.signed_digest(), passport.signed_digest());

    // Judged by nobody's keys, by its own, and by those of its chain.
    let now = Timestamp::from_millis(1_795_262_400_000);
    let mut store = TrustStore::default();
    if let Ok(standing) = store.verify(&passport, now) {
        assert!(!standing.recognised && standing.cap == TrustLevel::L0);
    }
    for member in passport.issuer_chain().iter().chain([&passport]) {
        let keys = vec![member.public_key().clone()];
        store.add_anchor(
            member.issuer(),
            Anchor {
                keys,
                cap: TrustLevel::L2,
            },
        );
        if let Ok(standing) = store.verify(&passport, now) {
            assert!(
                standing.cap <= TrustLevel::L2 && standing.relied <= passport.issuer_chain().len()
            );
        }
    }
});
