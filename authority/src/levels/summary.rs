//! Where a subject stands, as others read it: an in-toto statement with a SLSA Verification Summary
//! (`https://slsa.dev/spec/v1.1/verification_summary`).

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use serde_json::{Value, json};

use super::{Assessment, Policy, Subject};

/// What the predicate is.
pub const PREDICATE: &str = "https://slsa.dev/verification_summary/v1";
/// What the levels are.
const POLICY: &str = "https://mcps.dev/policies/levels/v1";

/// The statement that `found` holds of that manifest of a subject at `now`, as `authority` says.
#[must_use]
pub fn statement(
    authority: &str,
    subject: &Subject,
    manifest: &Digest,
    found: &Assessment,
    policy: &Policy,
    now: Timestamp,
) -> Value {
    let Subject { tenant, kind, name } = subject;
    let resource = format!("mcps://{authority}/{tenant}/{kind}/{name}");
    let holding = found.rungs.iter().filter(|rung| rung.holds);
    let asked = || holding.clone().flat_map(|rung| &rung.requirements);
    let evidence = asked().filter_map(|asked| asked.evidence.as_ref());
    let inputs = evidence.map(|id| {
        let id = id.as_str();
        json!({
            "uri": format!("mcps://{authority}/evidence/{id}"),
            "digest": {"sha256": id.trim_start_matches("ev_")},
        })
    });
    let waived = asked().filter(|asked| asked.waived).map(|asked| asked.name);
    let levels = holding
        .clone()
        .map(|rung| format!("MCPS_LEVEL_{}", rung.level.number()));
    let result = match found.level {
        TrustLevel::L0 => "FAILED",
        _ => "PASSED",
    };
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": resource, "digest": {"sha256": manifest.to_string()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": format!("mcps://{authority}")},
            "timeVerified": now.to_string(),
            "resourceUri": resource,
            "policy": {"uri": POLICY, "digest": {"sha256": digest(policy).to_string()}},
            "inputAttestations": inputs.collect::<Vec<_>>(),
            "verificationResult": result,
            "verifiedLevels": levels.collect::<Vec<_>>(),
            // Beyond the specification, whose readers skip what they do not know.
            "https://mcps.dev/lapses_at": found.lapses_at(found.level).map(|at| at.to_string()),
            "https://mcps.dev/waived": waived.collect::<Vec<_>>(),
        },
    })
}

/// SHA-256 of what the levels ask for, as canonical JSON (RFC 8785).
fn digest(policy: &Policy) -> Digest {
    let Policy {
        origin_check,
        operator_decision,
        scan,
        audit,
        exception,
        approvers,
        exception_approvers,
    } = policy;
    let json = format!(
        r#"{{"approvers":{approvers},"audit_s":{},"exception_approvers":{exception_approvers},"exception_s":{},"operator_decision_s":{},"origin_check_s":{},"scan_s":{}}}"#,
        audit.as_secs(),
        exception.as_secs(),
        operator_decision.as_secs(),
        origin_check.as_secs(),
        scan.as_secs()
    );
    Digest::of(json.as_bytes())
}
