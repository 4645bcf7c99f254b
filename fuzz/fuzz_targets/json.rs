//! The strict parser and the canonical form, beside `serde_json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::{Document, JsonError, Kind, Value};

/// Both trees hold the same.
fn same(own: Value<'_>, other: &serde_json::Value) -> bool {
    match (own.kind(), other) {
        (Kind::Null, serde_json::Value::Null) => own.is_null(),
        (Kind::Bool, serde_json::Value::Bool(other)) => own.as_bool() == Some(*other),
        (Kind::Number, serde_json::Value::Number(other)) => match (own.as_i64(), other.as_f64()) {
            // `serde_json` reads `-0` as a double.
            (Some(own), Some(double)) => other.as_i64() == Some(own) || double == own as f64,
            (None, Some(double)) => own.as_f64() == Some(double),
            _ => false,
        },
        (Kind::String, serde_json::Value::String(other)) => own.as_str().unwrap() == *other,
        (Kind::Array, serde_json::Value::Array(other)) => {
            let own = own.as_array().unwrap();
            own.len() == other.len()
                && own
                    .into_iter()
                    .zip(other)
                    .all(|(own, other)| same(own, other))
        }
        (Kind::Object, serde_json::Value::Object(other)) => {
            let own = own.as_object().unwrap();
            let alike = |name: &str, value| other.get(name).is_some_and(|other| same(value, other));
            own.len() == other.len()
                && own
                    .iter()
                    .all(|member| alike(&member.name(), member.value()))
        }
        _ => false,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes) else {
        return;
    };
    assert_eq!(document.text().as_bytes(), bytes);
    let other = serde_json::from_slice(bytes).expect("we are the stricter one");
    assert!(same(document.root(), &other));
    let canonical = jcs::to_string(document.root());
    assert_eq!(
        jcs::digest(document.root()),
        Digest::of(canonical.as_bytes())
    );
    match Document::parse(canonical.as_str()) {
        Ok(again) => assert_eq!(jcs::to_string(again.root()), canonical),
        // RFC 8785 writes doubles below 1e21 without an exponent; as integers they are out of range.
        Err(JsonError::IntegerRange { .. }) => {}
        Err(error) => panic!("{canonical}: {error}"),
    }
});
