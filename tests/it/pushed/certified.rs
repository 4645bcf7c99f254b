//! An authority that speaks to nobody without a client certificate, and a gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::certificates::Ca;
use crate::wire::eventually;
use crate::world::{Done, World, run};

const EDGE: &str = "spiffe://example.org/gateway/edge";

/// Puts what a home shows into it; nothing, if there is none.
fn shows(home: &Path, pem: Option<String>) {
    let file = home.join("client.pem");
    drop(fs::remove_file(&file));
    if let Some(pem) = pem {
        fs::write(&file, pem).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// The gateway's home, with its passport.
fn gateway(world: &World, clients: &Ca) -> PathBuf {
    let home = world.home("edge");
    fs::create_dir_all(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    shows(&home, Some(clients.client(EDGE)));
    world.enrol("gateway", "edge", 2)
}

fn renew(world: &World, home: &Path) -> Done {
    run(world.mcps(home).args(["passport", "renew"]))
}

/// The certificates that are not taken: none, another authority's, and one that is over.
fn refused(clients: &Ca) -> [Option<String>; 3] {
    [
        None,
        Some(Ca::new().client(EDGE)),
        Some(clients.client_until(EDGE, 2020)),
    ]
}

#[test]
fn without_a_good_certificate_nobody_is_answered_and_is_told_what_is_missing() {
    let clients = Ca::new();
    let world = clients.world();
    let home = gateway(&world, &clients);
    renew(&world, &home).succeeded();
    for pem in refused(&clients) {
        shows(&home, pem);
        let why = renew(&world, &home).failed(1);
        assert!(why.contains("client.pem"), "{why}");
    }
    shows(&home, Some(clients.client(EDGE)));
    renew(&world, &home).succeeded();
}

#[tokio::test]
async fn a_gateway_follows_the_feed_by_its_certificate_and_says_why_it_cannot() {
    let clients = Ca::new();
    let world = clients.world();
    let home = gateway(&world, &clients);
    let config = world.dir().join("gateway.toml");
    let demo = crate::world::bin("mcps-demo-server");
    let text = format!(
        "[tenant.default]\n[[server]]\nname = \"notes\"\ncommand = [\"{}\"]\n",
        demo.display()
    );
    fs::write(&config, text).unwrap();
    let start = |log: &Path| {
        let mut serve = world.program("mcps-gateway");
        serve.arg("--home").arg(&home);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--config"]);
        let log = fs::File::create(log).unwrap();
        let serve = serve.arg(&config).stdout(Stdio::null()).stderr(log);
        serve.spawn().unwrap()
    };
    let log = world.dir().join("gateway.log");
    for pem in refused(&clients) {
        shows(&home, pem);
        let mut process = start(&log);
        eventually("the gateway says what is missing", async || {
            let said = fs::read_to_string(&log).unwrap();
            said.contains("client.pem").then_some(())
        })
        .await;
        process.kill().unwrap();
        process.wait().unwrap();
    }
    shows(&home, Some(clients.client(EDGE)));
    let mut process = start(&log);
    eventually("the gateway follows the feed", async || {
        let mut asked = world.mcps(&home);
        asked.args(["feed", "enforcement", "1:0", "--operator-key-file"]);
        let shown = run(asked.arg(world.operator_key_file())).stdout;
        shown.contains("1 of 1 followers").then_some(())
    })
    .await;
    process.kill().unwrap();
    process.wait().unwrap();
}
