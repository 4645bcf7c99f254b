//! Messages whose text is changed on the way.

use mcps_core::code::Code;
use serde_json::Value;

use super::Scene;
use super::proxy::data;
use crate::wire::changed;

#[tokio::test]
async fn a_result_of_which_one_character_was_changed_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let forged = changed(&e[3], "noted", "voted");
    let code = client
        .breaks(asked, &[&e[0], &e[1], &e[2], &forged], 1, 2)
        .await;
    assert_eq!(code, Code::InvalidSignature);
    client.still_works().await;
}

#[tokio::test]
async fn a_progress_notification_of_which_one_character_was_changed_ends_the_response() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let forged = changed(&e[2], r#""progress":2"#, r#""progress":3"#);
    let code = client
        .breaks(asked, &[&e[0], &e[1], &forged, &e[3]], 1, 1)
        .await;
    assert_eq!(code, Code::InvalidSignature);
    client.still_works().await;
}

#[tokio::test]
async fn an_answer_whose_id_was_changed_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    // To one that nobody waits for, and to one that somebody does.
    let (other_asked, other) = client.recorded(1).await;
    for (id, put) in [(2, r#""id":7,"#), (3, r#""id":1,"#)] {
        let (asked, e) = client.recorded(id).await;
        let forged = changed(&e[3], &format!(r#""id":{id},"#), put);
        let code = client
            .breaks(asked, &[&e[0], &e[1], &e[2], &forged], id, 2)
            .await;
        assert_eq!(code, Code::InvalidSignature);
    }
    let whole: Vec<&str> = other.iter().map(String::as_str).collect();
    client.play(other_asked, &whole).await.end().await;
    client.hears(1).await;
    client.still_works().await;
}

#[tokio::test]
async fn an_answer_that_no_longer_says_that_it_is_the_last_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let forged = in_envelope(&e[3], |envelope| {
        let taken = envelope.as_object_mut().unwrap().remove("last");
        assert_eq!(taken, Some(Value::Bool(true)));
    });
    let code = client
        .breaks(asked, &[&e[0], &e[1], &e[2], &forged], 1, 2)
        .await;
    assert_eq!(code, Code::InvalidSignature);
    client.still_works().await;
}

#[tokio::test]
async fn a_message_that_is_said_to_be_the_last_and_is_not_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let forged = in_envelope(&e[2], |envelope| envelope["last"] = Value::Bool(true));
    let code = client
        .breaks(asked, &[&e[0], &e[1], &forged, &e[3]], 1, 1)
        .await;
    assert_eq!(code, Code::InvalidSignature);
    client.still_works().await;
}

#[tokio::test]
async fn a_response_without_any_envelope_is_refused() {
    let (_scene, mut client) = Scene::opened().await;
    let (asked, e) = client.recorded(1).await;
    let mut bare = vec![e[0].clone()];
    bare.extend(e[1..].iter().map(|event| {
        let mut message: Value = serde_json::from_str(data(event)).unwrap();
        for member in ["params", "result"] {
            if let Some(Value::Object(own)) = message.get_mut(member) {
                assert!(own.remove("_meta").is_some());
            }
        }
        format!("data: {message}\n\n")
    }));
    let bare: Vec<&str> = bare.iter().map(String::as_str).collect();
    let code = client.breaks(asked, &bare, 1, 0).await;
    assert_eq!(code, Code::SignatureRequired);
    client.still_works().await;
}

/// The event with another envelope.
fn in_envelope(event: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut message: Value = serde_json::from_str(data(event)).unwrap();
    let member = if message["result"].is_object() {
        "result"
    } else {
        "params"
    };
    change(&mut message[member]["_meta"]["dev.mcps/envelope"]);
    changed(event, data(event), &message.to_string())
}
