//! What changed between two manifests of a server: for programs as data, for people as text. Neither
//! holds a character that a terminal would obey or hide.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::{Document, Limits, Value};
use mcps_core::refusal::Refusal;
use mcps_core::terminal::{printable, printable_json};
use mcps_core::tool::{self, diff};

#[cfg(test)]
mod tests;

/// Most changes that are listed one by one. Of a tool with more of them than are left, both
/// definitions are shown as a whole.
pub const MOST_CHANGES: usize = 10_000;

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestDiff {
    /// Tools that were not there before, by name.
    pub added: Vec<Tool>,
    /// Tools that are not there any more, by name.
    pub removed: Vec<Tool>,
    /// Tools with another definition, by name.
    pub changed: Vec<ChangedTool>,
}

/// A tool on one side alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// [`tool::hash`].
    pub hash: Digest,
    /// Its definition without signature, as canonical JSON with its hidden characters escaped.
    pub definition: String,
}

/// A tool on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedTool {
    /// Its name.
    pub name: String,
    /// [`tool::hash`] before.
    pub before: Digest,
    /// [`tool::hash`] after.
    pub after: Digest,
    /// Member by member; JSON with its hidden characters escaped.
    pub changes: Vec<diff::Change>,
}

/// What changed from one list of signed tools to another, each as `{"tools":[…]}`.
///
/// # Errors
/// [`Refusal`] when one is no list of tools, which what was published always is.
pub fn manifests(before: &str, after: &str) -> Result<ManifestDiff, Refusal> {
    let (before, after) = (stored(before)?, stored(after)?);
    let (mut old, new) = (by_name(&before)?, by_name(&after)?);
    let mut found = ManifestDiff::default();
    let mut left = MOST_CHANGES;
    for (name, after) in new {
        let Some(before) = old.remove(&name) else {
            found.added.push(one_sided(name, after)?);
            continue;
        };
        let hashes = [before, after].map(tool::hash);
        if hashes[0] == hashes[1] {
            continue;
        }
        let changes = changes(&bare(before)?, &bare(after)?, left);
        left = left.saturating_sub(changes.len());
        found.changed.push(ChangedTool {
            name,
            before: hashes[0],
            after: hashes[1],
            changes,
        });
    }
    for (name, gone) in old {
        found.removed.push(one_sided(name, gone)?);
    }
    Ok(found)
}

fn stored(tools: &str) -> Result<Document, Refusal> {
    let limits = Limits {
        bytes: usize::MAX,
        depth: usize::MAX,
    };
    Ok(Document::parse_with(tools.into(), limits)?)
}

fn by_name(tools: &Document) -> Result<BTreeMap<String, Value<'_>>, Refusal> {
    const NOT_TOOLS: Refusal = Refusal::Statement {
        what: "stored tools",
        why: "not a list of tools",
    };
    let list = tools.root().get("tools").and_then(Value::as_array);
    let named = list.ok_or(NOT_TOOLS)?.iter().map(|tool| {
        let name = tool.get("name").and_then(Value::as_str).ok_or(NOT_TOOLS)?;
        Ok((name.into_owned(), tool))
    });
    named.collect()
}

/// The definition alone: who signed it when is no change of it.
fn bare(tool: Value<'_>) -> Result<Document, Refusal> {
    let limits = Limits {
        bytes: usize::MAX,
        depth: usize::MAX,
    };
    Ok(Document::parse_with(
        tool::strip(tool)?.into_bytes(),
        limits,
    )?)
}

fn one_sided(name: String, value: Value<'_>) -> Result<Tool, Refusal> {
    Ok(Tool {
        name,
        hash: tool::hash(value),
        definition: printable_json(&jcs::to_string(bare(value)?.root())),
    })
}

fn changes(before: &Document, after: &Document, limit: usize) -> Vec<diff::Change> {
    let (before, after) = (before.root(), after.root());
    let listed = diff::diff(before, after, limit);
    let listed = listed.unwrap_or_else(|diff::TooMany| {
        vec![diff::Change {
            pointer: String::new(),
            before: Some(jcs::to_string(before)),
            after: Some(jcs::to_string(after)),
        }]
    });
    let shown = |json: Option<String>| json.map(|json| printable_json(&json));
    let shown = |change: diff::Change| diff::Change {
        pointer: change.pointer,
        before: shown(change.before),
        after: shown(change.after),
    };
    listed.into_iter().map(shown).collect()
}

impl ManifestDiff {
    /// Whether no tool differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// For people, one change under the other.
    #[must_use]
    pub fn to_text(&self, from: &str, to: &str) -> String {
        let mut out = format!(
            "{from} -> {to}: {} added, {} removed, {} changed\n",
            self.added.len(),
            self.removed.len(),
            self.changed.len()
        );
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{text}");
        };
        for tool in &self.added {
            let (name, text) = (printable(&tool.name), &tool.definition);
            line(format_args!("\n+ {name}\n    + {text}"));
        }
        for tool in &self.removed {
            let (name, text) = (printable(&tool.name), &tool.definition);
            line(format_args!("\n- {name}\n    - {text}"));
        }
        for tool in &self.changed {
            line(format_args!("\n~ {}", printable(&tool.name)));
            for change in &tool.changes {
                let pointer = match change.pointer.as_str() {
                    "" => "the whole definition",
                    pointer => pointer,
                };
                line(format_args!("  {}", printable(pointer)));
                if let Some(before) = &change.before {
                    line(format_args!("    - {before}"));
                }
                if let Some(after) = &change.after {
                    line(format_args!("    + {after}"));
                }
            }
        }
        out
    }
}
