//! A policy set and a question of it, for tests.

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;

use super::{Action, Definition, Levels, Policies, Principal, Question, Sources, ToolFacts};

/// These facts and sequences, and a permit for all.
pub(crate) fn policies(facts: &str) -> Policies {
    let permit = r#"@id("all") permit (principal, action, resource);"#;
    let sources = Sources::new().with("p.toml", facts).unwrap();
    Policies::load(&sources.with("p.cedar", permit).unwrap()).unwrap()
}

/// What the agent `a` of tenant `acme` asks with that message.
pub(crate) fn question<'a>(tool: &'a str, message: &'a Message, now: Timestamp) -> Question<'a> {
    Question {
        action: Action::CallTool,
        tenant: "acme",
        principal: Principal {
            kind: "agent",
            name: "a",
            owner: "o",
            groups: &[],
            claims: None,
        },
        server: "s",
        server_tenant: "acme",
        name: tool,
        arguments: message.params().and_then(|params| params.get("arguments")),
        params: message.params(),
        tool: ToolFacts::default(),
        level: Levels::all(TrustLevel::L2),
        definition: Definition::default(),
        approvals: &[],
        now,
    }
}
