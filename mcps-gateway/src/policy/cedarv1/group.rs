//! The groups a caller's claims put it into.

use mcps_core::json::Value;

use super::file::Claims;

/// Claims that hold groups where the file names none.
const USUAL: [&str; 3] = ["groups", "roles", "cognito:groups"];

/// From the claim the file names, else the first of the usual ones that has any; and from the claim
/// for roles.
pub(super) fn of(claims: Option<Value<'_>>, named: &Claims) -> Vec<String> {
    let Some(claims) = claims else {
        return Vec::new();
    };
    let mut groups = match &named.group {
        Some(name) => at(claims, name),
        None => {
            let mut usual = USUAL.iter().map(|name| at(claims, name));
            usual.find(|groups| !groups.is_empty()).unwrap_or_default()
        }
    };
    if let Some(role) = &named.role {
        groups.extend(at(claims, role));
    }
    groups
}

/// The strings at a claim: by its whole name, else by a dotted path through objects.
fn at(claims: Value<'_>, name: &str) -> Vec<String> {
    let found = claims.get(name).or_else(|| {
        name.split('.')
            .try_fold(claims, |value, part| value.get(part))
    });
    let Some(found) = found else {
        return Vec::new();
    };
    if let Some(one) = found.as_str() {
        return if one.is_empty() {
            Vec::new()
        } else {
            vec![one.into_owned()]
        };
    }
    let items = found.as_array().map(|array| {
        let strings = array.iter().filter_map(|item| item.as_str());
        strings
            .filter(|item| !item.is_empty())
            .map(|item| item.into_owned())
            .collect()
    });
    items.unwrap_or_default()
}
