//! The verbs of SQL, read without its comments and literals.

/// Words that a statement can do its work by.
pub(crate) const VERBS: [&str; 26] = [
    "select", "insert", "update", "delete", "merge", "replace", "upsert", "drop", "create",
    "alter", "truncate", "grant", "revoke", "copy", "call", "exec", "execute", "attach", "detach",
    "pragma", "vacuum", "load", "lock", "set", "do", "rename",
];

/// Gives each verb of `text` to `each`, when it is SQL: `certain` says that its argument is for SQL,
/// otherwise its words must look like a statement.
pub(crate) fn verbs(text: &str, certain: bool, mut each: impl FnMut(usize)) {
    // `#` begins a comment for MySQL and is an operator for PostgreSQL: read it both ways.
    let hashed = text.contains('#').then(|| code(text, true));
    let code = code(text, false);
    for statement in hashed
        .iter()
        .chain([&code])
        .flat_map(|code| code.split(';'))
    {
        let mut words = statement
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty());
        let Some(first) = words.next() else { continue };
        let rest: Vec<&str> = words.collect();
        let carries = matches!(
            first,
            "with" | "explain" | "begin" | "do" | "declare" | "prepare" | "if" | "desc" | "create"
        );
        if !certain && !looks_like(first, &rest) {
            continue;
        }
        let mut tell = |word: &str| {
            if let Some(at) = VERBS.iter().position(|verb| *verb == word) {
                each(at);
            }
        };
        tell(first);
        if carries {
            rest.iter().for_each(|word| tell(word));
        }
        if first == "select" && rest.contains(&"into") {
            tell("insert");
        }
    }
}

fn looks_like(first: &str, rest: &[&str]) -> bool {
    let second = rest.first().copied().unwrap_or_default();
    match first {
        "select" | "with" => rest.contains(&"from") || rest.contains(&"select"),
        "delete" => second == "from",
        "insert" | "merge" | "replace" => second == "into",
        "update" => rest.contains(&"set"),
        "drop" | "create" | "alter" | "truncate" | "rename" => matches!(
            second,
            "table"
                | "database"
                | "index"
                | "view"
                | "schema"
                | "user"
                | "role"
                | "function"
                | "procedure"
                | "trigger"
                | "column"
                | "type"
                | "extension"
                | "sequence"
                | "or"
                | "temp"
                | "temporary"
                | "unique"
                | "materialized"
        ),
        "grant" | "revoke" => rest.contains(&"on") || rest.contains(&"to"),
        "explain" | "begin" | "declare" | "prepare" => rest
            .iter()
            .any(|word| VERBS.iter().take(8).any(|verb| verb == word)),
        "pragma" | "attach" | "copy" => !rest.is_empty(),
        _ => false,
    }
}

/// Lower case, comments and literals blanked out. What MySQL runs inside `/*! … */` stays.
fn code(text: &str, hash_comments: bool) -> String {
    let lower = text.to_lowercase();
    let mut out = String::with_capacity(lower.len());
    let mut rest = lower.as_str();
    let (mut runs, mut unclosed) = (false, 0);
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("--") || (hash_comments && c == '#') {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*!") {
            runs = true;
            let digits = rest.bytes().skip(3).take_while(u8::is_ascii_digit).count();
            3 + digits
        } else if runs && rest.starts_with("*/") {
            runs = false;
            2
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if matches!(c, '\'' | '"' | '`') {
            literal(rest, c)
        } else if let Some(length) = dollar_quoted(rest, unclosed) {
            length
        } else {
            // Each of many that never close would be looked for to the end.
            unclosed += usize::from(c == '$');
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        out.push(' ');
        rest = rest.get(skip..).unwrap_or_default();
    }
    out
}

/// Length of the comment that starts here. Not nested: the reading that hides least.
fn comment(rest: &str) -> usize {
    rest.get(2..)
        .and_then(|inner| inner.find("*/"))
        .map_or(rest.len(), |at| at + 4)
}

/// Length of the literal that starts here; a doubled quote stays inside.
fn literal(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return at + c.len_utf8();
            }
        }
    }
    // Not closed: look at the words rather than hide them.
    quote.len_utf8()
}

/// Length of PostgreSQL's `$tag$ … $tag$`, which starts here.
fn dollar_quoted(rest: &str, unclosed: usize) -> Option<usize> {
    if unclosed >= 16 {
        return None;
    }
    let inner = rest.strip_prefix('$')?;
    let tag = inner.find('$')?;
    let word = inner.get(..tag)?;
    if word.len() > 32
        || !word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    let delimiter = rest.get(..tag + 2)?;
    let body = rest.get(tag + 2..)?;
    body.find(delimiter).map(|at| at + 2 * delimiter.len())
}

#[cfg(test)]
mod tests;
