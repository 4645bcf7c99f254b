//! Laws over generated frames, and bytes of nobody's making.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{bundle_of, event, key, signed, verify};
use crate::feed::{Draft, Epoch, Event, Frame, Target, Unverified, genesis};
use crate::fixture::{self, AUTHORITY, NOW};
use crate::json::Document;
use crate::trust::TrustBundle;

static BUNDLE: LazyLock<TrustBundle> = LazyLock::new(|| bundle_of(AUTHORITY));
static FRAME: LazyLock<String> = LazyLock::new(|| signed(&[event(1), event(2), event(3)]));

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..512)) {
        prop_assert!(Frame::verify(bytes.as_slice(), &BUNDLE).is_err());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(Epoch::verify(text, &BUNDLE).is_err());
            prop_assert!(Event::parse(text).is_err());
        }
    }

    #[test]
    fn arbitrary_objects_never_panic(text in fixture::json::members().prop_flat_map(fixture::json::object)) {
        prop_assert!(Frame::verify(text.as_str(), &BUNDLE).is_err());
        if let Ok(document) = Document::parse(text.as_str()) {
            drop(Target::read(document.root()));
            drop(Event::read(document.root()));
        }
    }

    /// A frame with some bytes changed, cut or doubled is refused, unless it says the same.
    #[test]
    fn a_mutated_frame_is_refused(edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4)) {
        let mut bytes = FRAME.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        if let Ok(frame) = Frame::verify(bytes, &BUNDLE) {
            prop_assert_eq!(frame, verify(&FRAME).unwrap());
        }
    }

    /// However a history is cut into frames, the chain is the same.
    #[test]
    fn the_chain_does_not_depend_on_the_cuts(cuts in vec(1_u64..5, 1..6)) {
        let mut chain = genesis(AUTHORITY, 1);
        let mut whole = Vec::new();
        let mut after = 0;
        for count in cuts {
            let events: Vec<Event> = (after + 1..=after + count).map(event).collect();
            let draft = Draft { authority: AUTHORITY, epoch: 1, after, prev: chain, events: &events, iat: NOW, fresh_until: NOW };
            let frame = Frame::verify(draft.sign(&key(super::FEED)).unwrap(), &BUNDLE).unwrap();
            prop_assert_eq!(frame.prev(), &chain);
            chain = *frame.chain();
            after = frame.to();
            whole.extend(events);
        }
        let at_once = verify(&signed(&whole)).unwrap();
        prop_assert_eq!(at_once.chain(), &chain);
    }

    #[test]
    fn reading_does_not_depend_on_who_signed(bytes in vec(any::<u8>(), 0..64)) {
        let text = format!("{}{}", *FRAME, String::from_utf8_lossy(&bytes).replace(|c: char| !c.is_ascii_whitespace(), ""));
        let both = (Unverified::read(text.as_str()).is_ok(), Frame::verify(text.as_str(), &BUNDLE).is_ok());
        prop_assert_eq!(both.0, both.1);
    }
}
