//! Laws that hold for all documents, and a second implementation that must agree.

use std::collections::{BTreeMap, BTreeSet};

use mcps_core::digest::Digest;
use mcps_core::jcs::{self, Overlay};
use mcps_core::json::{Document, JsonError, Value, quote};
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

/// Names of which many start alike, and some are the same.
fn name() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["", "a", "abcdefg", "abcdefgh", "é", "\u{fb33}", "😀"]);
    (start, 0_u8..40).prop_map(|(start, n)| {
        if n == 0 {
            start.to_owned()
        } else {
            format!("{start}{n}")
        }
    })
}

/// One step from a value into it.
#[derive(Clone)]
enum Step {
    Name(String),
    Place(usize),
}

/// Every value that is an object's member, and the way to it.
fn members<'d>(value: Value<'d>, path: &mut Vec<Step>, out: &mut Vec<(Value<'d>, Vec<Step>)>) {
    for member in value.as_object().into_iter().flatten() {
        path.push(Step::Name(member.name().into_owned()));
        out.push((member.value(), path.clone()));
        members(member.value(), path, out);
        path.pop();
    }
    for (place, element) in value.as_array().into_iter().flatten().enumerate() {
        path.push(Step::Place(place));
        members(element, path, out);
        path.pop();
    }
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
    fn an_object_is_accepted_if_its_names_differ(
        names in prop::collection::vec(name(), 0..30),
        seed: u64,
    ) {
        let mut dice = dice(seed);
        let mut text = String::new();
        for name in &names {
            text.push(if text.is_empty() { '{' } else { ',' });
            render_text(name, &mut dice, &mut text);
            text.push_str(":[]");
        }
        text.push_str(if text.is_empty() { "{}" } else { "}" });
        let different = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        match Document::parse(text.as_str()) {
            Ok(document) => {
                prop_assert!(different, "{}", text);
                let object = document.root().as_object().unwrap();
                prop_assert_eq!(object.len(), names.len());
                prop_assert!(names.iter().all(|name| object.get(name).is_some()));
            }
            Err(error) => {
                let repeated = matches!(error, JsonError::DuplicateMember { .. });
                prop_assert!(repeated && !different, "{}: {}", error, text);
            }
        }
    }

    #[test]
    fn an_overlay_is_as_good_as_another_document(
        tree in tree(),
        seed: u64,
        gone: prop::sample::Index,
        text in text(),
    ) {
        // The member to leave out is the n-th of all that stand in objects.
        let mut other = Tree::Object([("root".to_owned(), tree)].into_iter().collect());
        let document = Document::parse(rendered(&other, seed)).unwrap();
        let mut places = Vec::new();
        members(document.root(), &mut Vec::new(), &mut places);
        let (gone, path) = places.get(gone.index(places.len())).unwrap();
        let name = "\u{e000}added";
        let overlay = Overlay { without: &[*gone], with: &[(name, &text)] };
        let mut written = Vec::new();
        jcs::write_overlaid(document.root(), &overlay, &mut written);

        let (last, parents) = path.split_last().unwrap();
        let parent = parents.iter().fold(&mut other, |tree, step| match step {
            Step::Name(name) => tree.get_mut(name).unwrap(),
            Step::Place(place) => tree.get_mut(place).unwrap(),
        });
        if let Step::Name(last) = last {
            parent.as_object_mut().unwrap().remove(last);
        }
        other.as_object_mut().unwrap().insert(name.to_owned(), Tree::from(text.as_str()));
        let expected = serde_json_canonicalizer::to_string(&other).unwrap();
        prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
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
