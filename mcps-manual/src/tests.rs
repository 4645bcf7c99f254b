//! A small program that tells of itself, and one that does not.

use clap::{CommandFactory as _, Parser, Subcommand};

use super::{Example, Manual, explained, gaps};

/// Keeps bees.
#[derive(Debug, Parser)]
#[command(name = "apiary")]
struct Apiary {
    #[command(subcommand)]
    command: Bees,
}

#[derive(Debug, Subcommand)]
enum Bees {
    /// Count a hive's bees.
    Count {
        /// Which hive.
        hive: String,
        /// Only those of this colour.
        #[arg(long)]
        colour: Option<String>,
    },
    #[command(flatten)]
    Manual(Manual),
}

const ENDING: &str = "Exit codes: 0 done, 2 wrong usage.";
const EXAMPLES: [Example; 4] = [
    ("", &["apiary count north"]),
    (
        "count",
        &[
            "apiary count north --colour 'dark brown' | sort",
            "apiary count south # all of them",
        ],
    ),
    ("man", &["apiary man --out pages"]),
    ("completions", &["apiary completions bash"]),
];

#[test]
fn a_program_that_tells_everything_lacks_nothing() {
    let told = explained(Apiary::command(), &EXAMPLES, ENDING);
    assert_eq!(gaps(&told), Vec::<String>::new());
    let help = told
        .clone()
        .try_get_matches_from(["apiary", "count", "--help"]);
    let help = help.unwrap_err().to_string();
    assert!(
        help.ends_with("# all of them\n\nExit codes: 0 done, 2 wrong usage.\n"),
        "{help}"
    );
}

#[test]
fn a_long_example_goes_on_where_a_shell_reads_on() {
    const LONG: &str = "apiary count north --colour 'as dark and as brown as the wood of the hive itself is' --colour black -- x";
    const EXAMPLES: [Example; 1] = [("", &[LONG])];
    let told = explained(Apiary::command(), &EXAMPLES, "");
    let text = told.get_after_help().unwrap().to_string();
    assert!(
        text.lines().count() == 3 && text.lines().all(|line| line.len() < 95),
        "{text}"
    );
    assert_eq!(
        text.replace(" \\\n      ", " "),
        format!("Examples:\n  {LONG}")
    );
}

#[test]
fn what_is_missing_is_named() {
    let found = gaps(&Apiary::command());
    for gap in ["apiary count: no example", "apiary: no exit codes"] {
        assert!(found.iter().any(|one| one == gap), "{found:?}");
    }
}

#[test]
fn an_example_that_the_program_refuses_is_a_gap() {
    let wrong: [Example; 1] = [(
        "count",
        &["apiary count --color brown", "apiary man --out x"],
    )];
    let found = gaps(&explained(Apiary::command(), &wrong, ENDING));
    let of = |word: &str| found.iter().any(|one| one.contains(word));
    assert!(
        of("unexpected argument") && of("is of another command"),
        "{found:?}"
    );
}

#[test]
fn pages_and_completions_name_every_command() {
    let folder = std::env::temp_dir().join(format!("mcps-manual-{}", std::process::id()));
    let mut said = Vec::new();
    let command = || explained(Apiary::command(), &EXAMPLES, ENDING);
    let man = Manual::Man {
        out: folder.clone(),
    };
    man.run(command(), &mut said).unwrap();
    for page in ["apiary.1", "apiary-count.1", "apiary-man.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(
            text.contains(".TH") && text.contains("Examples:"),
            "{page}: {text}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let mut printed = Vec::new();
    let completions = Manual::Completions {
        shell: clap_complete::Shell::Bash,
    };
    completions.run(command(), &mut printed).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("--colour") && printed.contains("completions"));
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let man = Manual::Man {
        out: "/proc/no-such-folder".into(),
    };
    let error = man.run(Apiary::command(), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("--out DIR"), "{error}");
}
