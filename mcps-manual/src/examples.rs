//! Examples in the help of each command, and what it ends with.

use clap::{Command, Parser};

/// What to type for a command: its words after the program's name (none for the program itself), and
/// lines that do something useful with it.
pub type Example = (&'static str, &'static [&'static str]);

/// The head of the examples in a help text.
pub(crate) const HEAD: &str = "Examples:";

/// The tree of commands with examples after the options of each, and `ending` after those of every
/// command that says nothing of exit codes yet.
#[must_use]
pub fn explained(command: Command, examples: &[Example], ending: &str) -> Command {
    explain(command, "", examples, ending)
}

/// Reads the command line of this process as [`clap::Parser::parse`] does, with examples in the help.
#[must_use]
pub fn parse<P: Parser>(examples: &[Example], ending: &str) -> P {
    let mut command = explained(P::command(), examples, ending);
    let matches = command.get_matches_mut();
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// How long a line of an example may be, so that no help text is wrapped where a shell would not read on.
const WIDTH: usize = 88;
/// What a shell reads on after.
pub(crate) const FOLD: &str = " \\\n      ";

/// A long line over several, before options.
fn fold(line: &str) -> String {
    let mut whole = String::new();
    let mut width = 0;
    for (number, part) in line.split(" --").enumerate() {
        let part = match number {
            0 => part.to_owned(),
            _ => format!("--{part}"),
        };
        let size = part.chars().count();
        if number > 0 {
            let fits = width + 1 + size <= WIDTH;
            whole.push_str(if fits { " " } else { FOLD });
            width = if fits { width + 1 } else { 0 };
        }
        width += size;
        whole.push_str(&part);
    }
    whole
}

fn explain(command: Command, path: &str, examples: &[Example], ending: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    let mut command = command;
    for name in names {
        let below = match path {
            "" => name.clone(),
            path => format!("{path} {name}"),
        };
        command = command.mut_subcommand(name, |one| explain(one, &below, examples, ending));
    }
    let before = command.get_after_help().map(ToString::to_string);
    let mut parts = Vec::new();
    let own = examples.iter().filter(|(words, _)| *words == path);
    let lines: Vec<&str> = own.flat_map(|(_, lines)| lines.iter().copied()).collect();
    if !lines.is_empty() {
        let lines: Vec<String> = lines.into_iter().map(fold).collect();
        parts.push(format!("{HEAD}\n  {}", lines.join("\n  ")));
    }
    let says = before
        .as_ref()
        .is_some_and(|text| text.contains("Exit codes:"));
    parts.extend(before);
    if !says && !ending.is_empty() {
        parts.push(ending.to_owned());
    }
    match parts.is_empty() {
        true => command,
        false => command.after_help(parts.join("\n\n")),
    }
}
