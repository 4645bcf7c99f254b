//! What goes well.

use reqwest::{Method, StatusCode};

use super::caller::{Caller, messages};
use super::{Scene, listening_before, modern, read_note};
use crate::wire::{PATIENCE, Stage};
use crate::world::bin;

#[tokio::test]
async fn a_session_of_the_older_era_is_opened_used_and_ended() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    for id in 1..4 {
        let told = caller.ask(&read_note(id)).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&format!(r#""id":{id}"#)), "{told:?}");
    }
    let listed = r#"{"jsonrpc":"2.0","id":9,"method":"tools/list"}"#;
    // Signed for the client's end, which takes the signatures out.
    assert!(caller.ask(listed).await[0].contains("dev.mcps/tool"));
    let session = caller.session().to_owned();
    let (ended, _) = caller.fetch(Method::DELETE, &session).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    crate::wire::eventually("the session is gone", async || {
        let (response, _) = caller.tell(&read_note(10)).await;
        (response.status() == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_of_the_stateless_era_stand_by_themselves() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    let header = |method: &str| {
        vec![
            ("mcp-protocol-version".to_owned(), "2026-07-28".to_owned()),
            ("mcp-method".to_owned(), method.to_owned()),
        ]
    };
    caller.headers = header("server/discover");
    let told = caller.ask(&modern(1, "server/discover", "")).await;
    assert!(told[0].contains("dev.mcps/signing"), "{told:?}");
    caller.headers = header("tools/call");
    caller
        .headers
        .push(("mcp-name".to_owned(), "read_note".to_owned()));
    let params = r#""name":"read_note","arguments":{"name":"welcome"},"#;
    let told = caller.ask(&modern(2, "tools/call", params)).await;
    assert!(told[0].contains(r#""id":2"#), "{told:?}");
}

/// What one caller does: writes and reads notes of the same few names as all others, and knows what
/// it must find.
async fn works(caller: &Caller, own: usize, operations: u32) {
    let mut notes = [const { None }; 3];
    // Numbers that look like chance and are the same every time.
    let mut chance = u64::try_from(own).unwrap() + 1;
    for id in 1..=operations {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (note, writes) = (usize::try_from(chance >> 33).unwrap() % 3, chance >> 62 < 2);
        if writes {
            let text = format!("of {own} at {id}");
            let write = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"write_note","arguments":{{"name":"note-{note}","text":"{text}"}}}}}}"#
            );
            let told = caller.ask(&write).await;
            assert!(told[0].contains("Wrote the note"), "{told:?}");
            notes[note] = Some(text);
        } else {
            let told = caller
                .ask(&read_note(id).replace("welcome", &format!("note-{note}")))
                .await;
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(&format!(r#""id":{id},"#)), "{told:?}");
            match &notes[note] {
                Some(text) => assert!(told[0].contains(&format!("\"{text}\"")), "{own}: {told:?}"),
                None => assert!(told[0].contains(r#""isError":true"#), "{own}: {told:?}"),
            }
        }
    }
}

#[tokio::test]
async fn callers_at_the_same_time_are_kept_apart() {
    let scene = Scene::with(&["--status-refresh", "1h"]).await;
    let stranger = scene.stranger();
    let mut callers = Vec::new();
    for index in 0..6 {
        let home = if index % 2 == 0 {
            &scene.stage.agent
        } else {
            &stranger
        };
        let mut caller = Caller::of(home, &scene.url);
        caller.open_session().await;
        callers.push(caller);
    }
    let work = callers.iter().enumerate();
    futures_util::future::join_all(work.map(|(own, caller)| works(caller, own, 500))).await;
}

#[tokio::test]
async fn a_message_may_stand_on_several_lines() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    let lines = read_note(1).replace(',', ",\r\n\t");
    let told = caller.ask(&lines).await;
    assert!(told[0].contains(r#""id":1"#), "{told:?}");
}

#[tokio::test]
async fn many_requests_of_one_session_are_under_way_at_once() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    let caller = &caller;
    let asked = (1..100).map(|id| async move { (id, caller.ask(&read_note(id)).await) });
    for (id, told) in futures_util::future::join_all(asked).await {
        assert!(told[0].contains(&format!(r#""id":{id}"#)), "{told:?}");
    }
}

#[tokio::test]
async fn whoever_opened_a_session_may_listen_to_it() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    let session = caller.session().to_owned();
    let (first, _) = caller.fetch(Method::GET, &session).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    // A second one takes its place.
    let (second, _) = caller.fetch(Method::GET, &session).await;
    assert_eq!(second.status(), StatusCode::OK);
    let ended = tokio::time::timeout(PATIENCE, messages(first)).await;
    assert!(ended.unwrap().is_empty());
    caller.ask(&read_note(1)).await;
}

#[tokio::test]
async fn a_response_that_broke_off_is_resumed_where_it_did() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    let session = caller.session().to_owned();
    let (mut response, body) = caller.tell(&read_note(1)).await;
    let first = response.chunk().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let mut ids = first.lines().filter_map(|line| line.strip_prefix("id:"));
    let id = ids.next().unwrap().trim().to_owned();
    drop(response);
    // Nobody else may, nor may it be resumed where it never was.
    let (bare, _) = caller.fetch(Method::GET, &session).await;
    assert_eq!(bare.status(), StatusCode::OK);
    for other in ["999-0", "x", &id.replace("-0", "-9")] {
        let (refused, _) = caller.fetch_after(Method::GET, &session, Some(other)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{other}");
    }
    for _ in 0..2 {
        let mut body = body.clone();
        let (resumed, _) = caller.fetch_after(Method::GET, &session, Some(&id)).await;
        assert_eq!(resumed.status(), StatusCode::OK);
        let texts = messages(resumed).await;
        assert_eq!(texts.len(), 1);
        let opened = caller.open(&mut body, texts[0].clone()).await;
        match opened {
            Ok(opened) => assert!(opened.message.text().contains(r#""id":1"#)),
            // It was delivered before, and is not again.
            Err(refused) => assert_eq!(refused.refusal.code(), mcps_core::code::Code::Replayed),
        }
        body.finish().ok();
    }
}

#[tokio::test]
async fn a_plain_client_is_admitted_where_level_0_is_enough() {
    let scene = Scene::with(&["--min-level", "0"]).await;
    let caller = scene.caller();
    let response = caller.post(crate::wire::INITIALIZE.to_owned()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!response.text().await.unwrap().contains("dev.mcps"));
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-session-id", session.as_str()),
    ];
    let answer = caller.send(Method::POST, &headers, read_note(1)).await;
    let answer = messages(answer).await;
    assert!(String::from_utf8_lossy(&answer[0]).contains(r#""id":1"#));
    let ended = caller.send(Method::DELETE, &headers, String::new()).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_stopped_wrapper_ends_with_its_servers_and_comes_back() {
    let mut scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.open_session().await;
    caller.ask(&read_note(1)).await;
    let session = caller.session().to_owned();
    let (standing, _) = caller.fetch(Method::GET, &session).await;
    scene.restart().await;
    messages(standing).await;
    let (gone, _) = caller.tell(&read_note(2)).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    // Nobody waits for the skew to pass: what was accepted before is written down.
    crate::wire::eventually("a new session is accepted", async || {
        let (response, _) = scene.caller().tell(crate::wire::INITIALIZE).await;
        (response.status() == StatusCode::OK).then_some(())
    })
    .await;
    let mut anew = scene.caller();
    anew.open_session().await;
    anew.ask(&read_note(1)).await;
}

#[tokio::test]
async fn plain_requests_of_the_stateless_era_may_have_the_same_id_at_the_same_time() {
    let scene = Scene::with(&["--min-level", "0"]).await;
    let caller = scene.caller();
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "write_note"),
    ];
    let caller = &caller;
    let ask = |number: u32| async move {
        let params =
            format!(r#""name":"write_note","arguments":{{"name":"note-{number}","text":"x"}},"#);
        let text = modern(1, "tools/call", &params);
        let response = caller.send(Method::POST, &headers, text).await;
        let told = messages(response).await;
        (number, String::from_utf8(told[0].clone()).unwrap())
    };
    for (number, told) in futures_util::future::join_all((0..50).map(ask)).await {
        assert!(told.contains(r#""id":1,"#), "{told}");
        assert!(told.contains(&format!("note-{number}.")), "{told}");
    }
}

#[tokio::test]
async fn the_first_requests_of_a_run_may_come_at_the_same_time() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "read_note"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let params = r#""name":"read_note","arguments":{"name":"welcome"},"#;
    let ask = async |id: u32| caller.ask(&modern(id, "tools/call", params)).await;
    let told = tokio::join!(ask(1), ask(2), ask(3), ask(4), ask(5), ask(6));
    for (id, told) in (1..).zip([told.0, told.1, told.2, told.3, told.4, told.5]) {
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(&format!(r#""id":{id},"#)), "{told:?}");
    }
    assert_eq!(servers(&scene.wrap), 1);
}

/// How many server processes a wrapper has.
fn servers(wrap: &crate::wire::Process) -> usize {
    let id = wrap.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    children.unwrap().split_whitespace().count()
}

#[tokio::test]
async fn callers_of_the_stateless_era_share_a_server_where_that_is_wanted() {
    let mut scene = Scene::with(&["--share-server", "--min-level", "0"]).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "read_note"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut callers = [
        scene.caller(),
        scene.caller(),
        Caller::of(&scene.stranger(), &scene.url),
    ];
    for caller in &mut callers {
        caller.headers = headers.to_vec();
    }
    let params = r#""name":"read_note","arguments":{"name":"welcome"},"#;
    for id in 1..=3 {
        let call = modern(id, "tools/call", params);
        // The same id at the same time.
        let (a, b, c, plain) = tokio::join!(
            callers[0].ask(&call),
            callers[1].ask(&call),
            callers[2].ask(&call),
            callers[0].post(call.clone()),
        );
        let plain = messages(plain).await;
        let plain = vec![String::from_utf8(plain[0].clone()).unwrap()];
        for told in [a, b, c, plain] {
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(&format!(r#""id":{id},"#)), "{told:?}");
        }
    }
    assert_eq!(servers(&scene.wrap), 1);
    // A session of the older era has a process of its own.
    let mut older = scene.caller();
    older.open_session().await;
    assert_eq!(servers(&scene.wrap), 2);
    // One that died is started again.
    let id = scene.wrap.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let first = children.split_whitespace().next().unwrap().to_owned();
    let killed = std::process::Command::new("kill")
        .args(["-9", &first])
        .status();
    assert!(killed.unwrap().success());
    crate::wire::eventually("there is a server again", async || {
        let (response, mut body) = callers[0].tell(&modern(9, "tools/call", params)).await;
        let text = messages(response).await.pop()?;
        let opened = callers[0].open(&mut body, text).await.ok()?;
        opened.message.result().is_some().then_some(())
    })
    .await;
    scene.kill().await;
}

#[tokio::test]
async fn whoever_reads_nothing_holds_up_nobody_who_shares_their_server() {
    let stage = Stage::set();
    let server = [
        bin("test-server").display().to_string(),
        "--every".to_owned(),
        "1".to_owned(),
    ];
    let options = ["--min-level", "0"];
    let (_wrap, url) = listening_before(&stage, "127.0.0.1:0", &options, &server).await;
    let caller = Caller::of(&stage.agent, &url);
    let post = async |method: &str, name: &str, params: &str| {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        headers.extend((!name.is_empty()).then_some(("mcp-name", name)));
        caller
            .send(Method::POST, &headers, modern(1, method, params))
            .await
    };
    // Larger than all that lies between in a few events.
    let uri = "x".repeat(500_000);
    let wanted = format!(r#""notifications":{{"resourceSubscriptions":["{uri}"]}},"#);
    let unread = post("subscriptions/listen", "", &wanted).await;
    assert_eq!(unread.status(), StatusCode::OK);
    let echo = r#""name":"echo","arguments":{"text":"still here"},"#;
    for _ in 0..200 {
        let answer = post("tools/call", "echo", echo);
        let answer = tokio::time::timeout(PATIENCE / 4, answer).await;
        let told = messages(answer.expect("held up")).await;
        assert!(String::from_utf8_lossy(&told[0]).contains("still here"));
    }
    drop(unread);
}
