mod docs;

use std::fs;
use std::path::Path;

use super::check;
use crate::error::GatewayError;

fn said(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    checked(folder.path(), text).map_err(|error| error.to_string())
}

fn checked(folder: &Path, text: &str) -> Result<(), GatewayError> {
    let file = folder.join("gateway.toml");
    fs::write(&file, text).unwrap();
    check(&file).map(drop)
}

#[test]
fn what_could_not_start_or_work_does_not_pass() {
    let server = |line: &str| format!("[[server]]\nname = \"s\"\n{line}\n");
    for (text, parts) in [
        (
            server("url = \"ftp://x\""),
            ["server `s`: `url`", "https:// or http://"],
        ),
        (
            server("url = \"search.example.com/mcp\""),
            ["server `s`: `url`", "not an absolute URL"],
        ),
        (
            server("url = \"http://s.example/mcp\""),
            ["server `s`: `url`", "add `allow_insecure_http = true`"],
        ),
        (
            server("url = \"https://u:p@s.example\""),
            ["server `s`: `url`", "user name or password"],
        ),
        (
            server("url = \"https://s.example\"\nca_cert = \"gone.pem\""),
            ["server `s`: `ca_cert`", "gone.pem"],
        ),
        (
            server("url = \"https://s.example\"\nanswer_s = 0"),
            ["server `s`: `answer_s`", "at least 1"],
        ),
        (
            "public_url = [\"gateway.example.com\"]".to_owned(),
            [
                "`gateway.example.com` in `public_url`",
                "not an absolute URL",
            ],
        ),
        (
            "allow_origin = [\"notanorigin\"]".to_owned(),
            ["`notanorigin` in `allow_origin`", "https://app.example.com"],
        ),
        (
            "allow_origin = [\"https://a.example/page\"]".to_owned(),
            ["in `allow_origin`", "https://app.example.com"],
        ),
        (
            "max_sessions = 0".to_owned(),
            ["`max_sessions`", "leave it out for 1024"],
        ),
        (
            "max_sessions_per_caller = 0".to_owned(),
            ["`max_sessions_per_caller`", "leave it out for 256"],
        ),
        (
            "session_idle_s = 0".to_owned(),
            ["`session_idle_s`", "leave it out for 1800"],
        ),
        (
            "tls_cert = \"c.pem\"\ntls_key = \"k.pem\"".to_owned(),
            ["`tls_cert`", "c.pem"],
        ),
        (
            "[shared]\nurl = \"rediss://h\"\npassword_file = \"pw\"".to_owned(),
            ["pw: No such file", "`password_file` of [shared]"],
        ),
        (
            "[shared]\nurl = \"rediss://h\"\nca = \"ca.pem\"".to_owned(),
            ["ca.pem: No such file", "`ca` of [shared]"],
        ),
        (
            "record = \"gone/records\"".to_owned(),
            ["gone/records", "`record`"],
        ),
        (
            "[tenant.a]\npolicy = [\"gone.toml\"]".to_owned(),
            ["gone.toml: No such file", "`policy` of [tenant.a]"],
        ),
    ] {
        let why = said(&text).unwrap_err();
        assert!(parts.iter().all(|part| why.contains(part)), "{text}: {why}");
        let cause = why.matches("No such file").count();
        assert!(
            cause <= 1 && !why.contains("u:p@") && !why.contains("--config"),
            "{why}"
        );
    }
}

#[test]
fn what_is_relative_is_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pw"), "secret\n").unwrap();
    fs::write(
        folder.path().join("a.cedar"),
        "permit (principal, action, resource);",
    )
    .unwrap();
    let text = "record = \"records.jsonl\"\n[tenant.a]\npolicy = [\"a.cedar\"]\n[shared]\nurl = \"rediss://h\"\npassword_file = \"pw\"\n";
    checked(folder.path(), text).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        !folder.path().join("records.jsonl").exists(),
        "it only looks"
    );
    let named = "record = \"r\"\ntls_cert = \"c\"\ntls_key = \"/k\"\n[[server]]\nname = \"s\"\nurl = \"https://s.example\"\nca_cert = \"ca\"\n[shared]\nurl = \"rediss://h\"\nca = \"ca\"\n";
    let file = folder.path().join("gateway.toml");
    fs::write(&file, named).unwrap();
    let config = crate::config::Config::load(&file).unwrap();
    let at = |name: &str| Some(folder.path().join(name));
    assert_eq!([&config.record, &config.tls_cert], [&at("r"), &at("c")]);
    assert_eq!(config.tls_key.as_deref(), Some(Path::new("/k")));
    assert_eq!(config.server[0].ca_cert, at("ca"));
    assert_eq!(config.shared.unwrap().ca, at("ca"));
}
