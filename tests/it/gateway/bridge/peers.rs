//! A real server of 2025-11-25, and a real client of 2026-07-28 who never hears of its sessions.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::gateway::Gate;
use crate::peers::installed;
use crate::world::bin;

/// What the client cannot do at such a server: the newer era has no such request, or the server itself refuses it.
const REFUSED: [&str; 6] = [
    "call no-such-tool",
    "read demo://resource/no-such-thing",
    "prompt no-such-prompt",
    "ping",
    "set_level",
    "subscribe demo://resource/dynamic/text/1",
];

/// What the plan's step told, as text.
fn step(record: &[Value], title: &str) -> String {
    let found = record.iter().find(|step| step["step"] == title);
    found
        .unwrap_or_else(|| panic!("no {title}: {record:#?}"))
        .to_string()
}

#[tokio::test]
async fn the_python_sdk_of_the_newer_era_has_all_of_a_server_of_the_older() {
    let server = installed()
        .join("bin/server-everything")
        .display()
        .to_string();
    let config = format!(
        "[tenant.default]\n[[server]]\nname = \"every\"\ncommand = [{server:?}]\nera = \"2025-11-25\"\n"
    );
    let gate = Gate::open(&config).await;
    let dir = tempfile::tempdir().unwrap();
    let mut client = Command::new(installed().join("bin/client-python-2"));
    client.args(["--plan", "everything", "--mode", "auto", "--dir"]);
    client.arg(dir.path()).arg("--").arg(bin("mcps"));
    client.arg("--home").arg(&gate.stage.agent);
    client.args(["connect", "--url", &gate.at("every")]);
    client
        .stdin(Stdio::null())
        .current_dir(dir.path())
        .kill_on_drop(true);
    let output = client.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let record: Vec<Value> = serde_json::from_str(str::from_utf8(&output.stdout).unwrap()).unwrap();
    assert_eq!(
        record[0]["result"]["revision"], "2026-07-28",
        "{record:#?}\n{said}"
    );
    for (title, has) in [
        ("connect", "tools"),
        ("tools", "get-sum"),
        ("call get-structured-content", "structuredContent"),
        ("call trigger-long-running-operation", "\"progress\":[{"),
        ("call trigger-sampling-request", "a made-up completion"),
        ("call trigger-elicitation-request", "Ada"),
        ("call get-roots-list", "file:///made-up/root"),
        ("resources", "features.md"),
        (
            "read demo://resource/static/document/features.md",
            "contents",
        ),
        ("prompt args-prompt", "Paris"),
        ("complete", "Engineering"),
    ] {
        let told = step(&record, title);
        assert!(told.contains(has), "{title}: {told}\n{said}");
    }
    let failed = record.iter().filter(|step| step.get("error").is_some());
    let failed: Vec<_> = failed.filter_map(|step| step["step"].as_str()).collect();
    for title in &failed {
        let known = REFUSED.contains(title) || title.starts_with("cancel");
        assert!(known, "{}\n{said}", step(&record, title));
    }
}
