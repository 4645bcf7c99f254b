//! Mistakes in what is about to be run.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use super::{diagnose, scene};
use crate::world::run;

#[test]
fn a_port_that_is_taken() {
    let (world, home) = scene();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    diagnose(&world, &home, &["--listen", &address])
        .finds("port-taken", "bad", "ss -ltnp")
        .ends(1);
    drop(taken);
    diagnose(&world, &home, &["--listen", &address])
        .finds("address", "good", "")
        .ends(0);
    diagnose(&world, &home, &["--listen", "192.0.2.1:8443"])
        .finds("address-unusable", "bad", "of this machine")
        .ends(1);
}

#[test]
fn a_command_that_is_not_there() {
    let (world, home) = scene();
    let wrap = crate::world::bin("mcps-wrap");
    let words = [
        "--",
        wrap.to_str().unwrap(),
        "--home",
        "x",
        "--",
        "no-such-server",
        "--port",
        "1",
    ];
    let found = diagnose(&world, &home, &words).finds("command-not-found", "bad", "whole path");
    assert!(
        found.said.stdout.contains("`no-such-server`"),
        "{}",
        found.said.stdout
    );
    found.ends(3);
}

#[test]
fn a_configuration_that_nobody_is_there_to_read() {
    let (world, home) = scene();
    let folder = world.dir().join("alone");
    fs::create_dir(&folder).unwrap();
    let alone = folder.join("mcps");
    fs::copy(crate::world::bin("mcps"), &alone).unwrap();
    let config = world.dir().join("gateway.toml");
    fs::write(&config, "[tenant.default]\n").unwrap();
    let mut doctor = std::process::Command::new(alone);
    doctor
        .env_clear()
        .env("HOME", world.dir())
        .env("PATH", &folder);
    doctor.arg("--home").arg(&home);
    doctor
        .args(["doctor", "-o", "json", "--config"])
        .arg(&config);
    let done = run(&mut doctor);
    let found: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let found = found["findings"].as_array().unwrap();
    let missing = found.iter().find(|one| one["id"] == "program-missing");
    let missing = missing.unwrap();
    assert_eq!(missing["grade"], "bad");
    assert!(missing["next"].as_str().unwrap().contains("beside mcps"));
    assert_eq!(done.code, 3, "{done:?}");
}

#[test]
fn programs_of_two_builds() {
    let (world, home) = scene();
    let folder = world.dir().join("old");
    fs::create_dir(&folder).unwrap();
    let old = folder.join("mcps-wrap");
    fs::write(&old, "#!/bin/sh\necho mcps-wrap 0.0.9\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let mut doctor = world.mcps(&home);
    let said = run(doctor.args(["doctor"]).env("PATH", &folder)).succeeded();
    assert!(
        said.contains("versions-apart") && said.contains("0.0.9") && said.contains("one build"),
        "{said}"
    );
}

#[test]
fn a_key_of_the_configuration_that_is_misspelt() {
    let (world, home) = scene();
    let file = world.dir().join("gateway.toml");
    fs::write(&file, "listn = \"127.0.0.1:8443\"\n").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let found = diagnose(&world, &home, &config).finds("config-unusable", "bad", "docs/gateway.md");
    let words = found.of("config-unusable").unwrap()["found"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        words.contains("`listn`") && words.contains("`listen`"),
        "{words}"
    );
    found.ends(2);
    fs::write(&file, "listen = \"127.0.0.1:8443\"\n").unwrap();
    diagnose(&world, &home, &config)
        .finds("config", "good", "")
        .ends(0);
}
