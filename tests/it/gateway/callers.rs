//! Callers that do not sign: who they are, what of theirs goes nowhere, and what is not theirs.

pub(super) mod bearer;
pub(crate) mod issuer;
mod metadata;
mod scopes;
mod sdk;
mod standing;
mod tokens;

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::Server;
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{INITIALIZE, Stage, eventually};
use crate::world::run;
use bearer::{Bearer, call};

/// A key as `mcps-gateway key new` makes it, and its stanza.
pub(super) fn key(stage: &Stage, name: &str, more: &[&str]) -> (String, String) {
    let mut program = stage.world.program("mcps-gateway");
    program.args(["key", "new", name, "-o", "json"]).args(more);
    let made: Value = serde_json::from_str(&run(&mut program).succeeded()).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("stanza"))
}

/// A gateway with one server of the tenant `acme`, and a key for it.
async fn gate(server: &Server) -> (Gate, String) {
    let stage = Stage::set();
    let more = [
        "--tenant",
        "acme",
        "--owner",
        "ann@example.com",
        "--group",
        "build",
    ];
    let (key, stanza) = key(&stage, "ci", &more);
    let config = format!("[tenant.acme]\n{stanza}{}", over_http("files", server));
    (Gate::open_on(stage, &config).await, key)
}

/// Orders something at the authority, and waits until the gateway has heard of it.
async fn order(gate: &Gate, path: &str, body: Value) {
    let url = format!("{}{path}", gate.stage.world.url());
    let request = reqwest::Client::builder().build().unwrap().post(url);
    let request = request.bearer_auth(gate.stage.world.operator_key());
    let answer = request.json(&body).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
    let done: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let position = done["position"].as_str().unwrap();
    let mut command = gate.stage.world.mcps(&gate.home);
    command.args(["feed", "enforcement", position, "--wait", "30s"]);
    command.arg("--operator-key-file");
    run(command.arg(gate.stage.world.operator_key_file())).succeeded();
}

