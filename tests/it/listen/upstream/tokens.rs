//! The access token of a caller, which is the server's to judge.

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};

use super::Back;
use crate::listen::caller::messages;
use crate::listen::read_note;
use crate::wire::code_of;

#[tokio::test]
async fn a_token_reaches_the_server_to_the_byte_and_no_other_does() {
    let back = Back::set(&[]).await;
    let mut caller = back.opened().await;
    caller.token = Some("mF_9.B5f-4.1JqM==");
    let headers = caller.headers.clone();
    let sent = |value: &str| ("authorization".to_owned(), value.to_owned());
    let bearer = "Bearer mF_9.B5f-4.1JqM==";
    for wrong in [None, Some("Bearer another")] {
        caller.headers.clone_from(&headers);
        caller.headers.extend(wrong.map(sent));
        let (refused, _) = caller.tell(&read_note(1)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{wrong:?}");
        let told = String::from_utf8(messages(refused).await[0].clone()).unwrap();
        assert_eq!(code_of(&told), Some(Code::TranscriptBinding), "{wrong:?}");
        // Its answer is not waited for any more.
        assert!(caller.link.abandon(&id_of(1)));
    }
    caller.headers.clone_from(&headers);
    caller.headers.push(sent(bearer));
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.header("authorization"), Some(bearer));
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        asked.json(200, "", answer).await;
        let asked = back.next().await;
        assert_eq!(asked.method, "DELETE");
        assert_eq!(asked.header("authorization"), Some(bearer));
        asked.empty(200, "").await;
    };
    let session = caller.session().to_owned();
    let ask = async {
        caller.ask(&read_note(1)).await;
        caller.fetch(Method::DELETE, &session).await.0
    };
    let (ended, ()) = tokio::join!(ask, serve);
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
}

fn id_of(id: u32) -> mcps_core::message::Id {
    let message = mcps_core::message::Message::parse(read_note(id)).unwrap();
    message.id().unwrap().clone()
}
