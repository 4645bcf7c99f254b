//! Our own programs: where cargo put them, and what came of running one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program `name` beside this test binary: `target/debug/mcps` for
/// `target/debug/deps/it-0123456789abcdef`.
///
/// Cargo does not build other packages' programs for a test, so they must be there; one that is
/// older than its sources is used with a word about it, which a failing test shows.
pub(crate) fn bin(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is missing, which these tests run; build it first with: cargo build --bins",
        path.display()
    );
    if let Some(source) = newer_source(&path) {
        eprintln!("note: {name} is older than {source}; rebuild it with: cargo build --bins");
    }
    path
}

/// A source that changed after the program was built, by the list that cargo keeps beside it.
fn newer_source(program: &Path) -> Option<String> {
    let modified = |path: &Path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    };
    let built = modified(program)?;
    let list = std::fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = list.split_once(": ")?;
    let is_newer = |source: &&str| modified(Path::new(source)).is_some_and(|at| at > built);
    sources.split_whitespace().find(is_newer).map(str::to_owned)
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Done {
    /// Its exit code; a program that was killed fails the test.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code();
        Self {
            code: code.unwrap_or_else(|| panic!("{}: {stderr}", output.status)),
            stdout,
            stderr,
        }
    }

    /// Asserts exit code 0 and returns what it printed.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(
            self.code, 0,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self.stdout
    }

    /// Asserts that exit code and returns what it complained about.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self.stderr
    }
}

/// Runs a program to its end, with nothing on its standard input.
pub(crate) fn run(command: &mut Command) -> Done {
    Done::of(command.stdin(Stdio::null()).output().unwrap())
}

/// Runs a program to its end, with `input` on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Done {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // One that does not read its input closes it, which is its right.
    drop(process.stdin.take().unwrap().write_all(input.as_bytes()));
    Done::of(process.wait_with_output().unwrap())
}
