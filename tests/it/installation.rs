//! What `install/` and docker-compose.yml type is what our programs take.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{World, bin, run};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn text(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap()
}

/// Asserts that a program takes these words: `--help` ends what would begin else.
fn takes(program: &str, words: &[&str], file: &str) {
    assert!(words.len() > 1, "{file}: {words:?}");
    let done = run(Command::new(bin(program)).args(words).arg("--help"));
    assert_eq!(done.code, 0, "{file}: {program} {words:?}: {}", done.stderr);
}

/// The items of a list that begin with `--`, up to one that is nothing else.
fn listed(text: &str) -> Vec<&str> {
    let items = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "));
    let options = items.skip_while(|item| !item.starts_with("--"));
    options
        .take_while(|item| item.starts_with("--") && *item != "--")
        .collect()
}

#[test]
fn options_of_containers_are_those_of_the_programs() {
    for (file, program, verb) in [
        ("docker-compose.yml", "mcps-authority", Some("serve")),
        (
            "install/kubernetes/authority.yaml",
            "mcps-authority",
            Some("serve"),
        ),
        ("install/kubernetes/server.yaml", "mcps-wrap", None),
    ] {
        let text = text(file);
        let after = text.find(program).unwrap();
        let words: Vec<&str> = verb.into_iter().chain(listed(&text[after..])).collect();
        takes(program, &words, file);
    }
    let gateway = text("install/kubernetes/gateway.yaml");
    let command = gateway.split("command: [mcps-gateway, ").nth(1).unwrap();
    let words = command.split(']').next().unwrap().split(", ");
    takes(
        "mcps-gateway",
        &words.collect::<Vec<_>>(),
        "install/kubernetes/gateway.yaml",
    );
}

#[test]
fn options_of_units_are_those_of_the_programs() {
    let mut count = 0;
    for entry in fs::read_dir(Path::new(ROOT).join("install")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if !file.ends_with(".service") {
            continue;
        }
        let unit = text(&format!("install/{file}"));
        for line in unit.lines().filter(|line| line.starts_with("ExecStart=")) {
            let line = line
                .trim_start_matches("ExecStart=/bin/sh -c 'exec ")
                .trim_start_matches("ExecStart=");
            let line = line.split(" -- ").next().unwrap();
            // A shell makes the backup's name.
            let line = match line.split_once(" \"$STATE_DIRECTORY") {
                Some((before, _)) => format!("{before} FILE"),
                None => line.to_owned(),
            };
            let line = line
                .replace("${MCPS_WRAP_LISTEN}", "127.0.0.1:8443")
                .replace(" $MCPS_WRAP_OPTIONS", "");
            let mut words = line.split(' ');
            let program = words.next().unwrap().trim_start_matches("/usr/local/bin/");
            takes(program, &words.collect::<Vec<_>>(), &file);
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn the_unit_of_the_gateway_reads_its_configuration_where_it_is_changed() {
    let unit = text("install/mcps-gateway.service");
    let values = |key: &str| {
        let lines = unit.lines().filter_map(|line| line.split_once('='));
        let values = lines.filter(|(name, _)| *name == key);
        values.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let start = values("ExecStart");
    assert!(
        start[0].contains(" --config /etc/mcps/gateway.toml "),
        "{start:?}"
    );
    // A credential is a copy of the time of the start: that will do for what is used at the start alone.
    assert_eq!(
        values("LoadCredential"),
        ["enrolment_token:/etc/mcps/gateway.token"]
    );
    assert_eq!(values("SupplementaryGroups"), ["mcps"]);
    let steps = text("docs/installation.md");
    for step in [
        "groupadd --system mcps ",
        "install -d -m 0750 -g mcps /etc/mcps\n",
        "install -m 0640 -g mcps gateway.toml /etc/mcps/gateway.toml\n",
    ] {
        assert!(steps.contains(step), "{step}");
    }
}

#[test]
fn the_configuration_of_the_manifest_is_one() {
    let manifest = text("install/kubernetes/gateway.yaml");
    let lines = manifest
        .lines()
        .skip_while(|line| !line.ends_with("gateway.toml: |"))
        .skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let toml: Vec<&str> = lines.map(str::trim).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    // What secrets of the cluster put there.
    let run_dir = folder.path().join("run");
    let (tls, shared) = (run_dir.join("tls"), run_dir.join("shared"));
    fs::create_dir_all(&tls).unwrap();
    fs::create_dir_all(&shared).unwrap();
    crate::certificates::Ca::new().certify(&tls);
    fs::rename(tls.join("cert.pem"), tls.join("tls.crt")).unwrap();
    fs::rename(tls.join("key.pem"), tls.join("tls.key")).unwrap();
    fs::write(shared.join("password"), "secret").unwrap();
    let toml = toml.join("\n").replace("/run/", "run/");
    fs::write(&file, toml).unwrap();
    let check = |more: &[&str]| {
        let mut check = Command::new(bin("mcps-gateway"));
        check.args(["check", "--config"]).arg(&file).args(more);
        run(&mut check).succeeded()
    };
    assert!(check(&[]).contains("1 servers and 1 tenants"));
    let json: serde_json::Value = serde_json::from_str(&check(&["-o", "json"])).unwrap();
    assert_eq!((&json["servers"], &json["tenants"]), (&1.into(), &1.into()));
}

/// Every file below a folder, and what is in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read_to_string(&path).unwrap())),
        }
    }
    found
}

#[test]
fn what_runs_at_every_start_leaves_alone_what_is_there() {
    let world = World::start();
    let folder = world.dir().join("first-run");
    let first_run = |verb: &str| {
        let mut command = Command::new(format!("{ROOT}/install/first-run"));
        command.env_clear();
        let programs = bin("mcps").parent().unwrap().display().to_string();
        command.env("PATH", format!("{programs}:/usr/bin:/bin"));
        for name in ["secrets", "tokens", "homes"] {
            let variable = format!("MCPS_{}", name.to_uppercase());
            command.env(variable, folder.join(name));
        }
        command.env("MCPS_AUTHORITY", world.url());
        command.env("MCPS_OPERATOR_KEY_FILE", world.operator_key_file());
        run(command.arg(verb))
    };
    first_run("secrets").succeeded();
    let made = files(&folder);
    assert_eq!(made.len(), 5, "{:?}", made.keys());
    first_run("secrets").succeeded();
    assert_eq!(files(&folder), made);

    first_run("enrol").succeeded();
    let token = folder.join("tokens/server/token");
    let home = folder.join("homes/server");
    let mut request = world.mcps(&home);
    request.args(["passport", "request", "--authority", world.url()]);
    request.args(["--name", "demo-server", "--kind", "server"]);
    run(request.arg("--enrolment-token-file").arg(&token)).succeeded();
    let used = fs::read_to_string(&token).unwrap();
    let again = first_run("enrol");
    assert!(
        again.stderr.contains("the server has a passport"),
        "{again:?}"
    );
    assert_eq!(fs::read_to_string(&token).unwrap(), used);
    // A home that lost its passport gets another.
    fs::remove_file(home.join("passport.json")).unwrap();
    first_run("enrol").succeeded();
    assert_ne!(fs::read_to_string(&token).unwrap(), used);
    first_run("fly").failed(2);
}
