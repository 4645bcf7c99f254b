//! A Cedar text cut into its policies, each with the line it begins on.

/// One policy's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'t> {
    pub(crate) text: &'t str,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    /// The line it begins on, counted from 1.
    pub(crate) line: usize,
}

/// Cuts `text` after each `;` that stands in no string and no comment.
pub(crate) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut out = Vec::new();
    let (mut line, mut chars) = (1, text.char_indices().peekable());
    let mut begun: Option<(usize, usize)> = None;
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => line += 1,
            '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            '"' => {
                begun.get_or_insert((at, line));
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        '\n' => line += 1,
                        _ => {}
                    }
                }
                continue;
            }
            _ => {}
        }
        if !c.is_whitespace() {
            begun.get_or_insert((at, line));
        }
        if c == ';'
            && let Some((offset, line)) = begun.take()
        {
            let text = text.get(offset..=at).unwrap_or_default();
            out.push(Statement { text, offset, line });
        }
    }
    if let Some((offset, line)) = begun {
        let text = text.get(offset..).unwrap_or_default();
        out.push(Statement { text, offset, line });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_semicolon_in_a_string_or_comment_ends_nothing() {
        let text = "// a; b\npermit(principal, action, resource)\nwhen { \"x;\\\"y\" == \"\" };\n\n@id(\";\")\nforbid(a,b,c);";
        let lines: Vec<usize> = statements(text).iter().map(|one| one.line).collect();
        assert_eq!(lines, [2, 5]);
    }
}
