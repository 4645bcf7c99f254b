//! `mcps tool`: what was pinned, what changed, and a person's word on it.

use std::path::Path;
use std::time::Duration;

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::tools::{change_pins, load_pins};
use mcps_core::digest::Digest;
use mcps_core::pin::Server;
use serde_json::Value;

use super::assert_one_line;
use super::founder::now;
use crate::world::{Done, bin, run};

fn tool(home: &Path, args: &[&str]) -> Done {
    let mut command = std::process::Command::new(bin("mcps"));
    run(command
        .env_clear()
        .arg("--home")
        .arg(home)
        .arg("tool")
        .args(args))
}

fn server() -> Server {
    Server::Subject {
        issuer: "authority".to_owned(),
        tenant: "default".to_owned(),
        name: "notes".to_owned(),
    }
}

/// A home that saw `echo` and `read_note`, and then another `read_note`.
fn home_with_a_change(dir: &Path) {
    let old = now().minus(Duration::from_secs(3600));
    let seen = change_pins(&Home::new(dir), |pins| {
        for name in ["echo", "read_note"] {
            pins.look(&server(), name, &Digest::of(b"first"), old)?;
        }
        pins.look(&server(), "read_note", &Digest::of(b"second"), now())
            .unwrap_err();
        Ok::<_, ClientError>(())
    });
    seen.unwrap();
}

#[test]
fn a_changed_tool_is_listed_and_approved() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    assert!(
        tool(home, &["list"])
            .succeeded()
            .starts_with("No tools were seen yet")
    );
    home_with_a_change(home);
    let (first, second) = (
        Digest::of(b"first").to_string(),
        Digest::of(b"second").to_string(),
    );

    let listed = tool(home, &["list"]).succeeded();
    assert!(
        listed.contains("authority/default/notes")
            && listed.contains("quarantined")
            && listed.contains(&second),
        "{listed}"
    );
    let json: Value =
        serde_json::from_str(&tool(home, &["list", "-o", "json"]).succeeded()).unwrap();
    assert_eq!(
        (&json[0]["state"], &json[1]["state"]),
        (&"pinned".into(), &"quarantined".into())
    );
    assert_eq!(json[1]["change"]["hash"], *second);

    let approved = tool(home, &["approve", "notes", "read_note", "--hash", &second]).succeeded();
    assert!(
        approved.contains(&second) && approved.contains(&first),
        "{approved}"
    );
    let pins = load_pins(&Home::new(home)).unwrap();
    let pin = pins.pin(&server(), "read_note").unwrap();
    assert_eq!((pin.hash, pin.change), (Digest::of(b"second"), None));
}

#[test]
fn without_a_hash_the_definition_shown_last_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    home_with_a_change(folder.path());
    tool(
        folder.path(),
        &["approve", "authority/default/notes", "read_note"],
    )
    .succeeded();
    let pins = load_pins(&Home::new(folder.path())).unwrap();
    assert_eq!(
        pins.pin(&server(), "read_note").unwrap().hash,
        Digest::of(b"second")
    );
}

#[test]
fn the_old_definition_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    home_with_a_change(folder.path());
    let first = Digest::of(b"first").to_string();
    tool(
        folder.path(),
        &["approve", "notes", "read_note", "--hash", &first],
    )
    .succeeded();
    let pins = load_pins(&Home::new(folder.path())).unwrap();
    let pin = pins.pin(&server(), "read_note").unwrap();
    assert_eq!((pin.hash, pin.change), (Digest::of(b"first"), None));
}

#[test]
fn what_cannot_be_approved_is_said_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    home_with_a_change(home);
    let before = load_pins(&Home::new(home)).unwrap();
    let third = Digest::of(b"third").to_string();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["mail", "read_note"], 3, "mcps tool list"),
        (&["notes", "write_note"], 3, "no tool of this name"),
        (&["notes", "echo"], 1, "not quarantined"),
        (
            &["notes", "read_note", "--hash", &third],
            6,
            "changed again",
        ),
        (&["notes", "read_note", "--hash", "abc"], 2, ""),
    ];
    for (args, code, says) in cases {
        let stderr = tool(home, &[&["approve"], args].concat()).failed(code);
        if code != 2 {
            assert_one_line(&stderr, says);
        }
    }
    assert_eq!(load_pins(&Home::new(home)).unwrap(), before);
}

#[test]
fn pins_that_cannot_be_read_are_not_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pins.json"), "{}").unwrap();
    assert_one_line(
        &tool(folder.path(), &["list"]).failed(1),
        "pins.json is not usable",
    );
}
