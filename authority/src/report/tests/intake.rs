//! From bytes to evidence: what a report is bound to, who signed it, and when it was made.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::dsse;
use mcps_core::key::SecretKey;
use mcps_core::passport::Kind;
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use serde_json::{Value, json};

use super::{CLEAN, registered};
use crate::error::Error;
use crate::levels::{Content, Policy, Scanner, Subject, Verdict};
use crate::report::{Format, Report, ReportError, Submission};

const NOW: &str = "2026-11-23T00:00:00.000Z";

fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

fn current() -> Digest {
    Digest::of(b"manifest")
}

fn submission(manifest: Option<Digest>) -> Submission {
    Submission {
        subject: Subject {
            tenant: "default".to_owned(),
            kind: Kind::Server,
            name: "notes".to_owned(),
        },
        who: "op_0".to_owned(),
        manifest,
        format: None,
        observed_at: None,
        valid_until: None,
    }
}

fn scanner(key: &SecretKey, active: bool) -> Scanner {
    Scanner {
        name: "ci".to_owned(),
        key: Some(key.public_key().clone()),
        formats: vec![Format::Sarif, Format::McpScanner, Format::InTotoVulns],
        active,
        added_at: now(),
        added_by: "op_0".to_owned(),
        revoked_at: None,
        revoked_by: None,
        reason: None,
    }
}

fn take(text: &str, asked: Submission, scanners: &[Scanner]) -> Result<Content, Error> {
    let report = Report::open(text.as_bytes().to_vec(), scanners)?;
    let tools = registered();
    let current = Some((current(), &tools));
    Ok(report.evidence(asked, current, scanners, &Policy::default(), now())?)
}

fn refusal(taken: Result<Content, Error>) -> ReportError {
    match taken {
        Err(Error::Report(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// A report in a statement on that manifest.
fn sealed(report: &str, manifest: &Digest, more: Value, key: &SecretKey) -> String {
    let report: Value = serde_json::from_str(report).unwrap();
    let mut statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "https://other.example", "digest": {"sha256": manifest.to_string()}}],
        "predicateType": "https://mcps.dev/attestations/scan-report/v1",
        "predicate": {"report": report, "scanned_at": "2026-11-22T13:00:00Z"},
    });
    for (name, value) in more.as_object().unwrap() {
        statement[name] = value.clone();
    }
    dsse::sign(dsse::IN_TOTO, statement.to_string().as_bytes(), key).unwrap()
}

#[test]
fn a_report_is_bound_to_the_registered_manifest_by_its_digest_alone() {
    // Its `server_url` names a public server that had no part in it.
    let content = take(CLEAN, submission(Some(current())), &[]).unwrap();
    assert_eq!(
        (content.verdict, content.manifest),
        (Verdict::Pass, Some(current()))
    );
    assert_eq!(
        content.reported.unwrap().digest,
        Digest::of(CLEAN.as_bytes())
    );
    assert!(matches!(
        refusal(take(CLEAN, submission(None), &[])),
        ReportError::Unbound
    ));
    let other = submission(Some(Digest::of(b"other")));
    assert!(matches!(
        refusal(take(CLEAN, other, &[])),
        ReportError::OtherManifest { .. }
    ));
}

#[test]
fn a_signed_report_counts_by_its_scanner_for_what_it_names() {
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let scanners = [scanner(&key, true)];
    let good = sealed(CLEAN, &current(), json!({}), &key);
    let content = take(&good, submission(None), &scanners).unwrap();
    assert_eq!(
        (content.verdict, content.scanner.as_deref()),
        (Verdict::Pass, Some("ci"))
    );
    assert_eq!(content.observed_at.to_string(), "2026-11-22T13:00:00.000Z");

    let other = sealed(CLEAN, &Digest::of(b"other"), json!({}), &key);
    let refused = refusal(take(&other, submission(None), &scanners));
    assert!(matches!(refused, ReportError::OtherManifest { .. }));
    let refused = refusal(take(&good, submission(None), &[]));
    assert!(matches!(refused, ReportError::UnknownSigner));
    let stranger = SecretKey::generate(&SystemRandom).unwrap();
    let forged = sealed(CLEAN, &current(), json!({}), &stranger);
    let refused = refusal(take(&forged, submission(None), &scanners));
    assert!(matches!(refused, ReportError::UnknownSigner));
    let refused = refusal(take(&good, submission(None), &[scanner(&key, false)]));
    assert!(matches!(refused, ReportError::Revoked(_)));
    let narrow = Scanner {
        formats: vec![Format::CycloneDx],
        ..scanner(&key, true)
    };
    let refused = refusal(take(&good, submission(None), &[narrow]));
    assert!(matches!(refused, ReportError::NotItsFormat { .. }));
    let unlike = json!({"predicateType": "https://example.org/other"});
    let refused = refusal(take(
        &sealed(CLEAN, &current(), unlike, &key),
        submission(None),
        &scanners,
    ));
    assert!(matches!(refused, ReportError::Unrecognised));
}

#[test]
fn a_signed_report_says_itself_when_it_was_made() {
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let scanners = [scanner(&key, true)];
    let report: Value = serde_json::from_str(CLEAN).unwrap();
    let at = |at: Value| {
        let predicate = json!({"report": report, "scanned_at": at});
        let text = sealed(CLEAN, &current(), json!({"predicate": predicate}), &key);
        take(&text, submission(None), &scanners)
    };
    assert!(matches!(refusal(at(Value::Null)), ReportError::Undated));
    assert!(matches!(
        refusal(at(json!("2026-10-23T00:00:00Z"))),
        ReportError::Untimely(_)
    ));
    assert!(matches!(
        refusal(at(json!("2026-11-23T00:02:00Z"))),
        ReportError::Untimely(_)
    ));
    // Sent again later, it is as old as it was.
    let mut later = submission(None);
    later.observed_at = Some(now());
    let text = sealed(CLEAN, &current(), json!({}), &key);
    let content = take(&text, later, &scanners).unwrap();
    assert_eq!(content.observed_at.to_string(), "2026-11-22T13:00:00.000Z");
    assert_eq!(
        content.valid_until,
        content.observed_at.plus(Policy::default().scan)
    );
}

#[test]
fn a_vulns_statement_is_read() {
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let scanners = [scanner(&key, true)];
    let vulns = |result: Value| {
        let more = json!({
            "predicateType": "https://in-toto.io/attestation/vulns/v0.1",
            "predicate": {
                "scanner": {"uri": "pkg:x", "version": "1", "db": {}, "result": result},
                "metadata": {"scanStartedOn": "2026-11-22T12:00:00Z", "scanFinishedOn": "2026-11-22T12:10:00Z"},
            },
        });
        take(
            &sealed("{}", &current(), more, &key),
            submission(None),
            &scanners,
        )
        .unwrap()
    };
    let graded = json!([{"id": "CVE-1", "severity": [{"method": "nvd", "score": "HIGH"}, {"method": "cvss_score", "score": "5.2"}]}]);
    assert_eq!(vulns(graded).verdict, Verdict::Fail);
    assert_eq!(vulns(json!([])).verdict, Verdict::Pass);
    assert_eq!(vulns(Value::Null).verdict, Verdict::Incomplete);
    assert_eq!(vulns(json!([{"id": "CVE-1"}])).verdict, Verdict::Incomplete);
}
