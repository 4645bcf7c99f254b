//! The sets in force, one for each tenant: of files that the configuration names, or told by the
//! authority.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::tenant::TenantPolicy;

use super::Denial;
use crate::config::{Config, PolicyFrom};
use crate::error::GatewayError;
use crate::policy::{History, Memory, Policies, PolicyErrors, Scope, Sources};
use crate::tenants::Told;

/// The sets in force, one for each tenant, and the configuration that they came with: what a call is judged by
/// is exchanged at once, or a server that is opened could be called for a moment without what forbids it.
#[derive(Debug)]
pub struct Sets {
    config: Arc<Config>,
    own: BTreeMap<String, Arc<Set>>,
    /// Whose policies come from the authority, and those.
    by_authority: BTreeSet<String>,
    told: Arc<Told>,
}

/// A set, and a history in which nothing happened.
#[derive(Debug)]
pub struct Set {
    pub(crate) policies: Policies,
    /// What records name it by: of one from the authority, the digest that the feed told.
    pub(crate) digest: Digest,
    /// The level from which on callers may call anything, where the set says so.
    pub(crate) min_level: TrustLevel,
    blank: [Memory; 3],
}

impl Set {
    fn load(sources: &Sources) -> Result<Self, PolicyErrors> {
        let policies = Policies::load(sources)?;
        let zero = Timestamp::from_millis(0);
        let blank = [Scope::Session, Scope::Principal, Scope::Tenant]
            .map(|scope| policies.fresh(scope, zero));
        Ok(Self {
            digest: *policies.digest(),
            min_level: TrustLevel::L0,
            policies,
            blank,
        })
    }

    /// The set of a tenant's document.
    ///
    /// # Errors
    /// Everything that is wrong with its texts.
    pub(crate) fn of(policy: &TenantPolicy, digest: Digest) -> Result<Self, PolicyErrors> {
        let mut sources = pack(policy.default_policy);
        for text in &policy.texts {
            sources = sources.with(&text.name, &text.text)?;
        }
        Ok(Self {
            digest,
            min_level: policy.min_level,
            ..Self::load(&sources)?
        })
    }

    pub(super) fn nothing(&self) -> History<'_> {
        let [session, principal, tenant] = &self.blank;
        History {
            session,
            principal,
            tenant,
        }
    }
}

fn pack(default_policy: bool) -> Sources {
    match default_policy {
        true => Sources::default_pack(),
        false => Sources::new(),
    }
}

impl Sets {
    /// The sets that a configuration names; relative paths are beside it. All of them or none. Those
    /// from the authority are what `told` has of them.
    ///
    /// # Errors
    /// [`GatewayError::PolicyFile`], [`GatewayError::Policy`] with every fault.
    pub fn load(
        config: &Arc<Config>,
        beside: &Path,
        told: Arc<Told>,
    ) -> Result<Self, GatewayError> {
        let (mut own, mut by_authority) = (BTreeMap::new(), BTreeSet::new());
        let usual = Set::load(&Sources::default_pack()).map_err(GatewayError::Policy)?;
        let usual = Arc::new(usual);
        for (name, tenant) in &config.tenant {
            let files = match &tenant.policy {
                PolicyFrom::Authority => {
                    by_authority.insert(name.clone());
                    continue;
                }
                PolicyFrom::Files(files) => files,
            };
            if files.is_empty() && tenant.default_policy {
                own.insert(name.clone(), Arc::clone(&usual));
                continue;
            }
            let mut sources = pack(tenant.default_policy);
            for file in files {
                let path = beside.join(file);
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|source| GatewayError::PolicyFile {
                    tenant: name.clone(),
                    path,
                    source,
                })?;
                let file = file.to_string_lossy();
                sources = sources.with(file, text).map_err(GatewayError::Policy)?;
            }
            let set = Set::load(&sources).map_err(GatewayError::Policy)?;
            own.insert(name.clone(), Arc::new(set));
        }
        Ok(Self {
            config: Arc::clone(config),
            own,
            by_authority,
            told,
        })
    }

    /// The set by which a caller of a tenant is judged who has that level.
    ///
    /// # Errors
    /// Where it should come from the authority: why there is none, or none that is known to be in
    /// force still. A tenant that these were not loaded for, as one of a configuration that is being
    /// exchanged.
    pub(crate) fn of(&self, tenant: &str, have: TrustLevel) -> Result<Arc<Set>, Denial> {
        if self.by_authority.contains(tenant) {
            return self.told.set(tenant, have);
        }
        self.own.get(tenant).cloned().ok_or_else(|| {
            let why = format!("nothing here says what tenant {tenant} decides by");
            Denial::new(Code::Denied, "tenant", why)
        })
    }

    /// Waits, for a moment at most, while the feed has told of a policy that is not here yet: who
    /// comes after an event is judged by what it brought.
    pub(crate) async fn settled(&self, tenant: &str) {
        if self.by_authority.contains(tenant) {
            self.told.settled(tenant).await;
        }
    }

    /// The configuration that they came with.
    pub(crate) const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What the authority told.
    pub(crate) const fn told(&self) -> &Arc<Told> {
        &self.told
    }

    /// Whose policies come from the authority.
    pub(crate) const fn by_authority(&self) -> &BTreeSet<String> {
        &self.by_authority
    }
}
