//! `mcps dev --once`, as `make quickstart` runs it: the real programs, every attack refused.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::world;

/// What the tour must say, in this order.
const LINES: [&str; 8] = [
    "delivered an answer",
    "MCPS-005",
    "MCPS-026",
    "MCPS-004",
    "MCPS-016",
    "MCPS-002",
    "MCPS-003",
    "MCPS-008",
];

/// What it must say of the gateway, line by line: the title, and what became of it.
const GATEWAY: [(&str, &str); 8] = [
    ("A mail, through the gateway", "delivered"),
    ("A private key is read", "delivered"),
    ("The same mail, after the key", "MCPS-022"),
    ("A tool above the caller's level", "MCPS-009"),
    ("Another team, another minimum", "MCPS-009"),
    ("A server that nobody has looked at", "MCPS-021"),
    ("The same, once an operator has looked", "delivered"),
    ("A tool that is not what it was", "MCPS-021"),
];

async fn tour(server: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(world::bin("mcps"));
    command.args(["dev", "--once"]).kill_on_drop(true);
    if !server.is_empty() {
        command.arg("--").args(server);
    }
    let output = tokio::time::timeout(Duration::from_secs(60), command.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said)
}

fn assert_tour(code: Option<i32>, said: &str) {
    let mut rest = said;
    for line in LINES {
        let at = rest
            .find(line)
            .unwrap_or_else(|| panic!("`{line}` is missing in:\n{said}"));
        rest = &rest[at + line.len()..];
    }
    assert_eq!(code, Some(0), "{said}");
}

/// Each line's title, and the code with which it was refused or that it was delivered.
fn lines(said: &str) -> Vec<(&str, &str)> {
    let mut lines = Vec::new();
    let mut title = "";
    for line in said.lines() {
        let (first, rest) = line.trim().split_once(' ').unwrap_or_default();
        let number = first
            .strip_suffix('.')
            .and_then(|it| it.parse::<u32>().ok());
        match first {
            _ if number.is_some() => title = rest,
            "delivered" => lines.push((title, first)),
            "refused" => {
                let (_, code) = rest.rsplit_once(": ").unwrap();
                lines.push((title, code.split(' ').next().unwrap()));
            }
            _ => {}
        }
    }
    lines
}

#[tokio::test]
async fn every_line_comes_out_as_it_must() {
    let (code, said) = tour(&[]).await;
    assert_tour(code, &said);
    let lines = lines(&said);
    let gateway = lines.len() - GATEWAY.len();
    assert_eq!(lines[gateway..], GATEWAY, "{said}");
    let files = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("files"));
    let dir = files.unwrap().trim().split(' ').next().unwrap();
    assert!(!Path::new(dir).exists(), "{dir} was left behind");
}

#[tokio::test]
async fn a_server_of_the_users_own_is_protected_the_same_way() {
    let demo = world::bin("mcps-demo-server");
    let (code, said) = tour(&[demo.to_str().unwrap(), "--note", "own=mine"]).await;
    assert_tour(code, &said);
    assert!(said.contains("tools/list"));
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_named() {
    let (code, said) = tour(&["/nonexistent/server"]).await;
    assert_eq!(code, Some(1), "{said}");
}
