//! Manual pages and completions of every program.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{bin, run, run_with_input};

/// Each program, and a page that it must have besides its own.
const PROGRAMS: [(&str, &str); 4] = [
    ("mcps", "mcps-passport-request.1"),
    ("mcps-authority", "mcps-authority-keys-activate.1"),
    ("mcps-gateway", "mcps-gateway-events-query.1"),
    ("mcps-wrap", "mcps-wrap-man.1"),
];

fn is_there(program: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("command -v {program}")]);
    command.stdout(Stdio::null()).status().unwrap().success()
}

/// What a program says of its commands: one line for each, `NAME  WORDS`, in its help.
fn commands(program: &str, path: &[&str]) -> Vec<String> {
    let help = run(Command::new(bin(program)).args(path).arg("--help")).succeeded();
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn check(page: &Path) {
    let text = fs::read_to_string(page).unwrap();
    for part in [
        ".TH",
        ".SH NAME",
        ".SH SYNOPSIS",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(text.contains(part), "{part} is not in {}", page.display());
    }
    let linters: [(&str, &[&str]); 3] = [
        (
            "groff",
            &["-Kutf8", "-man", "-Tutf8", "-ww", "-Wbreak", "-z"],
        ),
        ("mandoc", &["-T", "lint", "-W", "error"]),
        ("lexgrog", &[]),
    ];
    for (linter, options) in linters {
        if is_there(linter) {
            let done = run(Command::new(linter).args(options).arg(page));
            assert_eq!(
                (done.code, &*done.stderr),
                (0, ""),
                "{linter} {}",
                page.display()
            );
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for (program, page) in PROGRAMS {
        let out = folder.path().join(program);
        let said = run(Command::new(bin(program)).arg("man").arg("--out").arg(&out)).succeeded();
        assert!(said.contains("man -l"), "{said}");
        assert!(out.join(page).is_file(), "{page}");
        assert!(out.join(format!("{program}.1")).is_file(), "{program}");
        for name in commands(program, &[]) {
            assert!(
                out.join(format!("{program}-{name}.1")).is_file(),
                "{program} {name}"
            );
        }
        for page in fs::read_dir(&out).unwrap() {
            check(&page.unwrap().path());
        }
    }
}

#[test]
fn pages_hold_nothing_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "postgres://mcps:of-the-environment@db/authority";
    let mut man = Command::new(bin("mcps-authority"));
    man.env("MCPS_AUTHORITY_DATABASE_URL", secret);
    run(man.arg("man").arg("--out").arg(folder.path())).succeeded();
    for page in fs::read_dir(folder.path()).unwrap() {
        let text = fs::read_to_string(page.unwrap().path()).unwrap();
        assert!(!text.contains("of-the-environment"));
    }
}

#[test]
fn shells_complete_every_command() {
    for (program, _) in PROGRAMS {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = run(Command::new(bin(program)).args(["completions", shell])).succeeded();
            for name in commands(program, &[]) {
                assert!(script.contains(&name), "{program} {name} for {shell}");
            }
            if is_there(shell) && shell != "elvish" && shell != "powershell" {
                run_with_input(Command::new(shell).arg("-n"), &script).succeeded();
            }
        }
        run(Command::new(bin(program)).args(["completions", "tcsh"])).failed(2);
    }
}

#[test]
fn bash_offers_the_verbs_of_a_noun() {
    let script = run(Command::new(bin("mcps")).args(["completions", "bash"])).succeeded();
    let ask = "COMP_WORDS=(mcps passport re); COMP_CWORD=2; _mcps mcps re passport; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let said = run_with_input(&mut Command::new("bash"), &format!("{script}\n{ask}\n")).succeeded();
    for verb in ["request", "renew", "report-compromise", "revoke"] {
        assert!(said.lines().any(|line| line == verb), "{verb}: {said}");
    }
}
