//! What is refused, each with its code, and nothing of it reaches a server.

use mcps_core::code::Code;
use mcps_core::message::Message;
use reqwest::{Method, StatusCode};

use super::caller::{Caller, messages};
use super::{Scene, listening_before, modern, read_note};
use crate::wire::{INITIALIZE, PATIENCE, Puppet, Stage};

async fn code(response: reqwest::Response) -> Option<Code> {
    let texts = messages(response).await;
    let text = String::from_utf8(texts.first()?.clone()).unwrap();
    crate::wire::code_of(&text)
}

#[tokio::test]
async fn what_is_not_signed_or_no_message_is_refused() {
    let scene = Scene::set().await;
    let caller = scene.caller();
    for (text, status, refusal) in [
        (
            INITIALIZE,
            StatusCode::UNAUTHORIZED,
            Code::SignatureRequired,
        ),
        (
            &read_note(1),
            StatusCode::UNAUTHORIZED,
            Code::SignatureRequired,
        ),
        ("{}", StatusCode::BAD_REQUEST, Code::Malformed),
        ("[]", StatusCode::BAD_REQUEST, Code::Malformed),
        ("\u{feff}{}", StatusCode::BAD_REQUEST, Code::Malformed),
        ("", StatusCode::BAD_REQUEST, Code::Malformed),
    ] {
        let response = caller.post(text.to_owned()).await;
        assert_eq!(response.status(), status, "{text}");
        assert_eq!(code(response).await, Some(refusal), "{text}");
    }
}

#[tokio::test]
async fn a_changed_or_repeated_post_is_refused() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    let seal = |id| {
        let message = Message::parse(read_note(id)).unwrap();
        caller.link.seal_post(message, None).unwrap().0
    };
    let text = seal(1);
    let changed = caller.post(text.replace("welcome", "secrets")).await;
    assert_eq!(changed.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(code(changed).await, Some(Code::InvalidSignature));
    assert_eq!(caller.post(text.clone()).await.status(), StatusCode::OK);
    let again = caller.post(text).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(code(again).await, Some(Code::Replayed));
}

#[tokio::test]
async fn a_post_for_another_server_is_refused() {
    let scene = Scene::set().await;
    let other = Caller::of(&scene.stage.agent, "http://127.0.0.1:1/mcp");
    let message = Message::parse(INITIALIZE).unwrap();
    let (text, _) = other.link.seal_post(message, None).unwrap();
    let response = scene.caller().post(text).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(response).await, Some(Code::WrongAudience));
}

#[tokio::test]
async fn nobody_uses_the_session_of_another() {
    let scene = Scene::set().await;
    let mut owner = scene.caller();
    owner.open_session().await;
    let session = owner.session().to_owned();
    let home = scene.stranger();
    let mut thief = Caller::of(&home, &scene.url);
    thief.headers.clone_from(&owner.headers);
    let (posted, _) = thief.tell(&read_note(1)).await;
    assert_eq!(code(posted).await, Some(Code::InvalidPassport));
    for method in [Method::GET, Method::DELETE] {
        let (fetched, _) = thief.fetch(method.clone(), &session).await;
        assert_eq!(code(fetched).await, Some(Code::InvalidPassport));
        // Nor who signs nothing, or something else.
        let bare = [("accept", "text/event-stream")];
        let fetched = owner.send(method.clone(), &bare, String::new()).await;
        assert_eq!(code(fetched).await, Some(Code::SignatureRequired));
        let (other, _) = owner.fetch(method, "another").await;
        assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    }
    // Nor its owner in another run of theirs.
    let mut later = scene.caller();
    later.headers.clone_from(&owner.headers);
    let (posted, _) = later.tell(&read_note(1)).await;
    assert_eq!(code(posted).await, Some(Code::TranscriptBinding));
    owner.ask(&read_note(2)).await;
}

#[tokio::test]
async fn a_session_that_nobody_opened_is_not_found() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.headers = vec![("mcp-session-id".to_owned(), "nobodys".to_owned())];
    let (response, _) = caller.tell(&read_note(1)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let (response, _) = caller.fetch(Method::GET, "nobodys").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn headers_that_disagree_with_the_body_are_refused_and_signed() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    let good = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "server/discover"),
    ];
    for bad in [0, 1] {
        let mut headers = good;
        headers[bad].1 = "tools/call";
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        caller.headers = headers.map(own).to_vec();
        let text = modern(7, "server/discover", "");
        let (response, mut body) = caller.tell(&text).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let texts = messages(response).await;
        let opened = caller.open(&mut body, texts[0].clone()).await.unwrap();
        assert!(opened.message.text().contains("-32020"));
    }
}

