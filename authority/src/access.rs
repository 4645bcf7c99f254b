//! Who may do what: roles, each held in one tenant or in all of them. Whoever holds none may do nothing.

mod role;

pub use role::{Permission, Role};

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use mcps_core::clock::Timestamp;

use crate::subject::Tenant;

/// Most roles that one operator may hold.
pub const MOST_GRANTS: usize = 64;

/// Where something is held or allowed: in every tenant, also those to come, or in some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// In all of them.
    All,
    /// In these alone; in none when there are none.
    Only(BTreeSet<String>),
}

impl Default for Tenants {
    /// In none: what nobody allows is not allowed.
    fn default() -> Self {
        Self::none()
    }
}

impl Tenants {
    /// In none.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether that tenant is among them.
    #[must_use]
    pub fn contains(&self, tenant: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }

    /// Whether it is all of them.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether it is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Only(tenants) if tenants.is_empty())
    }

    /// For SQL and for cursors: `*`, one tenant's id, or several with a comma before, between and after
    /// them. No id has a comma or a character that `LIKE` would read as another.
    #[must_use]
    pub fn filter(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Only(tenants) => {
                let mut tenants = tenants.iter();
                match (tenants.next(), tenants.next()) {
                    (Some(only), None) => only.clone(),
                    _ => self.listed(),
                }
            }
        }
    }

    /// `*`, or every tenant's id with a comma before and after.
    #[must_use]
    pub fn listed(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::Only(tenants) => {
                let mut list = String::from(",");
                for tenant in tenants {
                    list.push_str(tenant);
                    list.push(',');
                }
                list
            }
        }
    }

    fn join(self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Only(mut own), Self::Only(others)) => {
                own.extend(others.iter().cloned());
                Self::Only(own)
            }
        }
    }
}

/// A role, and where it is held: `responder@acme`, or `owner@*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The tenant's id; `None` is every tenant.
    tenant: Option<String>,
    role: Role,
}

/// What is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a role and where it is held as ROLE@TENANT, or ROLE@* for every tenant; roles are viewer, operator, issuer, responder, auditor, approver and owner"
)]
pub struct NoGrant;

impl Grant {
    /// The role in that tenant.
    #[must_use]
    pub fn within(tenant: &Tenant, role: Role) -> Self {
        Self {
            tenant: Some(tenant.as_str().to_owned()),
            role,
        }
    }

    /// The role in every tenant.
    #[must_use]
    pub const fn everywhere(role: Role) -> Self {
        Self { tenant: None, role }
    }

    /// As it is stored: the tenant's id, or `*`.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or("*")
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Where it is held.
    #[must_use]
    pub fn tenants(&self) -> Tenants {
        match &self.tenant {
            None => Tenants::All,
            Some(tenant) => Tenants::Only(BTreeSet::from([tenant.clone()])),
        }
    }
}

impl FromStr for Grant {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let (role, tenant) = text.split_once('@').ok_or(NoGrant)?;
        let role = Role::parse(role).ok_or(NoGrant)?;
        if tenant == "*" {
            return Ok(Self::everywhere(role));
        }
        let tenant = Tenant::try_from(tenant.to_owned()).map_err(|_| NoGrant)?;
        Ok(Self::within(&tenant, role))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.role.as_str(), self.tenant())
    }
}

/// What one operator holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(BTreeSet<Grant>);

impl Grants {
    /// These.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self(grants.into_iter().collect())
    }

    /// One by one, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where they allow that.
    #[must_use]
    pub fn allow(&self, permission: Permission) -> Tenants {
        self.over(|grant| grant.role.may(permission))
    }

    /// Where anything is held at all.
    #[must_use]
    pub fn tenants(&self) -> Tenants {
        self.over(|_| true)
    }

    fn over(&self, which: impl Fn(&Grant) -> bool) -> Tenants {
        let grants = self.0.iter().filter(|grant| which(grant));
        grants.fold(Tenants::none(), |all, grant| all.join(&grant.tenants()))
    }

    /// Without what is held in those tenants.
    #[must_use]
    pub fn without(self, tenants: &BTreeSet<String>) -> Self {
        let gone = |grant: &Grant| {
            let tenant = grant.tenant.as_ref();
            tenant.is_some_and(|tenant| tenants.contains(tenant))
        };
        Self(self.0.into_iter().filter(|grant| !gone(grant)).collect())
    }

    /// As people write them: `issuer@acme viewer@*`.
    #[must_use]
    pub fn text(&self) -> String {
        let grants: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        grants.join(" ")
    }
}

/// Who asks, however that was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// For the record of what is done: an operator's id.
    pub id: String,
    /// What is held.
    pub grants: Grants,
    /// Until when this may be relied upon; for good when none is stated.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
