//! The scripted attacks of the default pack's own tests, through a gateway in front of servers that count what
//! reaches them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use futures_util::stream::{self, StreamExt as _};
use mcps_gateway::policy::{Class, Recorded};
use serde_json::{Value, json};

use super::callers::bearer::Bearer;
use super::callers::key;
use super::server::{Server, content, result, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::wire::Stage;
use policy::Script;

#[path = "../../../mcps-gateway/tests/policy"]
mod policy {
    mod attacks;
    mod script;

    pub(super) use script::Script;

    pub(super) fn all() -> Vec<Script> {
        let groups = attacks::groups().into_iter();
        groups.flat_map(|(_, scripts)| scripts).collect()
    }
}

const READ_RESOURCE: &str = "read_resource";

/// Whether it takes what a content scan would find, or hours.
fn is_for_later(script: &Script) -> bool {
    let found = |call: &Recorded| {
        let result = call.result.as_ref();
        result.is_some_and(|result| !result.findings.is_empty())
    };
    script
        .calls
        .iter()
        .any(|call| found(call) || !call.at.is_empty())
}

/// A server with the tools that a script calls.
async fn serving(script: &Script) -> Server {
    let tools = script.calls.iter().map(|call| {
        let schema = call.tool.input_schema.clone();
        let schema = schema.unwrap_or_else(|| json!({"type": "object"}));
        let tool = json!({"name": call.name, "description": "", "inputSchema": schema});
        (call.name.clone(), tool)
    });
    let tools: BTreeMap<String, Value> = tools.collect();
    let tools: Vec<Value> = tools.into_values().collect();
    Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": tools})),
        Some("tools/call") => content(asked, "done"),
        Some("resources/read") => result(asked, json!({"contents": []})),
        _ => usual(asked),
    })
    .await
}

/// Who calls: by a key, in a tenant of the script's own, or signed, in that of all who sign.
enum Credentials {
    Key(String),
    Home(PathBuf),
}

impl Credentials {
    async fn session(&self, url: &str) -> Client {
        match self {
            Self::Key(key) => {
                let mut caller = Bearer::with(url, key);
                caller.open().await;
                Client::Plain(caller)
            }
            Self::Home(home) => {
                let mut caller = Caller::of(home, url);
                caller.open_session().await;
                Client::Signed(Box::new(caller))
            }
        }
    }
}

enum Client {
    Plain(Bearer),
    Signed(Box<Caller>),
}

impl Client {
    async fn ask(&self, text: &str) -> Value {
        match self {
            Self::Plain(caller) => caller.ask(text).await,
            Self::Signed(caller) => serde_json::from_str(&caller.ask(text).await[0]).unwrap(),
        }
    }
}

/// One script with servers and callers of its own.
struct Stand {
    number: usize,
    script: Script,
    server: Server,
    /// By the names of those who call.
    callers: BTreeMap<String, Credentials>,
}

impl Stand {
    async fn of(stage: &Stage, (number, script): (usize, Script)) -> (Self, String) {
        let server = serving(&script).await;
        // Who does not sign may run nothing.
        let runs = |call: &Recorded| call.tool.class.contains(&Class::Execute);
        let signs = script.calls.iter().any(runs);
        let (mut tenant, mut config) = ("default".to_owned(), String::new());
        if !signs {
            tenant = format!("t{number}");
            config = format!("[tenant.{tenant}]\n");
        }
        let mut callers = BTreeMap::new();
        for call in &script.calls {
            let who = &call.principal;
            if callers.contains_key(&who.name) {
                continue;
            }
            let owner = format!("{}@t{number}.example.com", who.owner);
            let more = ["--owner", &owner];
            let credentials = if signs {
                let name = format!("{}-{number}", who.name);
                Credentials::Home(stage.world.enrol_of("agent", &name, 2, &more))
            } else {
                let more = [&more[..], &["--tenant", &tenant]].concat();
                let (secret, stanza) = key(stage, &who.name, &more);
                config += &stanza;
                Credentials::Key(secret)
            };
            callers.insert(who.name.clone(), credentials);
        }
        let servers: BTreeSet<&str> = script.calls.iter().map(|it| it.server.as_str()).collect();
        let tools: BTreeMap<&str, &Recorded> = script
            .calls
            .iter()
            .map(|it| (it.name.as_str(), it))
            .collect();
        for name in servers {
            config += &over_http(&format!("{name}-{number}"), &server);
            writeln!(config, "tenant = \"{tenant}\"").unwrap();
            for (tool, call) in &tools {
                let class = serde_json::to_string(&call.tool.class).unwrap();
                writeln!(config, "[server.tool.{}]\nclass = {class}", json!(tool)).unwrap();
            }
        }
        let stand = Self {
            number,
            script,
            server,
            callers,
        };
        (stand, config)
    }

    fn reached(&self) -> usize {
        self.server.seen("tools/call").len() + self.server.seen("resources/read").len()
    }

    /// Plays it; what went otherwise than it should.
    async fn play(&self, gate: &Gate) -> Result<(), String> {
        let mut sessions = BTreeMap::new();
        let last = self.script.calls.len() - 1;
        for (at, call) in self.script.calls.iter().enumerate() {
            let session = (&call.principal.name, &call.session, &call.server);
            let client: &Client = match sessions.entry(session) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(free) => {
                    let url = gate.at(&format!("{}-{}", call.server, self.number));
                    let caller = &self.callers[&call.principal.name];
                    free.insert(caller.session(&url).await)
                }
            };
            let (method, params) = match call.action == READ_RESOURCE {
                true => ("resources/read", json!({"uri": call.name})),
                false => (
                    "tools/call",
                    json!({"name": call.name, "arguments": call.arguments}),
                ),
            };
            let asked = json!({"jsonrpc": "2.0", "id": at, "method": method, "params": params});
            let told = client.ask(&asked.to_string()).await;
            let refused = told["error"]["data"]["decision_id"].is_string();
            let reached = if refused { at } else { at + 1 };
            if refused != (at == last) || self.reached() != reached {
                let name = &self.script.name;
                let reached = self.reached();
                return Err(format!(
                    "{name}: call {at} of {last}, {reached} reached it: {told}"
                ));
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_call_of_each_attack_reaches_no_server() {
    let stage = Stage::set();
    let (later, scripts): (Vec<Script>, Vec<Script>) =
        policy::all().into_iter().partition(is_for_later);
    assert!(
        scripts.len() > 110,
        "{}, and {} later",
        scripts.len(),
        later.len()
    );
    let stands = stream::iter(scripts.into_iter().enumerate());
    let stands = stands.then(|numbered| Stand::of(&stage, numbered));
    let (stands, configs): (Vec<Stand>, Vec<String>) = stands.unzip().await;
    // Many servers have tools of one name.
    let rules = "[tenant.default]\n[quarantine]\nnew_servers = \"pin\"\nlook_alikes = \"flag\"\n";
    let gate = Gate::open_on(stage, &format!("{rules}{}", configs.concat())).await;
    let played = stream::iter(&stands).map(|stand| stand.play(&gate));
    let played: Vec<Result<(), String>> = played.buffer_unordered(8).collect().await;
    let wrong: Vec<String> = played.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
