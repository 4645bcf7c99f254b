//! What an event does.

use super::member::{digest, key_id, number, text, time};
use super::{FeedError, Target, TargetKind};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Object, Value, quote};
use crate::key::KeyId;
use crate::level::TrustLevel;
use crate::trust::{KeyState, KeyUse};

/// What a reinstatement takes back. A revocation is for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifts {
    /// A suspension.
    Suspend,
    /// A quarantine.
    Quarantine,
    /// A stop.
    Stop,
}

impl Lifts {
    /// `suspend`, `quarantine` or `stop`: the type of the event that is taken back.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Suspend, Self::Quarantine, Self::Stop]
            .into_iter()
            .find(|own| own.as_str() == text)
    }
}

/// What an event does, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Refused from now on, for good.
    Revoke(Target),
    /// Refused until it is reinstated, or until an instant.
    Suspend {
        /// What is suspended.
        target: Target,
        /// From when on it holds again by itself.
        until: Option<Timestamp>,
    },
    /// Takes back what a suspension, a quarantine or a stop did to the very same target.
    Reinstate {
        /// What is reinstated.
        target: Target,
        /// What is taken back.
        lifts: Lifts,
    },
    /// A compromised key: refused for good wherever it signs, as a subject's and as an issuer's.
    KeyBlock(KeyId),
    /// A tool, or one definition of it, refused for good. Always a [`Target::Tool`].
    ToolRevoke(Target),
    /// The level that is recorded now.
    TrustChange {
        /// A passport, agent, server or gateway.
        target: Target,
        /// The level.
        level: TrustLevel,
    },
    /// Held back until an operator approves.
    Quarantine(Target),
    /// Another policy is in force; fetch it.
    PolicyChange {
        /// Of which tenant; `None` for all.
        tenant: Option<String>,
        /// SHA-256 of the policy.
        policy: Digest,
    },
    /// A tenant's operators said something else of tools in quarantine; fetch it.
    VerdictChange {
        /// Of which tenant.
        tenant: String,
        /// SHA-256 of all that stands.
        verdicts: Digest,
    },
    /// A server published another manifest, which is the current one; fetch it.
    ManifestChange {
        /// The server. Always a [`Target::Server`].
        target: Target,
        /// SHA-256 of what it says ([`crate::manifest::Manifest::digest`]).
        manifest: Digest,
    },
    /// The kill switch: nothing of the target goes on until it is reinstated.
    Stop(Target),
    /// A key of the authority changed its state; fetch its key set.
    AuthorityKey {
        /// The key.
        key: KeyId,
        /// What it signs.
        usage: KeyUse,
        /// Where it stands now.
        state: KeyState,
        /// The number of the key set that says so.
        number: u64,
    },
}

/// Targets of a revocation and a suspension.
pub(super) const REACHES: [TargetKind; 8] = [
    TargetKind::Passport,
    TargetKind::Key,
    TargetKind::Agent,
    TargetKind::Server,
    TargetKind::Gateway,
    TargetKind::Owner,
    TargetKind::Tenant,
    TargetKind::Issuer,
];
pub(super) const SUBJECTS: [TargetKind; 4] = [
    TargetKind::Passport,
    TargetKind::Agent,
    TargetKind::Server,
    TargetKind::Gateway,
];
pub(super) const QUARANTINED: [TargetKind; 5] = [
    TargetKind::Passport,
    TargetKind::Agent,
    TargetKind::Server,
    TargetKind::Gateway,
    TargetKind::Tool,
];
/// Who has a policy; all, where one is for every tenant.
pub(super) const DECIDING: [TargetKind; 2] = [TargetKind::All, TargetKind::Tenant];
/// Whose operators say something of tools.
pub(super) const SAYING: [TargetKind; 1] = [TargetKind::Tenant];
/// Who publishes manifests.
pub(super) const PUBLISHING: [TargetKind; 1] = [TargetKind::Server];
pub(super) const STOPPED: [TargetKind; 5] = [
    TargetKind::All,
    TargetKind::Tenant,
    TargetKind::Agent,
    TargetKind::Server,
    TargetKind::Gateway,
];

