//! Access tokens before `mcps-wrap --listen`, as those send them who are not `mcps connect`.

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};

use super::caller::messages;
use super::{Scene, read_note};
use crate::wire::code_of;

fn authorization(value: &str) -> (String, String) {
    ("authorization".to_owned(), value.to_owned())
}

async fn code(response: reqwest::Response) -> Option<Code> {
    let texts = messages(response).await;
    code_of(std::str::from_utf8(texts.first()?).unwrap())
}

#[tokio::test]
async fn a_message_and_its_token_belong_together() {
    let scene = Scene::set().await;
    let mut caller = scene.caller();
    caller.token = Some("one");
    caller.headers.push(authorization("bearer one"));
    // A session is as good as any other request.
    let (response, _) = caller.tell(crate::wire::INITIALIZE).await;
    assert_eq!(response.status(), StatusCode::OK);
    for (id, (token, sent)) in (1..).zip([
        (Some("one"), Some("Bearer hunter2")),
        (Some("one"), None),
        (None, Some("Bearer one")),
    ]) {
        caller.token = token;
        caller.headers = sent.map(authorization).into_iter().collect();
        let text = crate::wire::INITIALIZE.replace(r#""id":0"#, &format!(r#""id":{id}"#));
        let (response, _) = caller.tell(&text).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let told = code(response).await;
        let wanted = Some(Code::TranscriptBinding);
        assert_eq!(told, wanted, "{token:?} {sent:?}");
    }
    scene.wrap.says("access token: it is not the one").await;
    assert!(!scene.wrap.words().contains("hunter2"));
}

#[tokio::test]
async fn where_nobody_signs_one_token_passes_and_two_do_not() {
    let scene = Scene::with(&["--min-level", "0"]).await;
    let mut caller = scene.caller();
    caller.headers.push(authorization("Bearer one"));
    let response = caller.post(crate::wire::INITIALIZE.to_owned()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let session = response.headers()["mcp-session-id"].to_str().unwrap();
    caller
        .headers
        .push(("mcp-session-id".to_owned(), session.to_owned()));
    assert_eq!(caller.post(read_note(1)).await.status(), StatusCode::OK);
    caller.headers.push(authorization("Bearer hunter2"));
    let refused = caller.post(read_note(2)).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(refused).await, Some(Code::TranscriptBinding));
    let refused = caller.send(Method::DELETE, &[], String::new()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    caller.headers.pop();
    let ended = caller.send(Method::DELETE, &[], String::new()).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
}
