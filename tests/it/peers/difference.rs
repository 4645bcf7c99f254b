//! Where two records differ, for a person to read.

use mcps_core::jcs;
use mcps_core::json::{Document, Kind, Limits, Value};

/// What is shown of each side, in characters.
const SHOWN: usize = 400;

/// The first difference between two records, compared by their canonical form (RFC 8785); `None`
/// when they are equal.
pub(super) fn between(direct: &str, through: &str) -> Option<String> {
    let (direct, through) = (parse(direct), parse(through));
    let (direct, through) = (direct.root(), through.root());
    if jcs::to_string(direct) == jcs::to_string(through) {
        return None;
    }
    let steps = |record: Value<'_>| -> Vec<String> {
        let title = |step: Value<'_>| step.get("step").map(|step| step.raw().to_owned());
        record
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(title)
            .collect()
    };
    let (path, one, other) = first(String::new(), Some(direct), Some(through));
    let index = path
        .get(1..)
        .and_then(|path| path.split('/').next())
        .and_then(|index| index.parse::<usize>().ok());
    let step = index.and_then(|index| steps(direct).into_iter().nth(index));
    Some(format!(
        "differs at {path}, step {}\n  direct:  {}\n  through: {}",
        step.unwrap_or_else(|| "none".to_owned()),
        shown(one),
        shown(other),
    ))
}

fn parse(text: &str) -> Document {
    let limits = Limits {
        bytes: 64 * 1024 * 1024,
        ..Limits::default()
    };
    Document::parse_with(text.as_bytes().to_vec(), limits)
        .unwrap_or_else(|error| panic!("{error}: {}", text.chars().take(SHOWN).collect::<String>()))
}

/// A JSON pointer (RFC 6901, without its escapes) to the first difference, and both sides of it.
fn first<'d>(
    at: String,
    one: Option<Value<'d>>,
    other: Option<Value<'d>>,
) -> (String, Option<Value<'d>>, Option<Value<'d>>) {
    let (Some(left), Some(right)) = (one, other) else {
        return (at, one, other);
    };
    let mut below: Vec<(String, Option<Value<'d>>, Option<Value<'d>>)> = Vec::new();
    match (left.kind(), right.kind()) {
        (Kind::Array, Kind::Array) => {
            let items =
                |value: Value<'d>| value.as_array().into_iter().flatten().collect::<Vec<_>>();
            let (left, right) = (items(left), items(right));
            for index in 0..left.len().max(right.len()) {
                below.push((
                    format!("{at}/{index}"),
                    left.get(index).copied(),
                    right.get(index).copied(),
                ));
            }
        }
        (Kind::Object, Kind::Object) => {
            let names = |value: Value<'d>| {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|member| member.name().into_owned())
            };
            let mut all: Vec<String> = names(left).chain(names(right)).collect();
            all.sort();
            all.dedup();
            for name in all {
                below.push((format!("{at}/{name}"), left.get(&name), right.get(&name)));
            }
        }
        _ => {}
    }
    let canonical = |value: Option<Value<'_>>| value.map(jcs::to_string);
    match below
        .into_iter()
        .find(|(_, left, right)| canonical(*left) != canonical(*right))
    {
        Some((at, left, right)) => first(at, left, right),
        None => (at, one, other),
    }
}

fn shown(value: Option<Value<'_>>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = jcs::to_string(value);
    let length = text.chars().count();
    let cut: String = text.chars().take(SHOWN).collect();
    if length > SHOWN {
        format!("{cut}… ({length} characters)")
    } else {
        cut
    }
}

#[test]
fn shows_the_first_step_that_differs_and_where_in_it() {
    let direct = r#"[{"step":"a","result":{"x":1}},{"step":"b","result":{"y":[1,2.0],"z":0}}]"#;
    let through = r#"[{"result":{"x":1.0},"step":"a"},{"step":"b","result":{"z":0,"y":[1,3]}}]"#;
    assert_eq!(between(direct, direct), None);
    let said = between(direct, through).unwrap();
    assert_eq!(
        said,
        "differs at /1/result/y/1, step \"b\"\n  direct:  2\n  through: 3"
    );
    let said = between(direct, r#"[{"step":"a","result":{"x":1}}]"#).unwrap();
    assert!(said.starts_with("differs at /1, step \"b\"") && said.ends_with("through: nothing"));
}
