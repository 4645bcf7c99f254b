//! Words of names and descriptions, so that `readFile`, `read_files` and "reading a file" have the same.

use unicode_normalization::UnicodeNormalization;

/// What a word may be long, in bytes; longer ones are data, and nobody asks for those.
const MAX_WORD: usize = 64;

/// Calls `each` with every word of a text, up to `limit`.
pub(super) fn each(text: &str, limit: usize, mut each: impl FnMut(&str)) {
    let mut count = 0;
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() && word.len() <= MAX_WORD && count < limit {
            stem(word);
            each(word);
            count += 1;
        }
        word.clear();
    };
    let mut before: Option<char> = None;
    let mut chars = text.nfkc().peekable();
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() {
            end(&mut word);
            before = None;
            continue;
        }
        let lower_follows = chars.peek().is_some_and(|next| next.is_lowercase());
        // `readFile`, and `HTTPServer` before its `S`.
        let begins = before
            .is_some_and(|before| c.is_uppercase() && (!before.is_uppercase() || lower_follows));
        if begins {
            end(&mut word);
        }
        // A word that is too long is still cut off where it ends.
        if word.len() <= MAX_WORD {
            word.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    end(&mut word);
}

/// Takes the endings of English inflection off, as far as that needs no dictionary.
fn stem(word: &mut String) {
    if !word.is_ascii() || word.len() <= 3 || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    let sibilant = ["ches", "shes", "sses", "xes", "zes"];
    if word.ends_with("ies") && word.len() > 4 {
        word.truncate(word.len().saturating_sub(3));
        word.push('y');
    } else if sibilant.iter().any(|end| word.ends_with(end)) {
        word.truncate(word.len().saturating_sub(2));
    } else if word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        word.pop();
    }
    for end in ["ing", "ed"] {
        let Some(rest) = word.strip_suffix(end) else {
            continue;
        };
        if rest.len() >= 3 && rest.bytes().any(|byte| b"aeiouy".contains(&byte)) {
            word.truncate(rest.len());
            let mut last = word.bytes().rev();
            if let (Some(one), Some(other)) = (last.next(), last.next())
                && one == other
                && !b"aeiouls".contains(&one)
            {
                word.pop();
            }
            break;
        }
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
}
