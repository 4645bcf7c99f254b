//! What is wrong with a TOML text, in one line and without anything of its values: somebody may have
//! put a key or a password there.

use std::fmt;

use crate::policy::line_of;

/// Longer names than this are none of ours. Whoever has pasted a key in a name's place pasted more.
const NAME: usize = 32;

/// Where a text cannot be read, and why.
#[derive(Debug)]
pub(crate) struct Misread {
    /// Counted from 1; 0 when it is about the whole.
    pub(crate) line: usize,
    column: usize,
    /// The key whose value is wrong, as far as it can be told.
    key: Option<String>,
    /// What is wrong.
    reason: String,
}

impl Misread {
    pub(crate) fn of(text: &str, error: &toml::de::Error) -> Self {
        let reason = without_values(error.message().trim()).replace('\n', "; ");
        let Some(span) = error.span() else {
            return Self {
                line: 0,
                column: 0,
                key: None,
                reason,
            };
        };
        let before = text.get(..span.start).unwrap_or(text);
        let begins = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text.get(begins..).unwrap_or_default().lines().next();
        let key = line.and_then(|line| line.split_once('='));
        let key = key.map(|(key, _)| key.trim()).filter(|key| is_name(key));
        Self {
            line: line_of(text, span.start),
            column: 1 + before.get(begins..).unwrap_or_default().chars().count(),
            // Where it is the name that is wrong, the reason has it.
            key: key
                .filter(|key| !reason.contains(&format!("`{key}`")))
                .map(str::to_owned),
            reason,
        }
    }

    /// What is wrong, and of which key.
    pub(crate) fn said(&self) -> String {
        match &self.key {
            Some(key) => format!("`{key}`: {}", self.reason),
            None => self.reason.clone(),
        }
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.said())
    }
}

/// Whether a text could be the name of a key.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= NAME && text.bytes().all(fits)
}

/// A message of serde's without the value that it quotes. What was expected instead is ours, and stays.
pub(crate) fn without_values(message: &str) -> String {
    let quoted = |begin: &str, end: &str| message.strip_prefix(begin)?.rsplit_once(end);
    for kind in ["invalid type", "invalid value"] {
        if let Some((value, expected)) = quoted(&format!("{kind}: "), ", expected ") {
            let what = value.split(['"', '`']).next().unwrap_or_default().trim();
            return format!("{kind}: {what}, expected {expected}");
        }
    }
    if let Some((_, expected)) = quoted("unknown variant `", "`, expected ") {
        return format!("unknown value, expected {expected}");
    }
    match quoted("unknown field `", "`, expected ") {
        Some((name, expected)) if !is_name(name) => format!("unknown field, expected {expected}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