#[tokio::test]
async fn who_has_a_key_calls_and_is_on_record_and_the_key_is_nowhere() {
    let server = Server::with(&["look"]).await;
    let (gate, key) = gate(&server).await;
    let mut ci = Bearer::with(&gate.at("files"), &key);
    ci.open().await;
    assert_eq!(ci.call(7, "look").await, r#"look({"n":7})"#);
    // The era without sessions.
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "look"),
    ];
    let text = modern(8, "tools/call", r#""name":"look","arguments":{},"#);
    let alone = Bearer::with(&gate.at("files"), &key);
    let answer = alone.send(Method::POST, &headers, &text).await;
    assert!(answer.text().await.unwrap().contains("look({})"));
    // All servers as one.
    let mut all = Bearer::with(&gate.url, &key);
    all.open().await;
    assert_eq!(all.call(9, "files__look").await, r#"look({"n":9})"#);

    assert_eq!(
        server.was_told("authorization", "mcpsk_"),
        Vec::<String>::new()
    );
    let records = gate.records();
    let decisions = records.iter().filter(|it| it["name"] == "look");
    let principals: Vec<&Value> = decisions.map(|it| &it["principal"]).collect();
    assert_eq!(principals.len(), 3);
    for principal in principals {
        assert_eq!(principal["name"], "ci");
        assert_eq!(principal["kind"], "api_key");
        assert_eq!(principal["owner"], "ann@example.com");
        assert_eq!(principal["issuer"], "urn:mcps:api-key");
        assert_eq!(principal["groups"], json!(["build"]));
        assert_eq!(principal["key_id"].as_str().unwrap().len(), 16);
    }
    let secret = key.trim_start_matches("mcpsk_");
    let lines = std::fs::read_to_string(gate.stage.world.dir().join("records")).unwrap();
    for text in [gate.process.words(), lines, json!(records).to_string()] {
        assert!(!text.contains(secret), "{text}");
    }
    let mut why = gate.stage.world.mcps(&gate.home);
    why.args([
        "why",
        "files__look",
        "-o",
        "json",
        "--api-key",
        "acme/ci",
        "--config",
    ]);
    why.arg(gate.stage.world.dir().join("gateway.toml"));
    let told: Value = serde_json::from_str(&run(&mut why).succeeded()).unwrap();
    assert_eq!(told["stages"][1]["stage"], "credential", "{told}");
    assert_eq!(told["stages"][1]["permits"], true);
}

#[tokio::test]
async fn a_key_that_is_unknown_expired_or_malformed_is_refused_before_anything_is_touched() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let (good, stanza) = key(&stage, "ci", &["--tenant", "acme"]);
    let (over, expired) = key(&stage, "old", &["--tenant", "acme", "--lifetime", "0s"]);
    let (foreign, _) = key(&stage, "ci", &["--tenant", "acme"]);
    let config = format!(
        "[tenant.acme]\n{stanza}{expired}{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let invalid = Some(Code::InvalidCredential);
    for (credential, code) in [
        (String::new(), Some(Code::SignatureRequired)),
        (format!("Basic {good}"), Some(Code::SignatureRequired)),
        (format!("Bearer {foreign}"), invalid),
        (format!("Bearer {over}"), invalid),
        (format!("Bearer {good}x"), invalid),
        (format!("Bearer {}", &good[..good.len() - 1]), invalid),
        ("Bearer mcpsk_".to_owned(), invalid),
        ("Bearer".to_owned(), invalid),
        (format!("Bearer  {good} {good}"), invalid),
        (format!("Bearer {good},{good}"), invalid),
        (format!("Bearer {}", "a".repeat(20_000)), invalid),
    ] {
        for url in [gate.at("files"), gate.url.clone()] {
            let caller = Bearer::saying(&url, &credential);
            let refused = caller.refused(INITIALIZE).await;
            assert_eq!(refused.code, code, "{credential:?}: {refused:?}");
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{credential:?}");
            assert!(refused.challenge().starts_with("Bearer "), "{refused:?}");
            assert!(
                !refused.challenge().contains("resource_metadata"),
                "{refused:?}"
            );
            let secret = credential.rsplit("mcpsk_").next().unwrap();
            assert!(
                secret.is_empty() || !refused.text.contains(secret),
                "{refused:?}"
            );
        }
    }
    let caller = Bearer::with(&gate.at("files"), &good);
    let twice = [("authorization", "Bearer other")];
    let answer = caller.send(Method::POST, &twice, INITIALIZE).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(server.is_untouched());
    assert!(
        gate.records().is_empty(),
        "strangers do not fill the record"
    );
    for key in [good, over, foreign] {
        assert!(
            !gate
                .process
                .words()
                .contains(key.trim_start_matches("mcpsk_"))
        );
    }
}

#[tokio::test]
async fn a_key_of_one_tenant_reaches_no_server_of_another() {
    let (acme, lab) = (Server::with(&["look"]).await, Server::with(&["peek"]).await);
    let stage = Stage::set();
    let (key, stanza) = key(&stage, "ci", &["--tenant", "acme"]);
    let config = format!(
        "[tenant.acme]\n[tenant.lab]\n{stanza}{}tenant = \"acme\"\n{}tenant = \"lab\"\n",
        over_http("acme", &acme),
        over_http("lab", &lab)
    );
    let gate = Gate::open_on(stage, &config).await;
    let told = Bearer::with(&gate.at("lab"), &key)
        .refused(INITIALIZE)
        .await;
    assert_eq!(told.code, Some(Code::Denied), "{told:?}");
    let record = gate.records().pop().unwrap();
    assert_eq!(
        (&record["rule"], &record["tenant"]),
        (&json!("tenant"), &json!("acme"))
    );
    let mut all = Bearer::with(&gate.url, &key);
    all.open().await;
    let listed = all
        .ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .await;
    assert_eq!(
        listed["result"]["tools"][0]["name"], "acme__look",
        "{listed}"
    );
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1);
    let told = all.refused(&call(2, "lab__peek")).await;
    assert_eq!(told.code, Some(Code::UnknownServer), "{told:?}");
    assert!(lab.is_untouched());
}

#[tokio::test]
async fn a_session_is_of_whoever_began_it() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let (mine, first) = key(&stage, "ci", &["--tenant", "acme"]);
    let (other, second) = key(&stage, "cd", &["--tenant", "acme"]);
    let config = format!(
        "[tenant.acme]\n[tenant.default]\n{first}{second}{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let url = gate.at("files");
    let mut owner = Bearer::with(&url, &mine);
    owner.open().await;
    let session = owner.session.clone().unwrap();
    let touched = server.seen("tools/call").len();

    let mut thief = Bearer::with(&url, &other);
    thief.session = Some(session.clone());
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let body = if method == Method::POST {
            call(1, "look")
        } else {
            String::new()
        };
        let answer = thief.send(method.clone(), &[], &body).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method}");
    }
    thief.credential = String::new();
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let body = if method == Method::POST {
            call(1, "look")
        } else {
            String::new()
        };
        let answer = thief.send(method.clone(), &[], &body).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method}");
    }
    // Nor is it that of an agent that signs.
    let mut agent = Caller::of(&gate.stage.agent, &url);
    agent.headers.push(("mcp-session-id".to_owned(), session));
    agent
        .headers
        .push(("mcp-protocol-version".to_owned(), "2025-11-25".to_owned()));
    assert_eq!(
        agent.tell(&call(1, "look")).await.0.status(),
        StatusCode::NOT_FOUND
    );
    let mut signed = Caller::of(&gate.stage.agent, &url);
    signed.open_session().await;
    let mut thief = Bearer::with(&url, &mine);
    thief.session = Some(signed.session().to_owned());
    assert_eq!(
        thief.post(&call(1, "look")).await.status(),
        StatusCode::NOT_FOUND
    );

    assert_eq!(server.seen("tools/call").len(), touched);
    assert_eq!(owner.call(2, "look").await, r#"look({"n":2})"#);
}

