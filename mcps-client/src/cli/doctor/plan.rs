//! What is about to be run: programs of one build, an address that is free, a configuration that is one,
//! a command that is there.

use std::ffi::OsStr;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use mcps_client::exit::Exit;
use tokio::process::Command;
use tokio::time::timeout;

use super::finding::Findings;

/// Our other programs.
const PROGRAMS: [&str; 3] = ["mcps-authority", "mcps-wrap", "mcps-gateway"];
const GATEWAY: &str = "mcps-gateway";
/// How long one of them may take to say something of itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The program of that name: one with a path as it is, else the first in the folders of programs.
fn find(name: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    let runs = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| runs(path));
    }
    let folders = std::env::split_paths(search?).map(|folder| folder.join(name));
    folders.into_iter().find(|path| runs(path))
}

/// One of ours: beside this program, else in the folders of programs, as `mcps` itself finds it.
fn ours(name: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| own.parent().map(|folder| folder.join(name)));
    beside
        .filter(|path| path.exists())
        .or_else(|| find(name, search))
}

async fn ask(program: &Path, arguments: &[&OsStr]) -> Option<Output> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    timeout(PATIENCE, command.output()).await.ok()?.ok()
}

/// Looks whether what a shell would start is of the same build as this.
pub(super) async fn programs(search: Option<&OsStr>, found: &mut Findings) {
    let own = env!("CARGO_PKG_VERSION");
    for name in PROGRAMS {
        // A shell takes the one of the search path, whatever lies beside us.
        let Some(path) = find(name, search) else {
            continue;
        };
        let Some(output) = ask(&path, &["--version".as_ref()]).await else {
            continue;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.split_whitespace().nth(1).unwrap_or("unknown");
        if version != own {
            let words = format!(
                "{} is of version {version}, and this is {own}",
                path.display()
            );
            let next = "install all programs from one build; take the other out of PATH";
            found.warn("versions-apart", words, next);
        }
    }
}

/// Looks whether an address could be listened at.
pub(super) fn listen(address: SocketAddr, found: &mut Findings) {
    match TcpListener::bind(address) {
        Ok(_) => found.good("address", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let words = format!("somebody listens at {address} already");
            let port = address.port();
            let next = format!("see who: ss -ltnp 'sport = :{port}'; or choose another port");
            found.bad("port-taken", Exit::Other, words, next);
        }
        Err(error) => {
            let words = format!("{address} cannot be listened at: {error}");
            let next = "name an address of this machine, and a port from 1024 on";
            found.bad("address-unusable", Exit::Other, words, next);
        }
    }
}

/// Has the gateway read a configuration, which alone knows what it says.
pub(super) async fn config(file: &Path, search: Option<&OsStr>, found: &mut Findings) {
    let Some(gateway) = ours(GATEWAY, search) else {
        let words = "mcps-gateway is not installed, so nobody can read the configuration";
        let next = "put it beside mcps, or into a folder of PATH";
        found.bad("program-missing", Exit::NotFound, words, next);
        return;
    };
    let arguments = ["check".as_ref(), "--config".as_ref(), file.as_os_str()];
    let Some(output) = ask(&gateway, &arguments).await else {
        let words = format!("{} does not answer", gateway.display());
        found.bad("program-missing", Exit::Other, words, "install it again");
        return;
    };
    let line = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let lines = text
            .lines()
            .map(|line| line.trim_start_matches("mcps-gateway: ").trim());
        lines
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("  ")
    };
    match output.status.success() {
        true => found.good("config", line(&output.stdout)),
        false => {
            let words = line(&output.stderr);
            let next = "correct what is named; docs/gateway.md has every key";
            found.bad("config-unusable", Exit::Usage, words, next);
        }
    }
}

/// Looks whether a command could be started, and what it starts in turn behind a `--`.
pub(super) fn command(words: &[String], search: Option<&OsStr>, found: &mut Findings) {
    for part in words.split(|word| word == "--") {
        let Some(name) = part.first() else {
            continue;
        };
        match find(name, search) {
            Some(path) => found.good("command", path.display().to_string()),
            None => {
                let words = format!("there is no program `{name}` to start");
                let next = "install it, or write its whole path; services have a shorter PATH than your shell";
                found.bad("command-not-found", Exit::NotFound, words, next);
            }
        }
    }
}
