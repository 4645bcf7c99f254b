//! Roles, and what each of them allows.

/// What an operator is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees everything but the audit trail.
    Viewer,
    /// Runs a tenant from day to day: all but approving, the audit trail, and what owners do.
    Operator,
    /// Issues passports and enrolment tokens.
    Issuer,
    /// Cuts off and takes that back; issues nothing.
    Responder,
    /// Reads the audit trail.
    Auditor,
    /// Agrees with evidence, and says of tools whether they may be called.
    Approver,
    /// All of it, and who the operators are.
    Owner,
}

/// What may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To see who and what there is, and how it stands.
    Look,
    /// To register servers, file evidence, check origins and put policies in force.
    Manage,
    /// To say of tools that gateways hold back whether they may be called.
    Judge,
    /// To issue passports and enrolment tokens.
    Issue,
    /// To take back an enrolment token.
    Withdraw,
    /// To revoke, suspend, stop and reinstate.
    Respond,
    /// To agree with evidence.
    Approve,
    /// To read the audit trail.
    Audit,
    /// To say who the operators are, and to change the authority's own keys.
    Own,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Viewer,
        Self::Operator,
        Self::Issuer,
        Self::Responder,
        Self::Auditor,
        Self::Approver,
        Self::Owner,
    ];

    /// Its name in JSON, at the command line and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Issuer => "issuer",
            Self::Responder => "responder",
            Self::Auditor => "auditor",
            Self::Approver => "approver",
            Self::Owner => "owner",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether it allows that.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::Look => true,
            Permission::Manage => matches!(self, Self::Operator | Self::Owner),
            Permission::Judge => matches!(self, Self::Operator | Self::Approver | Self::Owner),
            Permission::Issue => matches!(self, Self::Operator | Self::Issuer | Self::Owner),
            Permission::Withdraw => matches!(
                self,
                Self::Operator | Self::Issuer | Self::Responder | Self::Owner
            ),
            Permission::Respond => matches!(self, Self::Operator | Self::Responder | Self::Owner),
            Permission::Approve => matches!(self, Self::Approver | Self::Owner),
            Permission::Audit => matches!(self, Self::Auditor | Self::Owner),
            Permission::Own => matches!(self, Self::Owner),
        }
    }
}

impl Permission {
    /// The roles that allow it, for people.
    #[must_use]
    pub fn roles(self) -> String {
        let roles = Role::ALL.into_iter().filter(|role| role.may(self));
        let names: Vec<&str> = roles.map(Role::as_str).collect();
        names.join(", ")
    }
}