#[tokio::test]
async fn a_revoked_agent_is_refused_on_an_open_session() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    scene.stage.revoke(&scene.stage.agent);
    let (status, refusal) = caller.refused(&read_note(1)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(refusal, Some(Code::PassportRevoked));
}

#[tokio::test]
async fn more_sessions_than_allowed_are_refused() {
    let scene = Scene::with(&["--max-sessions", "2"]).await;
    let mut callers = [scene.caller(), scene.caller()];
    for caller in &mut callers {
        caller.open_session().await;
    }
    let (status, refusal) = scene.caller().refused(INITIALIZE).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refusal, Some(Code::RateLimited));
    let [first, _] = &callers;
    first.ask(&read_note(1)).await;
}

#[tokio::test]
async fn one_caller_does_not_take_all_sessions() {
    let scene = Scene::with(&["--max-sessions-per-caller", "2"]).await;
    let mut callers = [scene.caller(), scene.caller()];
    for caller in &mut callers {
        caller.open_session().await;
    }
    let (status, refusal) = scene.caller().refused(INITIALIZE).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refusal, Some(Code::RateLimited));
    let home = scene.stranger();
    let mut stranger = Caller::of(&home, &scene.url);
    stranger.open_session().await;
    stranger.ask(&read_note(1)).await;
}

#[tokio::test]
async fn what_an_earlier_process_accepted_is_refused_by_a_later_one() {
    let mut scene = Scene::set().await;
    let caller = scene.caller();
    let message = Message::parse(INITIALIZE).unwrap();
    let (text, _) = caller.link.seal_post(message, None).unwrap();
    assert_eq!(caller.post(text.clone()).await.status(), StatusCode::OK);
    scene.restart().await;
    let again = caller.post(text).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(code(again).await, Some(Code::OutOfWindow));
}

#[tokio::test]
async fn two_may_not_listen_with_one_home() {
    let scene = Scene::set().await;
    let mut wrap = scene.stage.world.program("mcps-wrap");
    wrap.arg("--home").arg(&scene.stage.server);
    wrap.args(["--listen", "127.0.0.1:0", "--", "true"]);
    let refused = crate::world::run(&mut wrap).failed(1);
    assert!(
        refused.contains("another mcps-wrap or mcps-gateway listens"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_keeps_it_from_listening_is_said_with_what_to_do() {
    let scene = Scene::set().await;
    let home = scene.stage.world.enrol("server", "second", 2);
    let taken = scene.url.strip_prefix("http://").unwrap();
    let taken = taken.strip_suffix("/mcp").unwrap();
    for (options, code, said) in [
        (&["--listen", taken][..], 1, "choose another with --listen"),
        (&["--listen", "0.0.0.0:0"], 2, "--public-url"),
        (
            &["--listen", "127.0.0.1:0", "--public-url", "x"],
            2,
            "absolute URL",
        ),
        (
            &[
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                "/x",
                "--tls-key",
                "/x",
            ],
            1,
            "could not be read as PEM",
        ),
    ] {
        let mut wrap = scene.stage.world.program("mcps-wrap");
        wrap.arg("--home")
            .arg(&home)
            .args(options)
            .args(["--", "true"]);
        let refused = crate::world::run(&mut wrap).failed(code);
        assert!(refused.contains(said), "{refused}");
        assert!(!refused.contains("listening at"), "{refused}");
    }
}

#[tokio::test]
async fn who_signs_nothing_cannot_speak_of_the_requests_of_others() {
    let stage = Stage::set();
    let mut behind = Puppet::new(&stage.world);
    let options = ["--min-level", "0"];
    let (wrap, url) = listening_before(&stage, "127.0.0.1:0", &options, &behind.command()).await;
    let caller = Caller::of(&stage.agent, &url);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
    ];
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"mcps-0"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
    ] {
        let response = caller.send(Method::POST, &headers, text.to_owned()).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED, "{text}");
    }
    let asked = caller.send(Method::POST, &headers, modern(7, "tools/list", ""));
    let serve = async {
        // The first that the server hears of all that.
        let line = behind.read().await;
        let id = line.split('"').find(|part| part.starts_with("mcps-"));
        let id = id.unwrap_or_else(|| panic!("{line}"));
        assert!(line.contains("tools/list"), "{line}");
        let answer = format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{"tools":[]}}}}"#);
        behind.write(&answer).await;
    };
    let (response, ()) = tokio::join!(asked, serve);
    let told = messages(response).await;
    let told = String::from_utf8_lossy(&told[0]);
    assert!(told.contains(r#""id":7"#), "{told}");
    drop(wrap);
}

#[tokio::test]
async fn a_request_that_is_being_verified_while_its_server_dies_is_answered() {
    let stage = Stage::set();
    let mut behind = Puppet::new(&stage.world);
    let options = ["--log-level", "debug"];
    let (wrap, url) = listening_before(&stage, "127.0.0.1:0", &options, &behind.command()).await;
    let mut caller = Caller::of(&stage.agent, &url);
    let serve = async {
        let line = behind.read().await;
        assert!(line.contains("initialize"), "{line}");
        behind.write(crate::wire::INITIALIZED).await;
    };
    tokio::join!(caller.open_session(), serve);
    // The server stops reading, so that what is written to it waits.
    let text = "x".repeat(1_000_000);
    let filler = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/filler","params":{{"text":"{text}"}}}}"#
    );
    assert_eq!(caller.tell(&filler).await.0.status(), StatusCode::ACCEPTED);
    let mut nobody = Caller::of(&stage.agent, &url);
    nobody.headers = vec![("mcp-session-id".to_owned(), "nobodys".to_owned())];
    let (caller, calls) = (&caller, [1, 2].map(read_note));
    let dying = async {
        crate::wire::eventually("one waits for the server", async || {
            (wrap.words().matches("verified").count() == 4).then_some(())
        })
        .await;
        // From here on whoever is to be verified waits for the authority.
        stage.world.signal_authority("STOP");
        let late = caller.refused(&calls[1]);
        let hanging_up = async {
            for _ in 0..20 {
                // Answered without it; by then the late one has found its session.
                let (other, _) = nobody.tell(&calls[0]).await;
                assert_eq!(other.status(), StatusCode::NOT_FOUND);
                assert_eq!(nobody.link.take_asked().len(), 1);
            }
            behind.hang_up().await;
            wrap.says("answered with MCPS-027").await;
            stage.world.signal_authority("CONT");
        };
        let late = tokio::time::timeout(PATIENCE, late);
        tokio::join!(late, hanging_up).0
    };
    let (held, late) = tokio::join!(caller.refused(&calls[0]), dying);
    assert_eq!(held.1, Some(Code::UpstreamUnavailable), "{held:?}");
    let late = late.expect("nobody is told");
    assert_eq!(late.1, Some(Code::UpstreamUnavailable), "{late:?}");
}

