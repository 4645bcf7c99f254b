//! Ordinary work: nothing of it is refused or held.

use mcps_gateway::policy::{Class, Recorded, RecordedResult};
use serde_json::json;

use super::played::{pack, stopped_at};
use super::script::{Script, call, defined, script};

pub(super) fn work() -> Vec<Script> {
    let read = |path: &str| call("read_file", &[Class::Read], json!({ "path": path }));
    let found = |call: Recorded, finding: &str| Recorded {
        result: Some(RecordedResult {
            findings: vec![finding.into()],
            ..RecordedResult::default()
        }),
        ..call
    };
    vec![
        script(
            "code is read, changed and tested",
            vec![
                call("list_directory", &[], json!({ "path": "/src" })),
                read("/src/main.rs"),
                read("/src/ssh/config_parser.rs"),
                call(
                    "edit_file",
                    &[Class::Write],
                    json!({ "path": "/src/main.rs", "edits": [{ "oldText": "a", "newText": "b" }] }),
                ),
                call(
                    "shell",
                    &[Class::Execute],
                    json!({ "command": "cargo test --all && git commit -am 'x.y: z'" }),
                ),
            ],
        ),
        script(
            "mail is read and answered",
            vec![
                call(
                    "search_mail",
                    &[Class::Read],
                    json!({ "query": "from:bob@example.com invoice" }),
                ),
                call(
                    "send_email",
                    &[Class::Send],
                    json!({ "to": ["bob@example.com"], "subject": "Re: invoice", "body": "Paid." }),
                ),
            ],
        ),
        script(
            "a page is read and summarised to a channel",
            vec![
                call(
                    "fetch",
                    &[Class::Read],
                    json!({ "url": "https://news.test/article" }),
                ),
                call(
                    "post_message",
                    &[Class::Send],
                    json!({ "channel": "#news", "text": "Summary" }),
                ),
            ],
        ),
        script(
            "a bill is paid",
            vec![
                call(
                    "get_balance",
                    &[Class::Read],
                    json!({ "account": "DE02120300000000202051" }),
                ),
                call(
                    "send_money",
                    &[Class::Spend],
                    json!({ "recipient": "GB29NWBK60161331926819", "amount": 12.5 }),
                ),
            ],
        ),
        script(
            "a secret is read and used at home",
            vec![
                read("/app/.env"),
                call(
                    "connect",
                    &[Class::Write],
                    json!({ "url": "http://localhost:5432/db" }),
                ),
                call(
                    "connect",
                    &[Class::Write],
                    json!({ "url": "http://127.0.0.1:8080/" }),
                ),
                call(
                    "http_post",
                    &[Class::Send],
                    json!({ "webhookUrl": "http://localhost/in", "body": "see http://127.0.0.1/" }),
                ),
                call(
                    "send_email",
                    &[Class::Send],
                    json!({ "to": ["A <a@127.0.0.1>"], "body": "see http://localhost/" }),
                ),
                call(
                    "connect",
                    &[Class::Send],
                    json!({ "host": 2_130_706_433_u32, "site": 7 }),
                ),
                addressed(call(
                    "send_message",
                    &[Class::Send],
                    json!({ "message": { "to": [{ "email": "a@127.0.0.1" }], "text": "d" } }),
                )),
            ],
        ),
        script(
            "files are named by wildcards, then something is sent",
            vec![
                call(
                    "shell",
                    &[Class::Execute],
                    json!({ "command": "ls ./.* && cat src/*.rs /srv/*/data.csv .github/*/*.yml && rm -rf ./s* && du -sh /home/*/* && cat packages/*/config.json secrets.d/*/x src/*/index.js" }),
                ),
                call(
                    "analyse",
                    &[Class::Read],
                    json!({ "data": "/9j/4AAQSkZJRgABAQ".repeat(4000), "note": "a/b ".repeat(9000) }),
                ),
                call(
                    "http_post",
                    &[Class::Send],
                    json!({ "url": "https://example.test/in", "body": "d" }),
                ),
            ],
        ),
        script(
            "personal data stays within",
            vec![
                found(
                    call("get_customer", &[Class::Read], json!({ "id": 5 })),
                    "personal",
                ),
                call(
                    "update_customer",
                    &[Class::Write],
                    json!({ "id": 5, "note": "called" }),
                ),
            ],
        ),
        script(
            "a database is asked",
            vec![
                call(
                    "query",
                    &[Class::Read],
                    json!({ "sql": "select * from orders where note like '%delete from%'" }),
                ),
                call(
                    "query",
                    &[Class::Read],
                    json!({ "sql": "select count(*) from customers" }),
                ),
            ],
        ),
        script(
            "unclassified tools of a test server",
            vec![
                call(
                    "echo",
                    &[],
                    json!({ "message": "hello; see https://example.com/a@b" }),
                ),
                call("add", &[], json!({ "a": 1, "b": 2 })),
                call("printEnv", &[], json!({})),
                call(
                    "longRunningOperation",
                    &[],
                    json!({ "duration": 1, "steps": 2 }),
                ),
                call("test_image_content", &[], json!({})),
                call("delete_entities", &[], json!({ "entityNames": ["a"] })),
                call(
                    "create_entities",
                    &[],
                    json!({ "entities": [{ "name": "A", "entityType": "x", "observations": ["y"] }] }),
                ),
            ],
        ),
        script(
            "a thousand small reads",
            (0..1000)
                .map(|at| read(&format!("/data/{at}.csv")))
                .collect(),
        ),
    ]
}

#[test]
fn ordinary_work_is_neither_refused_nor_held() {
    let policies = pack();
    for script in work() {
        let stopped = stopped_at(&policies, &script);
        assert_eq!(
            stopped,
            None,
            "{}: {:?}",
            script.name,
            stopped.map(|at| &script.calls[at])
        );
    }
}

/// A call whose schema says where it is said to whom, by way of a definition.
fn addressed(call: Recorded) -> Recorded {
    let schema = json!({
        "type": "object",
        "properties": { "message": { "anyOf": [{ "$ref": "#/$defs/Message" }, { "type": "null" }] } },
        "$defs": { "Message": { "properties": {
            "to": { "type": "array", "items": { "properties": { "email": { "type": "string" } } } },
        } } },
    });
    defined(call, schema)
}
