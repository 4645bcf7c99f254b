//! How a tool stands for callers of a tenant: as this gateway has it, as the tenant's operators have
//! said at the authority, and by what evidence there is. What one tenant's operators promoted is
//! promoted for nobody else, though the tools of a server are known here once for all.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::verdict::{Given, Ruling};

use super::{Evidence, Grant, Reason};
use crate::call::Pinned;
use crate::config::Config;
use crate::judge::Denial;
use crate::tenants::{Said, Told};

/// Whose call it is.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The caller's level, by which it is bounded how old the authority's word may be.
    pub level: TrustLevel,
}

/// A tool as this gateway has it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its server.
    pub server: &'a str,
    /// Its own name.
    pub tool: &'a str,
    /// Hash of its definition; absent where there is none.
    pub hash: Option<&'a Digest>,
    /// How that stands here.
    pub pinned: Pinned,
}

/// Says how tools stand.
#[derive(Debug)]
pub struct Rulings {
    config: Arc<ArcSwap<Config>>,
    told: Arc<Told<Said>>,
    evidence: Arc<Evidence>,
}

impl Rulings {
    /// By what the authority told, and that evidence.
    #[must_use]
    pub const fn new(
        config: Arc<ArcSwap<Config>>,
        told: Arc<Told<Said>>,
        evidence: Arc<Evidence>,
    ) -> Self {
        Self {
            config,
            told,
            evidence,
        }
    }

    /// The same tool as it stands for somebody. A block and a rejection count wherever they were
    /// said; a promotion, where nobody said the contrary.
    ///
    /// # Errors
    /// What the authority says against it, or why it is not known what it says.
    pub fn of(&self, whose: Whose<'_>, subject: Subject<'_>) -> Result<Pinned, Denial> {
        let pinned = subject.pinned;
        if let Pinned::Held(Reason::Blocked | Reason::Rejected | Reason::Unreadable) = pinned {
            return Ok(pinned);
        }
        let config = self.config.load();
        if config.follows_verdicts(whose.tenant) {
            let said = self.told.in_force(whose.tenant, whose.level)?;
            let given = said.and_then(|said| {
                let Subject {
                    server, tool, hash, ..
                } = subject;
                said.verdicts.find(server, tool, hash)
            });
            match given {
                Some(given) if given.ruling != Ruling::Promoted => {
                    return Err(against(whose.tenant, subject, given));
                }
                Some(_) if pinned.held().is_some() => return Ok(Pinned::Same),
                _ => {}
            }
        }
        Ok(match self.proves(&config, whose, subject) {
            true => Pinned::Same,
            false => pinned,
        })
    }

    /// Whether there is evidence that takes the place of somebody who looks at it.
    fn proves(&self, config: &Config, whose: Whose<'_>, subject: Subject<'_>) -> bool {
        let Subject {
            server,
            tool,
            hash,
            pinned,
        } = subject;
        let asked = config.evidence(whose.tenant).zip(config.proven_by(server));
        let asked = asked.zip(hash).filter(|_| pinned.can_be_proven());
        asked.is_some_and(|((need, passport), hash)| {
            let name = (server, tool);
            self.evidence.vouches(name, passport, hash, need)
        })
    }

    /// Whether somebody may call it, as far as its definition goes.
    #[must_use]
    pub fn admits(&self, whose: Whose<'_>, subject: Subject<'_>) -> bool {
        self.of(whose, subject)
            .is_ok_and(|pinned| pinned == Pinned::Same)
    }

    /// Who promoted what is held here and open to somebody all the same.
    #[must_use]
    pub fn promoted_by(&self, whose: Whose<'_>, subject: Subject<'_>) -> String {
        let Subject {
            server, tool, hash, ..
        } = subject;
        let tenant = whose.tenant;
        let said = self.told.in_force(tenant, whose.level).ok().flatten();
        let given = said.and_then(|said| said.verdicts.find(server, tool, hash));
        let follows = self.config.load().follows_verdicts(tenant);
        if let Some(given) = given.filter(|given| follows && given.ruling == Ruling::Promoted) {
            let order = given.version;
            return format!(
                "an operator of tenant {tenant} at the trust authority (order {order})"
            );
        }
        let grants = self.evidence.grants();
        let grant = grants.get(&(server.to_owned(), tool.to_owned()));
        grant.map_or_else(String::new, Grant::by)
    }

    /// Waits, for a moment at most, while the feed has told of verdicts that are not here yet.
    pub(crate) async fn settled(&self, tenant: &str) {
        if self.config.load().follows_verdicts(tenant) {
            self.told.settled(tenant).await;
        }
    }

    /// Waits, for a moment at most, while nobody has looked whether evidence promotes what that server, or
    /// any, had listed by that generation of the catalogue.
    pub(crate) async fn weighed(&self, tenant: &str, server: Option<&str>, generation: u64) {
        let config = self.config.load_full();
        let mut named = config.server.iter().map(|known| known.name.as_str());
        let asked = |known: &str| server.is_none_or(|server| server == known);
        let proven = |known: &str| asked(known) && config.proven_by(known).is_some();
        if config.evidence(tenant).is_some() && named.any(proven) {
            self.evidence.weighed(generation).await;
        }
    }

    /// How often anything has changed that tools stand by.
    pub(crate) fn changes(&self) -> u64 {
        let evidence = self.evidence.changes();
        self.told.changes().wrapping_add(evidence)
    }
}

fn against(tenant: &str, subject: Subject<'_>, given: Given) -> Denial {
    let Subject { server, tool, .. } = subject;
    let (reason, what) = match given.ruling {
        Ruling::Blocked => (Reason::Blocked, "has blocked it"),
        Ruling::Rejected | Ruling::Promoted => (Reason::Rejected, "has rejected this definition"),
    };
    let order = given.version;
    let why = format!(
        "{server}'s tool {tool} is in quarantine: an operator of tenant {tenant} {what} at the trust authority (order {order})"
    );
    Denial::new(Code::Quarantined, reason.rule(), why)
}

#[cfg(test)]
mod tests;
