//! The groups a caller's claims put it into.

use mcps_core::json::Value;

use super::file::Claims;

/// Claims that hold groups where the file names none, or the one it names is no list.
const USUAL: [&str; 3] = ["groups", "roles", "cognito:groups"];

/// From the first claim that is a list, empty or not: the one that the file names, else one of the
/// usual ones; and from the claim for roles.
pub(super) fn of(claims: Option<Value<'_>>, named: &Claims) -> Vec<String> {
    let Some(claims) = claims else {
        return Vec::new();
    };
    let mut names = named.group.as_deref().into_iter().chain(USUAL);
    let groups = names.find_map(|name| at(claims, name));
    let roles = named.role.as_deref().and_then(|name| at(claims, name));
    [groups, roles].into_iter().flatten().flatten().collect()
}

/// The strings of the list at a claim: by its whole name, else by a dotted path through objects.
/// `None` where there is no list: one string makes no group.
fn at(claims: Value<'_>, name: &str) -> Option<Vec<String>> {
    let found = claims.get(name).or_else(|| {
        name.split('.')
            .try_fold(claims, |value, part| value.get(part))
    });
    let strings = found?.as_array()?.iter().filter_map(|item| item.as_str());
    Some(strings.map(std::borrow::Cow::into_owned).collect())
}
