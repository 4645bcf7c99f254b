use super::{
    Said, Type, discovered, newer, newer_number, newer_result, older, older_number, older_result,
    opened, rebuilt, renumbered, type_of, under,
};
use mcps_core::message::Message;
use serde_json::{Value, json};

fn message(value: Value) -> Message {
    Message::parse(value.to_string()).unwrap()
}

fn value(message: &Message) -> Value {
    serde_json::from_str(message.text()).unwrap()
}

fn said() -> Said {
    Said::once(&message(
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "clientInfo": {"name": "c", "version": "1"},
        "capabilities": {"roots": {"listChanged": true}, "sampling": {"tools": {}}, "tasks": {}}}}),
    ))
}

#[test]
fn a_request_says_who_asks_and_keeps_all_else() {
    let mut said = said();
    said.level = Some("error".to_owned());
    let asked = message(
        json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {
        "name": "a", "arguments": {"_meta": 1}, "_meta": {"progressToken": 3, "io.modelcontextprotocol/clientInfo": "false"}}}),
    );
    let meta = json!({"progressToken": 3,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"sampling": {"tools": {}}, "roots": {}},
        "io.modelcontextprotocol/logLevel": "error"});
    let told = newer(&asked, &said, None).unwrap();
    assert_eq!(
        value(&told),
        json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call",
        "params": {"name": "a", "arguments": {"_meta": 1}, "_meta": meta}})
    );
    let back = value(&older(&told).unwrap());
    assert_eq!(back["params"]["_meta"], json!({"progressToken": 3}));
    let bare = message(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let told = newer(&bare, &Said::default(), None).unwrap();
    assert!(value(&told)["params"]["_meta"].is_object());
    assert_eq!(value(&older(&told).unwrap())["params"], json!({}));
}

#[test]
fn a_request_goes_on_with_these_answers_and_no_others() {
    let asked = message(
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a", "requestState": "mine", "inputResponses": {}}}),
    );
    let more = r#""inputResponses":{"k":{"roots":[]}},"requestState":"theirs""#;
    let told = value(&newer(&asked, &said(), Some(more)).unwrap());
    assert_eq!(told["params"]["requestState"], "theirs");
    assert_eq!(
        told["params"]["inputResponses"],
        json!({"k": {"roots": []}})
    );
    let told = value(&newer(&asked, &said(), Some("")).unwrap());
    assert!(told["params"].get("requestState").is_none());
}

#[test]
fn a_result_says_of_what_type_it_is_in_one_era_alone() {
    let plain = message(
        json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [], "resultType": "input_required"}}),
    );
    let told = newer_result(&plain, "tools/list").unwrap();
    assert_eq!(
        value(&told)["result"],
        json!({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})
    );
    assert_eq!(
        value(&older_result(&told).unwrap())["result"],
        json!({"tools": []})
    );
    let told = newer_result(&plain, "tools/call").unwrap();
    assert!(value(&told)["result"].get("ttlMs").is_none());
    for (named, is) in [
        (json!("complete"), 0),
        (json!("input_required"), 1),
        (json!("task"), 2),
        (json!(7), 2),
        (Value::Null, 2),
    ] {
        let told = message(json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": named}}));
        let found = match type_of(&told) {
            Type::Complete => 0,
            Type::Required => 1,
            Type::Other => 2,
        };
        assert_eq!(found, is, "{named}");
    }
}

#[test]
fn an_error_goes_by_the_number_of_its_reader() {
    let told = message(
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32020, "message": "m", "data": 1}}),
    );
    let told = renumbered(&told, older_number).unwrap();
    assert_eq!(
        value(&told)["error"],
        json!({"code": -32603, "message": "m", "data": 1})
    );
    assert_eq!(
        (older_number(-32021), older_number(-33009)),
        (-32600, -33009)
    );
    assert_eq!(
        (newer_number(-32002), newer_number(-32601)),
        (-32602, -32601)
    );
}

#[test]
fn what_a_server_says_of_itself_reads_in_both_eras() {
    let first = message(
        json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18", "serverInfo": {"name": "s", "version": "1"},
        "capabilities": {"tools": {"listChanged": true}, "tasks": {}, "x": 1}, "instructions": "i"}}),
    );
    let told = discovered(&first).unwrap();
    let told = message(
        json!({"jsonrpc": "2.0", "id": 1, "result": serde_json::from_str::<Value>(&told).unwrap()}),
    );
    for (asked, speaks) in [
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2024-11-05"),
        ("1999", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let again: Value = serde_json::from_str(&opened(&told, asked).unwrap()).unwrap();
        assert_eq!(
            again,
            json!({"protocolVersion": speaks, "serverInfo": {"name": "s", "version": "1"},
            "capabilities": {"tools": {"listChanged": true}}, "instructions": "i"})
        );
    }
}

#[test]
fn a_client_is_asked_what_it_can_answer_and_hears_what_it_wants() {
    let mut said = said();
    assert!(said.answers("sampling/createMessage") && said.answers("roots/list"));
    assert!(!said.answers("elicitation/create") && !said.answers("secrets/list"));
    assert!(!said.hears("emergency"), "nobody asked for it");
    said.level = Some("warning".to_owned());
    assert!(said.hears("error") && said.hears("warning") && !said.hears("info"));
}

#[test]
fn members_are_exchanged_and_names_are_written_whole() {
    let odd = message(json!({"jsonrpc": "2.0", "id": 1, "result": {"a\"b": 1, "c": {"d": [2]}}}));
    assert_eq!(
        rebuilt(odd.result(), &["c"], &[("e", "3")]),
        r#"{"a\"b":1,"e":3}"#
    );
    assert_eq!(rebuilt(None, &[], &[]), "{}");
    assert_eq!(value(&under(&odd, "\"y\"").unwrap())["id"], "y");
}
