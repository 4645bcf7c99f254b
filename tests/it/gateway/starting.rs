//! What is said where a gateway does not start, or goes on by the configuration that it had.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Gate;
use crate::wire::Stage;
use crate::world::{bin, run};

const KEY: &str = "mcpsk_ZHVtbXktb2YtMjU2LWJpdHMtdGhhdC1ub2JvZHktaGFz";

fn gateway(home: &Path, words: &[&str], config: &Path) -> Command {
    let mut program = Command::new(bin("mcps-gateway"));
    program.arg("--home").arg(home).args(words);
    program.arg("--config").arg(config);
    program
}

#[test]
fn a_home_without_a_passport_is_told_how_it_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let (home, config) = (folder.path().join("gw"), folder.path().join("gateway.toml"));
    fs::write(&config, "[tenant.default]\n").unwrap();
    let said = run(&mut gateway(&home, &["serve"], &config)).failed(3);
    let enrol = format!(
        "mcps --home {} passport request --authority URL --name NAME --kind gateway --enrolment-token-file FILE",
        home.display()
    );
    assert!(
        said.contains("key.pem does not exist") && said.contains(&enrol),
        "{said}"
    );
    assert!(
        said.contains("mcps token create --kind gateway --name NAME --owner WHO"),
        "{said}"
    );
    for words in [
        "passport request --authority http://localhost --name n --kind gateway --enrolment-token-file f",
        "token create --kind gateway --name n --owner o",
    ] {
        run(Command::new(bin("mcps"))
            .args(words.split(' '))
            .arg("--help"))
        .succeeded();
    }
}

#[test]
fn the_agent_of_a_client_that_starts_its_gateway_is_told_so_too() {
    let stage = Stage::set();
    let (home, dir) = (
        stage.world.enrol("gateway", "gateway", 2),
        stage.world.dir(),
    );
    let config = dir.join("gateway.toml");
    fs::write(&config, "[tenant.default]\n").unwrap();
    let agent = dir.join("nobody");
    let words = ["stdio", "--as", agent.to_str().unwrap()];
    let said = run(&mut gateway(&home, &words, &config)).failed(3);
    let enrol = format!("mcps --home {} passport request", agent.display());
    assert!(
        said.contains(&enrol) && said.contains("--kind agent"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_named_with_its_key_and_what_caused_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    for (text, parts) in [
        (
            "[tenant.a]\npolicy = [\"gone.toml\"]\n",
            ["gone.toml", "`policy` of [tenant.a]"],
        ),
        (
            "[shared]\nurl = \"rediss://h\"\npassword_file = \"gone\"\n",
            ["gone", "`password_file` of [shared]"],
        ),
        (
            "tls_cert = \"gone\"\ntls_key = \"gone\"\n",
            ["gone", "`tls_cert`"],
        ),
    ] {
        fs::write(&config, text).unwrap();
        let said = run(&mut gateway(folder.path(), &["check"], &config)).failed(match text {
            text if text.starts_with("[shared]") => 1,
            _ => 2,
        });
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        assert_eq!(said.matches("No such file").count(), 1, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let missing = folder.path().join("gone.toml");
    let said = run(&mut gateway(folder.path(), &["check"], &missing)).failed(2);
    assert!(said.contains("name the file with --config FILE"), "{said}");
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    fs::write(&config, "").unwrap();
    let home = Stage::set();
    let home = home.world.enrol("gateway", "gateway", 2);
    for (option, value) in [
        ("--public-url", "gateway.example.com"),
        ("--allow-origin", "ftp://x"),
    ] {
        let words = ["serve", "--listen", "127.0.0.1:0", option, value];
        let said = run(&mut gateway(&home, &words, &config)).failed(2);
        assert!(said.contains(&format!("{option}: the address ")), "{said}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_read_again_shows_no_key_that_stands_in_the_wrong_place() {
    let gate = Gate::open("[tenant.default]\n").await;
    let kept = "the configuration was not exchanged, the last one stays in force";
    let wrong = format!(
        "[tenant.default]\n[[api_key]]\nname = \"ci\"\ntenant = \"default\"\nsha256 = \"{KEY}\"\n"
    );
    gate.reconfigure(&wrong, kept).await;
    gate.process.says("line 5, column 10: `sha256`: ").await;
    assert!(!gate.process.words().contains("mcpsk_"));
    let url = "[tenant.default]\n[[server]]\nname = \"search\"\nurl = \"ftp://x\"\n";
    gate.reconfigure(url, "server `search`: `url`: the address must begin with")
        .await;
}
