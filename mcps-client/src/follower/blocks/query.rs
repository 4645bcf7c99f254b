//! What stands against a passport, a subject, a key or a tool.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::Target;
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Passport;

use super::Blocks;

/// Why something is refused, the least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Block {
    /// An event names it that this version does not understand.
    #[error("named by an event that this version does not understand")]
    Unclear,
    /// Held back until an operator approves.
    #[error("quarantined")]
    Quarantined,
    /// Suspended until it is taken back.
    #[error("suspended")]
    Suspended,
    /// Stopped by an operator.
    #[error("stopped")]
    Stopped,
    /// More is in force than can be remembered, so everything is refused.
    #[error("more is revoked than can be remembered here")]
    Overflow,
    /// Revoked for good.
    #[error("revoked")]
    Revoked,
}

impl Blocks {
    /// What stands against one target by itself. A suspension ends at its `until`.
    #[must_use]
    pub fn target(&self, target: &Target, now: Timestamp) -> Option<Block> {
        if self.revoked.contains(target) {
            return Some(Block::Revoked);
        }
        if self.overflow {
            return Some(Block::Overflow);
        }
        let suspended = self.suspended.get(target);
        if self.stopped.contains(target) {
            Some(Block::Stopped)
        } else if suspended.is_some_and(|until| until.is_none_or(|until| now < until)) {
            Some(Block::Suspended)
        } else if self.quarantined.contains(target) {
            Some(Block::Quarantined)
        } else if self.unclear.contains(target) {
            Some(Block::Unclear)
        } else {
            None
        }
    }

    /// What stands against a passport, its key, its subject, owner and tenant, whoever issued it,
    /// and the issuing passports of which `relied` are relied upon. `anchor` is the authority's key
    /// that signed the last of them.
    #[must_use]
    pub fn passport(
        &self,
        passport: &Passport,
        relied: usize,
        anchor: Option<&KeyId>,
        now: Timestamp,
    ) -> Option<Block> {
        let parents = || passport.issuer_chain().iter().take(relied);
        let issuers = parents().map(|parent| parent.public_key().key_id());
        let issuers = issuers.chain(anchor).map(|key| Target::Issuer(key.clone()));
        let members = std::iter::once(passport).chain(parents());
        members
            .flat_map(targets)
            .chain(issuers)
            .chain([Target::All])
            .filter_map(|target| self.target(&target, now))
            .max()
    }

    /// What stands against one definition of a tool, by its [`mcps_core::tool::hash`].
    #[must_use]
    pub fn tool(
        &self,
        tenant: &str,
        server: &str,
        name: &str,
        hash: &Digest,
        now: Timestamp,
    ) -> Option<Block> {
        [None, Some(*hash)]
            .into_iter()
            .filter_map(|hash| {
                let target = Target::Tool {
                    tenant: tenant.to_owned(),
                    server: server.to_owned(),
                    name: name.to_owned(),
                    hash,
                };
                self.target(&target, now)
            })
            .max()
    }

    /// SHA-256 of the policy by which a tenant decides; `None` where nobody told of one.
    #[must_use]
    pub fn policy(&self, tenant: &str) -> Option<Digest> {
        let own = self.policies.get(&Target::Tenant(tenant.to_owned()));
        own.or_else(|| self.policies.get(&Target::All)).copied()
    }

    /// SHA-256 of what a tenant's operators have said of tools in quarantine; `None` where they said
    /// nothing.
    #[must_use]
    pub fn verdicts(&self, tenant: &str) -> Option<Digest> {
        let tenant = Target::Tenant(tenant.to_owned());
        self.verdicts.get(&tenant).copied()
    }

    /// SHA-256 of what a server's current manifest says; `None` where it published none.
    #[must_use]
    pub fn manifest(&self, tenant: &str, server: &str) -> Option<Digest> {
        let server = Target::Server {
            tenant: tenant.to_owned(),
            name: server.to_owned(),
        };
        self.manifests.get(&server).copied()
    }

    /// The level that is recorded for a target by itself.
    #[must_use]
    pub fn level_of(&self, target: &Target) -> Option<TrustLevel> {
        self.levels.get(target).copied()
    }

    /// The lowest level that is recorded for a passport and for its subject.
    pub(in crate::follower) fn level(&self, passport: &Passport) -> Option<TrustLevel> {
        targets(passport)
            .into_iter()
            .filter_map(|target| self.levels.get(&target).copied())
            .min()
    }
}

/// Whatever a passport may be refused by. One of a draft-00 peer has neither kind nor tenant.
fn targets(passport: &Passport) -> Vec<Target> {
    let mut targets = vec![
        Target::Passport(passport.id().clone()),
        Target::Key(passport.public_key().key_id().clone()),
    ];
    if let Some(ext) = passport.ext() {
        let name = passport.agent_name().to_owned();
        targets.extend([
            Target::subject(ext.kind, ext.tenant.clone(), name),
            Target::Owner {
                tenant: ext.tenant.clone(),
                owner: ext.owner.clone(),
            },
            Target::Tenant(ext.tenant.clone()),
        ]);
    }
    targets
}
