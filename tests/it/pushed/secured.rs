//! The same over TLS, with a certificate that only this company's machines trust.

use std::fs;
use std::time::Duration;

use mcps_client::home::Home;
use mcps_core::code::Code;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::enforcing::is_enforced;
use super::{OPTIONS, has_heard, is_live};
use crate::certificates::Ca;
use crate::wire::{Served, Stage, call};
use crate::world::{World, run};

/// An authority that speaks TLS by a private certificate authority, which is in `ca.pem`.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::new();
    ca.certify(folder.path());
    fs::write(folder.path().join("ca.pem"), &ca.pem).unwrap();
    start(folder)
}

fn start(folder: TempDir) -> World {
    let file = |name| folder.path().join(name).display().to_string();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let mut world = World::start_in(folder, &["--tls-cert", &certificate, "--tls-key", &key]);
    world.trust(Some(world.dir().join("ca.pem")));
    world
}

#[tokio::test]
async fn a_revocation_is_pushed_over_tls() {
    let world = world();
    assert!(
        world.url().starts_with("https://127.0.0.1:"),
        "{}",
        world.url()
    );
    let stage = Stage {
        agent: world.enrol("agent", "agent", 2),
        server: world.enrol("server", "server", 2),
        world,
    };
    let mut served = Served::start_with(stage, &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    served.still_serves().await;
    is_enforced(&served.stage, "1:0", 1).await;
    served.stage.revoke(&served.stage.agent);
    has_heard(&served.wrap, 1).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    let mut enforcement = served.stage.world.mcps(&served.stage.agent);
    enforcement
        .args([
            "feed",
            "enforcement",
            "1:1",
            "--wait",
            "60s",
            "--operator-key-file",
        ])
        .arg(served.stage.world.operator_key_file());
    let shown = run(&mut enforcement).succeeded();
    assert!(shown.contains("1 of 1 followers"), "{shown}");
}

#[test]
fn whoever_does_not_know_the_certificate_authority_is_told_what_to_do() {
    let mut world = world();
    let request = |world: &World| {
        let mut mcps = world.mcps(&world.home("agent"));
        mcps.args(["passport", "request", "--authority", world.url()])
            .args([
                "--name",
                "agent",
                "--owner",
                "ops@example.org",
                "--operator-key-file",
            ])
            .arg(world.operator_key_file());
        run(&mut mcps)
    };
    let other = world.dir().join("other.pem");
    fs::write(&other, Ca::new().pem).unwrap();
    for ca in [None, Some(other)] {
        world.trust(ca);
        let why = request(&world).failed(1);
        assert!(why.contains("SSL_CERT_FILE"), "{why}");
    }
    // Nothing was kept of what failed.
    assert!(Home::new(world.home("agent")).authority().is_err());
    world.trust(Some(world.dir().join("ca.pem")));
    request(&world).succeeded();
}

#[tokio::test]
async fn whoever_is_slow_with_its_handshake_holds_nobody_up() {
    let world = world();
    let address = world.url().strip_prefix("https://").unwrap().to_owned();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    world.enrol("agent", "agent", 2);
    // And is let go after a while.
    let mut one = silent.pop().unwrap();
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(60), one.read(&mut byte));
    assert!(matches!(read.await.unwrap(), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_shown_and_a_broken_one_is_not() {
    let world = world();
    let shown = async || {
        let ca = fs::read(world.dir().join("ca.pem")).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(&ca).unwrap());
        let asked = client
            .build()
            .unwrap()
            .get(format!("{}/readyz", world.url()));
        asked.send().await.is_ok()
    };
    assert!(shown().await);
    fs::write(world.dir().join("cert.pem"), "broken").unwrap();
    // As many looks as there may be until then: what is shown is still good.
    let next = Ca::new();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(shown().await);
    next.certify(world.dir());
    fs::write(world.dir().join("ca.pem"), &next.pem).unwrap();
    crate::wire::eventually("the new certificate", async || shown().await.then_some(())).await;
}

#[test]
fn without_tls_nobody_elsewhere_is_served_unless_that_is_asked_for() {
    let world = World::start();
    let serve = |more: &[&str]| {
        let mut serve = world.program("mcps-authority");
        let folder = world.dir().join("other");
        serve.args(["serve", "--listen", "0.0.0.0:0", "--data-dir"]);
        serve.arg(folder).args(more);
        serve
    };
    let why = run(&mut serve(&[])).failed(1);
    assert!(why.contains("--tls-cert"), "{why}");
    assert!(why.contains("--allow-insecure-http"), "{why}");
    assert!(!world.dir().join("other/authority.db").exists());
    run(&mut serve(&["--tls-cert", "cert.pem"])).failed(2);
    run(&mut serve(&["--tls-key", "key.pem"])).failed(2);
    let missing = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let why = run(&mut serve(&missing)).failed(1);
    assert!(why.contains("cannot read cert.pem"), "{why}");
    let mut allowed = serve(&["--allow-insecure-http", "--ready-file"]);
    let ready = world.dir().join("ready");
    let mut process = allowed
        .arg(&ready)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !ready.exists() {
        assert!(process.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let url = fs::read_to_string(&ready).unwrap();
    assert!(url.starts_with("http://0.0.0.0:"), "{url}");
}
