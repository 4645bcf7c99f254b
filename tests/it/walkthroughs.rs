//! The walk-throughs of `docs/walkthroughs`, typed as they stand there.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::world::{World, bin, run};

/// One thing that is typed, and what is to come of it.
#[derive(Debug, Default)]
struct Step {
    typed: String,
    /// Lines, in which `…` stands for anything; none when nothing is said about it.
    printed: Vec<String>,
}

/// The `sh` blocks of a page, each with the `text` block that follows it.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<&str> = None;
    for line in page.lines() {
        match (block, line) {
            (None, "```sh") => {
                block = Some("sh");
                steps.push(Step::default());
            }
            (None, "```text") => block = Some("text"),
            (None, line) if line.starts_with("```") => block = Some("other"),
            (Some(_), "```") => block = None,
            (Some("sh"), line) => steps
                .last_mut()
                .unwrap()
                .typed
                .push_str(&format!("{line}\n")),
            (Some("text"), line) => steps.last_mut().unwrap().printed.push(even(line)),
            _ => {}
        }
    }
    assert_eq!(block, None, "a block has no end");
    steps
}

/// With one blank for each run of them: columns are as wide as what is in them.
fn even(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a line is as it should be: its parts between `…`, in order, from its beginning to its end.
fn fits(line: &str, form: &str) -> bool {
    let mut parts = form.split('…');
    let first = parts.next().unwrap();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether lines are as they should be, where a line `…` stands for any number of them.
fn matches(lines: &[&str], forms: &[String]) -> bool {
    match forms.split_first() {
        None => lines.is_empty(),
        Some((form, more)) if form == "…" => {
            (0..=lines.len()).any(|skipped| matches(&lines[skipped..], more))
        }
        Some((form, more)) => lines
            .split_first()
            .is_some_and(|(line, rest)| fits(line, form) && matches(rest, more)),
    }
}

/// Ends what a walk-through has started.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        let group = format!("-{}", self.0);
        let kill = |signal: &str| {
            let mut kill = Command::new("kill");
            let kill = kill.args(["-s", signal, "--", &group]);
            kill.stderr(Stdio::null())
                .status()
                .is_ok_and(|done| done.success())
        };
        // A script among them may have to end what is in no group of its own.
        kill("TERM");
        for _ in 0..200 {
            if !kill("0") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        kill("KILL");
    }
}

/// Types a page in a folder, where the services that it names are at these addresses.
fn walk(page: &str, folder: &Path, places: &[(&str, &str)]) {
    let mut text =
        fs::read_to_string(Path::new(ROOT).join("docs/walkthroughs").join(page)).unwrap();
    for (written, real) in places {
        text = text.replace(written, real);
    }
    let steps = steps(&text);
    assert!(steps.len() > 3, "{page}: {steps:?}");
    let mut script = "set -eu\n".to_owned();
    for (number, step) in steps.iter().enumerate() {
        script.push_str(&format!(
            "exec >{number}.printed 2>{number}.said\n{}",
            step.typed
        ));
    }
    script.push_str("exec >done.printed\n");
    fs::write(folder.join("script"), script).unwrap();
    let programs = bin("mcps").parent().unwrap().to_owned();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let mut bash = Command::new("bash")
        .arg("script")
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(File::create(folder.join("before")).unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Group(bash.id());
    let ended = bash.wait().unwrap();
    for (number, step) in steps.iter().enumerate() {
        let read = |kind: &str| {
            fs::read_to_string(folder.join(format!("{number}.{kind}"))).unwrap_or_default()
        };
        let (printed, said) = (read("printed"), read("said"));
        let whole = format!(
            "{page}:\n{}\nprinted:\n{printed}\nsaid:\n{said}",
            step.typed
        );
        assert!(
            folder.join(format!("{number}.said")).exists(),
            "it ended before this: {whole}"
        );
        let last = !folder.join(format!("{}.said", number + 1)).exists();
        assert!(ended.success() || !last, "{ended}: {whole}");
        let lines: Vec<String> = printed.lines().map(even).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let forms = &step.printed;
        assert!(
            forms.is_empty() || matches(&lines, forms),
            "other than {forms:#?}: {whole}"
        );
    }
    drop(group);
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The pages that are walked through below.
const PAGES: [&str; 5] = [
    "agent-developer.md",
    "auditor.md",
    "newcomer.md",
    "operator.md",
    "server-author.md",
];

/// An address of this machine that nobody listens at.
fn free() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A world in whose folder somebody has an enrolment token and the operator's key.
fn scene(kind: &str, name: &str) -> World {
    let world = World::start();
    let mut create = world.mcps(&world.home("operator"));
    create.args([
        "token",
        "create",
        "--authority",
        world.url(),
        "--kind",
        kind,
        "--name",
        name,
    ]);
    create.args([
        "--owner",
        "tests@example.com",
        "--level",
        "2",
        "--token-file",
    ]);
    create.arg(world.dir().join("token"));
    create
        .arg("--operator-key-file")
        .arg(world.operator_key_file());
    run(&mut create).succeeded();
    world
}

/// Where an authority is, without what comes before it.
fn place(world: &World) -> &str {
    world.url().trim_start_matches("http://")
}

#[test]
fn every_page_is_walked_through() {
    let folder = fs::read_dir(Path::new(ROOT).join("docs/walkthroughs")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "README.md").collect();
    names.sort();
    assert_eq!(names, PAGES);
}

#[test]
fn the_operator() {
    let folder = tempfile::tempdir().unwrap();
    walk("operator.md", folder.path(), &[("127.0.0.1:7300", &free())]);
}

#[test]
fn the_author_of_a_server() {
    let world = scene("server", "notes");
    let places = [
        ("127.0.0.1:7300", place(&world)),
        ("127.0.0.1:8443", &free()),
    ];
    walk("server-author.md", world.dir(), &places);
}

#[test]
fn the_developer_of_an_agent() {
    let world = scene("agent", "my-agent");
    let server = world.enrol("server", "notes", 2);
    let mut wrap = world.program("mcps-wrap");
    wrap.arg("--home")
        .arg(&server)
        .args(["--listen", "127.0.0.1:0", "--"]);
    wrap.arg(bin("mcps-demo-server"));
    let (mut process, url) = crate::cli::listening(wrap);
    let there = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let places = [("127.0.0.1:7300", place(&world)), ("127.0.0.1:8443", there)];
    walk("agent-developer.md", world.dir(), &places);
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn the_newcomer() {
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL runs as an account of its own.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    for part in ["scripts", "mcps-demo-server"] {
        let there = Path::new(ROOT).join(part);
        std::os::unix::fs::symlink(there, folder.path().join(part)).unwrap();
    }
    let places = [("127.0.0.1:8443", &*free()), ("127.0.0.1:8444", &free())];
    walk("newcomer.md", folder.path(), &places);
}

#[test]
fn the_auditor() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let pin = mcps_client::home::Home::new(&home).authority().unwrap();
    fs::write(world.dir().join("root-key-id"), pin.root_kid).unwrap();
    let mut suspend = world.mcps(&home);
    suspend.args(["order", "suspend", "--agent", "bot", "--operator-key-file"]);
    run(suspend.arg(world.operator_key_file())).succeeded();
    walk(
        "auditor.md",
        world.dir(),
        &[("127.0.0.1:7300", place(&world))],
    );
}

#[test]
fn what_is_printed_is_held_against_what_the_page_says() {
    let page = "words\n```sh\nls\n```\n```text\na…c\n…\n```\n```json\n{}\n```\n";
    let steps = steps(page);
    assert_eq!((steps.len(), &*steps[0].typed), (1, "ls\n"));
    let is = |lines: &[&str]| matches(lines, &steps[0].printed);
    assert!(is(&["abc"]) && is(&["ac", "x", "y"]) && is(&["a…c"]));
    assert!(!is(&["abd"]) && !is(&[]) && !is(&["xabc"]));
}
