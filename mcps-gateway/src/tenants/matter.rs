//! What the authority has of a tenant: its policy, and what its operators said of tools.

use std::fmt;
use std::sync::Arc;

use mcps_client::error::ClientError;
use mcps_client::follower::Blocks;
use mcps_client::home::Home;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::tenant::{TenantPolicy, TenantPolicyError};
use mcps_core::verdict::{Verdicts, VerdictsError};

use super::{Told, kept};
use crate::judge::{Denial, Set};
use crate::policy::PolicyErrors;

/// Why a document is not in force.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not the one that the feed told of.
    #[error("what was received is another text, of digest {0}")]
    Other(Digest),
    /// It is no policy.
    #[error("its text is no policy of a tenant: {0}")]
    Policy(#[from] TenantPolicyError),
    /// Its texts are wrong.
    #[error("it does not load:\n{0}")]
    Load(#[from] PolicyErrors),
    /// It does not say what was said of tools.
    #[error("its text says nothing of tools: {0}")]
    Verdicts(#[from] VerdictsError),
}

/// Something of which the feed tells the digest, and the authority has the text.
pub trait Matter: fmt::Debug + Sized + Send + Sync + 'static {
    /// What it is called, in logs and in the names of files.
    const NAME: &'static str;
    /// Which rule a refusal names.
    const RULE: &'static str;
    /// Whether one that does not load leaves the one before in force, however long.
    const OUTLIVES_BAD: bool;

    /// What the feed tells of a tenant.
    fn told(blocks: &Blocks, tenant: &str) -> Option<Digest>;

    /// What is in force before anybody has said anything, if there is such a thing.
    fn blank() -> Option<Self>;

    /// Reads a document of that digest.
    ///
    /// # Errors
    /// What is wrong with it.
    fn load(document: &str, digest: Digest) -> Result<Self, Fault>;

    /// The digest of its document.
    fn digest(&self) -> Digest;

    /// Says in the log that it is in force from now on.
    fn entered(&self, tenant: &str);
}

impl Matter for Set {
    const NAME: &'static str = "policy";
    const RULE: &'static str = "tenant.policy";
    const OUTLIVES_BAD: bool = true;

    fn told(blocks: &Blocks, tenant: &str) -> Option<Digest> {
        blocks.policy(tenant)
    }

    /// Where nobody has said what a tenant decides by, nobody is admitted.
    fn blank() -> Option<Self> {
        None
    }

    fn load(document: &str, digest: Digest) -> Result<Self, Fault> {
        let policy = TenantPolicy::parse(document.as_bytes())?;
        Ok(Self::of(&policy, digest)?)
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn entered(&self, tenant: &str) {
        let (digest, min_level) = (self.digest, self.min_level);
        let (facts, sequences, rules) = self.policies.sizes();
        tracing::info!(
            tenant, %digest, %min_level, facts, sequences, rules,
            "tenant {tenant} decides by policy {digest} from now on"
        );
    }
}

impl Told<Set> {
    /// The set by which a caller of a tenant is judged who has that level.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn set(&self, tenant: &str, have: TrustLevel) -> Result<Arc<Set>, Denial> {
        self.in_force(tenant, have)?.ok_or_else(|| {
            let why = format!(
                "nobody has said what tenant {tenant} decides by; push it: mcps policy push {tenant} FILES"
            );
            Denial::new(Code::Denied, Set::RULE, why)
        })
    }
}

/// What a tenant's operators have said of tools.
#[derive(Debug)]
pub struct Said {
    /// That.
    pub(crate) verdicts: Verdicts,
    digest: Digest,
}

impl Said {
    /// What a gateway kept in its home, for whoever looks at that.
    #[must_use]
    pub(crate) fn kept(home: &Home, tenant: &str) -> Option<Self> {
        let (digest, document) = kept::read(home, Self::NAME, tenant)?;
        Self::load(&document, digest).ok()
    }

    /// The tenants of which a gateway kept something in its home.
    ///
    /// # Errors
    /// A home that cannot be read.
    pub(crate) fn tenants(home: &Home) -> Result<Vec<String>, ClientError> {
        let path = home.path("");
        let listed = match std::fs::read_dir(&path) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                let action = "read";
                return Err(ClientError::File {
                    action,
                    path,
                    source,
                });
            }
        };
        let (before, after) = (format!("{}-", Self::NAME), ".json");
        let names = listed.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let mut tenants: Vec<String> = names
            .filter_map(|name| Some(name.strip_prefix(&before)?.strip_suffix(after)?.to_owned()))
            .collect();
        tenants.sort_unstable();
        Ok(tenants)
    }
}

impl Matter for Said {
    const NAME: &'static str = "verdicts";
    const RULE: &'static str = "tenant.quarantine";
    // It may have taken back what the one before said.
    const OUTLIVES_BAD: bool = false;

    fn told(blocks: &Blocks, tenant: &str) -> Option<Digest> {
        blocks.verdicts(tenant)
    }

    /// Nothing was said of any tool.
    fn blank() -> Option<Self> {
        let verdicts = Verdicts::default();
        let digest = mcps_core::verdict::digest(&verdicts.document().ok()?);
        Some(Self { verdicts, digest })
    }

    fn load(document: &str, digest: Digest) -> Result<Self, Fault> {
        let verdicts = Verdicts::parse(document.as_bytes())?;
        Ok(Self { verdicts, digest })
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn entered(&self, tenant: &str) {
        let (digest, count) = (self.digest, self.verdicts.len());
        tracing::info!(
            tenant, %digest, count,
            "{count} verdicts of tenant {tenant} are in force from now on"
        );
    }
}
