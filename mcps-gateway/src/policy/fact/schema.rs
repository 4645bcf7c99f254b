//! Whether a tool takes an argument, as its input schema says (JSON Schema 2020-12).

use mcps_core::json::{Kind, Value};

/// Schemas that one look goes through. A tool whose schema is larger around one argument does not say that it
/// takes it.
const MOST: usize = 64;
/// Keywords with several schemas that may say what is taken.
const SEVERAL: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Whether the arguments that `schema` describes have a member at `path`: names from the outside in, items of
/// arrays as the array itself. What is only not forbidden is not taken, unless the schema names no arguments
/// at all.
pub(super) fn takes(schema: Value<'_>, path: &[String]) -> bool {
    let names = ["properties", "$ref"].into_iter().chain(SEVERAL);
    if names.filter_map(|key| schema.get(key)).next().is_none() {
        return true;
    }
    let mut left = MOST;
    let mut all = vec![schema];
    for name in path {
        let mut next = Vec::new();
        for found in all {
            members(schema, found, name, &mut left, &mut next);
        }
        all = next;
    }
    !all.is_empty()
}

/// Adds what `at` says of its member called `name`.
fn members<'a>(
    root: Value<'a>,
    at: Value<'a>,
    name: &str,
    left: &mut usize,
    found: &mut Vec<Value<'a>>,
) {
    let Some(fewer) = left.checked_sub(1) else {
        return;
    };
    *left = fewer;
    found.extend(
        at.get("properties")
            .and_then(|properties| properties.get(name)),
    );
    let more = at.get("additionalProperties");
    found.extend(more.filter(|more| more.as_object().is_some()));
    let referred = at.get("$ref").and_then(Value::as_str);
    let referred = referred.and_then(|pointer| pointed(root, &pointer));
    let items = at.get("items");
    let several = SEVERAL
        .into_iter()
        .filter_map(|key| at.get(key)?.as_array());
    for other in referred.into_iter().chain(items).chain(several.flatten()) {
        members(root, other, name, left, found);
    }
}

/// What a pointer within the document leads to (RFC 6901).
fn pointed<'a>(root: Value<'a>, pointer: &str) -> Option<Value<'a>> {
    let mut at = root;
    for name in pointer.strip_prefix("#/")?.split('/') {
        at = match name.parse::<usize>() {
            Ok(index) if at.kind() == Kind::Array => at.as_array()?.into_iter().nth(index)?,
            _ => at.get(&name.replace("~1", "/").replace("~0", "~"))?,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use mcps_core::json::Document;

    use super::takes;

    fn taken(schema: &str, path: &[&str]) -> bool {
        let document = Document::parse(schema.to_owned()).unwrap();
        let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        takes(document.root(), &path)
    }

    #[test]
    fn what_a_schema_names_is_taken_at_any_depth() {
        let schema = r##"{"type":"object","additionalProperties":true,"properties":{"a":{"$ref":"#/$defs/A"},"s":{"type":"string"}},
            "anyOf":[{"properties":{"b":{}}}],"$defs":{"A":{"items":{"allOf":[{"properties":{"to":{}}},{"$ref":"#/$defs/A"}]}}}}"##;
        for path in [&["a"][..], &["a", "to"], &["b"], &["s"]] {
            assert!(taken(schema, path), "{path:?}");
        }
        for path in [
            &["c"][..],
            &["s", "to"],
            &["a", "cc"],
            &["b", "to"],
            &["to"],
        ] {
            assert!(!taken(schema, path), "{path:?}");
        }
        assert!(taken(r#"{"type":"object"}"#, &["a"]));
        assert!(!taken(r#"{"properties":{}}"#, &["a"]));
        assert!(!taken(r##"{"$ref":"#"}"##, &["a"]));
    }

    #[test]
    fn a_schema_too_large_to_go_through_says_nothing() {
        let named = |branches: usize| {
            let mut any = vec!["{}"; branches];
            any.push(r#"{"properties":{"to":{}}}"#);
            taken(&format!(r#"{{"anyOf":[{}]}}"#, any.join(",")), &["to"])
        };
        assert!(named(62));
        assert!(!named(64));
    }
}
