//! Laws of tool signatures on random definitions.

use proptest::prelude::*;

use super::{claims, document, key, sign, strip, verified};
use crate::tool::hash;

/// JSON of some value, with odd spacing.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        (-9_007_199_254_740_991..=9_007_199_254_740_991_i64).prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[ {}]", all.join(" ,"))),
            members(inner).prop_map(|all| format!("{{{all} }}")),
        ]
    })
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::btree_map("[a-z_é]{1,6}", value, 0..4).prop_map(|all| {
        let member = |(name, value)| format!("\"{name}x\" :{value}");
        all.into_iter().map(member).collect::<Vec<_>>().join(", ")
    })
}

fn tool() -> impl Strategy<Value = String> {
    let meta = prop_oneof![Just(None), members(json()).prop_map(Some)];
    ("[a-z]{1,8}", members(json()), meta).prop_map(|(name, rest, meta)| {
        let rest = if rest.is_empty() {
            rest
        } else {
            format!(", {rest}")
        };
        let meta = meta
            .map(|meta| format!(", \"_meta\" : {{ {meta}}}"))
            .unwrap_or_default();
        format!("{{\"name\":\"{name}\"{rest}{meta} }}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn strip_undoes_sign(tool in tool()) {
        let original = document(&tool);
        let signed = sign(original.root(), &claims(), &key()).unwrap();
        let verified = verified(&signed).unwrap();
        prop_assert_eq!(*verified.hash(), hash(original.root()));
        prop_assert_eq!(strip(document(&signed).root()).unwrap(), tool);
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_no_meaning(tool in tool(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let signed = sign(document(&tool).root(), &claims(), &key()).unwrap();
        let mut bytes = signed.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let Ok(changed) = crate::json::Document::parse(bytes) else { return Ok(()) };
        if verified(changed.text()).is_ok() {
            let [changed, signed] = [&changed, &document(&signed)].map(|d| crate::jcs::to_string(d.root()));
            prop_assert_eq!(changed, signed);
        }
    }
}
