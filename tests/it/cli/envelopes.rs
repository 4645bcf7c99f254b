//! `mcps envelope verify`: what a signed message says, and by which code it is refused.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::End;
use mcps_core::clock::Timestamp;
use mcps_core::envelope::{self, Carrier, Fields};
use mcps_core::message::Message;
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::stream::Stream;
use serde_json::Value;

use super::founder::now;
use super::{assert_one_line, mcps};
use crate::world::{Done, World, run, run_with_input};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read_note","arguments":{"name":"a"}}}"#;

/// How a message is signed.
struct Signing<'a> {
    home: &'a Path,
    carrier: Carrier,
    aud: &'a str,
    at: Timestamp,
    with_passport: bool,
}

impl<'a> Signing<'a> {
    fn by(home: &'a Path) -> Self {
        Self {
            home,
            carrier: Carrier::Native,
            aud: "stdio:*",
            at: now(),
            with_passport: true,
        }
    }

    fn sign(&self, message: &str) -> String {
        let identity = Identity::load(&Home::new(self.home), End::Client).unwrap();
        let passport = identity.passport().unwrap();
        let fields = Fields {
            passport_id: passport.id().clone(),
            timestamp: self.at.to_string(),
            stamped: self.at,
            nonce: hex16(&SystemRandom).unwrap(),
            aud: self.aud.to_owned(),
            session: hex16(&SystemRandom).unwrap(),
            passport: self
                .with_passport
                .then(|| Box::new(passport.as_ref().clone())),
            req: None,
            position: Some(Stream::new().next()),
            last: false,
            act: None,
            ath: None,
        };
        let message = Message::parse(message).unwrap();
        envelope::seal(message, self.carrier, &fields, identity.signer())
            .unwrap()
            .text
    }
}

/// A world with an agent that signs and somebody of the same authority who looks.
struct Scene {
    world: World,
    agent: std::path::PathBuf,
    looker: std::path::PathBuf,
}

impl Scene {
    fn set() -> Self {
        let world = World::start();
        let agent = world.enrol("agent", "bot", 2);
        let looker = world.enrol("agent", "auditor", 1);
        Self {
            world,
            agent,
            looker,
        }
    }

    fn command(&self, home: &Path, more: &[&str]) -> Command {
        mcps(&self.world, home, &[&["envelope", "verify"], more].concat())
    }

    fn look(&self, message: &str, more: &[&str]) -> Done {
        run_with_input(&mut self.command(&self.looker, more), message)
    }
}

#[test]
fn says_what_a_message_says_in_either_carrier() {
    let scene = Scene::set();
    for carrier in [Carrier::Native, Carrier::Draft00] {
        let signed = Signing {
            carrier,
            ..Signing::by(&scene.agent)
        }
        .sign(CALL);
        let said = scene.look(&signed, &["--online"]).succeeded();
        for part in [
            "request 7: tools/call read_note",
            &carrier.to_string(),
            "the agent bot",
            "1, the first",
            "L2 Verified",
        ] {
            assert!(said.contains(part), "`{part}` is not in:\n{said}");
        }
        let json = scene.look(&signed, &["-o", "json"]).succeeded();
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["message"]["id"], &json["message"]["method"]),
            (&7.into(), &"tools/call".into())
        );
        assert_eq!(json["verdict"], "good");
    }
}

#[test]
fn a_file_is_read_as_well_as_standard_input() {
    let scene = Scene::set();
    let file = scene.world.dir().join("message.json");
    let message: Value = serde_json::from_str(&Signing::by(&scene.agent).sign(CALL)).unwrap();
    // Spread over lines and in another order, as an editor leaves it.
    std::fs::write(&file, format!("{message:#}\n")).unwrap();
    run(&mut scene.command(&scene.looker, &[file.to_str().unwrap()])).succeeded();
    run(&mut scene.command(&scene.looker, &["/nonexistent/message.json"])).failed(3);
}

