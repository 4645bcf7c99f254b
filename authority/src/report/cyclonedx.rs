//! A CycloneDX bill of materials with its vulnerabilities (ECMA-424, 1.4 and later). What somebody says
//! about a vulnerability, that it is a false positive or does not reach, closes nothing here: only
//! `resolved` does.

use mcps_core::json::Value;

use super::instant::instant;
use super::{Format, Reading, ReportError, Severity, plain};

pub(super) fn read(root: Value<'_>) -> Result<Reading, ReportError> {
    if root.get("bomFormat").and_then(Value::as_str).as_deref() != Some("CycloneDX") {
        return Err(form("`bomFormat` is not CycloneDX"));
    }
    let mut reading = Reading::new(Format::CycloneDx);
    let metadata = root.get("metadata");
    let at = metadata.and_then(|metadata| metadata.get("timestamp")?.as_str());
    reading.made(at.and_then(|text| instant(&text)));
    if let Some(tool) = metadata.and_then(tool) {
        reading.tool = tool;
    }
    match root.get("vulnerabilities").and_then(Value::as_array) {
        Some(all) => all.iter().for_each(|one| {
            if !resolved(one) {
                reading.findings.add(rate(one));
            }
        }),
        // A list of components alone: nobody looked for anything in them.
        None => reading
            .gaps
            .note("it has no `vulnerabilities`, not even none"),
    }
    let compositions = root.get("compositions").and_then(Value::as_array);
    for composition in compositions.into_iter().flatten() {
        let aggregate = composition.get("aggregate").and_then(Value::as_str);
        if aggregate.as_deref() != Some("complete") {
            reading
                .gaps
                .note("it states that parts of it are not complete");
        }
    }
    Ok(reading)
}

fn resolved(vulnerability: Value<'_>) -> bool {
    let state = vulnerability
        .get("analysis")
        .and_then(|all| all.get("state"));
    let state = state.and_then(Value::as_str);
    matches!(
        state.as_deref(),
        Some("resolved" | "resolved_with_pedigree")
    )
}

/// The gravest of its ratings, by score or by word.
fn rate(vulnerability: Value<'_>) -> Severity {
    let ratings = vulnerability.get("ratings").and_then(Value::as_array);
    let ratings = ratings.into_iter().flatten();
    Severity::gravest(ratings.flat_map(|rating| {
        // Scores of other methods go up to other numbers.
        let method = rating.get("method").and_then(Value::as_str);
        let cvss = method.is_none_or(|method| method.starts_with("CVSS"));
        let score = rating.get("score").filter(|_| cvss);
        let word = rating.get("severity");
        [score, word].into_iter().flatten().map(Severity::of_value)
    }))
}

/// `tools` is a list, or since 1.5 an object with `components`.
fn tool(metadata: Value<'_>) -> Option<String> {
    let tools = metadata.get("tools")?;
    let components = tools.get("components");
    let tools = tools.as_array().or_else(|| components?.as_array())?;
    let names = tools.iter().filter_map(|tool| tool.get("name")?.as_str());
    let names: Vec<String> = names.take(3).map(|name| plain(&name)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

const fn form(why: &'static str) -> ReportError {
    ReportError::Form {
        format: Format::CycloneDx.as_str(),
        why,
    }
}