#[tokio::test]
async fn what_a_dying_server_leaves_unanswered_has_the_codes_status() {
    for era in ["2025-11-25", "2026-07-28"] {
        let stage = Stage::set();
        // It answers the opening, if there is one, and ends at the next request.
        let script = r#"while read -r line; do case "$line" in *initialize\"*) printf '%s\n' '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"t","version":"1"}}}';; *tools/call*) exit 1;; esac; done"#;
        let server = ["sh", "-c", script].map(str::to_owned);
        let (_wrap, url) = listening_before(&stage, "127.0.0.1:0", &[], &server).await;
        let mut caller = Caller::of(&stage.agent, &url);
        let call = if era == "2025-11-25" {
            caller.open_session().await;
            // So that its answer is one document.
            caller.headers[1].1 = "2025-06-18".to_owned();
            read_note(1)
        } else {
            caller.headers = [
                ("mcp-protocol-version", era),
                ("mcp-method", "tools/call"),
                ("mcp-name", "read_note"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
            let params = r#""name":"read_note","arguments":{"name":"welcome"},"#;
            modern(1, "tools/call", params)
        };
        let unavailable = Some(Code::UpstreamUnavailable);
        let told = caller.refused(&call).await;
        assert_eq!(told, (StatusCode::BAD_GATEWAY, unavailable), "{era}");
    }
}

#[tokio::test]
async fn a_session_counts_until_its_server_is_gone() {
    let stage = Stage::set();
    // It takes its time when it is to end.
    let script = r#"while read -r line; do case "$line" in *initialize\"*) printf '%s\n' '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"t","version":"1"}}}';; esac; done; sleep 1.5"#;
    let server = ["sh", "-c", script].map(str::to_owned);
    let options = ["--max-sessions-per-caller", "1"];
    let (_wrap, url) = listening_before(&stage, "127.0.0.1:0", &options, &server).await;
    let mut caller = Caller::of(&stage.agent, &url);
    caller.open_session().await;
    let session = caller.session().to_owned();
    let (ended, _) = caller.fetch(Method::DELETE, &session).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let again = Caller::of(&stage.agent, &url);
    let refused = again.refused(INITIALIZE).await;
    let limited = Some(Code::RateLimited);
    assert_eq!(refused, (StatusCode::TOO_MANY_REQUESTS, limited));
    crate::wire::eventually("there is room again", async || {
        let again = Caller::of(&stage.agent, &url);
        let (response, _) = again.tell(INITIALIZE).await;
        response.status().is_success().then_some(())
    })
    .await;
}
