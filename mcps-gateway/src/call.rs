//! One request as the gateway judges it: who asks, for what, of which server.

mod claims;
#[cfg(test)]
pub(crate) mod sample;
mod stages;

pub use claims::Claims;
pub use stages::Stages;

use std::sync::{Arc, OnceLock};

use mcps_client::link::Peer;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::{Document, Value};
use mcps_core::level::{Effective, TrustLevel};
use mcps_core::message::Message;
use mcps_core::passport::{Kind, Passport};

use crate::quarantine::Reason;

/// How it is known who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// They signed with a passport.
    Passport {
        /// What kind of subject it is of.
        kind: Option<Kind>,
        /// Its id.
        id: String,
    },
    /// They came with a key.
    ApiKey {
        /// The beginning of its digest, so that one key of several can be told from another.
        id: String,
    },
    /// They came with an access token.
    Token,
}

/// Who asks: as their passport says it, their key or the issuer of their token; of all others nobody
/// knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The subject's name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// The groups it belongs to. A passport names none.
    pub groups: Vec<String>,
    /// Who says so: its authority, the issuer of its token, or the gateway's configuration.
    pub issuer: String,
    /// How that is known.
    pub proof: Proof,
    /// The claims of its token.
    pub claims: Option<Claims>,
}

impl Principal {
    /// Who has proven to be the other end of a link.
    #[must_use]
    pub fn of(peer: &Peer) -> Self {
        Self::named(&peer.passport)
    }

    /// Whom a passport names.
    #[must_use]
    pub fn named(passport: &Passport) -> Self {
        let ext = passport.ext();
        Self {
            name: passport.agent_name().to_owned(),
            owner: ext.map(|ext| ext.owner.clone()).unwrap_or_default(),
            groups: Vec::new(),
            issuer: passport.issuer().to_owned(),
            proof: Proof::Passport {
                kind: ext.map(|ext| ext.kind),
                id: passport.id().to_string(),
            },
            claims: None,
        }
    }

    /// The passport that it signed with.
    #[must_use]
    pub fn passport_id(&self) -> Option<&str> {
        match &self.proof {
            Proof::Passport { id, .. } => Some(id),
            Proof::ApiKey { .. } | Proof::Token => None,
        }
    }

    /// What policies and records call its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.proof {
            Proof::Passport { kind, .. } => kind.map_or("agent", Kind::as_str),
            Proof::ApiKey { .. } => "api_key",
            Proof::Token => "oidc",
        }
    }
}

/// On whose behalf a request comes.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant: what the passport, the key or the token says, else the one whose callers need not say
    /// who they are.
    pub tenant: String,
    /// Absent where nobody knows.
    pub principal: Option<Principal>,
    /// What the caller's word is worth, and why; absent where nothing was signed.
    pub trust: Option<Effective>,
}

impl Caller {
    /// The effective level.
    #[must_use]
    pub fn level(&self) -> TrustLevel {
        self.trust.map_or(TrustLevel::L0, Effective::level)
    }
}

/// What a session is known by: nobody else's memory is ever looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The tenant.
    pub tenant: String,
    /// Who: name and issuer, which renewal of a passport does not change. Absent where nobody knows.
    pub principal: Option<(String, String)>,
    /// The run that was signed, or the session that we named; absent where nothing ties one request
    /// to another.
    pub session: Option<String>,
    /// Which endpoint it belongs to: a session of one is none of another.
    pub route: String,
}

/// How a tool's definition stands to the one that was seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// It is the one.
    Same,
    /// Another, and nobody has approved it.
    Changed,
    /// It is held back.
    Held(Reason),
    /// Its server lists no such tool.
    Unlisted,
    /// Its server lists no tools at all.
    Unknown,
}

impl Pinned {
    /// Whether evidence may take the place of somebody who looks at it: it is new or changed, and nobody
    /// has said anything against it.
    #[must_use]
    pub const fn can_be_proven(self) -> bool {
        matches!(
            self,
            Self::Changed | Self::Held(Reason::NewServer | Reason::NewTool)
        )
    }

    /// Whether it may be callable for somebody by the word of the authority, or by evidence.
    #[must_use]
    pub const fn can_be_promoted(self) -> bool {
        self.can_be_proven() || matches!(self, Self::Held(Reason::LookAlike))
    }

    /// Why nobody may call it, if it is in quarantine.
    #[must_use]
    pub const fn held(self) -> Option<Reason> {
        match self {
            Self::Changed => Some(Reason::Changed),
            Self::Held(reason) => Some(reason),
            Self::Same | Self::Unlisted | Self::Unknown => None,
        }
    }
}

/// A definition as its server wrote it, read when somebody asks for the first time.
#[derive(Debug)]
pub struct Written {
    text: Arc<str>,
    read: OnceLock<Option<Document>>,
}

impl Written {
    /// Not read yet.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self {
            text: text.into(),
            read: OnceLock::new(),
        }
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What it says; `None` if it is no JSON.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        let read = || Document::parse(self.text.as_bytes().to_vec()).ok();
        self.read.get_or_init(read).as_ref()
    }
}

/// A tool's definition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// How it stands to the one that was seen first.
    pub pinned: Pinned,
    /// The definition as its server wrote it; absent where there is none.
    pub written: Option<Arc<Written>>,
    /// Its hash.
    pub hash: Option<Digest>,
}

/// What a request is about.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The server; absent where it is about all of them.
    pub server: Option<String>,
    /// The tool, prompt or resource, as its server calls it.
    pub name: Option<String>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the caller and the log know the decision by.
    pub decision_id: String,
    /// Who asks.
    pub caller: Caller,
    /// Its session.
    pub session: SessionKey,
    /// When it came.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// What it is about.
    pub target: Target,
    /// The request itself.
    pub message: Message,
    /// Of a call of a tool: its definition.
    pub definition: Option<Definition>,
    /// Which signed object of the caller's it is.
    pub signed: Option<Digest>,
    /// The tool of ours by which it came, `call_tool` or `find_tools`: what the caller signed names
    /// that one.
    pub via: Option<&'static str>,
    /// It is the server that asks something of the caller.
    pub by_server: bool,
    /// How long its stages took so far.
    pub stages: Stages,
}

impl Call {
    /// Of a call of a tool: what its definition says.
    #[must_use]
    pub fn defined(&self) -> Option<&Document> {
        self.definition.as_ref()?.written.as_ref()?.document()
    }

    /// The arguments of a call of a tool or prompt.
    #[must_use]
    pub fn arguments(&self) -> Option<Value<'_>> {
        self.message.params()?.get("arguments")
    }
}
