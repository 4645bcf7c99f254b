//! Levels: the highest rung whose every requirement holds now.
//!
//! A level is never an opinion that is stored: [`assess()`] makes it of what is known of a subject,
//! the [`Evidence`] on file, a [`Policy`] and the present instant, and is asked again whenever one of
//! them changes. What is stored is what was told last, so that a change is told once.

mod assess;
mod evidence;
pub mod origin;
mod reassessor;
mod scanner;
pub mod summary;

use std::time::Duration;

pub use assess::{Assessment, Facts, Proof, Requirement, Rung, assess};
pub use evidence::{
    Approval, Content, Evidence, EvidenceId, EvidenceType, Reported, Signed, Subject, Verdict,
    Waived,
};
pub use reassessor::reassess_for_ever;
pub use scanner::{OPERATOR, Scanner, ScannerError};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long evidence counts, whatever it says itself, and how many have to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A passed check of the origin.
    pub origin_check: Duration,
    /// An operator's decision.
    pub operator_decision: Duration,
    /// A scan.
    pub scan: Duration,
    /// An audit.
    pub audit: Duration,
    /// An exception.
    pub exception: Duration,
    /// How many approve an audit, beside who submitted it.
    pub approvers: usize,
    /// How many approve an exception, beside who asked for it.
    pub exception_approvers: usize,
}

impl Policy {
    /// How long evidence of a type counts at most.
    #[must_use]
    pub const fn life(&self, kind: EvidenceType) -> Duration {
        match kind {
            EvidenceType::OriginCheck => self.origin_check,
            EvidenceType::OperatorDecision => self.operator_decision,
            EvidenceType::Scan => self.scan,
            EvidenceType::Audit => self.audit,
            EvidenceType::Exception => self.exception,
        }
    }

    /// How many have to approve evidence of a type, beside who submitted it.
    #[must_use]
    pub const fn approvals(&self, kind: EvidenceType) -> usize {
        match kind {
            EvidenceType::Audit => self.approvers,
            EvidenceType::Exception => self.exception_approvers,
            _ => 0,
        }
    }
}

/// 30 days for a check of the origin and a scan, 90 for a decision, 180 for an audit with two
/// approvers, 14 for an exception with one.
impl Default for Policy {
    fn default() -> Self {
        Self {
            origin_check: 30 * DAY,
            operator_decision: 90 * DAY,
            scan: 30 * DAY,
            audit: 180 * DAY,
            exception: 14 * DAY,
            approvers: 2,
            exception_approvers: 1,
        }
    }
}
