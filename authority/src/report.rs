//! Reports of scanners. What they found is counted here, finding by finding; what a scanner thinks of
//! that itself, a grade or a "safe", is not read. A report that does not show that all of it was looked
//! at is incomplete, and raises nobody.

mod cisco;
mod cyclonedx;
mod findings;
mod instant;
mod intake;
mod sarif;
mod snyk;
mod statement;
mod tools;
mod vulns;

use mcps_core::clock::Timestamp;
use mcps_core::json::Value;

use crate::levels::Verdict;

pub use findings::{Findings, Severity};
pub use intake::{Report, Submission};
pub use tools::Registered;

#[cfg(test)]
mod tests;

/// Largest report, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Longest summary of one, in bytes: within what a statement may have.
const SUMMARY: usize = 1000;

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// SARIF 2.1.0 (OASIS).
    Sarif,
    /// A CycloneDX bill of materials with `vulnerabilities` (ECMA-424).
    CycloneDx,
    /// JSON of Cisco's `mcp-scanner`, as `--format raw` prints it.
    McpScanner,
    /// JSON of `snyk-agent-scan`, as `scan --json` or `inspect --json` prints it.
    SnykAgentScan,
    /// The predicate `vulns` of the in-toto attestation framework; only in a signed statement.
    InTotoVulns,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Sarif,
        Self::CycloneDx,
        Self::McpScanner,
        Self::SnykAgentScan,
        Self::InTotoVulns,
    ];

    /// Its name in JSON, on the command line and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::McpScanner => "mcp-scanner",
            Self::SnykAgentScan => "snyk-agent-scan",
            Self::InTotoVulns => "in-toto-vulns",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == text)
    }

    /// What a document is written in, by the members that only this format has.
    fn of(root: Value<'_>) -> Option<Self> {
        let has = |name| root.get(name).is_some();
        if has("runs") {
            Some(Self::Sarif)
        } else if has("bomFormat") {
            Some(Self::CycloneDx)
        } else if has("scan_results") {
            Some(Self::McpScanner)
        } else if has("scan_path_responses") || snyk::is_inspection(root) {
            Some(Self::SnykAgentScan)
        } else {
            None
        }
    }
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is of no kind that is known.
    #[error(
        "it is no report that is read here; it may be SARIF 2.1.0, CycloneDX, JSON of mcp-scanner (--format raw) or of snyk-agent-scan, or one of them in a signed in-toto statement"
    )]
    Unrecognised,
    /// It is not what it was said to be.
    #[error("it is written in `{read}` and not in what was said; leave the format out")]
    OtherFormat {
        /// What it is written in.
        read: &'static str,
    },
    /// It lacks what its format asks for.
    #[error("it is no report in `{format}`: {why}")]
    Form {
        /// Which format.
        format: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is about other tools than the registered ones.
    #[error("it is about other tools than the registered ones: {0}; scan what is registered")]
    OtherTools(String),
    /// It is about another manifest.
    #[error("it is about {stated}, and {current} is registered now; scan what is registered")]
    OtherManifest {
        /// The digest it states.
        stated: String,
        /// The digest that is registered, or `nothing`.
        current: String,
    },
    /// Nothing binds it to a manifest.
    #[error("say which manifest was scanned, by its digest: `manifest`")]
    Unbound,
    /// It is signed and does not say when it was made, so it could be any age.
    #[error("what is signed does not say when the scan was made")]
    Undated,
    /// It is too old, or of a time to come.
    #[error("the scan was made {0}")]
    Untimely(&'static str),
    /// The envelope or the statement in it is not of its form.
    #[error("{0}")]
    Envelope(#[source] mcps_core::refusal::Refusal),
    /// Nobody whom the tenant allows has signed it.
    #[error(
        "no scanner that the tenant allows has signed it; mcps trust scanner list shows them, and mcps trust scanner add allows one"
    )]
    UnknownSigner,
    /// The scanner is not one for that format.
    #[error("the scanner `{scanner}` is not allowed to report in `{format}`")]
    NotItsFormat {
        /// Which scanner.
        scanner: String,
        /// Which format.
        format: &'static str,
    },
    /// The scanner was revoked.
    #[error("the scanner `{0}` was revoked, and nothing that leans on it counts")]
    Revoked(String),
    /// As much is kept as is allowed.
    #[error("the tenant's reports take {0} bytes and no more is kept until some have lapsed")]
    Full(i64),
}

/// What a report says, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it is written in.
    pub format: Format,
    /// What the scanner calls itself, for people.
    pub tool: String,
    /// What it found.
    pub findings: Findings,
    /// What it does not show to have been looked at.
    pub gaps: Gaps,
    /// When it was made, as far as it says: the earliest.
    pub made_at: Option<Timestamp>,
}

impl Reading {
    fn new(format: Format) -> Self {
        Self {
            format,
            tool: format.as_str().to_owned(),
            findings: Findings::default(),
            gaps: Gaps::default(),
            made_at: None,
        }
    }

    fn made(&mut self, at: Option<Timestamp>) {
        self.made_at = self.made_at.into_iter().chain(at).min();
    }

    /// What follows from it: `fail` for anything critical or high, whatever else was not looked at.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        let Findings { critical, high, .. } = self.findings;
        if critical > 0 || high > 0 {
            Verdict::Fail
        } else if self.gaps.first.is_some() || self.findings.unrated > 0 {
            Verdict::Incomplete
        } else {
            Verdict::Pass
        }
    }

    /// In words, without control characters, at most 1,000 bytes.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{}: {}", plain(&self.tool), self.findings);
        if let Some(first) = &self.gaps.first {
            text.push_str("; incomplete: ");
            text.push_str(first);
        }
        match self.gaps.more {
            0 => {}
            more => text.push_str(&format!(", and {more} more")),
        }
        let mut end = text.len().min(SUMMARY);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }
}

/// What was not looked at: the first in words, the others as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    first: Option<String>,
    more: usize,
}

impl Gaps {
    fn note(&mut self, what: impl Into<String>) {
        match self.first {
            None => self.first = Some(what.into()),
            Some(_) => self.more += 1,
        }
    }
}

/// At most 100 characters of a text of somebody else's, without control characters.
fn plain(text: &str) -> String {
    let sound = text.chars().filter(|one| !one.is_control());
    sound.take(100).collect()
}

/// What a report in that format says. `registered`: the tools of the manifest that it is to be about.
fn read(format: Format, root: Value<'_>, registered: &Registered) -> Result<Reading, ReportError> {
    match format {
        Format::Sarif => sarif::read(root),
        Format::CycloneDx => cyclonedx::read(root),
        Format::McpScanner => cisco::read(root, registered),
        Format::SnykAgentScan => snyk::read(root, registered),
        Format::InTotoVulns => vulns::read(root),
    }
}
