//! What changed between two definitions of a tool, member by member.

use crate::jcs;
use crate::json::{Array, Object, Value};

#[cfg(test)]
mod tests;

/// Longest pointer that is followed, in bytes. What lies deeper is one change of what holds it.
pub const MAX_POINTER: usize = 1024;

/// One member that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where, from the tool on (RFC 6901): `/inputSchema/properties/path/description`.
    pub pointer: String,
    /// What stood there, as canonical JSON; `None` when it was added.
    pub before: Option<String>,
    /// What stands there now, as canonical JSON; `None` when it was removed.
    pub after: Option<String>,
}

/// There are more changes than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The changes from `before` to `after`, in canonical order of the members; at most `limit`. Empty
/// when and only when the canonical forms are equal. Items of arrays are compared by their place.
///
/// # Errors
/// [`TooMany`] beyond `limit`: show both definitions as a whole then.
pub fn diff(before: Value<'_>, after: Value<'_>, limit: usize) -> Result<Vec<Change>, TooMany> {
    let mut found = Found {
        changes: Vec::new(),
        limit,
    };
    let mut pointer = String::new();
    found.values(&mut pointer, before, after)?;
    Ok(found.changes)
}

struct Found {
    changes: Vec<Change>,
    limit: usize,
}

impl Found {
    fn values(
        &mut self,
        pointer: &mut String,
        before: Value<'_>,
        after: Value<'_>,
    ) -> Result<(), TooMany> {
        if pointer.len() <= MAX_POINTER {
            if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
                return self.objects(pointer, before, after);
            }
            if let (Some(before), Some(after)) = (before.as_array(), after.as_array()) {
                return self.arrays(pointer, before, after);
            }
        }
        let (before, after) = (jcs::to_string(before), jcs::to_string(after));
        if before == after {
            return Ok(());
        }
        self.push(pointer, Some(before), Some(after))
    }

    fn objects(
        &mut self,
        pointer: &mut String,
        before: Object<'_>,
        after: Object<'_>,
    ) -> Result<(), TooMany> {
        // Both in the same order: one pass over the two.
        let mut old = before.sorted().peekable();
        for member in after.sorted() {
            let name = member.name();
            while let Some(gone) =
                old.next_if(|gone| crate::json::utf16_order(&gone.name(), &name).is_lt())
            {
                self.at(pointer, &gone.name(), |found, pointer| {
                    found.push(pointer, Some(jcs::to_string(gone.value())), None)
                })?;
            }
            let same = old.next_if(|same| same.name() == name);
            self.at(pointer, &name, |found, pointer| match &same {
                Some(same) => found.values(pointer, same.value(), member.value()),
                None => found.push(pointer, None, Some(jcs::to_string(member.value()))),
            })?;
        }
        for gone in old {
            self.at(pointer, &gone.name(), |found, pointer| {
                found.push(pointer, Some(jcs::to_string(gone.value())), None)
            })?;
        }
        Ok(())
    }

    fn arrays(
        &mut self,
        pointer: &mut String,
        before: Array<'_>,
        after: Array<'_>,
    ) -> Result<(), TooMany> {
        for place in 0..before.len().max(after.len()) {
            let (before, after) = (before.get(place), after.get(place));
            self.at(pointer, &place.to_string(), |found, pointer| {
                match (before, after) {
                    (Some(before), Some(after)) => found.values(pointer, before, after),
                    (before, after) => found.push(
                        pointer,
                        before.map(jcs::to_string),
                        after.map(jcs::to_string),
                    ),
                }
            })?;
        }
        Ok(())
    }

    /// Does something one step further down.
    fn at(
        &mut self,
        pointer: &mut String,
        name: &str,
        then: impl FnOnce(&mut Self, &mut String) -> Result<(), TooMany>,
    ) -> Result<(), TooMany> {
        let length = pointer.len();
        pointer.push('/');
        for c in name.chars() {
            match c {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                c => pointer.push(c),
            }
        }
        let done = then(self, pointer);
        pointer.truncate(length);
        done
    }

    fn push(
        &mut self,
        pointer: &str,
        before: Option<String>,
        after: Option<String>,
    ) -> Result<(), TooMany> {
        if self.changes.len() >= self.limit {
            return Err(TooMany);
        }
        self.changes.push(Change {
            pointer: pointer.to_owned(),
            before,
            after,
        });
        Ok(())
    }
}
