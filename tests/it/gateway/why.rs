//! `mcps why` says what the gateway does: each answer is held against a call that the same agent makes.

use std::fs;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::server::Server;
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::wire::code_of;
use crate::world::run;

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}})
        .to_string()
}

/// What stands in the way of the agent, as a script reads it: stage, code and rule.
fn why(gate: &Gate, tool: &str) -> Vec<(String, String, String)> {
    let mut program = gate.stage.world.mcps(&gate.home);
    program.args(["why", tool, "-o", "json", "--agent"]);
    program.arg(&gate.stage.agent).arg("--config");
    program.arg(gate.stage.world.dir().join("gateway.toml"));
    let told: Value = serde_json::from_str(&run(&mut program).succeeded()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stages = told["stages"].as_array().unwrap().iter();
    let refusing = stages.filter(|said| said["permits"] == false);
    let refusing: Vec<_> = refusing
        .map(|said| {
            (
                text(&said["stage"]),
                text(&said["code"]),
                text(&said["rule"]),
            )
        })
        .collect();
    assert_eq!(told["permits"], refusing.is_empty());
    refusing
}

fn one(stage: &str, code: Code, rule: &str) -> Vec<(String, String, String)> {
    vec![(stage.to_owned(), code.id().to_owned(), rule.to_owned())]
}

#[tokio::test]
async fn each_reason_is_the_one_for_which_the_gateway_refuses() {
    let server = Server::with(&["open", "high", "barred", "blocked"]).await;
    let other = Server::with(&["open"]).await;
    let config = format!(
        "[tenant.default]\npolicy = [\"own.cedar\"]\n[tenant.else]\n{}[server.tool.high]\nmin_level = 4\n{}tenant = \"else\"\n",
        over_http("one", &server),
        over_http("other", &other)
    );
    let stage = crate::wire::Stage::set();
    let rule = r#"@id("no-barred") @reason("nobody calls it") forbid (principal, action == Action::"call_tool", resource == Tool::"barred");"#;
    fs::write(stage.world.dir().join("own.cedar"), rule).unwrap();
    let gate = Gate::open_on(stage, &config).await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    caller.open_session().await;
    assert_eq!(code_of(&caller.ask(&call(1, "one__open")).await[0]), None);
    let mut block = gate.stage.world.mcps(&gate.home);
    block.args(["quarantine", "block", "one", "blocked", "--by", "ann"]);
    run(&mut block).succeeded();

    assert!(why(&gate, "one__open").is_empty());
    for (id, tool, reasons) in [
        (
            2,
            "one__high",
            one("level", Code::TrustTooLow, "server.one.tool.high.min_level"),
        ),
        (
            3,
            "one__blocked",
            one("definition", Code::Quarantined, "quarantine.blocked"),
        ),
        (
            4,
            "one__missing",
            one("definition", Code::ToolIntegrity, "definition.unlisted"),
        ),
        (5, "one__barred", one("call", Code::Denied, "no-barred")),
        (
            6,
            "nobody__open",
            one("server", Code::UnknownServer, "server"),
        ),
    ] {
        assert_eq!(why(&gate, tool), reasons, "{tool}");
        let told = caller.ask(&call(id, tool)).await;
        assert_eq!(
            code_of(&told[0]).map(Code::id),
            Some(reasons[0].1.as_str()),
            "{told:?}"
        );
    }
    // At its own endpoint it is said that the tenant may not; where all are one it is as if not there.
    let tenant = &why(&gate, "other__open")[0];
    assert_eq!(
        (tenant.0.as_str(), tenant.1.as_str()),
        ("tenant", Code::Denied.id())
    );
    let (_, code) = gate.caller("other").refused(crate::wire::INITIALIZE).await;
    assert_eq!(code, Some(Code::Denied));

    gate.stage.revoke(&gate.stage.agent);
    let revoked = &why(&gate, "one__open")[0];
    assert_eq!(
        (revoked.0.as_str(), revoked.1.as_str()),
        ("passport", Code::PassportRevoked.id())
    );
    assert_eq!(server.seen("tools/call").len(), 1);
    assert!(other.is_untouched());
}
