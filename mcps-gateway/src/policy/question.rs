//! What is asked about one call: who, what, where, and what is proven about each.

use mcps_core::clock::Timestamp;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use serde::{Deserialize, Serialize};

/// One call, or one item of a list, to be judged.
///
/// Names are the server's own: the prefix of the aggregate endpoint is taken off before.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the caller wants to do.
    pub action: Action<'a>,
    /// The caller's tenant.
    pub tenant: &'a str,
    /// Who asks.
    pub principal: Principal<'a>,
    /// The server's name within its tenant.
    pub server: &'a str,
    /// The tenant the server belongs to.
    pub server_tenant: &'a str,
    /// The tool's or prompt's own name, or the resource's URI. Empty for lists.
    pub name: &'a str,
    /// The arguments, as they will be forwarded.
    pub arguments: Option<Value<'a>>,
    /// All of what is forwarded: what stands beside the arguments carries data too.
    pub params: Option<Value<'a>>,
    /// What is known of the tool.
    pub tool: ToolFacts<'a>,
    /// The caller's trust levels.
    pub level: Levels,
    /// How the definition stands to the one that was pinned.
    pub definition: Definition,
    /// Approvals bound to this very call.
    pub approvals: &'a [Approval<'a>],
    /// The present.
    pub now: Timestamp,
}

impl Question<'_> {
    /// Whether the call carries one tenant's data to another tenant's server.
    #[must_use]
    pub fn crosses_tenants(&self) -> bool {
        self.tenant != self.server_tenant
    }
}

/// What the caller wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action<'a> {
    /// `tools/call`.
    CallTool,
    /// `prompts/get`.
    GetPrompt,
    /// `resources/read`.
    ReadResource,
    /// `resources/subscribe` and `resources/unsubscribe`.
    Subscribe,
    /// `completion/complete`.
    Complete,
    /// `tools/list`.
    ListTools,
    /// `prompts/list`.
    ListPrompts,
    /// `resources/list` and `resources/templates/list`.
    ListResources,
    /// One tool of a list.
    SeeTool,
    /// One prompt of a list.
    SeePrompt,
    /// One resource or template of a list.
    SeeResource,
    /// `sampling/createMessage`, which a server asks of the client.
    Sampling,
    /// `elicitation/create`, which a server asks of the client.
    Elicitation,
    /// `roots/list`, which a server asks of the client.
    Roots,
    /// Any other method, by its name.
    Method(&'a str),
}

impl<'a> Action<'a> {
    /// Every action that has a name of its own.
    pub const NAMED: [Action<'static>; 14] = [
        Action::CallTool,
        Action::GetPrompt,
        Action::ReadResource,
        Action::Subscribe,
        Action::Complete,
        Action::ListTools,
        Action::ListPrompts,
        Action::ListResources,
        Action::SeeTool,
        Action::SeePrompt,
        Action::SeeResource,
        Action::Sampling,
        Action::Elicitation,
        Action::Roots,
    ];

    /// Its name in policies: `call_tool`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallTool => "call_tool",
            Self::GetPrompt => "get_prompt",
            Self::ReadResource => "read_resource",
            Self::Subscribe => "subscribe",
            Self::Complete => "complete",
            Self::ListTools => "list_tools",
            Self::ListPrompts => "list_prompts",
            Self::ListResources => "list_resources",
            Self::SeeTool => "see_tool",
            Self::SeePrompt => "see_prompt",
            Self::SeeResource => "see_resource",
            Self::Sampling => "sampling",
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
            Self::Method(_) => "method",
        }
    }

    /// The action with this name; a name of none of them is a method's.
    #[must_use]
    pub fn from_name(name: &'a str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|action| action.name() == name)
            .unwrap_or(Self::Method(name))
    }

    /// The action of a request's method.
    #[must_use]
    pub fn from_method(method: &'a str) -> Self {
        match method {
            "tools/call" => Self::CallTool,
            "prompts/get" => Self::GetPrompt,
            "resources/read" => Self::ReadResource,
            "resources/subscribe" | "resources/unsubscribe" => Self::Subscribe,
            "completion/complete" => Self::Complete,
            "tools/list" => Self::ListTools,
            "prompts/list" => Self::ListPrompts,
            "resources/list" | "resources/templates/list" => Self::ListResources,
            "sampling/createMessage" => Self::Sampling,
            "elicitation/create" => Self::Elicitation,
            "roots/list" => Self::Roots,
            other => Self::Method(other),
        }
    }

    /// Whether it only asks what may be seen, so that arguments and history say nothing.
    #[must_use]
    pub const fn is_seeing(self) -> bool {
        matches!(
            self,
            Self::ListTools
                | Self::ListPrompts
                | Self::ListResources
                | Self::SeeTool
                | Self::SeePrompt
                | Self::SeeResource
        )
    }
}

