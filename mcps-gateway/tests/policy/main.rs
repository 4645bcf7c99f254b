//! The default pack against scripted agents that obey whatever they read: what must be stopped, and
//! the ordinary work that must not be.
#![expect(clippy::unwrap_used, reason = "a test stops and tells")]

mod attacks;
mod benign;

use mcps_core::clock::Timestamp;
use mcps_gateway::policy::{
    Class, Policies, Recorded, RecordedResult, RecordedTool, Replay, Sources,
};
use serde_json::Value;

/// A sequence of calls with a name.
struct Script {
    name: String,
    calls: Vec<Recorded>,
}

fn script(name: impl Into<String>, calls: Vec<Recorded>) -> Script {
    Script {
        name: name.into(),
        calls,
    }
}

fn call(name: &str, class: &[Class], arguments: Value) -> Recorded {
    Recorded {
        name: name.into(),
        arguments: Some(arguments),
        tool: RecordedTool {
            class: class.to_vec(),
            ..RecordedTool::default()
        },
        result: Some(RecordedResult::default()),
        ..Recorded::default()
    }
}

/// The same call of a tool whose definition has this input schema.
fn defined(call: Recorded, schema: Value) -> Recorded {
    let tool = RecordedTool {
        input_schema: Some(schema),
        ..call.tool
    };
    Recorded { tool, ..call }
}

fn pack() -> Policies {
    Policies::load(&Sources::default_pack()).unwrap()
}

/// Plays a script; the indices of the calls that do not go on, or whose result is withheld.
fn stopped(policies: &Policies, script: &Script) -> Vec<usize> {
    let mut replay = Replay::new(policies, Timestamp::from_millis(1_800_000_000_000));
    let mut stops = |call: &Recorded| {
        let replayed = replay.step(call).unwrap();
        let is_withheld = replayed.release.is_some_and(|release| !release.allowed);
        !replayed.decision.is_allowed() || is_withheld
    };
    let calls = script.calls.iter().enumerate();
    calls
        .filter_map(|(at, call)| stops(call).then_some(at))
        .collect()
}

/// The first of them.
fn stopped_at(policies: &Policies, script: &Script) -> Option<usize> {
    stopped(policies, script).first().copied()
}
