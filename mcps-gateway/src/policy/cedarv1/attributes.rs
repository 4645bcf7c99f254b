//! Claims, arguments and hints as the attributes that such files read.

use std::collections::HashMap;

use cedar_policy::RestrictedExpression;
use mcps_core::json::{Kind, Value};

use super::decimal::of_double;
use super::file::Claims;
use crate::policy::question::ToolFacts;

/// Claims nested deeper are left out.
const DEPTH: u8 = 10;

pub(super) type Attributes = HashMap<String, RestrictedExpression>;

/// Each claim as `claim_<name>`; those with several values as `claimset_<name>` too.
pub(super) fn claims(claims: Option<Value<'_>>, named: &Claims) -> Attributes {
    let mut out = Attributes::new();
    let Some(object) = claims.and_then(|claims| claims.as_object()) else {
        return out;
    };
    for member in object {
        let (name, value) = (member.name(), member.value());
        if named.multi_valued.contains(name.as_ref())
            && let Some((text, values)) = several(value)
        {
            let set = values.into_iter().map(RestrictedExpression::new_string);
            out.insert(
                format!("claimset_{name}"),
                RestrictedExpression::new_set(set),
            );
            let text = RestrictedExpression::new_string(text);
            out.insert(format!("claim_{name}"), text);
            continue;
        }
        if let Some(value) = converted(value, 0) {
            out.insert(format!("claim_{name}"), value);
        }
    }
    out
}

/// The values of a claim with several, and all of them as one text: words, whose text stays as it is,
/// or the strings of a list, joined. What is no string in a list is left out.
fn several(value: Value<'_>) -> Option<(String, Vec<String>)> {
    if let Some(text) = value.as_str() {
        let words = text.split_whitespace().map(str::to_owned).collect();
        return Some((text.into_owned(), words));
    }
    let items = value.as_array()?.iter();
    let strings: Vec<String> = items
        .filter_map(|item| item.as_str().map(std::borrow::Cow::into_owned))
        .collect();
    Some((strings.join(" "), strings))
}

fn converted(value: Value<'_>, depth: u8) -> Option<RestrictedExpression> {
    if depth > DEPTH {
        return None;
    }
    match value.kind() {
        Kind::Null => None,
        Kind::Bool => value.as_bool().map(RestrictedExpression::new_bool),
        Kind::Number => of_double(value).map(RestrictedExpression::new_decimal),
        Kind::String => value
            .as_str()
            .map(|text| RestrictedExpression::new_string(text.into_owned())),
        Kind::Array => {
            let items = value.as_array()?.iter();
            let items = items.filter_map(|item| converted(item, depth + 1));
            Some(RestrictedExpression::new_set(items))
        }
        Kind::Object => {
            let members = value.as_object()?.iter();
            let members = members.filter_map(|member| {
                Some((
                    member.name().into_owned(),
                    converted(member.value(), depth + 1)?,
                ))
            });
            RestrictedExpression::new_record(members).ok()
        }
    }
}

/// Each argument as `arg_<name>`, or `arg_<name>_present` where it is no plain value.
///
/// # Errors
/// When two arguments would be one attribute, which their engine leaves to chance.
pub(super) fn arguments(arguments: Value<'_>) -> Result<Attributes, &'static str> {
    let mut out = Attributes::new();
    let Some(object) = arguments.as_object() else {
        return Ok(out);
    };
    for member in object {
        let (name, value) = (member.name(), member.value());
        let plain = matches!(value.kind(), Kind::String | Kind::Bool | Kind::Number);
        let (name, value) = if plain {
            let Some(value) = converted(value, 0) else {
                continue;
            };
            (format!("arg_{name}"), value)
        } else {
            (
                format!("arg_{name}_present"),
                RestrictedExpression::new_bool(true),
            )
        };
        if out.insert(name, value).is_some() {
            return Err("two arguments make one attribute");
        }
    }
    Ok(out)
}

/// The hints of the tool's server, where it gives them.
pub(super) fn hints(tool: &ToolFacts<'_>, out: &mut Attributes) {
    for (name, hint) in [
        ("readOnlyHint", tool.read_only_hint),
        ("destructiveHint", tool.destructive_hint),
        ("idempotentHint", tool.idempotent_hint),
        ("openWorldHint", tool.open_world_hint),
    ] {
        if let Some(hint) = hint {
            out.insert(name.to_owned(), RestrictedExpression::new_bool(hint));
        }
    }
}
