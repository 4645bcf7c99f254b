//! A gateway in front of a plan's server and perhaps another one, for a client that meets them as one:
//! `mcps connect --url …/mcp`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path as FilePath;

use serde_json::Value;

use super::listening::Listening;
use super::path::Standing;
use super::plan::Plan;
use crate::world::{World, bin};

/// What the names of the other server's tools begin with, and the address of the one resource that any of
/// those servers has.
const BESIDE: &str = "beside__";
const GRAPH: &str = "memory://knowledge-graph";

/// What an endpoint of several servers says of itself and not of them.
const OWN: [&str; 4] = ["server", "serverInfo", "capabilities", "instructions"];
/// The same in each result of 2026-07-28.
const INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What the names of the plan's tools begin with.
pub(super) fn prefix(plan: Plan) -> String {
    format!("{plan}__")
}

/// Starts it, with a home of its own.
pub(super) fn open(
    world: &World,
    pair: &str,
    plan: Plan,
    server: &[String],
    beside: Option<&[String]>,
    dir: &FilePath,
) -> Standing {
    let mut config = String::from("[tenant.default]\n");
    let servers = [(plan.name(), Some(server)), ("beside", beside)];
    for (name, command) in servers {
        let Some(command) = command else { continue };
        let command = Value::from(command);
        // A call of what is not there gets the server's own answer.
        let all =
            format!("name = \"{name}\"\ncommand = {command}\npass_unlisted = true\nhold = false\n");
        writeln!(config, "[[server]]\n{all}").unwrap();
    }
    let file = dir.join("gateway.toml");
    fs::write(&file, config).unwrap();
    let name = format!("gateway-{pair}");
    let home = match world.home(&name) {
        home if home.exists() => home,
        _ => world.enrol("gateway", &name, 2),
    };
    let agent = match world.home("agent") {
        home if home.exists() => home,
        _ => world.enrol("agent", "agent", 2),
    };
    let path = |path: &FilePath| path.display().to_string();
    let words = [
        path(&bin("mcps-gateway")),
        "--home".to_owned(),
        path(&home),
        "serve".to_owned(),
        "--config".to_owned(),
        path(&file),
        "--record".to_owned(),
        path(&dir.join("records.jsonl")),
        "--listen".to_owned(),
        "127.0.0.1:0".to_owned(),
    ];
    Standing::at(&agent, Listening::start(&words, dir))
}

/// A record without the other server's things, without what all servers as one say of themselves, and
/// without the words in which it is said that there is no such resource: what nobody lists is refused here.
/// That a list has changed counts once: what was said of it before the caller had a stream is in the list it asks for.
pub(super) fn apart(record: &str, plan: Plan) -> String {
    let mut record: Value = serde_json::from_str(&record.replace(&prefix(plan), "")).unwrap();
    without_others(&mut record, plan);
    let hello = record.pointer_mut("/0/result");
    if let Some(hello) = hello.and_then(Value::as_object_mut) {
        for name in OWN {
            hello.remove(name);
        }
    }
    for step in record.as_array_mut().unwrap() {
        let reads = step["step"].as_str().unwrap().starts_with("read ");
        if let Some(error) = step.get_mut("error").filter(|_| reads) {
            *error = Value::Null;
        }
        let told = step.pointer_mut("/result/notifications~1tools~1list_changed");
        if let Some(told) = told.and_then(Value::as_array_mut) {
            told.truncate(1);
        }
    }
    record.to_string()
}

fn without_others(value: &mut Value, plan: Plan) {
    match value {
        Value::Array(items) => {
            let is_other = |item: &Value| {
                let name = item["name"].as_str();
                let graph = plan != Plan::Memory && item["uri"] == GRAPH;
                graph || name.is_some_and(|name| name.starts_with(BESIDE))
            };
            items.retain(|item| !is_other(item));
            for item in items {
                without_others(item, plan);
            }
        }
        Value::Object(members) => {
            if let Some(Value::Object(meta)) = members.get_mut("_meta") {
                meta.remove(INFO);
                if meta.is_empty() {
                    members.remove("_meta");
                }
            }
            for member in members.values_mut() {
                without_others(member, plan);
            }
        }
        _ => {}
    }
}
