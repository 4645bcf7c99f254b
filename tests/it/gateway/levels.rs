//! Minimum levels: by tenant, by server, by tool, and what is not seen by whom.

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::server::Server;
use super::{Gate, decision_of, over_http};

fn call(id: u32, tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}})
        .to_string()
}

#[tokio::test]
async fn a_level_that_a_tenant_asks_for_is_asked_before_any_server_hears() {
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.default]\nmin_level = 3\n{}",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let (_, code) = gate.caller("files").refused(crate::wire::INITIALIZE).await;
    assert_eq!(code, Some(Code::TrustTooLow));
    assert!(server.is_untouched());
    let [record] = gate.records().try_into().unwrap();
    assert_eq!(record["decision"], "deny");
    assert_eq!(record["rule"], "tenant.default.min_level");
}

#[tokio::test]
async fn a_level_that_a_server_asks_for_is_no_business_of_its_neighbour() {
    let (low, high) = (Server::with(&["look"]).await, Server::with(&["look"]).await);
    let config = format!(
        "[tenant.default]\n{}{}min_level = 3\n",
        over_http("low", &low),
        over_http("high", &high)
    );
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("low");
    caller.open_session().await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("look("));
    let (_, code) = gate.caller("high").refused(crate::wire::INITIALIZE).await;
    assert_eq!(code, Some(Code::TrustTooLow));
    assert!(high.is_untouched());
}

#[tokio::test]
async fn a_tool_above_the_callers_level_is_neither_called_nor_seen() {
    let server = Server::with(&["look", "delete"]).await;
    let config = format!(
        "[tenant.default]\n{}[server.tool.delete]\nmin_level = 3\nclass = [\"destroy\"]\n",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let told: Value = serde_json::from_str(&caller.ask(list).await[0]).unwrap();
    let tools = told["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1, "{told}");
    assert_eq!(tools[0]["name"], "look");
    let told = caller.ask(&call(2, "delete")).await;
    assert_eq!(crate::wire::code_of(&told[0]), Some(Code::TrustTooLow));
    assert!(server.seen("tools/call").is_empty());
    let record = gate.record("decision", &decision_of(&told[0])).await;
    assert_eq!(record["rule"], "server.files.tool.delete.min_level");
    assert!(
        gate.process.words().contains(&decision_of(&told[0])),
        "the log knows it too"
    );
    assert!(caller.ask(&call(3, "look")).await[0].contains("look("));
}

#[tokio::test]
async fn a_tenant_may_be_kept_from_a_server_that_another_has() {
    let server = Server::with(&["look"]).await;
    let config = format!(
        "[tenant.default]\n[tenant.other]\nmin_level = 1\n{}tenant = \"other\"\n",
        over_http("files", &server)
    );
    let gate = Gate::open(&config).await;
    let (_, code) = gate.caller("files").refused(crate::wire::INITIALIZE).await;
    assert_eq!(code, Some(Code::Denied));
    assert!(server.is_untouched());
}

#[tokio::test]
async fn what_goes_to_a_server_of_another_tenant_is_known_to_policies() {
    let (own, others) = (Server::with(&["look"]).await, Server::with(&["look"]).await);
    let stage = crate::wire::Stage::set();
    let rules = r#"
version = 1
[[fact]]
id = "crossing"
on = "call"
when = { cross_tenant = true }
"#;
    let forbid = r#"@id("stay") @reason("what is ours stays here")
forbid (principal, action, resource) when { context.mcps.call.facts.contains("crossing") };"#;
    let dir = stage.world.dir();
    std::fs::write(dir.join("stay.toml"), rules).unwrap();
    std::fs::write(dir.join("stay.cedar"), forbid).unwrap();
    let config = format!(
        "[tenant.default]\npolicy = [\"stay.toml\", \"stay.cedar\"]\n[tenant.other]\n{}tenant = \"default\"\n{}tenant = \"other\"\ntenants = [\"default\"]\n",
        over_http("own", &own),
        over_http("others", &others)
    );
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = gate.caller("own");
    caller.open_session().await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("look("));
    let mut caller = gate.caller("others");
    caller.open_session().await;
    let told = caller.ask(&call(1, "look")).await;
    assert_eq!(crate::wire::code_of(&told[0]), Some(Code::Denied));
    assert!(others.seen("tools/call").is_empty());
    let record = gate.record("decision", &decision_of(&told[0])).await;
    assert_eq!(record["server_tenant"], "other", "{record}");
}

#[tokio::test]
async fn a_caller_that_is_revoked_in_its_session_reaches_nobody_any_more() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!(
        "[tenant.default]\n{}",
        over_http("files", &server)
    ))
    .await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("look("));
    gate.stage.revoke(&gate.stage.agent);
    let (_, code) = caller.refused(&call(2, "look")).await;
    assert_eq!(code, Some(Code::PassportRevoked));
    assert_eq!(server.seen("tools/call").len(), 1);
}
