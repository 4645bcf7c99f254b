//! The rights that handlers ask for, as types.

use crate::access::Permission;

/// What an operator has to be allowed.
pub(in crate::api) trait Right: Send + Sync + 'static {
    /// Which roles do.
    const PERMISSION: Permission;
    /// Whether it has to be in every tenant, since what is asked for is of no one tenant.
    const EVERYWHERE: bool;
}

macro_rules! right {
    ($(#[$doc:meta])* $name:ident, $permission:ident, $everywhere:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(in crate::api) struct $name;

        impl Right for $name {
            const PERMISSION: Permission = Permission::$permission;
            const EVERYWHERE: bool = $everywhere;
        }
    };
}

right!(
    /// See what there is in a tenant.
    Look, Look, false
);
right!(
    /// See what is of no one tenant: the authority's keys, what the process counts.
    LookEverywhere, Look, true
);
right!(
    /// Register servers, file evidence, check origins, put policies in force.
    Manage, Manage, false
);
right!(
    /// Say of tools whether they may be called.
    Judge, Judge, false
);
right!(
    /// Issue passports and enrolment tokens.
    Issue, Issue, false
);
right!(
    /// Take back an enrolment token.
    Withdraw, Withdraw, false
);
right!(
    /// Revoke, suspend, stop and reinstate.
    Respond, Respond, false
);
right!(
    /// Agree with evidence.
    Approve, Approve, false
);
right!(
    /// Read records of a tenant.
    Audit, Audit, false
);
right!(
    /// Read whole chains of records, which are of no one tenant.
    AuditEverywhere, Audit, true
);
right!(
    /// Say who the operators of a tenant are.
    Appoint, Own, false
);
right!(
    /// Change what is everybody's: the authority's keys, which tenants there are. Also what is asked of
    /// whoever calls a handler that names no right.
    Own, Own, true
);
