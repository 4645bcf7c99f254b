//! From the bytes of a report to a piece of evidence.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::dsse::{self, Envelope};
use mcps_core::json::{Document, Limits, Value};
use mcps_core::refusal::Refusal;

use super::statement::Stated;
use super::{Format, MAX_BYTES, Reading, Registered, ReportError, read};
use crate::levels::{Content, EvidenceType, Policy, Reported, Scanner, Subject};

/// How much clocks may differ.
const SKEW: Duration = Duration::from_secs(60);
/// Deepest nesting of a report.
const DEPTH: usize = 64;

/// What is said of a report by whoever brings it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// About whom.
    pub subject: Subject,
    /// Who brings it: an operator.
    pub who: String,
    /// The manifest that was scanned. A signed report states that itself.
    pub manifest: Option<Digest>,
    /// What it is said to be written in.
    pub format: Option<Format>,
    /// When the scan was made, where the report does not say.
    pub observed_at: Option<Timestamp>,
    /// Until when it may be relied upon, if that is not as long as a scan counts.
    pub valid_until: Option<Timestamp>,
}

/// A report as it came.
#[derive(Debug)]
pub struct Report {
    document: Document,
    /// What is in the envelope, and by whom; `None` for a report without one.
    signed: Option<(Document, String)>,
    digest: Digest,
}

impl Report {
    /// Reads the bytes of a report. One in an envelope has to be signed by one of `scanners`: revoked
    /// ones are named as such.
    ///
    /// # Errors
    /// [`mcps_core::json::JsonError`] within [`crate::error::Error::Json`], or [`ReportError`].
    pub fn open(bytes: Vec<u8>, scanners: &[Scanner]) -> Result<Self, crate::error::Error> {
        let limits = Limits {
            bytes: MAX_BYTES,
            depth: DEPTH,
        };
        let digest = Digest::of(&bytes);
        let document = Document::parse_with(bytes, limits)?;
        let signed = match document.root().get("payloadType") {
            Some(_) => Some(unseal(document.root(), scanners, limits)?),
            None => None,
        };
        Ok(Self {
            document,
            signed,
            digest,
        })
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes.
    #[must_use]
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// What it is evidence of. `current`: digest and tools of the manifest that is registered now, to
    /// which it has to be bound.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn evidence(
        &self,
        asked: Submission,
        current: Option<(Digest, &Registered)>,
        scanners: &[Scanner],
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Content, ReportError> {
        let stated = match &self.signed {
            Some((document, _)) => Some(Stated::parse(document.root())?),
            None => None,
        };
        let manifest = bound(&stated, asked.manifest, current.map(|(digest, _)| digest))?;
        let (_, registered) = current.ok_or(ReportError::Unbound)?;
        let reading = match &stated {
            Some(stated) => stated.read(registered)?,
            None => {
                let root = self.document.root();
                let format = Format::of(root).ok_or(ReportError::Unrecognised)?;
                read(format, root, registered)?
            }
        };
        let format = reading.format;
        if asked.format.is_some_and(|said| said != format) {
            let read = format.as_str();
            return Err(ReportError::OtherFormat { read });
        }
        let scanner = self.signed.as_ref().map(|(_, name)| name.clone());
        if let Some(name) = &scanner {
            let own = scanners.iter().find(|one| one.name == *name);
            if !own.is_some_and(|own| own.formats.contains(&format)) {
                return Err(ReportError::NotItsFormat {
                    scanner: name.clone(),
                    format: format.as_str(),
                });
            }
        }
        let (observed_at, valid_until) = times(&reading, &asked, policy, now)?;
        Ok(Content {
            subject: asked.subject,
            kind: EvidenceType::Scan,
            verdict: reading.verdict(),
            manifest: Some(manifest),
            origin: None,
            who: asked.who,
            observed_at,
            valid_until,
            statement: reading.summary(),
            scanner,
            reported: Some(Reported {
                digest: self.digest,
                format,
                findings: reading.findings,
            }),
            waives: None,
        })
    }
}

/// The statement in an envelope, and who signed it.
fn unseal(
    root: Value<'_>,
    scanners: &[Scanner],
    limits: Limits,
) -> Result<(Document, String), crate::error::Error> {
    let envelope = Envelope::parse(root).map_err(ReportError::Envelope)?;
    let by = |one: &&Scanner| {
        let key = one.key.as_ref();
        key.is_some_and(|key| envelope.verify(key).is_ok())
    };
    let signer = scanners.iter().find(by).ok_or(ReportError::UnknownSigner)?;
    if !signer.active {
        return Err(ReportError::Revoked(signer.name.clone()).into());
    }
    if envelope.payload_type() != dsse::IN_TOTO {
        let refusal = Refusal::Statement {
            what: "signed envelope",
            why: "its payload is no in-toto statement",
        };
        return Err(ReportError::Envelope(refusal).into());
    }
    let document = Document::parse_with(envelope.payload().to_vec(), limits)?;
    Ok((document, signer.name.clone()))
}

/// The manifest that it is about: the current one, by its digest. A name or an address in it says
/// nothing.
fn bound(
    stated: &Option<Stated<'_>>,
    said: Option<Digest>,
    current: Option<Digest>,
) -> Result<Digest, ReportError> {
    let other = |stated: String| ReportError::OtherManifest {
        stated,
        current: current.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string()),
    };
    if let Some(said) = said.filter(|said| Some(*said) != current) {
        return Err(other(said.to_string()));
    }
    match (stated, current) {
        (Some(stated), Some(current)) if stated.subjects.contains(&current) => Ok(current),
        (Some(stated), _) => {
            let first = stated.subjects.first();
            Err(other(first.map_or_else(
                || "no manifest".to_owned(),
                ToString::to_string,
            )))
        }
        (None, _) => said.ok_or(ReportError::Unbound),
    }
}

/// When the scan was made, and until when it counts. What the report says itself comes first: an old
/// report does not become new by being sent again.
fn times(
    reading: &Reading,
    asked: &Submission,
    policy: &Policy,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), ReportError> {
    let said = reading.made_at.into_iter().chain(asked.observed_at).min();
    let observed_at = said.unwrap_or(now);
    if observed_at > now.plus(SKEW) {
        return Err(ReportError::Untimely("at a time to come"));
    }
    let observed_at = observed_at.min(now);
    let longest = observed_at.plus(policy.life(EvidenceType::Scan));
    let valid_until = asked.valid_until.unwrap_or(longest).min(longest);
    if valid_until <= now {
        return Err(ReportError::Untimely("too long ago to count; scan again"));
    }
    Ok((observed_at, valid_until))
}
