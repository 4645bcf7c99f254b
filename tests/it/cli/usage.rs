//! What holds for every command: usage, help, where the home is, and who reads what is printed.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{Done, bin, run};

fn mcps(args: &[&str]) -> Done {
    run(Command::new(bin("mcps")).env_clear().args(args))
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let cases: [&[&str]; 14] = [
        &[],
        &["passport"],
        &["fly"],
        &["keygen", "--loud"],
        &["connect"],
        &["connect", "--"],
        &["connect", "--carrier", "pigeon", "--", "true"],
        &["connect", "--window", "5s", "--", "true"],
        &["connect", "--min-server-level", "5", "--", "true"],
        &["--log-level", "", "codes"],
        &["--log-format", "yaml", "codes"],
        &["codes", "-o", "xml"],
        &[
            "passport",
            "request",
            "--authority",
            "http://x",
            "--name",
            "n",
            "--owner",
            "o",
            "--level",
            "3",
        ],
        &[
            "passport",
            "request",
            "--authority",
            "http://x",
            "--name",
            "n",
            "--owner",
            "o",
            "--ttl",
            "soon",
        ],
    ];
    for args in cases {
        assert_eq!(mcps(args).code, 2, "{args:?}");
    }
    for args in [&[][..], &["--mode", "sleep", "--", "true"]] {
        assert_eq!(
            run(Command::new(bin("mcps-wrap")).args(args)).code,
            2,
            "{args:?}"
        );
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = mcps(&["--help"]).succeeded();
    for part in [
        "keygen",
        "passport",
        "envelope",
        "connect",
        "tool",
        "codes",
        "dev",
        "6  verification failed",
        "MCPS_HOME",
    ] {
        assert!(help.contains(part), "`{part}` is not in:\n{help}");
    }
    let wrap = run(Command::new(bin("mcps-wrap")).arg("--help")).succeeded();
    assert!(
        wrap.contains("3  not found")
            && wrap.contains("--min-level")
            && !wrap.contains("MCPS_SESSION"),
        "{wrap}"
    );
    assert!(mcps(&["--version"]).succeeded().starts_with("mcps 0."));
}

#[test]
fn help_never_shows_what_the_environment_holds() {
    let key = format!("mcps_op_{}", "B".repeat(43));
    for args in [
        &["passport", "request", "--help"],
        &["passport", "revoke", "--help"],
    ] {
        let help = run(Command::new(bin("mcps"))
            .env("MCPS_OPERATOR_KEY", &key)
            .args(args))
        .succeeded();
        assert!(help.contains("MCPS_OPERATOR_KEY") && !help.contains(&key));
    }
}

#[test]
fn the_home_is_found_by_option_environment_and_convention() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let keygen = |option: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new(bin("mcps"));
        command.env_clear().envs(environment.iter().copied());
        run(command.args(option).arg("keygen"))
    };
    let home = ("MCPS_HOME", &*at("environment"));
    let (xdg, user) = (("XDG_CONFIG_HOME", &*at("xdg")), ("HOME", &*at("user")));
    keygen(&["--home", &at("asked")], &[home, xdg, user]).succeeded();
    keygen(&[], &[home, xdg, user]).succeeded();
    keygen(&[], &[xdg, user]).succeeded();
    keygen(&[], &[user]).succeeded();
    for dir in ["asked", "environment", "xdg/mcps", "user/.config/mcps"] {
        assert!(folder.path().join(dir).join("key.pem").is_file(), "{dir}");
    }
    let nowhere = keygen(&[], &[]).failed(2);
    assert!(nowhere.contains("--home DIR"), "{nowhere}");
}

#[test]
fn the_codes_come_as_table_json_and_markdown() {
    let json: Value = serde_json::from_str(&mcps(&["codes", "-o", "json"]).succeeded()).unwrap();
    assert_eq!(
        json.as_array().unwrap().len(),
        mcps_core::code::Code::ALL.len()
    );
    assert_eq!(
        (
            &json[8]["code"],
            &json[8]["jsonrpc"],
            &json[8]["http_status"]
        ),
        (&"MCPS-009".into(), &(-33009).into(), &403.into())
    );
    let markdown = mcps(&["codes", "-o", "markdown"]).succeeded();
    assert!(
        markdown == include_str!("../../../docs/codes.md"),
        "make docs/codes.md anew: mcps codes -o markdown > docs/codes.md"
    );
    assert!(mcps(&["codes"]).succeeded().starts_with("CODE "));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    for args in [&["codes"][..], &["--help"], &["codes", "-o", "json"]] {
        let mut process = Command::new(bin("mcps"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let output = process.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(bin("mcps"))
        .arg("codes")
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("mcps: cannot write to standard output"),
        "{stderr}"
    );
}
