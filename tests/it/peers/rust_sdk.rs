//! The Rust SDK (`rmcp`) as a client, in this process: the same plans, the same kind of record as
//! the drivers of the other SDKs.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Mutex;
use std::time::Duration;

use rmcp::model::{
    ClientConfig, ClientRequest, ClientResult, CustomResult, ErrorData, ProtocolVersion,
    ServerNotification, ServerRequest, ServerResult,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, NotificationContext, PeerRequestOptions,
    RequestContext, RunningService, ServiceError,
};
use rmcp::transport::TokioChildProcess;
use rmcp::{RoleClient, Service};
use serde_json::{Value, json};
use tokio::sync::watch;

/// As the other drivers: a session that takes longer is given up.
const LIMIT: Duration = Duration::from_secs(60);

/// Connects, carries out the plan, and returns the record. Standard error goes to `said`.
pub(super) fn run(mode: &str, plan: &Value, server: &[String], said: File) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let session = session(mode, plan, server, said);
    let record = runtime.block_on(async { tokio::time::timeout(LIMIT, session).await });
    let record = record.expect("gave up after 60 s");
    serde_json::to_string(&record).unwrap()
}

async fn session(mode: &str, plan: &Value, server: &[String], said: File) -> Vec<Value> {
    let mut command = tokio::process::Command::new(&server[0]);
    command.args(&server[1..]);
    let (transport, _) = TokioChildProcess::builder(command)
        .stderr(said)
        .spawn()
        .unwrap();
    let lifecycle = match mode {
        "auto" => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        },
        _ => ClientLifecycleMode::Initialize,
    };
    let user = User {
        roots: plan.get("roots").cloned().unwrap_or_else(|| json!([])),
        ..User::default()
    };
    let client = match user.serve_with_lifecycle(transport, lifecycle).await {
        Ok(client) => client,
        Err(error) => return vec![json!({ "step": "connect", "error": error.to_string() })],
    };
    let mut record = vec![json!({ "step": "connect", "result": client.peer_info().as_deref() })];
    for step in plan["steps"].as_array().unwrap() {
        record.push(perform(&client, step).await);
    }
    let unasked = json!(*client.service().unasked.lock().unwrap());
    record.push(json!({ "step": "unasked", "result": unasked }));
    client.cancel().await.unwrap();
    record
}

/// Carries out one step and writes down what the SDK handed over.
async fn perform(client: &RunningService<RoleClient, User>, step: &Value) -> Value {
    let what = step["do"].as_str().unwrap();
    let subject = ["tool", "uri", "name"]
        .into_iter()
        .find_map(|name| step[name].as_str());
    let title = [Some(what), subject]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let user = client.service();
    user.progress.send_replace(Vec::new());
    let request: ClientRequest = serde_json::from_value(request(what, step)).unwrap();
    let sent = client.send_cancellable_request(request, PeerRequestOptions::no_options());
    let handle = sent.await.unwrap();
    let outcome = if what == "cancel" {
        let mut progress = user.progress.subscribe();
        progress.wait_for(|all| !all.is_empty()).await.unwrap();
        handle
            .cancel(Some("the user changed their mind".to_owned()))
            .await
            .unwrap();
        Err(ServiceError::Cancelled { reason: None })
    } else {
        handle.await_response().await
    };
    let mut entry = outcome_of(outcome);
    entry["step"] = json!(title);
    if step["progress"] == true {
        let mut progress = user.progress.borrow().clone();
        // Whether the last one comes before the result is a matter of timing, here too.
        progress.retain(|params| params["progress"].as_f64() < params["total"].as_f64());
        // Tokens are the SDK's own affair.
        progress
            .iter_mut()
            .for_each(|params| params["progressToken"] = Value::Null);
        entry["progress"] = json!(progress);
    }
    match step["redact"].as_str() {
        Some(_) => blanked(entry),
        None => entry,
    }
}

fn request(what: &str, step: &Value) -> Value {
    let uri = || json!({ "uri": step["uri"] });
    let call = || json!({ "name": step["tool"], "arguments": step["arguments"] });
    let (method, params) = match what {
        "tools" => ("tools/list", json!({})),
        "call" | "cancel" => ("tools/call", call()),
        "ping" => return json!({ "method": "ping" }),
        "set_level" => ("logging/setLevel", json!({ "level": step["level"] })),
        "resources" => ("resources/list", json!({})),
        "templates" => ("resources/templates/list", json!({})),
        "read" => ("resources/read", uri()),
        "subscribe" => ("resources/subscribe", uri()),
        "prompts" => ("prompts/list", json!({})),
        "prompt" => (
            "prompts/get",
            match step.get("arguments") {
                Some(arguments) => json!({ "name": step["name"], "arguments": arguments }),
                None => json!({ "name": step["name"] }),
            },
        ),
        "complete" => (
            "completion/complete",
            json!({ "ref": step["ref"], "argument": step["argument"] }),
        ),
        _ => panic!("no step is called {what}"),
    };
    json!({ "method": method, "params": params })
}

fn outcome_of(outcome: Result<ServerResult, ServiceError>) -> Value {
    match outcome {
        Ok(result) => json!({ "result": result }),
        Err(ServiceError::McpError(error)) => json!({ "error": error }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// What differs from run to run in the steps that the plans mark: digits, and a resource whose
/// text is encoded.
fn blanked(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("UmVz") => json!("#"),
        Value::String(text) => Value::String(text.replace(|c: char| c.is_ascii_digit(), "#")),
        Value::Array(items) => items.into_iter().map(blanked).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, item)| (name, blanked(item)))
            .collect(),
        other => other,
    }
}

/// The made-up user behind the client: the same answers as in `tests/peers/clients`.
#[derive(Default)]
struct User {
    roots: Value,
    unasked: Mutex<BTreeMap<String, Vec<Value>>>,
    /// Of the step that is carried out.
    progress: watch::Sender<Vec<Value>>,
}

impl User {
    fn note(&self, method: &str, message: &Value) {
        let mut unasked = self.unasked.lock().unwrap();
        unasked
            .entry(method.to_owned())
            .or_default()
            .push(message["params"].clone());
    }
}

impl Service<RoleClient> for User {
    async fn handle_request(
        &self,
        request: ServerRequest,
        _: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        let request = serde_json::to_value(request).unwrap();
        let method = request["method"].as_str().unwrap();
        let answer = match method {
            "sampling/createMessage" => json!({
                "role": "assistant",
                "content": { "type": "text", "text": "a made-up completion" },
                "model": "made-up",
                "stopReason": "endTurn",
            }),
            "elicitation/create" => json!({
                "action": "accept",
                "content": { "name": "Ada", "check": true, "integer": 7 },
            }),
            "roots/list" => json!({ "roots": self.roots }),
            _ => json!({}),
        };
        self.note(method, &request);
        Ok(ClientResult::CustomResult(CustomResult(answer)))
    }

    async fn handle_notification(
        &self,
        notification: ServerNotification,
        _: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        let notification = serde_json::to_value(notification).unwrap();
        let method = notification["method"].as_str().unwrap();
        if method == "notifications/progress" {
            let params = notification["params"].clone();
            self.progress.send_modify(|all| all.push(params));
        } else {
            self.note(method, &notification);
        }
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        serde_json::from_value(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "sampling": {}, "elicitation": {}, "roots": { "listChanged": true } },
            "clientInfo": { "name": "driver", "version": "1.0.0" },
        }))
        .unwrap()
    }
}
