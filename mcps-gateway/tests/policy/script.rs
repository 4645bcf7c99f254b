//! Sequences of calls.

use mcps_gateway::policy::{Class, Recorded, RecordedResult, RecordedTool};
use serde_json::Value;

/// A sequence of calls with a name.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) calls: Vec<Recorded>,
}

pub(crate) fn script(name: impl Into<String>, calls: Vec<Recorded>) -> Script {
    Script {
        name: name.into(),
        calls,
    }
}

pub(crate) fn call(name: &str, class: &[Class], arguments: Value) -> Recorded {
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
pub(crate) fn defined(call: Recorded, schema: Value) -> Recorded {
    let tool = RecordedTool {
        input_schema: Some(schema),
        ..call.tool
    };
    Recorded { tool, ..call }
}
