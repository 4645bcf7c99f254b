//! Globs over normalised names, as regular expressions of one set: all of them in one pass.

use std::fmt::Write as _;

/// How globs are cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Paths: `*` stays within a segment, `**` crosses; without a slash only the last segment counts.
    Paths,
    /// Names: `*` is anything.
    Names,
}

/// The anchored regular expression of `glob`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn regex(glob: &str, over: Over) -> Result<String, String> {
    if glob.is_empty() {
        return Err("an empty pattern matches nothing".to_owned());
    }
    let lower = glob.to_lowercase();
    let mut out = String::from("^");
    let mut rest = lower.as_str();
    if over == Over::Paths {
        if !rest.contains('/') {
            out.push_str("(?:.*/)?");
        }
        out.insert_str(0, "(?s)");
    }
    let mut open = 0_usize;
    while let Some(c) = rest.chars().next() {
        if over == Over::Paths {
            if let Some(tail) = rest.strip_prefix("**/") {
                out.push_str("(?:.*/)?");
                rest = tail;
                continue;
            }
            if rest == "/**" {
                out.push_str("(?:/.*)?");
                break;
            }
            if let Some(tail) = rest.strip_prefix("**") {
                out.push_str(".*");
                rest = tail;
                continue;
            }
        }
        match (c, over) {
            ('*', Over::Paths) => out.push_str("[^/]*"),
            ('?', Over::Paths) => out.push_str("[^/]"),
            ('*', Over::Names) => out.push_str(".*"),
            ('?', Over::Names) => out.push('.'),
            ('{', _) => {
                open += 1;
                out.push_str("(?:");
            }
            (',', _) if open > 0 => out.push('|'),
            ('}', _) if open > 0 => {
                open -= 1;
                out.push(')');
            }
            (other, _) => {
                let _ = write!(out, "{}", regex::escape(other.encode_utf8(&mut [0; 4])));
            }
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    if open > 0 {
        return Err("a `{` is not closed".to_owned());
    }
    out.push('$');
    Ok(out)
}
