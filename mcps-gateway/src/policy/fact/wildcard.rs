//! Paths that a shell completes: `~/.s*/id_*` reaches `.ssh` without naming it.

/// The segments of a glob that name something, as `.ssh` in `**/.ssh/**`.
pub(super) fn literals(glob: &str) -> impl Iterator<Item = String> {
    let segments = glob.split('/').map(|segment| segment.trim_end_matches('*'));
    let named = segments.filter(|segment| segment.len() > 2 && !segment.contains(['*', '?', '{']));
    named.map(str::to_lowercase)
}

/// Gives `path` with each of its wildcard segments that could be one of `literals` as that one.
pub(super) fn completed(path: &str, literals: &[String], mut each: impl FnMut(&str)) {
    if !path.contains(['*', '?', '[']) || path.len() > 512 {
        return;
    }
    let path = path.to_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    for (at, segment) in segments.iter().enumerate().take(32) {
        let pattern: Vec<char> = without_classes(segment);
        let named = pattern.iter().filter(|c| !matches!(c, '*' | '?')).count();
        if named < 2 || named == segment.chars().count() {
            continue;
        }
        for literal in literals.iter().filter(|literal| matches(&pattern, literal)) {
            let mut whole = segments.clone();
            if let Some(place) = whole.get_mut(at) {
                *place = literal;
            }
            each(&whole.join("/"));
        }
    }
}

/// `[abc]` as any one character.
fn without_classes(segment: &str) -> Vec<char> {
    let mut out = Vec::new();
    let mut inside = false;
    for c in segment.chars() {
        match c {
            '[' if !inside => inside = true,
            ']' if inside => {
                inside = false;
                out.push('?');
            }
            _ if inside => {}
            other => out.push(other),
        }
    }
    out
}

/// Whether `pattern` matches all of `text`; short texts only, so that going back costs little.
fn matches(pattern: &[char], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(c) = text.get(read) {
        match pattern.get(at) {
            Some('*') => {
                back = Some((at, read));
                at += 1;
            }
            Some(p) if *p == '?' || p == c => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = back else {
                    return false;
                };
                (at, read) = (star + 1, from + 1);
                back = Some((star, from + 1));
            }
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}
