//! Frames of the revocation feed, their events, snapshots, positions, and beginnings of epochs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcps_core::feed::{
    Cursor, Draft, Entry, Epoch, Event, Frame, MAX_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, Snapshot,
    Target, Unverified, link,
};
use mcps_core::json::Document;
use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};
use std::sync::LazyLock;

static KEY: LazyLock<SecretKey> =
    LazyLock::new(|| SecretKey::generate(&SeededRandom::new(105)).unwrap());

fn bundle(authority: &str) -> Option<TrustBundle> {
    let public_key = KEY.public_key().clone();
    let (usage, state) = (KeyUse::Feed, KeyState::Active);
    let keys = [TrustedKey {
        usage,
        state,
        public_key,
    }];
    let now = mcps_core::clock::Timestamp::from_millis(0);
    let text = TrustBundle::unsigned_json(authority, 1, now, KEY.public_key().key_id(), &keys);
    TrustBundle::parse(&text).ok()
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        one_event(text);
        one_entry(text);
        if let Some(cursor) = Cursor::parse(text) {
            assert_eq!(cursor.to_string(), text);
        }
        if let Some(bundle) = bundle("authority.example") {
            assert!(Epoch::verify(text, &bundle).is_err());
        }
    }
    let Ok(document) = Document::parse(bytes) else {
        assert!(Unverified::read(bytes).is_err());
        return;
    };
    let authority = document
        .root()
        .get("authority")
        .and_then(|name| name.as_str());
    let Some(bundle) = authority.and_then(|name| bundle(&name)) else {
        assert!(Unverified::read(bytes).is_err());
        return;
    };
    if let Ok(snapshot) = Snapshot::verify(bytes, &bundle) {
        let again = Snapshot::verify(snapshot.sign(&*KEY).unwrap(), &bundle);
        assert_eq!(again.as_ref(), Ok(&snapshot));
    }
    let Ok(read) = Unverified::read(bytes) else {
        return;
    };
    assert!(bytes.len() <= MAX_BYTES);
    if let Ok(frame) = read.verify(&bundle) {
        holds(&frame, &bundle);
    }
});

/// An event keeps its meaning in canonical form.
fn one_event(text: &str) {
    let Ok(event) = Event::parse(text) else {
        return;
    };
    assert!(event.canonical().len() <= MAX_EVENT_BYTES);
    assert_eq!(Event::parse(event.canonical()).as_ref(), Ok(&event));
    if let Some(target) = event.target() {
        let document = Document::parse(target.to_json()).unwrap();
        assert_eq!(Target::read(document.root()).as_ref(), Ok(target));
    }
    if event.is_understood() {
        let (action, reason) = (event.action().unwrap(), event.reason().unwrap());
        let again = Event::new(event.seq(), event.at(), action, reason).unwrap();
        assert_eq!(again.action(), event.action());
    }
}

/// An entry has one canonical form.
fn one_entry(text: &str) {
    let Ok(entry) = Document::parse(text).map_err(drop).and_then(|document| {
        Entry::read(document.root()).map_err(drop)
    }) else {
        return;
    };
    let mut written = String::new();
    entry.write(&mut written);
    let document = Document::parse(written.as_str()).unwrap();
    assert_eq!(mcps_core::jcs::to_string(document.root()), written);
    assert_eq!(Entry::read(document.root()).as_ref(), Ok(&entry));
}

/// What holds together is what its own parts give when they are signed again.
fn holds(frame: &Frame, bundle: &TrustBundle) {
    assert!(frame.events().len() <= MAX_EVENTS);
    if frame.check().is_err() {
        return;
    }
    let chain = frame
        .events()
        .iter()
        .fold(*frame.prev(), |chain, event| link(&chain, event));
    assert_eq!(frame.chain_at(frame.to()), Some(chain));
    let draft = Draft {
        authority: frame.authority(),
        epoch: frame.epoch(),
        after: frame.before(),
        prev: *frame.prev(),
        events: frame.events(),
        iat: frame.iat(),
        fresh_until: frame.fresh_until(),
    };
    let again = Frame::verify(draft.sign(&*KEY).unwrap(), bundle).unwrap();
    assert_eq!(&again, frame);
}
