//! What an event is about.

use super::FeedError;
use super::member::{digest, key_id, only, text};
use crate::digest::Digest;
use crate::json::{Value, quote};
use crate::key::KeyId;
use crate::passport::{Kind, PassportId};

/// What an event is about. Names are unique within their tenant only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Everything of this authority.
    All,
    /// One passport.
    Passport(PassportId),
    /// Every passport for one key, of whatever tenant.
    Key(KeyId),
    /// Every passport of one agent.
    Agent {
        /// Its tenant.
        tenant: String,
        /// Its name.
        name: String,
    },
    /// Every passport of one server.
    Server {
        /// Its tenant.
        tenant: String,
        /// Its name.
        name: String,
    },
    /// Every passport of one gateway.
    Gateway {
        /// Its tenant.
        tenant: String,
        /// Its name.
        name: String,
    },
    /// Everything that one owner answers for in one tenant.
    Owner {
        /// The tenant.
        tenant: String,
        /// The owner.
        owner: String,
    },
    /// Everything of one tenant.
    Tenant(String),
    /// Everything that one key issued.
    Issuer(KeyId),
    /// One tool of a server; every definition of it, or one.
    Tool {
        /// The server's tenant.
        tenant: String,
        /// The server's name.
        server: String,
        /// The tool's name.
        name: String,
        /// [`crate::tool::hash`] of the one definition that is meant.
        hash: Option<Digest>,
    },
}

/// Which kind of thing an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants of `Target`, by name")]
pub enum TargetKind {
    All,
    Passport,
    Key,
    Agent,
    Server,
    Gateway,
    Owner,
    Tenant,
    Issuer,
    Tool,
}

impl TargetKind {
    /// The kind's name in JSON: `passport`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Passport => "passport",
            Self::Key => "key",
            Self::Agent => "agent",
            Self::Server => "server",
            Self::Gateway => "gateway",
            Self::Owner => "owner",
            Self::Tenant => "tenant",
            Self::Issuer => "issuer",
            Self::Tool => "tool",
        }
    }
}

const KIND: FeedError = FeedError::Member("kind");

impl Target {
    /// The agent, server or gateway of that name.
    #[must_use]
    pub const fn subject(kind: Kind, tenant: String, name: String) -> Self {
        match kind {
            Kind::Agent => Self::Agent { tenant, name },
            Kind::Server => Self::Server { tenant, name },
            Kind::Gateway => Self::Gateway { tenant, name },
        }
    }

    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> TargetKind {
        match self {
            Self::All => TargetKind::All,
            Self::Passport(_) => TargetKind::Passport,
            Self::Key(_) => TargetKind::Key,
            Self::Agent { .. } => TargetKind::Agent,
            Self::Server { .. } => TargetKind::Server,
            Self::Gateway { .. } => TargetKind::Gateway,
            Self::Owner { .. } => TargetKind::Owner,
            Self::Tenant(_) => TargetKind::Tenant,
            Self::Issuer(_) => TargetKind::Issuer,
            Self::Tool { .. } => TargetKind::Tool,
        }
    }

    /// The tenant that it names itself; `None` for what is of no one tenant, or is known by its id alone.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Agent { tenant, .. }
            | Self::Server { tenant, .. }
            | Self::Gateway { tenant, .. }
            | Self::Owner { tenant, .. }
            | Self::Tool { tenant, .. }
            | Self::Tenant(tenant) => Some(tenant),
            Self::All | Self::Key(_) | Self::Issuer(_) | Self::Passport(_) => None,
        }
    }

    /// Reads a target; unknown members refuse it, because they could narrow what is meant.
    ///
    /// # Errors
    /// [`FeedError::Member`] or [`FeedError::UnknownMember`].
    pub fn read(value: Value<'_>) -> Result<Self, FeedError> {
        let object = value.as_object().ok_or(FeedError::Member("target"))?;
        let kind = text(object, "kind")?;
        let name = |name| text(object, name);
        let (target, members): (Self, &[&str]) = match kind.as_str() {
            "all" => (Self::All, &["kind"]),
            "passport" => {
                let id = PassportId::parse(&name("id")?).ok_or(FeedError::Member("id"))?;
                (Self::Passport(id), &["kind", "id"])
            }
            "key" => (Self::Key(key_id(object, "key")?), &["kind", "key"]),
            "issuer" => (Self::Issuer(key_id(object, "key")?), &["kind", "key"]),
            "agent" | "server" | "gateway" => {
                let kind: Kind = kind.parse().map_err(|_| KIND)?;
                let target = Self::subject(kind, name("tenant")?, name("name")?);
                (target, &["kind", "tenant", "name"])
            }
            "owner" => {
                let (tenant, owner) = (name("tenant")?, name("owner")?);
                (Self::Owner { tenant, owner }, &["kind", "tenant", "owner"])
            }
            "tenant" => (Self::Tenant(name("tenant")?), &["kind", "tenant"]),
            "tool" => {
                let hash = object.get("hash").map(|_| digest(object, "hash"));
                let target = Self::Tool {
                    tenant: name("tenant")?,
                    server: name("server")?,
                    name: name("name")?,
                    hash: hash.transpose()?,
                };
                (target, &["kind", "tenant", "server", "name", "hash"])
            }
            _ => return Err(KIND),
        };
        if only(object, members) {
            Ok(target)
        } else {
            Err(FeedError::UnknownMember)
        }
    }

    /// The target as JSON, in canonical form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut members = vec![("kind", self.kind().as_str().to_owned())];
        match self {
            Self::All => {}
            Self::Passport(id) => members.push(("id", id.to_string())),
            Self::Key(key) | Self::Issuer(key) => members.push(("key", key.to_string())),
            Self::Agent { tenant, name }
            | Self::Server { tenant, name }
            | Self::Gateway { tenant, name } => {
                members.extend([("tenant", tenant.clone()), ("name", name.clone())]);
            }
            Self::Owner { tenant, owner } => {
                members.extend([("tenant", tenant.clone()), ("owner", owner.clone())]);
            }
            Self::Tenant(tenant) => members.push(("tenant", tenant.clone())),
            Self::Tool {
                tenant,
                server,
                name,
                hash,
            } => {
                members.extend([
                    ("tenant", tenant.clone()),
                    ("server", server.clone()),
                    ("name", name.clone()),
                ]);
                members.extend(hash.map(|hash| ("hash", hash.to_string())));
            }
        }
        // ASCII names: the order of bytes is the order of UTF-16 (RFC 8785 §3.2.3).
        members.sort_unstable_by_key(|(name, _)| *name);
        let mut out = String::from("{");
        for (name, value) in members {
            if out.len() > 1 {
                out.push(',');
            }
            quote(name, &mut out);
            out.push(':');
            quote(&value, &mut out);
        }
        out.push('}');
        out
    }
}
