//! HTTP that nobody should speak, to a running wrapper: each is refused for what it is, costs no
//! memory that stays, and whoever behaves is served all the while.
//!
//! What each byte of a request may be is proven in `mcps-transport`, where time can stand still.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_client::fetch::Fetch;
use mcps_core::code::Code;
use reqwest::{Method, StatusCode};
use tokio::io::AsyncReadExt as _;

use super::caller::{Caller, messages};
use super::raw::{Raw, SMUGGLED, begins, post, says, status};
use super::{Scene, read_note};
use crate::wire::{code_of, eventually};

/// How much larger the wrapper may become by all that one test does.
const MARGIN: usize = 64 * 1024 * 1024;

/// A wrapper, somebody who behaves, and how much memory the wrapper had before.
struct Besieged {
    scene: Scene,
    caller: Caller,
    before: usize,
    asked: u32,
}

impl Besieged {
    async fn set() -> Self {
        let scene = Scene::set().await;
        let mut caller = scene.caller();
        caller.open_session().await;
        caller.ask(&read_note(1)).await;
        Self {
            before: resident(&scene),
            scene,
            caller,
            asked: 1,
        }
    }

    /// The one who behaves is served.
    async fn serves(&mut self) {
        self.asked += 1;
        let told = self.caller.ask(&read_note(self.asked)).await;
        let id = format!(r#""id":{}"#, self.asked);
        assert!(
            told[0].contains(&id) && told[0].contains("Welcome"),
            "{told:?}"
        );
    }

    /// Waits until a connection is taken again.
    async fn has_room(&self) {
        eventually("there is room again", async || {
            let answer = says(&self.scene, &post(&[], "{}")).await;
            (status(&answer) == Some(400)).then_some(())
        })
        .await;
    }

    /// And so is somebody new; nothing went wrong inside, and nothing was kept.
    async fn holds(mut self) {
        self.serves().await;
        let mut other = self.scene.caller();
        other.open_session().await;
        other.ask(&read_note(1)).await;
        let words = self.scene.wrap.words();
        assert!(!words.contains("ERROR"), "{words}");
        let after = resident(&self.scene);
        let before = self.before;
        assert!(after < before + MARGIN, "{before} bytes became {after}");
    }
}

/// Bytes of the wrapper that are in memory.
fn resident(scene: &Scene) -> usize {
    let status = format!("/proc/{}/status", scene.wrap.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn bodies_that_are_cut_or_of_another_kind_are_refused() {
    let mut besieged = Besieged::set().await;
    let scene = &besieged.scene;
    for (lines, body, wanted) in [
        (&["Content-Type: text/plain"][..], "{}", 415),
        (&["Content-Type:"], "{}", 415),
        (
            &["Content-Type: application/json; charset=utf-16"],
            "{}",
            415,
        ),
        (&["Content-Type: application/json, text/plain"], "{}", 415),
        (&["Content-Encoding: gzip"], "{}", 415),
        (&["Accept: application/json"], "{}", 406),
        (&["Accept: text/event-stream"], "{}", 406),
    ] {
        let answer = says(scene, &post(lines, body)).await;
        assert_eq!(status(&answer), Some(wanted), "{lines:?}: {answer}");
    }
    let text = read_note(1);
    for (lines, part) in [
        (&["Content-Length: 4000"][..], text.as_str()),
        (&["Content-Length: 4000"], ""),
        (&["Transfer-Encoding: chunked"], "2\r\n{}\r\n"),
        (&["Transfer-Encoding: chunked"], "5\r\n{}"),
        (&["Transfer-Encoding: chunked"], "2\r\n{}x\r\n0\r\n\r\n"),
        (&["Transfer-Encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n"),
    ] {
        let answer = begins(scene, &post(lines, part)).await;
        // Who has left may find no answer.
        let told = status(&answer);
        assert!(matches!(told, None | Some(400)), "{part:?}: {answer}");
    }
    // Whole, and no message: the refusal has its code.
    for body in ["", "{", "nil", "{}{}", "\u{feff}{}", r#"{"a":1,"a":1}"#] {
        let answer = says(scene, &post(&[], body)).await;
        assert_eq!(status(&answer), Some(400), "{body:?}: {answer}");
        let (_, told) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(code_of(told), Some(Code::Malformed), "{body:?}");
    }
    besieged.serves().await;
    besieged.holds().await;
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_unread_and_leave_nothing_behind() {
    let besieged = Besieged::set().await;
    for _ in 0..4 {
        let declared = post(&["Content-Length: 104857600"], "");
        let mut raw = Raw::to(&besieged.scene).await;
        raw.send(declared.as_bytes()).await;
        assert_eq!(status(&raw.rest().await), Some(413));

        let mut raw = Raw::to(&besieged.scene).await;
        raw.send(post(&["Transfer-Encoding: chunked"], "").as_bytes())
            .await;
        let chunk = [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat();
        let mut sent = 0;
        while sent < 100 && raw.send(&chunk).await {
            sent += 1;
        }
        assert!(sent < 50, "{sent} MiB were taken");
        let answer = raw.rest().await;
        assert!(matches!(status(&answer), None | Some(413)), "{answer}");
    }
    besieged.holds().await;
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let besieged = Besieged::set().await;
    let scene = &besieged.scene;
    let many: Vec<String> = (0..500).map(|n| format!("X-{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = format!("X: {}", "y".repeat(64 * 1024));
    for lines in [&many[..], &[&long]] {
        let answer = says(scene, &post(lines, "{}")).await;
        assert_eq!(status(&answer), Some(431), "{answer}");
    }
    // Without an end.
    for start in ["POST /mcp HTTP/1.1\r\n", "POST /", ""] {
        let mut raw = Raw::to(scene).await;
        raw.send(start.as_bytes()).await;
        let line = "X-Header: value\r\n".repeat(1000);
        let mut sent = 0;
        while sent < 1000 && raw.send(line.as_bytes()).await {
            sent += 1;
        }
        assert!(sent < 1000, "it reads without an end");
    }
    besieged.holds().await;
}

#[tokio::test]
async fn nothing_that_is_smuggled_is_read_as_a_request() {
    let besieged = Besieged::set().await;
    let scene = &besieged.scene;
    for (lines, wanted) in [
        (&["Content-Length: 2", "Content-Length: 3"][..], 400),
        (&["Content-Length: 2, 3"], 400),
        (&["Content-Length: +2"], 400),
        (&["Content-Length : 2"], 400),
        (&["Transfer-Encoding: chunked, identity"], 400),
        (&["Transfer-Encoding : chunked"], 400),
        (&["Transfer-Encoding: \x0bchunked"], 400),
        (&["X: y\r\n Transfer-Encoding: chunked"], 400),
        (&["X: y\rTransfer-Encoding: chunked"], 400),
        (&["X: y\nTransfer-Encoding: identity"], 400),
        (&["X\0: y"], 400),
        (&["X: y\0"], 400),
        (&["Host: localhost", "Host: localhost"], 400),
        (&["Host:"], 400),
        (&["Host: elsewhere.example"], 403),
    ] {
        let lines = [lines, &["Connection: keep-alive"]].concat();
        let text = post(&lines, "{}") + SMUGGLED;
        let mut raw = Raw::to(scene).await;
        raw.send(text.as_bytes()).await;
        let mut head = [0; 12];
        raw.0.read_exact(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head);
        assert_eq!(status(&head), Some(wanted), "{lines:?}");
    }
    // Framed twice: the chunks count (RFC 9112 §6.1), and nothing behind them is read any more.
    for both in [
        ["Content-Length: 6", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 6"],
    ] {
        let both = [&both[..], &["Connection: keep-alive"]].concat();
        let text = post(&both, "0\r\n\r\n") + SMUGGLED;
        let mut raw = Raw::to(scene).await;
        raw.send(text.as_bytes()).await;
        let answers = raw.rest().await;
        assert_eq!(status(&answers), Some(400), "{both:?}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    }
    let targets = [
        ("http://elsewhere.example/mcp", 400),
        ("http://localhost@elsewhere.example/mcp", 400),
        ("//elsewhere.example/mcp", 404),
        ("/mcp/../admin", 404),
        ("*", 404),
    ];
    for (target, wanted) in targets {
        let text = post(&[], "{}").replacen("/mcp", target, 1);
        let answer = says(scene, &text).await;
        assert_eq!(status(&answer), Some(wanted), "{target}: {answer}");
    }
    besieged.holds().await;
}

#[tokio::test]
async fn a_signed_fetch_is_taken_once_and_for_its_own_session() {
    let besieged = Besieged::set().await;
    let owner = &besieged.caller;
    let session = owner.session().to_owned();
    let mut thief = Caller::of(&besieged.scene.stranger(), &besieged.scene.url);
    thief.open_session().await;
    let own = thief.session().to_owned();
    // As the owner signs it, and somebody else has read it.
    let sealed = |method: &Method| {
        let fetch = Fetch {
            method: method.to_string(),
            session: session.clone(),
            last_event_id: None,
        };
        let message = fetch.message().unwrap();
        URL_SAFE_NO_PAD.encode(owner.link.seal_post(message, None).unwrap().0)
    };
    let in_session = |id: &str| vec![("mcp-session-id".to_owned(), id.to_owned())];
    for method in [Method::GET, Method::DELETE] {
        let ask = async |caller: &Caller, envelope: &str| {
            let headers = [("accept", "text/event-stream"), ("mcps-envelope", envelope)];
            let asked = caller.send(method.clone(), &headers, String::new()).await;
            let status = asked.status().as_u16();
            let told = messages(asked).await;
            let told = told.first().map(|text| String::from_utf8_lossy(text));
            (status, told.and_then(|text| code_of(&text)))
        };
        // To a session that is not the owner's, to one that nobody has, to two at once.
        let envelope = sealed(&method);
        thief.headers = in_session(&own);
        let theirs = ask(&thief, &envelope).await;
        assert_eq!(theirs, (401, Some(Code::InvalidPassport)));
        thief.headers = in_session("nobodys");
        assert_eq!(ask(&thief, &envelope).await, (404, None));
        thief.headers.extend(in_session(&session));
        assert_eq!(ask(&thief, &envelope).await, (400, None));
        // By the other method.
        let other = match method {
            Method::GET => Method::DELETE,
            _ => Method::GET,
        };
        thief.headers = in_session(&session);
        assert_eq!(ask(&thief, &sealed(&other)).await, (400, None));
        // Once more than the owner sent it.
        let envelope = sealed(&Method::GET);
        let headers = [
            ("accept", "text/event-stream"),
            ("mcps-envelope", envelope.as_str()),
        ];
        let taken = owner.send(Method::GET, &headers, String::new()).await;
        assert_eq!(taken.status(), StatusCode::OK);
        let again = ask(&thief, &envelope).await;
        assert_eq!(again, (409, Some(Code::Replayed)));
    }
    besieged.holds().await;
}

#[tokio::test]
async fn heads_and_bodies_that_do_not_come_hold_nobody_up() {
    let mut besieged = Besieged::set().await;
    let mut slow = Vec::new();
    for part in [
        "P".to_owned(),
        "POST /mcp HTTP/1.1\r\nHost: loc".to_owned(),
        post(&["Content-Length: 4000000"], "{"),
        post(&["Transfer-Encoding: chunked"], "400000\r\n{"),
    ] {
        for _ in 0..100 {
            let mut raw = Raw::to(&besieged.scene).await;
            assert!(raw.send(part.as_bytes()).await);
            slow.push(raw);
        }
    }
    besieged.serves().await;
    // One byte more of each, and still nobody waits for them.
    for raw in &mut slow {
        raw.send(b" ").await;
    }
    besieged.serves().await;
    drop(slow);
    besieged.holds().await;
}

#[tokio::test]
async fn thousands_of_idle_connections_are_bounded() {
    /// What a wrapper holds at a time.
    const MOST: usize = 1024;
    let open = may_open();
    let besieged = Besieged::set().await;
    let mut idle = Vec::new();
    for number in 1..=open.saturating_sub(500).min(3000) {
        idle.push(Raw::to(&besieged.scene).await);
        if number % 100 == 0 {
            // Whatever is said: those before have been taken by then, and the queue is not full.
            says(&besieged.scene, &post(&[], "{}")).await;
        }
    }
    if idle.len() > MOST {
        let beyond = idle.len() - MOST;
        let mut closed = 0;
        eventually("those beyond are turned away", async || {
            let mut kept = Vec::new();
            for raw in idle.drain(..) {
                let mut answer = [0; 12];
                match raw.0.try_read(&mut answer) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => kept.push(raw),
                    Ok(read) if read > 0 => {
                        assert_eq!(&answer[..read], b"HTTP/1.1 503");
                        closed += 1;
                    }
                    Ok(_) | Err(_) => closed += 1,
                }
            }
            idle = kept;
            (closed >= beyond).then_some(())
        })
        .await;
    }
    drop(idle);
    besieged.has_room().await;
    besieged.holds().await;
}

#[tokio::test]
async fn a_wrapper_that_may_open_few_files_comes_back_when_there_is_room() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let besieged = Besieged::set().await;
    let id = Pid::from_raw(i32::try_from(besieged.scene.wrap.id()).unwrap());
    let few = Rlimit {
        current: Some(100),
        maximum: Some(1000),
    };
    let enough = prlimit(id, Resource::Nofile, few).unwrap().current;
    assert!(enough.is_none_or(|enough| enough > 100));
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(Raw::to(&besieged.scene).await);
    }
    let words = "no connection could be accepted";
    besieged.scene.wrap.says(words).await;
    drop(idle);
    besieged.has_room().await;
    besieged.holds().await;
}

/// How many files may be open, once as many as we are allowed are asked for.
fn may_open() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is refused here is left as it is.
    let _ = setrlimit(Resource::Nofile, limit);
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |most| usize::try_from(most).unwrap())
}
