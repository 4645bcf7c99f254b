//! Paths that a shell completes: `~/.s*/id_*` reaches `.ssh` without naming it.

/// Spellings that the braces of one glob may have.
const MOST: usize = 64;

/// A glob, cut into segments, to be held against paths that have wildcards themselves.
#[derive(Debug)]
pub(super) struct Shape {
    /// The place of its glob.
    pub(super) at: usize,
    segments: Vec<Segment>,
    /// Which of them has to be written out for the rest to be guessed: the last that has a name.
    key: Option<usize>,
}

#[derive(Debug)]
enum Segment {
    /// `**`
    Any,
    /// `*`
    One,
    /// `.ssh`, `id_rsa*`, `*.pem`: as a pattern, and what it says where only its end is open.
    Named(Vec<char>, Option<String>),
}

impl Segment {
    fn of(text: &str) -> Self {
        let name = text.trim_end_matches('*');
        match text {
            "**" => Self::Any,
            _ if name.is_empty() && !text.is_empty() => Self::One,
            _ => {
                let plain = name.len() > 2 && !name.contains(['*', '?']);
                Self::Named(text.chars().collect(), plain.then(|| name.to_owned()))
            }
        }
    }

    fn takes(&self, word: &Word<'_>) -> bool {
        match (self, &word.pattern) {
            (Self::Any | Self::One, _) => true,
            (Self::Named(pattern, _), None) => matches(pattern, word.text),
            (Self::Named(_, Some(name)), Some(pattern)) => word.tells && matches(pattern, name),
            (Self::Named(_, None), Some(_)) => false,
        }
    }

    /// Whether it is one of those that a word without any name of its own can stand for. A shell does not
    /// let it stand for a name that begins with a dot.
    fn guesses(&self, word: &Word<'_>) -> bool {
        match (self, &word.pattern) {
            (Self::Named(_, Some(name)), Some(pattern)) => {
                name.starts_with('.') == pattern.starts_with(&['.']) && matches(pattern, name)
            }
            _ => false,
        }
    }
}

/// A segment of a path.
struct Word<'a> {
    text: &'a str,
    /// With wildcards.
    pattern: Option<Vec<char>>,
    /// Enough of it is written out to mean something by it.
    tells: bool,
}

/// The shapes of the glob at that place, one for each spelling that its braces have.
pub(super) fn shapes(glob: &str, at: usize) -> impl Iterator<Item = Shape> {
    let glob = glob.to_lowercase();
    let glob = if glob.contains('/') {
        glob
    } else {
        format!("**/{glob}")
    };
    spelled(glob).into_iter().map(move |glob| {
        let segments: Vec<Segment> = glob.split('/').map(Segment::of).collect();
        let names = |segment: &Segment| matches!(segment, Segment::Named(..));
        Shape {
            at,
            key: segments.iter().rposition(names),
            segments,
        }
    })
}

/// Every spelling of the braces.
pub(super) fn spelled(glob: String) -> Vec<String> {
    let (mut open, mut done) = (vec![glob], Vec::new());
    while let Some(glob) = open.pop() {
        // The innermost first: up to the first that closes, from the last that opens before it.
        let inner = glob.find('}').and_then(|end| {
            let (head, tail) = glob.split_at(end);
            let (before, options) = head.rsplit_once('{')?;
            Some((before, options, tail.get(1..).unwrap_or_default()))
        });
        match inner {
            Some((before, options, after))
                if open.len() + done.len() + options.split(',').count() <= MOST =>
            {
                let options = options.split(',');
                open.extend(options.map(|option| format!("{before}{option}{after}")));
            }
            _ => done.push(glob),
        }
    }
    done
}

/// Gives the place of each glob that some completion of the normalised `path` matches. What is `completed` for
/// certain may stand for folders without any name of theirs.
pub(super) fn reached(path: &str, shapes: &[Shape], completed: bool, mut each: impl FnMut(usize)) {
    if !path.contains(['*', '?', '[']) {
        return;
    }
    let patterns = path.split('/').map(|text| {
        let wild = text.contains(['*', '?', '[']);
        (text, wild.then(|| without_classes(text)))
    });
    let patterns: Vec<(&str, Option<Vec<char>>)> = patterns.collect();
    let words: Vec<Word<'_>> = patterns
        .into_iter()
        .map(|(text, pattern)| Word {
            text,
            tells: pattern.as_deref().is_some_and(tells),
            pattern,
        })
        .collect();
    // Of the others the globs themselves know enough.
    let telling: Vec<&Word<'_>> = words.iter().filter(|word| word.tells).collect();
    for shape in shapes {
        let named = |segment: &Segment| {
            matches!(segment, Segment::Named(_, Some(_)))
                && telling.iter().any(|word| segment.takes(word))
        };
        let key = shape.key.and_then(|key| shape.segments.get(key));
        let plain = |key: &Segment| {
            let mut plain = words.iter().filter(|word| word.pattern.is_none());
            plain.any(|word| key.takes(word))
        };
        let tells = shape.segments.iter().any(named) || completed && key.is_some_and(plain);
        if tells && shape.meets(&words, completed) {
            each(shape.at);
        }
    }
}

/// Whether two characters of a name are written out: `*`, `.*` and `*.yml` stand in much ordinary work.
fn tells(pattern: &[char]) -> bool {
    let ending = pattern.iter().rposition(|c| *c == '.');
    let open = pattern.first() == Some(&'*');
    let name = pattern
        .get(..ending.filter(|_| open).unwrap_or(pattern.len()))
        .unwrap_or_default();
    name.iter().filter(|c| !matches!(c, '*' | '?')).count() >= 2
}

impl Shape {
    /// Whether these segments can be what the glob says.
    fn meets(&self, words: &[Word<'_>], completed: bool) -> bool {
        // How many segments of the glob may have been used up.
        let mut used = vec![false; self.segments.len() + 1];
        if let Some(none) = used.first_mut() {
            *none = true;
        }
        self.skip(&mut used);
        for word in words {
            let mut next = vec![false; used.len()];
            for (at, segment) in self.segments.iter().enumerate() {
                let takes = || {
                    let guessed = completed && self.key != Some(at) && segment.guesses(word);
                    guessed || segment.takes(word)
                };
                if !used.get(at).is_some_and(|used| *used) || !takes() {
                    continue;
                }
                let to = at + usize::from(!matches!(segment, Segment::Any));
                if let Some(next) = next.get_mut(to) {
                    *next = true;
                }
            }
            if !next.contains(&true) {
                return false;
            }
            self.skip(&mut next);
            used = next;
        }
        used.last().is_some_and(|all| *all)
    }

    /// `**` may be nothing.
    fn skip(&self, used: &mut [bool]) {
        for (at, segment) in self.segments.iter().enumerate() {
            if matches!(segment, Segment::Any)
                && used.get(at).is_some_and(|used| *used)
                && let Some(next) = used.get_mut(at + 1)
            {
                *next = true;
            }
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

/// Whether `pattern` matches all of `text`; one of them is short, so that going back costs little.
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

#[cfg(test)]
mod tests;