impl Action {
    /// The event's `type`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Revoke(_) => "revoke",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::KeyBlock(_) => "key_block",
            Self::ToolRevoke(_) => "tool_revoke",
            Self::TrustChange { .. } => "trust_change",
            Self::Quarantine(_) => "quarantine",
            Self::PolicyChange { .. } => "policy_change",
            Self::VerdictChange { .. } => "verdict_change",
            Self::ManifestChange { .. } => "manifest_change",
            Self::Stop(_) => "stop",
            Self::AuthorityKey { .. } => "authority_key",
        }
    }

    /// What it is about, where that is one of the kinds that a target has.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Revoke(target)
            | Self::Suspend { target, .. }
            | Self::Reinstate { target, .. }
            | Self::ToolRevoke(target)
            | Self::TrustChange { target, .. }
            | Self::Quarantine(target)
            | Self::ManifestChange { target, .. }
            | Self::Stop(target) => Some(target.clone()),
            Self::VerdictChange { tenant, .. } => Some(Target::Tenant(tenant.clone())),
            Self::KeyBlock(key) => Some(Target::Key(key.clone())),
            Self::PolicyChange { tenant, .. } => tenant.clone().map(Target::Tenant),
            Self::AuthorityKey { .. } => None,
        }
    }

    /// Whether nothing is lost on who does not understand it: who holds tools back by what their own
    /// operators said goes on doing so.
    pub(super) const fn is_ignorable(&self) -> bool {
        matches!(
            self,
            Self::VerdictChange { .. } | Self::ManifestChange { .. }
        )
    }

    /// Members that an event of this type has beside those of every event.
    pub(super) const fn members(&self) -> &'static [&'static str] {
        match self {
            Self::Revoke(_)
            | Self::KeyBlock(_)
            | Self::ToolRevoke(_)
            | Self::Quarantine(_)
            | Self::Stop(_) => &["target"],
            Self::Suspend { .. } => &["target", "until"],
            Self::Reinstate { .. } => &["target", "lifts"],
            Self::TrustChange { .. } => &["target", "level"],
            Self::PolicyChange { .. } => &["target", "policy"],
            Self::VerdictChange { .. } => &["target", "verdicts"],
            Self::ManifestChange { .. } => &["target", "manifest"],
            Self::AuthorityKey { .. } => &["key", "use", "state", "number"],
        }
    }

    /// Reads what an event of the type `name` does.
    ///
    /// # Errors
    /// [`FeedError`] when that is not understood here.
    pub(super) fn read(name: &str, object: Object<'_>) -> Result<Self, FeedError> {
        let target = |kinds: &[TargetKind]| {
            let target = object.get("target").ok_or(FeedError::Member("target"))?;
            let target = Target::read(target)?;
            let fits = kinds.contains(&target.kind());
            fits.then_some(target).ok_or(FeedError::Member("target"))
        };
        Ok(match name {
            "revoke" => Self::Revoke(target(&REACHES)?),
            "suspend" => Self::Suspend {
                target: target(&REACHES)?,
                until: object
                    .get("until")
                    .map(|_| time(object, "until"))
                    .transpose()?,
            },
            "reinstate" => {
                let lifts = Lifts::parse(&text(object, "lifts")?);
                let lifts = lifts.ok_or(FeedError::Member("lifts"))?;
                let target = target(match lifts {
                    Lifts::Suspend => &REACHES,
                    Lifts::Quarantine => &QUARANTINED,
                    Lifts::Stop => &STOPPED,
                })?;
                Self::Reinstate { target, lifts }
            }
            "key_block" => match target(&[TargetKind::Key])? {
                Target::Key(key) => Self::KeyBlock(key),
                _ => return Err(FeedError::Member("target")),
            },
            "tool_revoke" => Self::ToolRevoke(target(&[TargetKind::Tool])?),
            "trust_change" => {
                let level = object.get("level").and_then(Value::as_i64);
                let level = level.and_then(TrustLevel::from_number);
                Self::TrustChange {
                    target: target(&SUBJECTS)?,
                    level: level.ok_or(FeedError::Member("level"))?,
                }
            }
            "quarantine" => Self::Quarantine(target(&QUARANTINED)?),
            "policy_change" => Self::PolicyChange {
                tenant: match object.get("target").map(|_| target(&[TargetKind::Tenant])) {
                    Some(target) => match target? {
                        Target::Tenant(tenant) => Some(tenant),
                        _ => return Err(FeedError::Member("target")),
                    },
                    None => None,
                },
                policy: digest(object, "policy")?,
            },
            "verdict_change" => match target(&SAYING)? {
                Target::Tenant(tenant) => Self::VerdictChange {
                    tenant,
                    verdicts: digest(object, "verdicts")?,
                },
                _ => return Err(FeedError::Member("target")),
            },
            "manifest_change" => Self::ManifestChange {
                target: target(&PUBLISHING)?,
                manifest: digest(object, "manifest")?,
            },
            "stop" => Self::Stop(target(&STOPPED)?),
            "authority_key" => Self::AuthorityKey {
                key: key_id(object, "key")?,
                usage: KeyUse::parse(&text(object, "use")?).ok_or(FeedError::Member("use"))?,
                state: KeyState::parse(&text(object, "state")?)
                    .ok_or(FeedError::Member("state"))?,
                number: number(object, "number", 1)?,
            },
            _ => return Err(FeedError::Member("type")),
        })
    }

    /// Writes its own members, each with a comma before it.
    pub(super) fn write(&self, out: &mut String) {
        let mut member = |name: &str, json: &str| {
            out.push(',');
            quote(name, out);
            out.push(':');
            out.push_str(json);
        };
        let quoted = |text: &str| {
            let mut json = String::new();
            quote(text, &mut json);
            json
        };
        if let Some(target) = self.target() {
            member("target", &target.to_json());
        }
        match self {
            Self::Suspend {
                until: Some(until), ..
            } => member("until", &quoted(&until.to_string())),
            Self::Reinstate { lifts, .. } => member("lifts", &quoted(lifts.as_str())),
            Self::TrustChange { level, .. } => member("level", &level.number().to_string()),
            Self::PolicyChange { policy, .. } => member("policy", &quoted(&policy.to_string())),
            Self::VerdictChange { verdicts, .. } => {
                member("verdicts", &quoted(&verdicts.to_string()));
            }
            Self::ManifestChange { manifest, .. } => {
                member("manifest", &quoted(&manifest.to_string()));
            }
            Self::AuthorityKey {
                key,
                usage,
                state,
                number,
            } => {
                member("key", &quoted(key.as_str()));
                member("use", &quoted(usage.as_str()));
                member("state", &quoted(state.as_str()));
                member("number", &number.to_string());
            }
            Self::Suspend { until: None, .. }
            | Self::Revoke(_)
            | Self::KeyBlock(_)
            | Self::ToolRevoke(_)
            | Self::Quarantine(_)
            | Self::Stop(_) => {}
        }
    }
}
