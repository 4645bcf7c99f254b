//! The call that benchmarks ask about.

use mcps_core::clock::Timestamp;
use mcps_core::message::Message;
use mcps_gateway::call::{Call, Caller, Principal, SessionKey, Stages, Target};

/// A file is written.
pub(super) fn write_file(at: Timestamp, who: Option<Principal>, session: SessionKey) -> Call {
    let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"notes/today.md","content":"as agreed"}}}"#;
    Call {
        decision_id: "5f6c1d1e0a9b4c8d8e7f60718293a4b5".to_owned(),
        caller: Caller {
            tenant: "acme".to_owned(),
            principal: who,
            trust: None,
        },
        session,
        at,
        method: "tools/call".to_owned(),
        target: Target {
            server: Some("files".to_owned()),
            name: Some("write_file".to_owned()),
        },
        message: Message::parse(text).unwrap(),
        definition: None,
        signed: None,
        via: None,
        by_server: false,
        stages: Stages::begin(),
    }
}
