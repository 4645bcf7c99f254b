//! An authority that is not there, comes back, or answers with something else.

use std::net::TcpListener;
use std::path::Path;

use mcps_client::home::Home;
use mcps_core::code::Code;

use crate::wire::{
    Hand, INITIALIZE, INITIALIZED, Meddler, Process, Puppet, Rule, Served, Stage, call, code_of,
};

/// Makes a home ask elsewhere.
fn point(home: &Path, url: &str) {
    let home = Home::new(home);
    let mut pin = home.authority().unwrap();
    pin.url = url.to_owned();
    home.write_authority(&pin).unwrap();
}

/// Calls until one is served; each refusal before must be of that code.
async fn served_after(served: &mut Served, code: Code) {
    let since = std::time::Instant::now();
    loop {
        let text = served.next_call();
        served.wrap.write(&served.agent.seal(&text)).await;
        tokio::select! {
            line = served.behind.read() => {
                assert_eq!(line, text);
                return;
            }
            line = served.wrap.read() => assert_eq!(code_of(&line), Some(code), "{line}"),
        }
        assert!(
            since.elapsed() < crate::wire::PATIENCE,
            "not served in time"
        );
    }
}

#[tokio::test]
async fn an_authority_that_is_down_at_the_start_and_comes_back_is_used() {
    let mut stage = Stage::set();
    let address = stage
        .world
        .url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    stage.world.stop_authority();
    let mut served = Served::start_with(stage, &["--status-refresh", "0"]);
    for _ in 0..3 {
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
    }
    served
        .wrap
        .says("connection failed; check that it runs: curl http://")
        .await;
    let mut again = served.stage.world.program("mcps-authority");
    again
        .args(["serve", "--listen", &address, "--data-dir"])
        .arg(served.stage.world.dir().join("authority"));
    let mut authority = Process::start(&served.stage.world, again);
    while !authority.read().await.starts_with("listening on ") {}
    // The same connection, the same wrapper.
    served_after(&mut served, Code::AuthorityUnreachable).await;
}

#[tokio::test]
async fn an_authority_that_goes_down_later_is_not_missed_for_a_while() {
    let mut served = Served::opened().await;
    served.stage.world.stop_authority();
    // What is known is younger than the level demands, so that calls go on.
    served.still_serves().await;
    served.still_serves().await;
    served.wrap.says("no status from the trust authority").await;
}

#[tokio::test]
async fn an_authority_that_never_answers_is_given_up_on() {
    let stage = Stage::set();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    point(
        &stage.server,
        &format!("http://{}", silent.local_addr().unwrap()),
    );
    let mut served = Served::start_with(stage, &[]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
    served.wrap.says("it timed out").await;
}

#[tokio::test]
async fn an_authority_that_answers_with_something_else_is_not_believed() {
    let stage = Stage::set();
    let meddler = Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    let mut served = Served::start_with(stage, &["--status-refresh", "0"]);
    for body in [
        "",
        "<html>It works!</html>",
        "null",
        "[]",
        r#"{"status":"good","status":"good"}"#,
        r#"{"kid":7}"#,
        "\u{feff}{}",
    ] {
        meddler.rule(move |_| Rule::Answer(body.to_owned()));
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(
            served.refuses(&line).await,
            Code::AuthorityUnreachable,
            "{body}"
        );
    }
    // An answer without end is not read to its end.
    meddler.rule(|_| Rule::Answer("x".repeat(8 << 20)));
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
    meddler.rule(|_| Rule::Pass);
    served_after(&mut served, Code::AuthorityUnreachable).await;
}

#[tokio::test]
async fn a_client_whose_authority_is_down_is_told_so() {
    let mut stage = Stage::set();
    stage.world.stop_authority();
    let mut puppet = Puppet::new(&stage.world);
    let mut connect = stage.connect(&stage.agent, &[], &puppet.command());
    connect.write(INITIALIZE).await;
    let request = crate::wire::parsed(&puppet.read().await);
    let mut server = Hand::of(&stage.server);
    puppet.write(&server.answer(&request, INITIALIZED)).await;
    assert_eq!(connect.refusal().await, Code::AuthorityUnreachable);
    connect.says("no status from the trust authority").await;
    assert_eq!(connect.refuses(&call(1)).await, Code::AuthorityUnreachable);
    connect.close_input();
    assert_eq!(puppet.read_to_end().await, None);
}

#[tokio::test]
async fn a_home_that_is_broken_is_named_with_what_to_do() {
    let stage = Stage::set();
    let command = ["cat".to_owned()];
    for (file, text, said) in [
        ("trust.json", "{}", "trust.json is not usable"),
        ("authority.json", "{", "authority.json is not usable"),
        ("passport.json", "null", "passport.json is not usable"),
        ("key.pem", "-----BEGIN", "key.pem is not usable"),
    ] {
        let path = stage.server.join(file);
        let kept = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let mut wrap = stage.wrap(&stage.server, &Stage::session(), &[], &command);
        assert_ne!(wrap.exit().await, 0, "{file}");
        wrap.says(said).await;
        std::fs::remove_file(&path).unwrap();
        let mut wrap = stage.wrap(&stage.server, &Stage::session(), &[], &command);
        assert_eq!(wrap.exit().await, 3, "{file}");
        wrap.says(&format!("{file} does not exist; ")).await;
        std::fs::write(&path, kept).unwrap();
    }
    for file in ["peers.json", "pins.json"] {
        std::fs::write(stage.agent.join(file), "[").unwrap();
        let mut connect = stage.connect(&stage.agent, &[], &command);
        assert_ne!(connect.exit().await, 0, "{file}");
        connect.says(&format!("{file} is not usable")).await;
        std::fs::remove_file(stage.agent.join(file)).unwrap();
    }
}

#[tokio::test]
async fn a_session_that_is_none_is_refused_at_the_start() {
    let stage = Stage::set();
    for session in ["x", "0123", &"A".repeat(32), &"0".repeat(32)] {
        let mut wrap = stage.wrap(&stage.server, session, &[], &["cat".to_owned()]);
        assert_eq!(wrap.exit().await, 2, "{session}");
        wrap.says("MCPS_SESSION").await;
    }
}