#[test]
fn a_change_after_signing_shows() {
    let scene = Scene::set();
    for carrier in [Carrier::Native, Carrier::Draft00] {
        let signed = Signing {
            carrier,
            ..Signing::by(&scene.agent)
        }
        .sign(CALL);
        for (from, to) in [
            ("read_note", "drop_note"),
            (r#""id":7"#, r#""id":8"#),
            ("stdio:*", "stdio:?"),
            (r#""seq":1"#, r#""last":true,"seq":1"#),
        ] {
            assert!(signed.contains(from), "{from}");
            let done = scene.look(&signed.replacen(from, to, 1), &[]);
            assert!(
                done.stdout.contains("REFUSED: MCPS-004"),
                "{carrier} {to}: {}",
                done.stdout
            );
            assert_one_line(&done.failed(6), "MCPS-004 Invalid signature");
        }
    }
}

#[test]
fn what_is_no_signed_message_is_refused_by_its_code() {
    let scene = Scene::set();
    let signed = Signing::by(&scene.agent).sign(CALL);
    let cases = [
        (CALL.to_owned(), "MCPS-026"),
        ("not json".to_owned(), "MCPS-020"),
        ("[]".to_owned(), "MCPS-020"),
        (signed.replacen('{', r#"{"id":7,"#, 1), "MCPS-020"),
        (
            signed.replacen(r#""nonce":""#, r#""nonce":"x"#, 1),
            "MCPS-020",
        ),
        (
            signed.replacen(r#""version":"1.0""#, r#""version":"2.0""#, 1),
            "MCPS-015",
        ),
    ];
    for (message, code) in cases {
        let done = scene.look(&message, &[]);
        assert_one_line(&done.failed(6), code);
    }
    assert_one_line(
        &scene.look(&" ".repeat(5 << 20), &[]).failed(1),
        "more than",
    );
}

#[test]
fn an_old_message_is_judged_as_of_its_time() {
    let scene = Scene::set();
    // Of tomorrow's messages too: the passport is good for another hour.
    let at = now().plus(Duration::from_secs(1200));
    let signed = Signing {
        at,
        ..Signing::by(&scene.agent)
    }
    .sign(CALL);
    let done = scene.look(&signed, &[]);
    assert!(
        done.stdout.contains(&format!("--at {at}")),
        "{}",
        done.stdout
    );
    assert_one_line(&done.failed(6), "MCPS-006");
    let good = scene.look(&signed, &["--at", &at.to_string()]);
    good.succeeded();
    let later = at.plus(Duration::from_secs(400)).to_string();
    scene.look(&signed, &["--at", &later]).failed(6);
    scene
        .look(&signed, &["--at", &later, "--window", "10m"])
        .succeeded();
    scene.look(&signed, &["--at", "yesterday"]).failed(2);
}

#[test]
fn a_passport_by_id_only_is_found_where_there_is_one() {
    let scene = Scene::set();
    let signed = Signing {
        with_passport: false,
        ..Signing::by(&scene.agent)
    }
    .sign(CALL);
    let wanting = scene.look(&signed, &[]);
    assert!(
        wanting.stdout.contains("--passport FILE"),
        "{}",
        wanting.stdout
    );
    assert_one_line(&wanting.failed(6), "MCPS-001");

    let of = |home: &Path| home.join("passport.json").to_str().unwrap().to_owned();
    scene
        .look(&signed, &["--passport", &of(&scene.agent)])
        .succeeded();
    let other = scene.look(&signed, &["--passport", &of(&scene.looker)]);
    assert_one_line(&other.failed(6), "another passport than the message names");
    let fetched = scene.look(&signed, &["--online"]).succeeded();
    assert!(fetched.contains("from the authority"), "{fetched}");
    let own = run_with_input(&mut scene.command(&scene.agent, &[]), &signed).succeeded();
    assert!(own.contains("this home's own"), "{own}");
}

#[test]
fn the_audience_is_this_home_or_who_was_named() {
    let scene = Scene::set();
    let own = Identity::load(&Home::new(&scene.looker), End::Client)
        .unwrap()
        .id()
        .unwrap();
    let aud = format!("stdio:{own}");
    let signed = Signing {
        aud: &aud,
        ..Signing::by(&scene.agent)
    }
    .sign(CALL);
    let said = scene.look(&signed, &[]).succeeded();
    assert!(said.contains("this home's passport"), "{said}");
    scene.look(&signed, &["--audience", &aud]).succeeded();
    let elsewhere = scene.look(&signed, &["--audience", "https://example.com/mcp"]);
    assert_one_line(&elsewhere.failed(6), "MCPS-016");
}

#[test]
fn a_revoked_signer_is_found_out_online() {
    let scene = Scene::set();
    let signed = Signing::by(&scene.agent).sign(CALL);
    let file = scene.world.operator_key_file();
    let words = [
        "passport",
        "revoke",
        "--reason",
        "policy",
        "--operator-key-file",
        file.to_str().unwrap(),
    ];
    run(&mut mcps(&scene.world, &scene.agent, &words)).succeeded();
    let offline = scene.look(&signed, &[]).succeeded();
    assert!(
        offline.contains("Good as far as it was checked"),
        "{offline}"
    );
    assert_one_line(&scene.look(&signed, &["--online"]).failed(6), "MCPS-003");
}

#[test]
fn a_message_cannot_speak_to_the_terminal() {
    let scene = Scene::set();
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"\u001b[2J\nsigned by  somebody else"}"#;
    let said = scene
        .look(&Signing::by(&scene.agent).sign(message), &[])
        .succeeded();
    assert!(
        said.contains(r"\u{1b}[2J\nsigned by") && !said.contains('\u{1b}'),
        "{said}"
    );
}
