//! A report in an in-toto statement: what it is about by digest, and when it was made, under one
//! signature.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::refusal::Refusal;

use super::instant::instant;
use super::{Format, Reading, Registered, ReportError, read};

/// Any report that is read here, as it was printed: `{"report": {…}, "scanned_at": "…"}`.
pub(super) const SCAN_REPORT: &str = "https://mcps.dev/attestations/scan-report/v1";

/// What a statement says.
pub(super) struct Stated<'d> {
    /// SHA-256 of what it is about.
    pub(super) subjects: Vec<Digest>,
    format: Format,
    report: Value<'d>,
    made_at: Option<Timestamp>,
}

impl<'d> Stated<'d> {
    /// Reads a statement of the in-toto attestation framework v1.
    ///
    /// # Errors
    /// [`ReportError::Envelope`] when it is none, [`ReportError::Unrecognised`] when its predicate is no
    /// report that is read here.
    pub(super) fn parse(root: Value<'d>) -> Result<Self, ReportError> {
        let text = |of: Value<'d>, name| of.get(name).and_then(Value::as_str);
        let kind = text(root, "_type").unwrap_or_default();
        if !matches!(
            &*kind,
            "https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1"
        ) {
            return Err(malformed("`_type`"));
        }
        let subjects = root.get("subject").and_then(Value::as_array);
        let subjects = subjects.ok_or(malformed("`subject`"))?;
        let digest = |one: Value<'_>| {
            let digest = one.get("digest")?.get("sha256")?.as_str()?;
            Digest::from_hex(&digest)
        };
        let subjects = subjects.iter().filter_map(digest).collect();
        let predicate = root.get("predicate").ok_or(malformed("`predicate`"))?;
        let kind = text(root, "predicateType").unwrap_or_default();
        let (format, report, made_at) = match &*kind {
            "https://in-toto.io/attestation/vulns/v0.1"
            | "https://in-toto.io/attestation/vulns/v0.2" => (Format::InTotoVulns, predicate, None),
            SCAN_REPORT => {
                let report = predicate.get("report").ok_or(malformed("`report`"))?;
                let at = text(predicate, "scanned_at");
                let at = at.and_then(|text| instant(&text));
                let at = at.ok_or(ReportError::Undated)?;
                let format = Format::of(report).ok_or(ReportError::Unrecognised)?;
                (format, report, Some(at))
            }
            bom if bom.starts_with("https://cyclonedx.org/bom") => {
                (Format::CycloneDx, predicate, None)
            }
            _ => return Err(ReportError::Unrecognised),
        };
        Ok(Self {
            subjects,
            format,
            report,
            made_at,
        })
    }

    /// What the report in it says. Of two times that it states the earlier counts; it has to state one.
    ///
    /// # Errors
    /// [`ReportError`].
    pub(super) fn read(&self, registered: &Registered) -> Result<Reading, ReportError> {
        let mut reading = read(self.format, self.report, registered)?;
        reading.made(self.made_at);
        reading.made_at.ok_or(ReportError::Undated)?;
        Ok(reading)
    }
}

const fn malformed(why: &'static str) -> ReportError {
    ReportError::Envelope(Refusal::Statement {
        what: "in-toto statement",
        why,
    })
}
