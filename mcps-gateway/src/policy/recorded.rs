//! A call as it is recorded, and as an operator's test case writes it: every member has a default.

use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, JsonError};
use mcps_core::level::TrustLevel;
use serde::{Deserialize, Serialize};

use super::question::{
    Action, Approval, Class, Classes, Definition, Levels, Principal, Question, ToolFacts,
};

/// All that a decision was made from. Arguments may be left out where facts stand instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recorded {
    /// The decision's id.
    pub id: String,
    /// When, in RFC 3339. Empty: a second after the call before.
    pub at: String,
    /// The session.
    pub session: String,
    /// `call_tool`, `get_prompt`, …, or a method's name.
    pub action: String,
    /// The caller's tenant.
    pub tenant: String,
    /// Who asks.
    pub principal: RecordedPrincipal,
    /// The server.
    pub server: String,
    /// Its tenant. Empty: the caller's.
    pub server_tenant: String,
    /// The tool's or prompt's own name, or the URI.
    pub name: String,
    /// The arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<serde_json::Value>,
    /// The names of the facts, where arguments were not kept: those of its result that count with the call
    /// among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Vec<String>>,
    /// What is known of the tool.
    pub tool: RecordedTool,
    /// The caller's levels.
    pub level: Levels,
    /// How the definition stands to the pinned one.
    pub definition: Definition,
    /// Approvals of this call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<RecordedApproval>,
    /// What came back, when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<RecordedResult>,
    /// What was decided then: `allow`, `deny` or `approval`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub verdict: String,
    /// The rule that decided then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedPrincipal {
    /// `agent`, `api_key`, `oidc` or `anonymous`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// Its token's claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<serde_json::Value>,
}

/// What was known of a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedTool {
    /// What its operator says it does.
    pub class: Vec<Class>,
    /// The server's hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_hint: Option<bool>,
    /// The server's hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destructive_hint: Option<bool>,
    /// The server's hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent_hint: Option<bool>,
    /// The server's hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_world_hint: Option<bool>,
    /// The pinned input schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<serde_json::Value>,
}

/// An approval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedApproval {
    /// As members of which group.
    pub group: String,
    /// Who.
    pub by: Vec<String>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordedResult {
    /// An error.
    pub is_error: bool,
    /// Its size.
    pub bytes: u64,
    /// What the content scan found.
    pub findings: Vec<String>,
    /// The names of its facts, where arguments were not kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<String>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            id: String::new(),
            at: String::new(),
            session: "session".to_owned(),
            action: "call_tool".to_owned(),
            tenant: "tenant".to_owned(),
            principal: RecordedPrincipal::default(),
            server: "server".to_owned(),
            server_tenant: String::new(),
            name: String::new(),
            arguments: None,
            facts: None,
            tool: RecordedTool::default(),
            level: Levels::all(TrustLevel::L2),
            definition: Definition {
                pinned: true,
                changed: false,
            },
            approvals: Vec::new(),
            result: None,
            verdict: String::new(),
            rule: String::new(),
        }
    }
}

impl Default for RecordedPrincipal {
    fn default() -> Self {
        Self {
            kind: "agent".to_owned(),
            name: "agent".to_owned(),
            owner: String::new(),
            groups: Vec::new(),
            claims: None,
        }
    }
}

impl Recorded {
    /// Puts the question again, as of `now`.
    ///
    /// # Errors
    /// When arguments, claims or schema are no strict JSON.
    pub fn ask<T>(
        &self,
        now: Timestamp,
        answer: impl FnOnce(&Question<'_>) -> T,
    ) -> Result<T, JsonError> {
        let open = |value: &Option<serde_json::Value>| {
            let document = value
                .as_ref()
                .map(|value| Document::parse(value.to_string()));
            document.transpose()
        };
        let arguments = open(&self.arguments)?;
        let claims = open(&self.principal.claims)?;
        let schema = open(&self.tool.input_schema)?;
        let groups: Vec<&str> = self.principal.groups.iter().map(String::as_str).collect();
        let people: Vec<Vec<&str>> = self
            .approvals
            .iter()
            .map(|approval| approval.by.iter().map(String::as_str).collect())
            .collect();
        let approvals: Vec<Approval<'_>> = self
            .approvals
            .iter()
            .zip(&people)
            .map(|(approval, by)| Approval {
                group: &approval.group,
                by,
            })
            .collect();
        Ok(answer(&Question {
            action: Action::from_name(&self.action),
            tenant: &self.tenant,
            principal: Principal {
                kind: &self.principal.kind,
                name: &self.principal.name,
                owner: &self.principal.owner,
                groups: &groups,
                claims: claims.as_ref().map(Document::root),
            },
            server: &self.server,
            server_tenant: match self.server_tenant.as_str() {
                "" => &self.tenant,
                other => other,
            },
            name: &self.name,
            arguments: arguments.as_ref().map(Document::root),
            params: None,
            tool: ToolFacts {
                class: Classes::of(&self.tool.class),
                read_only_hint: self.tool.read_only_hint,
                destructive_hint: self.tool.destructive_hint,
                idempotent_hint: self.tool.idempotent_hint,
                open_world_hint: self.tool.open_world_hint,
                input_schema: schema.as_ref().map(Document::root),
            },
            level: self.level,
            definition: self.definition,
            approvals: &approvals,
            now,
        }))
    }
}