/// Who asks: an agent whose identity was verified, or a caller mapped to one.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    /// How it is known: `agent`, `api_key`, `oidc`, `anonymous`.
    pub kind: &'a str,
    /// Its name: the agent's name or the token's `sub`. Empty when there is none.
    pub name: &'a str,
    /// Who answers for it. Empty when nobody is on record.
    pub owner: &'a str,
    /// The groups it belongs to.
    pub groups: &'a [&'a str],
    /// The claims of its token.
    pub claims: Option<Value<'a>>,
}

/// What a tool does, as the operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Returns data.
    Read,
    /// Changes data.
    Write,
    /// Carries data to somebody else.
    Send,
    /// Runs code or commands.
    Execute,
    /// Deletes what cannot be brought back.
    Destroy,
    /// Spends money.
    Spend,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 6] = [
        Self::Read,
        Self::Write,
        Self::Send,
        Self::Execute,
        Self::Destroy,
        Self::Spend,
    ];

    /// Its name in configuration: `read`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Send => "send",
            Self::Execute => "execute",
            Self::Destroy => "destroy",
            Self::Spend => "spend",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    /// Of these.
    #[must_use]
    pub fn of(classes: &[Class]) -> Self {
        Self(classes.iter().fold(0, |bits, class| bits | class.bit()))
    }

    /// Whether it has `class`.
    #[must_use]
    pub const fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    /// Whether it has one of `others`.
    #[must_use]
    pub const fn meets(self, others: Classes) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With `class` too.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | class.bit())
    }

    /// Its classes in order.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.has(*class))
    }
}

/// What is known of the tool that is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToolFacts<'a> {
    /// What the operator says it does. Empty when the operator has not said.
    pub class: Classes,
    /// The upstream's `readOnlyHint`.
    pub read_only_hint: Option<bool>,
    /// The upstream's `destructiveHint`.
    pub destructive_hint: Option<bool>,
    /// The upstream's `idempotentHint`.
    pub idempotent_hint: Option<bool>,
    /// The upstream's `openWorldHint`.
    pub open_world_hint: Option<bool>,
    /// Its pinned input schema.
    pub input_schema: Option<Value<'a>>,
}

/// The caller's trust levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// What counts: the lowest of what supports it.
    #[serde(with = "level_text")]
    pub effective: TrustLevel,
    /// What the passport says.
    #[serde(with = "level_text")]
    pub passport: TrustLevel,
    /// What the channel has satisfied.
    #[serde(with = "level_text")]
    pub channel: TrustLevel,
}

impl Levels {
    /// All three the same.
    #[must_use]
    pub const fn all(level: TrustLevel) -> Self {
        Self {
            effective: level,
            passport: level,
            channel: level,
        }
    }
}

/// How a definition stands to the one that was pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// A definition is pinned.
    pub pinned: bool,
    /// What the server offers now is another one.
    pub changed: bool,
}

/// An approval of this very call by people of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval<'a> {
    /// The group they approved as.
    pub group: &'a str,
    /// Who approved.
    pub by: &'a [&'a str],
}

/// What is known of a result before it is released.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultView<'a> {
    /// It is an error, of the protocol or of the tool.
    pub is_error: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// What the content scan found: `secret`, `personal`, `instructions`, …
    pub findings: &'a [&'a str],
}

pub(crate) mod level_text {
    //! Trust levels as `L2`.

    use mcps_core::level::TrustLevel;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(level: &TrustLevel, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(level)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TrustLevel, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
