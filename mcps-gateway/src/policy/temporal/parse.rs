//! The text of a pattern.

use super::{Form, duration};

/// Reads a pattern; `place` finds facts by their names.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(text: &str, place: impl Fn(&str) -> Option<usize>) -> Result<Form, String> {
    let tokens = tokens(text)?;
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let fact = |name: &str| place(name).ok_or_else(|| format!("there is no fact `{name}`"));
    match words.as_slice() {
        ["never", first, "before", second] => {
            let (first, second) = (fact(first)?, fact(second)?);
            different(&[first, second])?;
            Ok(Form::Never {
                fact: first,
                before: second,
            })
        }
        [first, "since", second] => {
            let (held, since) = (fact(first)?, fact(second)?);
            different(&[held, since])?;
            Ok(Form::Since { held, since })
        }
        [
            "count",
            "(",
            name,
            ",",
            window,
            ")",
            over @ (">" | ">="),
            number,
        ] => {
            let window = duration(window)
                .ok_or_else(|| format!("`{window}` is no time; write 60s, 10m or 1h"))?;
            let number: u16 = number
                .parse()
                .map_err(|_| format!("`{number}` is no number from 0 to 65535"))?;
            let over = match *over {
                ">" => Some(number),
                _ => number.checked_sub(1),
            };
            Ok(Form::Count {
                fact: fact(name)?,
                window: i64::try_from(window.as_millis()).unwrap_or(i64::MAX),
                over: over
                    .filter(|over| *over < u16::MAX)
                    .ok_or("write a number from 1 to 65534 behind `>=`, 0 to 65534 behind `>`")?,
            })
        }
        [first, rest @ ..] => {
            let mut places = vec![fact(first)?];
            let mut glue = None;
            for pair in rest.chunks(2) {
                let &[sign @ (";" | "&"), name] = pair else {
                    return Err(format!("`{text}` is no pattern"));
                };
                if *glue.get_or_insert(sign) != sign {
                    return Err("`;` and `&` in one pattern; write two sequences".to_owned());
                }
                places.push(fact(name)?);
            }
            different(&places)?;
            if places.len() > 8 {
                return Err("more than eight facts in one pattern".to_owned());
            }
            Ok(match glue {
                Some("&") => Form::All(places),
                _ => Form::Chain(places),
            })
        }
        [] => Err("an empty pattern".to_owned()),
    }
}

fn different(places: &[usize]) -> Result<(), String> {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() == places.len() {
        Ok(())
    } else {
        Err("a fact stands twice in one pattern; write count(FACT, 10m) > 1".to_owned())
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            ';' | '&' | '(' | ')' | ',' => tokens.push(c.to_string()),
            '>' => tokens.push(
                if chars.next_if_eq(&'=').is_some() {
                    ">="
                } else {
                    ">"
                }
                .to_owned(),
            ),
            c if is_word(c) => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| is_word(*c)) {
                    word.push(c);
                }
                tokens.push(word);
            }
            other => return Err(format!("`{other}` has no meaning in a pattern")),
        }
    }
    Ok(tokens)
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
