//! Paths as the file system would understand them: one spelling for what many spellings reach.

use std::borrow::Cow;

use super::fold::{fold, unescaped};

/// No honest path is longer; a longer text speaks of paths.
const LONGEST: usize = 4096;

/// Gives every normalised reading of `text` as a path to `each`; `false` if one of them was too long.
pub(crate) fn readings(text: &str, mut each: impl FnMut(&str)) -> bool {
    let mut whole = true;
    unescaped(&fold(text), |text| {
        // C programs stop at the first NUL.
        if let Some((before, _)) = text.split_once('\0') {
            whole &= reading(before, &mut each);
        }
        whole &= reading(text, &mut each);
    });
    whole
}

fn reading(text: &str, each: &mut impl FnMut(&str)) -> bool {
    let Some(local) = local(text.trim()) else {
        return true;
    };
    let (path, climbed) = normalised(&local);
    if path.len() > LONGEST {
        return false;
    }
    each(&path);
    // `../../etc/passwd` reaches `/etc/passwd` from wherever it starts.
    if climbed && !path.starts_with('/') {
        each(&format!("/{path}"));
    }
    if let Some(shown) = through_proc(&path) {
        each(shown);
    }
    true
}

/// The path of a `file:` or other URL that names no web host; other text as it is.
fn local(text: &str) -> Option<Cow<'_, str>> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Some(Cow::Borrowed(text));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !rest.starts_with(['/', '\\']) || scheme.len() < 2 || !scheme.bytes().all(is_scheme) {
        // `file:etc/passwd`, which some readers take.
        return Some(match scheme.as_str() {
            "file" => Cow::Borrowed(rest),
            _ => Cow::Borrowed(text),
        });
    }
    if matches!(
        scheme.as_str(),
        "http" | "https" | "ws" | "wss" | "ftp" | "mailto"
    ) {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let Some(after) = rest
        .strip_prefix("//")
        .or_else(|| rest.strip_prefix("\\\\"))
    else {
        return Some(Cow::Borrowed(rest));
    };
    // An authority stands before the path: `file://localhost/etc`, `vscode://file/etc`.
    Some(match after.find(['/', '\\']) {
        Some(at) => Cow::Borrowed(after.get(at..).unwrap_or_default()),
        None => Cow::Borrowed(after),
    })
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Lower case, `/` only, without `.`, `..`, doubled slashes, trailing dots and streams; and whether
/// it climbed above where it started.
fn normalised(text: &str) -> (String, bool) {
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if c == '\\' { '/' } else { c })
        .flat_map(char::to_lowercase)
        .collect();
    let drive = text.as_bytes().get(1) == Some(&b':')
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let rest = if drive {
        text.get(2..).unwrap_or_default()
    } else {
        &text
    };
    let (mut segments, mut climbed) = (Vec::new(), false);
    for segment in rest.split('/') {
        match segment {
            "" | "." => {}
            ".." => climbed |= segments.pop().is_none(),
            segment => {
                let segment = segment.split("::$").next().unwrap_or_default();
                // Windows ignores dots and spaces at the end of a name.
                let trimmed = segment.trim_end_matches([' ', '.']).trim_start_matches(' ');
                segments.push(if trimmed.is_empty() { segment } else { trimmed });
            }
        }
    }
    let rooted = rest.starts_with('/');
    let path = segments.join("/");
    (if rooted { format!("/{path}") } else { path }, climbed)
}

/// What a path through a process's view of the file system reaches.
fn through_proc(path: &str) -> Option<&str> {
    let (_, rest) = path.strip_prefix("/proc/")?.split_once('/')?;
    let rest = match rest.strip_prefix("task/") {
        Some(task) => task.split_once('/')?.1,
        None => rest,
    };
    rest.strip_prefix("root")
        .or_else(|| rest.strip_prefix("cwd/"))
}

#[cfg(test)]
mod tests;
