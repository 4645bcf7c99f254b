//! Laws that hold for all documents, and a second implementation that must agree.

use std::collections::BTreeMap;

use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::{Document, quote};
use proptest::prelude::*;
use serde_json::Value as Tree;

use crate::canonical;

/// Characters that matter to some rule: quotes, controls, both sides of the surrogates, and the
/// ones that UTF-8 and UTF-16 sort differently.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range('a', 'f'),
        2 => prop::char::range('\0', '\u{ff}'),
        1 => prop::sample::select(vec!['"', '\\', '/', '\n', '\u{7f}', '\u{2028}', '\u{d7ff}', '\u{e000}']),
        1 => prop::sample::select(vec!['\u{fb33}', '\u{ffff}', '\u{10000}', '😀', '\u{10ffff}']),
        1 => any::<char>(),
    ];
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

fn number() -> impl Strategy<Value = Tree> {
    const SAFE: i64 = (1 << 53) - 1;
    prop_oneof![
        (-1000_i64..1000).prop_map(Tree::from),
        (-SAFE..=SAFE).prop_map(Tree::from),
        any::<u64>().prop_map(|bits| Tree::from(f64::from_bits(bits))),
        (any::<i32>(), 0_i32..9)
            .prop_map(|(digits, shift)| Tree::from(f64::from(digits) / 10_f64.powi(shift))),
    ]
    .prop_filter("finite", Tree::is_number)
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        number(),
        text().prop_map(Tree::String),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Tree::Array),
            prop::collection::btree_map(text(), inner, 0..12).prop_map(
                |members: BTreeMap<String, Tree>| Tree::Object(members.into_iter().collect())
            ),
        ]
    })
}

/// Writes `tree` in one of the many ways there are; `dice` decides which.
fn render(tree: &Tree, dice: &mut impl FnMut(usize) -> usize, out: &mut String) {
    let space = |dice: &mut dyn FnMut(usize) -> usize| {
        ["", "", "", " ", "\n", "\t \r\n"]
            .get(dice(6))
            .copied()
            .unwrap_or_default()
    };
    out.push_str(space(dice));
    match tree {
        Tree::Null | Tree::Bool(_) => out.push_str(&tree.to_string()),
        Tree::Number(number) => match number.as_i64() {
            Some(integer) => out.push_str(&integer.to_string()),
            None => out.push_str(&format!("{:e}", number.as_f64().unwrap())),
        },
        Tree::String(text) => render_text(text, dice, out),
        Tree::Array(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                out.push_str(if position == 0 { "" } else { "," });
                render(element, dice, out);
            }
            out.push(']');
        }
        Tree::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            for last in (1..members.len()).rev() {
                members.swap(last, dice(last + 1));
            }
            out.push('{');
            for (position, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if position == 0 { "" } else { "," });
                out.push_str(space(dice));
                render_text(name, dice, out);
                out.push_str(space(dice));
                out.push(':');
                render(value, dice, out);
            }
            out.push('}');
        }
    }
    out.push_str(space(dice));
}

fn render_text(text: &str, dice: &mut impl FnMut(usize) -> usize, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match dice(8) {
            0 => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
            1 if character == '/' => out.push_str("\\/"),
            _ => {
                let mut quoted = String::new();
                quote(character.encode_utf8(&mut [0; 4]), &mut quoted);
                out.push_str(quoted.trim_start_matches('"').strip_suffix('"').unwrap());
            }
        }
    }
    out.push('"');
}

/// A small generator, so that one seed gives one rendering.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |sides| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    }
}

fn rendered(tree: &Tree, seed: u64) -> String {
    let mut out = String::new();
    render(tree, &mut dice(seed), &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_a_second_implementation(tree in tree(), seed: u64) {
        let expected = serde_json_canonicalizer::to_string(&tree).unwrap();
        prop_assert_eq!(canonical(&rendered(&tree, seed)), expected);
    }

    #[test]
    fn one_value_has_one_form(tree in tree(), one: u64, other: u64) {
        prop_assert_eq!(canonical(&rendered(&tree, one)), canonical(&rendered(&tree, other)));
    }

    #[test]
    fn the_canonical_form_is_its_own(tree in tree(), seed: u64) {
        // A whole double from 2^53 on is written without an exponent, as an integer that I-JSON
        // does not have; such a form is the only one that does not come in again.
        let form = canonical(&rendered(&tree, seed));
        if let Ok(document) = Document::parse(form.as_str()) {
            prop_assert_eq!(&jcs::to_string(document.root()), &form);
            prop_assert_eq!(jcs::digest(document.root()), Digest::of(form.as_bytes()));
        } else {
            prop_assert!(has_large_whole_number(&tree), "{}", form);
        }
    }

    #[test]
    fn short_decimals_are_written_as_ecmascript_does(
        whole in prop_oneof![Just(0_u64), 0_u64..100, 0_u64..100_000_000_000_000],
        zeros in 0_usize..9,
        digits in prop_oneof![0_u64..100, 0_u64..10_000_000_000_000_000],
        sign in prop::sample::select(vec!["", "-"]),
    ) {
        let text = format!("{sign}{whole}.{}{digits}", "0".repeat(zeros));
        let expected = serde_json_canonicalizer::to_string(&text.parse::<f64>().unwrap()).unwrap();
        prop_assert_eq!(canonical(&text), expected);
    }

    #[test]
    fn reads_back_every_text(text in text()) {
        let mut quoted = String::new();
        quote(&text, &mut quoted);
        let document = Document::parse(quoted.as_str()).unwrap();
        prop_assert_eq!(document.root().as_str().unwrap(), text.as_str());
        prop_assert_eq!(jcs::to_string(document.root()), quoted);
    }

    #[test]
    fn survives_any_bytes(bytes: Vec<u8>) {
        let _ = Document::parse(bytes);
    }

    #[test]
    fn survives_damage(tree in tree(), seed: u64, at: prop::sample::Index, byte: u8) {
        let mut bytes = rendered(&tree, seed).into_bytes();
        let at = at.index(bytes.len());
        *bytes.get_mut(at).unwrap() = byte;
        if let Ok(document) = Document::parse(bytes) {
            let _ = jcs::digest(document.root());
        }
    }
}

fn has_large_whole_number(tree: &Tree) -> bool {
    match tree {
        Tree::Number(number) => {
            let size = number.as_f64().unwrap().abs();
            (9_007_199_254_740_992.0..1e21).contains(&size)
        }
        Tree::Array(elements) => elements.iter().any(has_large_whole_number),
        Tree::Object(members) => members.values().any(has_large_whole_number),
        Tree::Null | Tree::Bool(_) | Tree::String(_) => false,
    }
}
