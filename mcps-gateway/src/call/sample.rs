//! A call, for tests.

use mcps_core::clock::Timestamp;
use mcps_core::message::Message;

use super::{Call, Caller, SessionKey, Stages, Target};

/// One of the agent `a` of tenant `acme`, in that session.
pub(crate) fn call(session: &str, arguments: &str) -> Call {
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
    );
    Call {
        decision_id: String::new(),
        caller: Caller {
            tenant: "acme".to_owned(),
            principal: None,
            trust: None,
        },
        session: SessionKey {
            tenant: "acme".to_owned(),
            principal: Some(("a".to_owned(), "ta".to_owned())),
            session: Some(session.to_owned()),
            route: "files".to_owned(),
        },
        at: Timestamp::from_millis(0),
        method: "tools/call".to_owned(),
        target: Target::default(),
        message: Message::parse(text).unwrap(),
        definition: None,
        signed: None,
        via: None,
        by_server: false,
        stages: Stages::begin(),
    }
}
