//! Names that people and models take for one another: Unicode's confusables (UTS #39 §4), case,
//! separators, and one letter more, less, other or swapped in a long name.

use unicode_normalization::UnicodeNormalization;

/// From which length on names that differ in one letter count; shorter ones do by chance.
const LONG: usize = 8;

/// A tool's name, ready to be compared.
#[derive(Clone, Debug)]
pub struct Name {
    server: String,
    tool: String,
    /// What is left of the tool's name once everything is taken off that eyes do not see.
    bare: Vec<char>,
    /// The same of server and tool.
    full: Vec<char>,
}

impl Name {
    /// Of a tool.
    #[must_use]
    pub fn new(server: &str, tool: &str) -> Self {
        let bare = skeleton(tool);
        let mut full = skeleton(server);
        full.extend(&bare);
        Self {
            server: server.to_owned(),
            tool: tool.to_owned(),
            bare,
            full,
        }
    }

    /// The tool under the name that it has where all servers are one.
    #[must_use]
    pub fn whole(&self) -> String {
        let (server, tool) = (&self.server, &self.tool);
        format!("{server}{}{tool}", crate::config::SEPARATOR)
    }
}

/// Whether the names of two servers' tools look alike. Two servers may well have a tool of the very
/// same name: callers know them by their servers' names, unless those look alike.
#[must_use]
pub fn is_like(one: &Name, other: &Name) -> bool {
    if one.server == other.server || one.bare.is_empty() {
        return false;
    }
    if one.tool == other.tool {
        return one.full == other.full;
    }
    one.bare == other.bare
        || (one.bare.len().max(other.bare.len()) >= LONG && is_near(&one.bare, &other.bare))
}

fn skeleton(name: &str) -> Vec<char> {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).collect();
    let seen = unicode_security::skeleton(&folded).flat_map(char::to_lowercase);
    seen.filter(|c| c.is_alphanumeric()).collect()
}

/// Whether one letter was put in, taken out, exchanged, or swapped with the next.
fn is_near(one: &[char], other: &[char]) -> bool {
    if one.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let same = |(one, other): &(&char, &char)| one == other;
    let front = one.iter().zip(other).take_while(same).count();
    let (one, other) = (one.get(front..), other.get(front..));
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    let back = one.iter().rev().zip(other.iter().rev());
    let back = back.take_while(same).count();
    let (one, other) = (one.len() - back, (other.len() - back, one, other));
    match (one, other) {
        (0..=1, (0..=1, _, _)) => true,
        (2, (2, [a, b, ..], [c, d, ..])) => a == d && b == c,
        _ => false,
    }
}
