//! `mcps connect` and `mcps-wrap` from the outside: options, refusals to start, and one exchange.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{assert_one_line, mcps};
use crate::world::{World, bin, run, run_with_input};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

/// `mcps connect OPTIONS -- mcps-wrap OPTIONS -- mcps-demo-server`.
fn connect(world: &World, agent: &Path, server: &Path, options: &[&str]) -> Command {
    let mut command = mcps(world, agent, &[&["connect"], options, &["--"]].concat());
    command
        .arg(bin("mcps-wrap"))
        .arg("--home")
        .arg(server)
        .args(options)
        .arg("--");
    command.arg(bin("mcps-demo-server"));
    command
}

#[test]
fn a_client_that_knows_nothing_of_it_speaks_signed_mcp() {
    let world = World::start();
    let (agent, server) = (
        world.enrol("agent", "bot", 2),
        world.enrol("server", "notes", 2),
    );
    for options in [
        &[][..],
        &[
            "--carrier",
            "draft-00",
            "--window",
            "30s",
            "--status-refresh",
            "0",
        ],
    ] {
        let done = run_with_input(
            &mut connect(&world, &agent, &server, options),
            &format!("{INITIALIZE}\n"),
        );
        let answer: Value = serde_json::from_str(done.stdout.trim())
            .unwrap_or_else(|_| Value::from(done.stderr.as_str()));
        assert_eq!(answer["id"], 1, "{answer}");
        assert!(
            answer["result"]["serverInfo"]["name"].is_string() && !done.stdout.contains("mcps/"),
            "{answer}"
        );
        assert!(done.stderr.contains("signing as bot"), "{}", done.stderr);
        done.succeeded();
    }
}

#[test]
fn a_caller_below_the_level_is_told_so() {
    let world = World::start();
    let (agent, server) = (
        world.enrol("agent", "bot", 1),
        world.enrol("server", "notes", 1),
    );
    let mut command = mcps(&world, &agent, &["connect", "--"]);
    command
        .arg(bin("mcps-wrap"))
        .arg("--home")
        .arg(&server)
        .args(["--min-level", "2", "--"]);
    let done = run_with_input(
        command.arg(bin("mcps-demo-server")),
        &format!("{INITIALIZE}\n"),
    );
    let answer: Value = serde_json::from_str(done.stdout.trim()).unwrap();
    assert_eq!(answer["error"]["code"], -33009, "{answer}");
}

#[test]
fn what_keeps_them_from_starting_is_said_in_one_line() {
    let world = World::start();
    let agent = world.enrol("agent", "bot", 1);
    let nobody = world.home("nobody");
    let missing = run(&mut mcps(&world, &nobody, &["connect", "--", "true"]));
    assert_one_line(&missing.failed(3), "mcps keygen");
    let absent = run(&mut mcps(
        &world,
        &agent,
        &["connect", "--", "no-such-server"],
    ));
    assert_one_line(&absent.failed(3), "was not found");

    let mut wrap = world.program("mcps-wrap");
    let missing = run(wrap.arg("--home").arg(&nobody).args(["--", "true"])).failed(3);
    assert!(
        missing.starts_with("mcps-wrap: ") && missing.contains("mcps keygen"),
        "{missing}"
    );

    // As happens where both find their home in one MCPS_HOME.
    let mut wrap = world.program("mcps-wrap");
    let agents = run(wrap.env("MCPS_HOME", &agent).args(["--", "true"])).failed(2);
    assert!(
        agents.contains("is of kind agent, and here one of kind server"),
        "{agents}"
    );
    let server = world.enrol("server", "notes", 1);
    let servers = run(&mut mcps(&world, &server, &["connect", "--", "true"]));
    assert_one_line(&servers.failed(2), "--kind agent");
}
