//! What an operator's key shows.

use std::fs;

use super::{diagnose, mcps, scene};
use crate::world::{World, run};

#[test]
fn an_operators_key_of_another_authority() {
    let (world, home) = scene();
    let other = World::start();
    let file = other.operator_key_file();
    diagnose(
        &world,
        &home,
        &["--operator-key-file", file.to_str().unwrap()],
    )
    .finds("operator-key-unknown", "bad", "mcps-authority add-operator")
    .ends(4);
    let wrong = world.dir().join("wrong");
    fs::write(&wrong, "not a key").unwrap();
    diagnose(
        &world,
        &home,
        &["--operator-key-file", wrong.to_str().unwrap()],
    )
    .finds("operator-key-unusable", "bad", "--operator-key-file FILE")
    .ends(2);
}

#[test]
fn a_server_that_is_not_registered_or_has_no_manifest() {
    let world = World::start();
    let home = world.enrol("server", "notes", 1);
    let file = world.operator_key_file();
    let key = ["--operator-key-file", file.to_str().unwrap()];
    let order = |words: &[&str]| run(mcps(&world, &home, words).args(key)).succeeded();
    diagnose(&world, &home, &key)
        .finds("server-not-registered", "warning", "mcps server add")
        .ends(0);
    let added: serde_json::Value =
        serde_json::from_str(&order(&["server", "add", "-o", "json"])).unwrap();
    let id = added["server_id"].as_str().unwrap();
    diagnose(&world, &home, &key)
        .finds(
            "server-without-manifest",
            "warning",
            &format!("--server {id}"),
        )
        .ends(0);
    let tools = world.dir().join("tools.json");
    fs::write(&tools, r#"{"tools":[{"name":"read"}]}"#).unwrap();
    let publish = [
        "manifest",
        "publish",
        "--server",
        id,
        "--tools",
        tools.to_str().unwrap(),
    ];
    run(&mut mcps(&world, &home, &publish)).succeeded();
    diagnose(&world, &home, &key)
        .finds("server-registered", "good", "")
        .ends(0);
    order(&["server", "change", id, "--state", "disabled"]);
    diagnose(&world, &home, &key)
        .finds("server-not-active", "warning", "--state active")
        .ends(0);
}
