//! Where `mcps connect` takes an access token from, and where it sends none.

use super::Host;
use super::host::connect;
use crate::wire::{INITIALIZE, Process, Stage};

/// `mcps connect --url URL` with a token in its environment.
fn with_variable(stage: &Stage, url: &str, token: &str, options: &[&str]) -> Process {
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.env("MCPS_ACCESS_TOKEN", token)
        .args(["connect", "--url", url])
        .args(options);
    Process::start(&stage.world, mcps)
}

#[tokio::test]
async fn a_token_may_be_in_the_environment_and_a_file_goes_before_it() {
    let mut host = Host::start().await;
    let path = host.stage.world.dir().join("token");
    std::fs::write(&path, "of-the-file\n").unwrap();
    let file = ["--access-token-file", path.to_str().unwrap()];
    for (options, sent) in [
        (&[][..], "Bearer of-the-environment"),
        (&file, "Bearer of-the-file"),
    ] {
        let token = "of-the-environment";
        let mut client = with_variable(&host.stage, &host.url, token, options);
        client.write(INITIALIZE).await;
        let asked = host.next().await;
        assert_eq!(asked.header("authorization"), Some(sent));
        // It is the one that was signed for.
        let (opened, _) = host.read(&asked).await;
        assert!(opened.req.is_some());
        host.restart();
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_worth_a_word() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = Host::start().await;
    let path = host.stage.world.dir().join("token");
    for (mode, said) in [(0o600, false), (0o644, true)] {
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = ["--access-token-file", path.to_str().unwrap()];
        let mut client = connect(&host.stage, &host.url, &file);
        client.close_input();
        assert_eq!(client.exit().await, 0);
        assert_eq!(client.words().contains("chmod 600"), said, "{mode:o}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_named_and_not_shown() {
    let stage = Stage::set();
    let url = "http://127.0.0.1:1/mcp";
    let secret = "hunter2 hunter2";
    let path = stage.world.dir().join("token");
    std::fs::write(&path, secret).unwrap();
    let mut client = connect(
        &stage,
        url,
        &["--access-token-file", path.to_str().unwrap()],
    );
    assert_eq!(client.exit().await, 2);
    client.says(path.to_str().unwrap()).await;
    assert!(!client.words().contains("hunter2"));

    let mut client = with_variable(&stage, url, secret, &[]);
    assert_eq!(client.exit().await, 2);
    client.says("MCPS_ACCESS_TOKEN").await;
    assert!(!client.words().contains("hunter2"));

    let missing = ["--access-token-file", "/nonexistent/token"];
    let mut client = connect(&stage, url, &missing);
    assert_eq!(client.exit().await, 1);
    client.says("/nonexistent/token").await;
}

#[tokio::test]
async fn no_token_is_sent_in_clear_to_another_machine() {
    let stage = Stage::set();
    for url in ["http://192.0.2.1/mcp", "http://[2001:db8::1]/mcp"] {
        let insecure = ["--allow-insecure-http"];
        let mut client = with_variable(&stage, url, "hunter2", &insecure);
        assert_eq!(client.exit().await, 2);
        client.says("access token").await;
        assert!(!client.words().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_token_has_no_place_on_standard_input() {
    let stage = Stage::set();
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.env("MCPS_ACCESS_TOKEN", "hunter2")
        .args(["connect", "--", "true"]);
    let mut client = Process::start(&stage.world, mcps);
    client.says("MCPS_ACCESS_TOKEN is not used").await;
    client.exit().await;
    // Nor is anything else passed over in silence that only a URL has a use for.
    for option in [
        &["--access-token-file", "x"][..],
        &["--ca-cert", "x"],
        &["--allow-insecure-http"],
    ] {
        let mut mcps = stage.world.mcps(&stage.agent);
        mcps.arg("connect").args(option).args(["--", "true"]);
        let mut client = Process::start(&stage.world, mcps);
        assert_eq!(client.exit().await, 2, "{option:?}");
        client.says("cannot be used with").await;
    }
}