#[tokio::test]
async fn whom_the_authority_holds_back_calls_no_more_by_a_key_either() {
    let server = Server::with(&["look"]).await;
    let (gate, key) = gate(&server).await;
    let url = gate.at("files");
    let targets = [
        (
            "/v1/suspensions",
            json!({"kind": "agent", "tenant": "acme", "name": "ci"}),
            "suspend",
            Code::PassportRevoked,
        ),
        (
            "/v1/suspensions",
            json!({"kind": "owner", "tenant": "acme", "owner": "ann@example.com"}),
            "suspend",
            Code::PassportRevoked,
        ),
        (
            "/v1/stops",
            json!({"kind": "tenant", "tenant": "acme"}),
            "stop",
            Code::Stopped,
        ),
    ];
    for (path, target, lifts, code) in targets {
        let mut ci = Bearer::with(&url, &key);
        ci.open().await;
        assert_eq!(ci.call(1, "look").await, r#"look({"n":1})"#);
        let touched = server.seen("tools/call").len();
        order(&gate, path, json!({"target": target, "reason": "policy"})).await;
        let answer = eventually("its session ends", async || {
            let answer = ci.refused(&call(2, "look")).await;
            (answer.status == StatusCode::NOT_FOUND).then_some(answer)
        })
        .await;
        assert_eq!(answer.code, None);
        let told = Bearer::with(&url, &key).refused(INITIALIZE).await;
        assert_eq!(told.code, Some(code), "{told:?}");
        let record = gate.records().pop().unwrap();
        assert_eq!(
            (&record["rule"], &record["code"]),
            (&json!("caller"), &json!(code.id()))
        );
        assert_eq!(server.seen("tools/call").len(), touched);
        let lift = json!({"target": target, "lifts": lifts, "reason": "policy"});
        order(&gate, "/v1/reinstatements", lift).await;
    }
    let mut ci = Bearer::with(&url, &key);
    ci.open().await;
    let revoke =
        json!({"target": {"kind": "agent", "tenant": "acme", "name": "ci"}, "reason": "policy"});
    order(&gate, "/v1/revocations", revoke).await;
    let told = Bearer::with(&url, &key).refused(INITIALIZE).await;
    assert_eq!(told.code, Some(Code::PassportRevoked), "{told:?}");
}

#[tokio::test]
async fn a_key_that_is_taken_out_ends_its_sessions_and_another_of_its_name_does_not() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let (old, first) = key(&stage, "ci", &["--tenant", "acme"]);
    let (new, second) = key(&stage, "ci", &["--tenant", "acme"]);
    let base = format!("[tenant.acme]\n{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &format!("{first}{base}")).await;
    let mut ci = Bearer::with(&gate.at("files"), &old);
    ci.open().await;
    let swapped = "the configuration was exchanged";
    gate.reconfigure(&format!("{first}{second}{base}"), swapped)
        .await;
    assert_eq!(ci.call(1, "look").await, r#"look({"n":1})"#);
    ci.credential = format!("Bearer {new}");
    assert_eq!(
        ci.call(2, "look").await,
        r#"look({"n":2})"#,
        "it is the same caller"
    );
    gate.reconfigure(&format!("{second}{base}#"), swapped).await;
    eventually("the old one is refused", async || {
        ci.credential = format!("Bearer {old}");
        let told = ci.refused(&call(3, "look")).await;
        (told.code == Some(Code::InvalidCredential)).then_some(())
    })
    .await;
    ci.credential = format!("Bearer {new}");
    assert_eq!(ci.call(4, "look").await, r#"look({"n":4})"#);
    let (_, other) = key(&gate.stage, "cd", &["--tenant", "acme"]);
    gate.reconfigure(&format!("{other}{base}##"), "a session has ended")
        .await;
    let gone = ci.post(&call(5, "look")).await.status();
    assert_eq!(gone, StatusCode::NOT_FOUND, "its session is over");
    ci.session = None;
    let told = ci.refused(INITIALIZE).await;
    assert_eq!(told.code, Some(Code::InvalidCredential), "{told:?}");
}

#[tokio::test]
async fn policies_know_a_caller_with_a_key_by_its_kind_and_its_groups() {
    let server = Server::with(&["look", "push"]).await;
    let stage = Stage::set();
    let (ci, first) = key(&stage, "ci", &["--tenant", "acme", "--group", "build"]);
    let (cd, second) = key(&stage, "cd", &["--tenant", "acme"]);
    let rules = r#"@id("no-push") @reason("Builders only.")
forbid (principal, action == Action::"call_tool", resource)
when { resource.name == "push" && principal.kind == "api_key" && context.mcps.level.channel == 0 }
unless { principal in Group::"build" };"#;
    std::fs::write(stage.world.dir().join("own.cedar"), rules).unwrap();
    let config = format!(
        "[tenant.acme]\npolicy = [\"own.cedar\"]\n{first}{second}{}min_level = 0\n[server.tool.drop]\nmin_level = 1\n",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let [mut ci, mut cd] = [ci, cd].map(|key| Bearer::with(&gate.at("files"), &key));
    ci.open().await;
    cd.open().await;
    assert_eq!(ci.call(1, "push").await, r#"push({"n":1})"#);
    assert_eq!(cd.call(1, "look").await, r#"look({"n":1})"#);
    let told = cd.refused(&call(2, "push")).await;
    assert_eq!(told.code, Some(Code::Denied), "{told:?}");
    let told = ci.refused(&call(2, "drop")).await;
    assert_eq!(told.code, Some(Code::TrustTooLow), "{told:?}");
    assert_eq!(server.seen("tools/call").len(), 2);
    // What was decided can be explained from the record, groups included.
    let mut explain = gate.stage.world.mcps(&gate.home);
    explain
        .args(["policy", "simulate"])
        .arg(gate.stage.world.dir().join("own.cedar"));
    explain.arg("--events").arg(&gate.home);
    let told = run(&mut explain).succeeded();
    assert!(told.contains("5 calls, 5 decided as before"), "{told}");
}

#[tokio::test]
async fn with_a_signature_and_a_key_the_passport_decides() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let (key, stanza) = key(&stage, "ci", &["--tenant", "default"]);
    let config = format!("[tenant.default]\n{stanza}{}", over_http("files", &server));
    let gate = Gate::open_on(stage, &config).await;
    let mut agent = gate.caller("files");
    let token: &'static str = Box::leak(key.clone().into_boxed_str());
    agent.token = Some(token);
    agent
        .headers
        .push(("authorization".to_owned(), format!("Bearer {token}")));
    let (response, _) = agent.tell(INITIALIZE).await;
    assert_eq!(response.status(), StatusCode::OK);
    let record = gate.records().pop().unwrap();
    let opened = gate
        .records()
        .into_iter()
        .find(|it| it["method"] == "initialize");
    let principal = &opened.unwrap()["principal"];
    assert_eq!(
        (&principal["name"], &principal["kind"]),
        (&json!("agent"), &json!("agent")),
        "{record}"
    );
    assert!(server.was_told("authorization", token).is_empty());
    // A token that was not signed for is refused as before, though it is a good key.
    let mut swapped = gate.caller("files");
    swapped
        .headers
        .push(("authorization".to_owned(), format!("Bearer {token}")));
    let (_, code) = swapped.refused(INITIALIZE).await;
    assert_eq!(code, Some(Code::TranscriptBinding));
}

#[tokio::test]
async fn a_key_that_is_wrong_is_not_taken_for_none() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let (good, stanza) = key(&stage, "ci", &["--tenant", "acme"]);
    let config = format!(
        "[tenant.acme]\n[tenant.open]\nanonymous = true\n{stanza}{}",
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let url = gate.at("files");
    let told = Bearer::with(&url, &format!("{good}x"))
        .refused(INITIALIZE)
        .await;
    assert_eq!(told.code, Some(Code::InvalidCredential), "{told:?}");
    assert!(server.is_untouched());
    let mut nobody = Bearer::saying(&url, "");
    nobody.open().await;
    assert_eq!(nobody.call(1, "look").await, r#"look({"n":1})"#);
    // And nobody's session is not somebody's.
    let mut somebody = Bearer::with(&url, &good);
    somebody.session = nobody.session.clone();
    assert_eq!(
        somebody.post(&call(2, "look")).await.status(),
        StatusCode::NOT_FOUND
    );
    let record = gate.record_of("look");
    assert_eq!(
        (&record["tenant"], &record["principal"]),
        (&json!("open"), &Value::Null)
    );
}

impl Gate {
    /// The first decision about a tool.
    fn record_of(&self, tool: &str) -> Value {
        let records = self.records().into_iter();
        let mut of = records.filter(|it| it["event"] == "decision" && it["name"] == tool);
        of.next().unwrap()
    }
}
