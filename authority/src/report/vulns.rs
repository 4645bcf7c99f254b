//! The predicate `vulns` of the in-toto attestation framework, v0.1 and v0.2.

use mcps_core::json::Value;

use super::instant::instant;
use super::{Format, Reading, ReportError, Severity, plain};

pub(super) fn read(predicate: Value<'_>) -> Result<Reading, ReportError> {
    let scanner = predicate.get("scanner");
    let scanner = scanner.ok_or(form("it has no `scanner`"))?;
    let mut reading = Reading::new(Format::InTotoVulns);
    if let Some(uri) = scanner.get("uri").and_then(Value::as_str) {
        reading.tool = plain(&uri);
    }
    let finished = predicate.get("metadata");
    let finished = finished.and_then(|all| all.get("scanFinishedOn")?.as_str());
    reading.made(finished.and_then(|text| instant(&text)));
    let Some(found) = scanner.get("result").and_then(Value::as_array) else {
        reading
            .gaps
            .note("it has no `scanner.result`, not even none");
        return Ok(reading);
    };
    for one in found.iter() {
        let ratings = one.get("severity").and_then(Value::as_array);
        let ratings = ratings.into_iter().flatten();
        let rated = ratings.map(|rating| {
            let score = rating.get("score");
            score.map_or(Severity::Unrated, Severity::of_value)
        });
        reading.findings.add(Severity::gravest(rated));
    }
    Ok(reading)
}

const fn form(why: &'static str) -> ReportError {
    ReportError::Form {
        format: Format::InTotoVulns.as_str(),
        why,
    }
}
