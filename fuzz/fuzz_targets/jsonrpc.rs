//! One JSON-RPC message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcps_core::message::{self, Kind, Message};

fuzz_target!(|bytes: &[u8]| {
    let id = message::id_of(bytes);
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    assert_eq!(message.text().as_bytes(), bytes);
    assert_eq!(message.id(), id.as_ref());
    let has = (
        message.method().is_some(),
        message.result().is_some(),
        message.error().is_some(),
    );
    let expected = match message.kind() {
        Kind::Request | Kind::Notification => (true, false, false),
        Kind::Response => (false, true, false),
        Kind::Error => (false, false, true),
    };
    assert_eq!(has, expected);
    match message.kind() {
        Kind::Request | Kind::Response => assert!(message.id().is_some()),
        Kind::Notification => assert!(message.id().is_none()),
        Kind::Error => {}
    }
    if let Some(meta) = message.meta() {
        let body = message.body().unwrap().as_object().unwrap();
        let inside = body.span();
        assert!(inside.start < meta.span().start && meta.span().end < inside.end);
    }
    // Taking a member out leaves the others as they were.
    let root = message.root().as_object().unwrap();
    for member in root {
        let mut text = message.text().to_owned();
        message::remove(&mut text, root, member);
        let rest = mcps_core::json::Document::parse(text).expect("still JSON");
        assert_eq!(rest.root().as_object().unwrap().len(), root.len() - 1);
    }
});
