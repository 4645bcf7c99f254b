//! Who calls without signing, where something else says who they are.

use mcps_core::feed::Target;

/// Whom the other end of a link has proven to be by what it sends beside its messages, such as an API
/// key. It is worth no more than L0: nothing that it says is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its tenant.
    pub tenant: String,
    /// Its name there, as an agent's.
    pub name: String,
    /// Who answers for it; empty where nobody is on record.
    pub owner: String,
    /// Who says so.
    pub issuer: String,
}

impl Guest {
    /// Whatever it may be refused by: there is neither a passport nor a key.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        let tenant = self.tenant.clone();
        let mut targets = vec![
            Target::All,
            Target::Tenant(tenant.clone()),
            Target::Agent {
                tenant: tenant.clone(),
                name: self.name.clone(),
            },
        ];
        if !self.owner.is_empty() {
            let owner = self.owner.clone();
            targets.push(Target::Owner { tenant, owner });
        }
        targets
    }
}
