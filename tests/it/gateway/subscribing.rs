//! Subscriptions of the newer era: who may not subscribe to a resource does not do so by another method.

use std::fs;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::server::{Says, Server, result, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{Stage, eventually};

const FORBID: &str = r#"@id("no-watching") @reason("Nobody watches secrets.")
forbid (principal, action == Action::"subscribe", resource)
when { resource.uri like "secret://*" };"#;

const ERAS: [&str; 2] = ["", "era = \"2025-11-25\"\n"];

/// A server with one resource, whose subscribers hear that it takes them.
async fn server(uri: &'static str) -> Server {
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    Server::standing(Some(vec![ready.to_string()]), move |asked| {
        match asked["method"].as_str() {
            Some("initialize") => result(
                asked,
                json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "s", "version": "1"},
                    "capabilities": {"resources": {"subscribe": true}}}),
            ),
            Some("resources/list") => {
                let resource = json!({"uri": uri, "name": "it"});
                result(asked, json!({"resultType": "complete", "resources": [resource]}))
            }
            Some("resources/subscribe") => result(asked, json!({})),
            Some("subscriptions/listen") => {
                let (id, of) = (&asked["id"], &asked["params"]["notifications"]);
                let params = json!({"notifications": of, "_meta": {"io.modelcontextprotocol/subscriptionId": id}});
                let said = json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params});
                Says::Stays(vec![said.to_string()])
            }
            _ => usual(asked),
        }
    })
    .await
}

/// A gateway at which nobody may subscribe to secrets.
async fn gate(servers: &str) -> Gate {
    let stage = Stage::set();
    fs::write(stage.world.dir().join("team.cedar"), FORBID).unwrap();
    let tenant = "[tenant.default]\npolicy = [\"team.cedar\"]\n";
    Gate::open_on(stage, &format!("{tenant}{servers}")).await
}

fn about(caller: &mut Caller, method: &str) {
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    caller.headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
}

fn listen(id: u32, wanted: &Value) -> String {
    let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": wanted});
    modern(
        id,
        "subscriptions/listen",
        &format!(r#""notifications":{wanted},"#),
    )
}

fn subscriptions(gate: &Gate, decision: &str) -> Vec<Value> {
    let is_one = |record: &Value| {
        record["method"] == "resources/subscribe" && record["decision"] == decision
    };
    gate.records().into_iter().filter(is_one).collect()
}

#[tokio::test]
async fn who_may_not_subscribe_to_a_resource_listens_to_none() {
    for era in ERAS {
        let files = server("secret://x").await;
        let gate = gate(&format!("{}{era}", over_http("files", &files))).await;
        let mut caller = gate.caller("files");
        about(&mut caller, "subscriptions/listen");
        for (id, wanted) in [
            (1, json!(["secret://x"])),
            (2, json!(["file:///a", "secret://x"])),
        ] {
            let (_, code) = caller.refused(&listen(id, &wanted)).await;
            assert_eq!(code, Some(Code::Denied), "{era}{wanted}");
        }
        assert!(files.seen("resources/subscribe").is_empty());
        assert!(files.seen("subscriptions/listen").is_empty());
        let denied = subscriptions(&gate, "deny");
        assert_eq!(denied.len(), 2);
        assert_eq!(denied[0]["rule"], "no-watching", "{denied:?}");
        assert_eq!(denied[0]["server"], "files", "{denied:?}");
        assert_eq!(subscriptions(&gate, "permit").len(), 0);
    }
}

#[tokio::test]
async fn who_may_subscribe_listens_and_it_is_on_record() {
    for (era, method) in ERAS
        .into_iter()
        .zip(["subscriptions/listen", "resources/subscribe"])
    {
        let files = server("file:///a").await;
        let gate = gate(&format!("{}{era}", over_http("files", &files))).await;
        let mut caller = gate.caller("files");
        about(&mut caller, "subscriptions/listen");
        let (response, _) = caller.tell(&listen(1, &json!(["file:///a"]))).await;
        let heard = eventually("the server hears", async || files.seen(method).pop()).await;
        assert!(heard.to_string().contains("file:///a"), "{heard}");
        let permitted = subscriptions(&gate, "permit");
        let id = permitted[0]["decision_id"].as_str().unwrap();
        gate.record("outcome", id).await;
        drop(response);
    }
}

#[tokio::test]
async fn what_names_no_resources_is_no_subscription() {
    let files = server("file:///a").await;
    let gate = gate(&over_http("files", &files)).await;
    let mut caller = gate.caller("files");
    about(&mut caller, "subscriptions/listen");
    let many: Vec<String> = (0..257).map(|n| format!("file:///{n}")).collect();
    for (id, wanted) in [
        (1, json!("secret://x")),
        (2, json!([["secret://x"]])),
        (3, json!(many)),
    ] {
        let (_, code) = caller.refused(&listen(id, &wanted)).await;
        assert_eq!(code, Some(Code::Malformed), "{wanted}");
    }
    assert!(files.is_untouched());
}

#[tokio::test]
async fn of_several_servers_each_hears_of_its_own_resources_alone() {
    let (one, other) = (server("one://a").await, server("other://a").await);
    let servers = [over_http("one", &one), over_http("other", &other)];
    let gate = gate(&servers.concat()).await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    about(&mut caller, "subscriptions/listen");
    let (_, code) = caller
        .refused(&listen(1, &json!(["one://a", "nobody://a"])))
        .await;
    assert_eq!(code, Some(Code::UnknownServer));
    about(&mut caller, "resources/list");
    caller.ask(&modern(2, "resources/list", "")).await;
    about(&mut caller, "subscriptions/listen");
    let wanted = json!(["one://a", "other://a"]);
    let (response, _) = caller.tell(&listen(3, &wanted)).await;
    for (server, own) in [(&one, "one://a"), (&other, "other://a")] {
        let heard = async || server.seen("subscriptions/listen").pop();
        let heard = eventually("the server hears", heard).await;
        let wanted = &heard["params"]["notifications"];
        assert_eq!(wanted["resourceSubscriptions"], json!([own]), "{heard}");
        assert_eq!(wanted["toolsListChanged"], true, "{heard}");
    }
    drop(response);
}
