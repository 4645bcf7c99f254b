//! What a tree of commands lacks.

use clap::{Arg, Command};

use crate::examples::{FOLD, HEAD};

/// Every command and option without a word about it, every command without an example or without exit
/// codes, and every example that the program itself would not take; one line each.
#[must_use]
pub fn gaps(command: &Command) -> Vec<String> {
    let mut whole = command.clone();
    whole.build();
    let mut found = Vec::new();
    look(&whole, whole.get_name(), command, &mut found);
    found
}

fn look(command: &Command, path: &str, root: &Command, found: &mut Vec<String>) {
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default().replace(FOLD, " ");
    if command.get_about().is_none() {
        found.push(format!("{path}: no word on what it does"));
    }
    if !after.contains("Exit codes:") {
        found.push(format!("{path}: no exit codes"));
    }
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        if arg.get_help().is_none() {
            found.push(format!("{path}: no word on {}", name(arg)));
        }
    }
    let examples = examples(&after);
    if examples.is_empty() {
        found.push(format!("{path}: no example"));
    }
    for example in examples {
        if let Err(why) = check(example, path, root) {
            found.push(format!("{path}: `{example}`: {why}"));
        }
    }
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            look(below, &format!("{path} {}", below.get_name()), root, found);
        }
    }
}

fn name(arg: &Arg) -> String {
    match arg.get_long() {
        Some(long) => format!("--{long}"),
        None => arg.get_id().to_string(),
    }
}

/// The lines under the head of the examples, up to the next empty one.
fn examples(after: &str) -> Vec<&str> {
    let lines = after.lines().skip_while(|line| *line != HEAD).skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect()
}

/// Whether the program takes it, and it is one of that command.
fn check(example: &str, path: &str, root: &Command) -> Result<(), String> {
    // What another program does with it, and what is only said, is not ours to check.
    let own = example.split([';', '|', '>', '<', '&']).next();
    let own = own.and_then(|own| own.split(" #").next());
    let words = words(own.unwrap_or_default().trim());
    let matches = root.clone().try_get_matches_from(&words);
    let matches = matches.map_err(|error| error.kind().to_string())?;
    let mut named = words.first().cloned().unwrap_or_default();
    let mut at = &matches;
    while let Some((name, below)) = at.subcommand() {
        named = format!("{named} {name}");
        at = below;
    }
    // What a noun shows may be of one of its verbs.
    match named.strip_prefix(path) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => Ok(()),
        _ => Err("is of another command".to_owned()),
    }
}

/// The words of a line as a shell takes them, as far as examples need it: blanks and single quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                begun = true;
            }
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}
