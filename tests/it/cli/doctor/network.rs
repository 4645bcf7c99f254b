//! Mistakes on the way to the authority, and to servers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use super::{diagnose, mcps, scene};
use crate::certificates::Ca;
use crate::world::{World, run};

/// Answers every connection in the same way, until the tests end.
fn answering(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            answer(&mut stream);
        }
    });
    format!("127.0.0.1:{}", address.port())
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Says that the home's authority is somewhere else.
fn at(home: &Path, url: &str) {
    let file = home.join("authority.json");
    let text = fs::read_to_string(&file).unwrap();
    let mut pin: serde_json::Value = serde_json::from_str(&text).unwrap();
    pin["url"] = url.into();
    fs::write(&file, pin.to_string()).unwrap();
}

#[test]
fn an_authority_that_does_not_run() {
    let (mut world, home) = scene();
    world.stop_authority();
    diagnose(&world, &home, &[])
        .finds(
            "authority-unreachable",
            "bad",
            "mcps-authority serve --listen 127.0.0.1:",
        )
        .ends(1);
}

#[test]
fn another_service_at_the_port() {
    let (world, home) = scene();
    let port = answering(|stream| {
        head(stream);
        drop(stream.write_all(
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ));
    });
    at(&home, &format!("http://{port}"));
    diagnose(&world, &home, &[])
        .finds("authority-is-none", "bad", "7300")
        .ends(2);
    at(&home, "ta.example.com:7300");
    diagnose(&world, &home, &[])
        .finds("authority-address", "bad", "http://127.0.0.1:7300")
        .ends(2);
}

#[test]
fn http_for_https_and_the_other_way_round() {
    let (world, home) = scene();
    let secure = world.url().replace("http://", "https://");
    diagnose(&world, &home, &["--authority", &secure])
        .finds("authority-scheme", "bad", world.url())
        .ends(2);
    let folder = tempfile::tempdir().unwrap();
    Ca::new().certify(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    let tls = World::start_in(folder, &["--tls-cert", &certificate, "--tls-key", &key]);
    let clear = tls.url().replace("https://", "http://");
    assert_ne!(clear, tls.url());
    diagnose(&world, &home, &["--authority", &clear])
        .finds("authority-scheme", "bad", tls.url())
        .ends(2);
    // The certificate is by nobody whom this machine knows.
    diagnose(&world, &home, &["--authority", tls.url()])
        .finds("authority-certificate", "bad", "SSL_CERT_FILE")
        .ends(1);
}

#[test]
fn an_authority_with_another_root_key() {
    let (world, home) = scene();
    let other = World::start();
    at(&home, other.url());
    diagnose(&world, &home, &[])
        .finds(
            "authority-other-root",
            "bad",
            "its operator has told you its root key",
        )
        .ends(6);
}

/// Passes a request on, and gives the answer.
fn passed_on(asked: &str, real: &str) -> String {
    let asked = asked.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let mut upstream = TcpStream::connect(real).unwrap();
    upstream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    upstream.read_to_string(&mut answer).unwrap();
    answer
}

/// The world's authority, but that what is asked for at one path is answered with 503.
fn without(world: &World, path: &'static str) -> String {
    let real = world.url().trim_start_matches("http://").to_owned();
    let port = answering(move |stream| {
        let asked = head(stream);
        let answer = match asked.lines().next().unwrap_or_default().contains(path) {
            true => {
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    .to_owned()
            }
            false => passed_on(&asked, &real),
        };
        drop(stream.write_all(answer.as_bytes()));
    });
    format!("http://{port}")
}

#[test]
fn an_authority_that_is_not_ready() {
    let (world, home) = scene();
    at(&home, &without(&world, "/readyz"));
    diagnose(&world, &home, &[])
        .finds("authority-not-ready", "bad", "mcps-authority doctor")
        .ends(1);
}

#[test]
fn an_authority_that_does_not_say_how_the_passport_stands() {
    let (world, home) = scene();
    at(&home, &without(&world, "/status"));
    diagnose(&world, &home, &[])
        .finds("passport-status", "warning", "what is said above")
        .ends(0);
}

#[test]
fn an_operators_key_that_cannot_be_asked_about() {
    let (world, home) = scene();
    at(&home, &without(&world, "/v1/passports?"));
    let file = world.operator_key_file();
    let key = ["--operator-key-file", file.to_str().unwrap()];
    diagnose(&world, &home, &key)
        .finds("operator-key", "warning", "the authority's log")
        .ends(0);
}

#[test]
fn clocks_that_are_apart() {
    let (world, home) = scene();
    let real = world.url().trim_start_matches("http://").to_owned();
    let late = answering(move |stream| {
        let answer = passed_on(&head(stream), &real);
        let lines = answer
            .split("\r\n")
            .map(|line| match line.starts_with("date:") {
                true => "date: Mon, 01 Jan 2024 00:00:00 GMT",
                false => line,
            });
        let answer = lines.collect::<Vec<_>>().join("\r\n");
        drop(stream.write_all(answer.as_bytes()));
    });
    at(&home, &format!("http://{late}"));
    diagnose(&world, &home, &[])
        .finds("clock-skew", "bad", "NTP")
        .ends(1);
}

#[test]
fn a_passport_that_was_ended() {
    let (world, home) = scene();
    let file = world.operator_key_file();
    let order = |words: &[&str]| {
        let key = ["--operator-key-file", file.to_str().unwrap()];
        run(mcps(&world, &home, words).args(key)).succeeded()
    };
    order(&["order", "suspend", "--agent", "bot"]);
    diagnose(&world, &home, &[])
        .finds("passport-suspended", "bad", "mcps order reinstate")
        .ends(4);
    order(&["passport", "revoke", "--reason", "policy"]);
    diagnose(&world, &home, &[])
        .finds("passport-revoked", "bad", "enrolment token")
        .ends(4);
}

#[test]
fn a_server_that_asks_for_a_higher_level_and_one_that_is_not_there() {
    let (world, home) = scene();
    let server = world.enrol("server", "notes", 2);
    let mut wrap = world.program("mcps-wrap");
    wrap.arg("--home").arg(&server);
    wrap.args(["--listen", "127.0.0.1:0", "--min-level", "2", "--"]);
    wrap.arg(crate::world::bin("mcps-demo-server"));
    let (mut process, url) = super::super::listening(wrap);
    diagnose(&world, &home, &["--url", &url])
        .finds("level-too-low", "bad", "mcps trust explain")
        .ends(6);
    let trusted = world.enrol("agent", "trusted", 2);
    let well = diagnose(&world, &trusted, &["--url", &url]).finds("server", "good", "");
    assert!(
        well.of("server").unwrap()["found"]
            .as_str()
            .unwrap()
            .contains("tools")
    );
    well.ends(0);
    process.kill().unwrap();
    process.wait().unwrap();
    diagnose(&world, &trusted, &["--url", &url])
        .finds("server-unreachable", "bad", "mcps-wrap --listen")
        .ends(1);
}
