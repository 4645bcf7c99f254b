//! What a session with a server shows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

use super::{diagnose, scene};
use crate::world::{World, bin};

/// A wrapped server that answers `initialize` and `tools/list` with these members.
fn wrapped(world: &World, begins: &str, lists: &str) -> (Child, String) {
    let server = world.dir().join("server.sh");
    let script = format!(
        r#"#!/bin/sh
while read -r line; do
    case $line in
    *'"initialize"'*) echo '{{"jsonrpc":"2.0","id":1,{begins}}}' ;;
    *'"tools/list"'*) echo '{{"jsonrpc":"2.0","id":2,{lists}}}' ;;
    esac
done
"#
    );
    fs::write(&server, script).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    let home = world.enrol("server", "notes", 1);
    let mut wrap = world.program("mcps-wrap");
    wrap.arg("--home").arg(home);
    wrap.args(["--listen", "127.0.0.1:0", "--"]).arg(server);
    super::super::listening(wrap)
}

const BEGINS: &str = r#""result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}"#;

#[test]
fn a_server_that_lists_nothing() {
    let (world, home) = scene();
    let (mut process, url) = wrapped(&world, BEGINS, r#""result":{"tools":[]}"#);
    diagnose(&world, &home, &["--url", &url])
        .finds("no-tools", "warning", "mcps quarantine list")
        .ends(0);
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_server_that_answers_with_an_error_of_its_own() {
    let (world, home) = scene();
    let error = r#""error":{"code":-32000,"message":"not today"}"#;
    let (mut process, url) = wrapped(&world, error, error);
    let found = diagnose(&world, &home, &["--url", &url]);
    let found = found.finds("server-error", "bad", "that server's log");
    let said = found.of("server-error").unwrap()["found"].to_string();
    assert!(said.contains("not today"), "{said}");
    found.ends(1);
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_gateway_that_refuses_for_a_reason_of_its_own() {
    let (world, home) = scene();
    let edge = world.enrol("gateway", "edge", 1);
    let config = world.dir().join("gateway.toml");
    let text = format!(
        "[tenant.acme]\n[[server]]\nname = \"notes\"\ntenant = \"acme\"\ncommand = [\"{}\"]\n",
        bin("mcps-demo-server").display()
    );
    fs::write(&config, text).unwrap();
    let mut gateway = world.program("mcps-gateway");
    gateway.arg("--home").arg(edge);
    gateway.args(["serve", "--listen", "127.0.0.1:0", "--config"]);
    let (mut process, url) = super::super::listening({
        gateway.arg(&config);
        gateway
    });
    let url = format!("{url}/notes");
    let found = diagnose(&world, &home, &["--url", &url]).finds("refused", "bad", "");
    let said = found.of("refused").unwrap()["found"].to_string();
    assert!(
        said.contains("MCPS-0") && said.contains("decision"),
        "{said}"
    );
    found.ends(6);
    process.kill().unwrap();
    process.wait().unwrap();
}
