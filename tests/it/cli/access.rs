//! `mcps operator` and `mcps tenant`, and what an operator of one tenant comes to with the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::mcps;
use crate::certificates::Ca;
use crate::world::{Done, World, run};

/// A command as the operator whose key is in that file.
fn by(world: &World, key: &Path, words: &[&str]) -> Done {
    let key = key.to_str().unwrap();
    let asking = ["--authority", world.url(), "--operator-key-file", key];
    let home = world.home("operator");
    run(&mut mcps(world, &home, &[words, &asking].concat()))
}

fn json(done: Done) -> Value {
    serde_json::from_str(&done.succeeded()).unwrap()
}

#[test]
fn an_owner_appoints_a_responder_who_suspends_and_does_not_issue() {
    let world = World::start();
    let (owner, file) = (world.operator_key_file(), world.dir().join("oncall.key"));
    let path = file.to_str().unwrap();
    by(
        &world,
        &owner,
        &["tenant", "add", "acme", "--note", "Acme Ltd"],
    )
    .succeeded();
    let add = [
        "operator",
        "add",
        "--name",
        "on call",
        "--role",
        "responder",
        "--tenant",
        "acme",
        "--expires",
        "90d",
        "--key-file",
        path,
    ];
    let added = by(&world, &owner, &add).succeeded();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    assert!(
        secret.starts_with("mcps_op_") && !added.contains(secret.trim()),
        "{added}"
    );
    assert!(added.contains("responder@acme"), "{added}");
    // Not over a file that is there.
    assert_eq!(by(&world, &owner, &add).code, 1);

    let token = [
        "token", "create", "--name", "bot", "--owner", "me", "--tenant", "acme",
    ];
    let refused = by(&world, &file, &token);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(format!("{refused:?}").contains("issuer"), "{refused:?}");
    let elsewhere = ["tenant", "show", "other"];
    assert_eq!(by(&world, &file, &elsewhere).code, 3);
    let tenants = json(by(&world, &file, &["tenant", "list", "-o", "json"]));
    assert_eq!(tenants["tenants"][0]["note"], "Acme Ltd");

    let listed = json(by(&world, &owner, &["operator", "list", "-o", "json"]));
    let listed = listed["operators"].as_array().unwrap();
    let one = listed.iter().find(|one| one["name"] == "on call").unwrap();
    let id = one["operator_id"].as_str().unwrap();
    let shown = by(&world, &owner, &["operator", "show", id]).succeeded();
    assert!(shown.contains("until"), "{shown}");
    let next = world.dir().join("next.key");
    let rotate = [
        "operator",
        "rotate",
        id,
        "--key-file",
        next.to_str().unwrap(),
    ];
    by(&world, &owner, &rotate).succeeded();
    assert_eq!(by(&world, &file, &["tenant", "list"]).code, 4);
    by(&world, &next, &["tenant", "list"]).succeeded();
    let disabled = by(&world, &owner, &["tenant", "disable", "acme"]).succeeded();
    assert!(disabled.contains("1:1"), "{disabled}");
    assert_eq!(by(&world, &next, &["tenant", "list"]).code, 4);
    by(&world, &owner, &["tenant", "enable", "acme"]).succeeded();
    by(&world, &next, &["tenant", "list"]).succeeded();
    by(&world, &owner, &["operator", "disable", id]).succeeded();
    assert_eq!(by(&world, &next, &["tenant", "list"]).code, 4);
    for bad in [
        &["operator", "show", "op_1"][..],
        &["tenant", "show", "A/b"],
    ] {
        assert_eq!(by(&world, &owner, bad).code, 2, "{bad:?}");
    }
}

#[test]
fn a_home_shows_its_certificate_where_one_is_required() {
    let clients = Ca::new();
    let world = clients.world();
    let owner = world.operator_key_file();
    let list = ["operator", "list"];
    assert_ne!(by(&world, &owner, &list).code, 0);
    let home = world.home("operator");
    fs::create_dir_all(&home).unwrap();
    fs::write(
        home.join("client.pem"),
        clients.client("spiffe://example.org/ann"),
    )
    .unwrap();
    by(&world, &owner, &list).succeeded();
    fs::write(home.join("client.pem"), "nothing").unwrap();
    let done = by(&world, &owner, &list);
    assert_ne!(done.code, 0);
    assert!(format!("{done:?}").contains("client.pem"), "{done:?}");
}

#[test]
fn what_an_owner_changes_is_foreseen_and_nothing_is_made() {
    let world = World::start();
    let owner = world.operator_key_file();
    let key = world.dir().join("ann.key");
    let secret = world.dir().join("secret");
    let add = ["operator", "add", "--name", "Ann", "--role", "viewer"];
    let add = [&add[..], &["--key-file", key.to_str().unwrap()]].concat();
    let tenant = ["tenant", "add", "acme"];
    let hook = ["hook", "add", "alerts", "--proof", "bearer"];
    let hook = [&hook[..], &["--save-secret", secret.to_str().unwrap()]].concat();
    let webhook = ["webhook", "add", "https://93.184.216.34/hook"];
    let scanner = ["trust", "scanner", "revoke", "operator"];
    let foreseen = |words: &[&str]| {
        let done = by(&world, &owner, &[words, &["--dry-run"]].concat());
        assert_eq!(done.code, 0, "{words:?}: {done:?}");
        let all = format!("{}{}", done.stdout, done.stderr);
        assert!(all.contains("without --dry-run"), "{words:?}: {all}");
        let asked = by(
            &world,
            &owner,
            &[words, &["--dry-run", "-o", "json"]].concat(),
        );
        assert_eq!(json(asked)["dry_run"], true, "{words:?}");
    };
    for words in [&add[..], &tenant, &hook, &webhook, &scanner] {
        foreseen(words);
    }
    assert!(!key.exists() && !secret.exists());
    let hooks = by(&world, &owner, &["hook", "list"]).succeeded();
    assert!(hooks.contains("mcps hook add --help"), "{hooks}");
    by(&world, &owner, &tenant).succeeded();
    by(&world, &owner, &add).succeeded();
    by(&world, &owner, &hook).succeeded();
    let added = json(by(
        &world,
        &owner,
        &[&webhook[..], &["-o", "json"]].concat(),
    ));
    let webhook = added["webhook_id"].as_str().unwrap();
    let listed = json(by(&world, &owner, &["operator", "list", "-o", "json"]));
    let listed = listed["operators"].as_array().unwrap();
    let ann = listed.iter().find(|one| one["name"] == "Ann").unwrap();
    let ann = ann["operator_id"].as_str().unwrap();
    for words in [
        &["operator", "rotate", ann][..],
        &["operator", "disable", ann],
        &["tenant", "disable", "acme"],
        &["tenant", "enable", "acme"],
        &["hook", "disable", "alerts"],
        &["hook", "enable", "alerts"],
    ] {
        foreseen(words);
    }
    let gone = ["webhook", "remove", webhook, "--dry-run"];
    let gone = by(&world, &owner, &gone).succeeded();
    assert!(gone.contains("would be told nothing"), "{gone}");
    by(&world, &owner, &["webhook", "show", webhook]).succeeded();
    by(&world, &key, &["tenant", "list"]).succeeded();
}
