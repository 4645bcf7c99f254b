//! What is on file about a subject: immutable, and named by its own content.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::quote;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

use crate::report::{Findings, Format};

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The tenant's id.
    pub tenant: String,
    /// What kind of subject.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceType {
    /// The subject put a challenge where only the origin's owner can.
    OriginCheck,
    /// An operator says that it is who it says.
    OperatorDecision,
    /// A security scan of one manifest.
    Scan,
    /// A review of one manifest by people.
    Audit,
    /// For a time, one thing is not asked for.
    Exception,
}

impl EvidenceType {
    const ALL: [Self; 5] = [
        Self::OriginCheck,
        Self::OperatorDecision,
        Self::Scan,
        Self::Audit,
        Self::Exception,
    ];

    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OriginCheck => "origin_check",
            Self::OperatorDecision => "operator_decision",
            Self::Scan => "scan",
            Self::Audit => "audit",
            Self::Exception => "exception",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == text)
    }

    /// Whether it is about one manifest, and void for any other. An exception is where what it waives
    /// is.
    #[must_use]
    pub const fn of_a_manifest(self) -> bool {
        matches!(self, Self::Scan | Self::Audit)
    }
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not; what passed before is void.
    Fail,
    /// Not all of it was looked at. It raises nobody, and what passed before stands.
    Incomplete,
}

impl Verdict {
    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Incomplete => "incomplete",
        }
    }

    /// As it is stored. A word that this version does not know passes nobody.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "pass" => Self::Pass,
            "incomplete" => Self::Incomplete,
            _ => Self::Fail,
        }
    }
}

/// `ev_` and the SHA-256 of what it says, in hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceId(String);

impl EvidenceId {
    /// Reads an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digest = text.strip_prefix("ev_").and_then(Digest::from_hex);
        digest.map(|_| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an exception does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waived {
    /// That somebody has verified who it is: L2.
    IdentityVerified,
    /// A passing scan of the current manifest: L3.
    ManifestScanned,
}

impl Waived {
    /// As the requirement is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdentityVerified => "identity_verified",
            Self::ManifestScanned => "manifest_scanned",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::IdentityVerified, Self::ManifestScanned]
            .into_iter()
            .find(|own| own.as_str() == text)
    }

    /// The rung that asks for it.
    #[must_use]
    pub const fn level(self) -> TrustLevel {
        match self {
            Self::IdentityVerified => TrustLevel::L2,
            Self::ManifestScanned => TrustLevel::L3,
        }
    }
}

/// The report that a scan rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// What it is written in.
    pub format: Format,
    /// What it found, as it was counted here.
    pub findings: Findings,
}

/// What a piece of evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// About whom.
    pub subject: Subject,
    /// What kind of evidence.
    pub kind: EvidenceType,
    /// What it says.
    pub verdict: Verdict,
    /// Digest of the manifest it is about; scans and audits have one.
    pub manifest: Option<Digest>,
    /// The origin it is about; checks of one have it.
    pub origin: Option<String>,
    /// Who says so: an operator's id, or `authority` for what it saw itself.
    pub who: String,
    /// When that was seen.
    pub observed_at: Timestamp,
    /// Until when it may be relied upon.
    pub valid_until: Timestamp,
    /// In their words.
    pub statement: String,
    /// The scanner that signed it; `None` for what an operator says or brings.
    pub scanner: Option<String>,
    /// The report it rests on.
    pub reported: Option<Reported>,
    /// What an exception does without.
    pub waives: Option<Waived>,
}

impl Content {
    /// The level that approvals of it are for; `None` where it needs none.
    #[must_use]
    pub fn approved_for(&self) -> Option<TrustLevel> {
        match self.kind {
            EvidenceType::Audit => Some(TrustLevel::L4),
            EvidenceType::Exception => self.waives.map(Waived::level),
            _ => None,
        }
    }

    /// The id that follows from all of it.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        let (manifest, kind) = (self.manifest, self.subject.kind.to_string());
        let (observed_at, valid_until) =
            (self.observed_at.to_string(), self.valid_until.to_string());
        let manifest = manifest.map(|digest| digest.to_string());
        let report = self.reported.as_ref();
        let digest = report.map(|report| report.digest.to_string());
        let counted = report.map(|report| report.findings.counts());
        // ASCII names in canonical order (RFC 8785 §3.2.3).
        let members = [
            ("findings", counted.as_deref()),
            ("format", report.map(|report| report.format.as_str())),
            ("kind", Some(kind.as_str())),
            ("manifest", manifest.as_deref()),
            ("name", Some(self.subject.name.as_str())),
            ("observed_at", Some(observed_at.as_str())),
            ("origin", self.origin.as_deref()),
            ("report", digest.as_deref()),
            ("scanner", self.scanner.as_deref()),
            ("statement", Some(self.statement.as_str())),
            ("tenant", Some(self.subject.tenant.as_str())),
            ("type", Some(self.kind.as_str())),
            ("valid_until", Some(valid_until.as_str())),
            ("verdict", Some(self.verdict.as_str())),
            ("waives", self.waives.map(Waived::as_str)),
            ("who", Some(self.who.as_str())),
        ];
        let mut json = String::from("{");
        for (name, value) in members {
            let Some(value) = value else { continue };
            if json.len() > 1 {
                json.push(',');
            }
            quote(name, &mut json);
            json.push(':');
            quote(value, &mut json);
        }
        json.push('}');
        EvidenceId(format!("ev_{}", Digest::of(json.as_bytes())))
    }
}

/// Who agreed with it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The operator.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// By which key and until when; `None` for one that nobody signed, which counts for nothing.
    pub signed: Option<Signed>,
    /// Whether the key was revoked since, or the operator disabled.
    pub void: bool,
}

/// What an approver has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key's thumbprint.
    pub key_id: String,
    /// Until when it holds.
    pub valid_until: Timestamp,
}

/// A piece of evidence on file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its id.
    pub id: EvidenceId,
    /// What it says.
    pub content: Content,
    /// Who agreed.
    pub approvals: Vec<Approval>,
    /// Whether the scanner it leans on was revoked since. It raises nobody then; what it found stands.
    pub void: bool,
}

impl From<Content> for Evidence {
    /// As it is before anybody agreed.
    fn from(content: Content) -> Self {
        Self {
            id: content.id(),
            content,
            approvals: Vec::new(),
            void: false,
        }
    }
}
