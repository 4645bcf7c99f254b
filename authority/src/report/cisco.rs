//! JSON of Cisco's `mcp-scanner`, as `--format raw` prints it (4.8). `is_safe`, `severity: SAFE` and
//! `server_url` are not believed: the last one names a public server by default, whatever was scanned.

use mcps_core::json::Value;

use super::tools::{Listed, Registered};
use super::{Findings, Format, Gaps, Reading, ReportError, Severity, plain};

/// It takes findings away and finds none itself. What it took away is counted all the same.
const FILTER: &str = "meta";

pub(super) fn read(root: Value<'_>, registered: &Registered) -> Result<Reading, ReportError> {
    let results = root.get("scan_results").and_then(Value::as_array);
    let results = results.ok_or(form("`scan_results` is no list"))?;
    let requested = root.get("requested_analyzers").and_then(Value::as_array);
    let requested = requested.into_iter().flat_map(|all| all.iter());
    let requested = requested.filter_map(Value::as_str);
    let mut requested: Vec<String> = requested.map(|name| name.to_ascii_lowercase()).collect();
    requested.retain(|name| name != FILTER);
    let mut reading = Reading {
        tool: "mcp-scanner".to_owned(),
        ..Reading::new(Format::McpScanner)
    };
    if requested.is_empty() {
        let gap = "it does not say which analysers were asked for";
        reading.gaps.note(gap);
    }
    let mut listed = Vec::new();
    for result in results.iter() {
        let text = |name| result.get(name).and_then(Value::as_str);
        // Prompts and resources are no part of a manifest; what was found in them counts.
        let what = match text("tool_name") {
            Some(name) => {
                listed.push(Listed {
                    name: name.clone().into_owned(),
                    description: Some(text("tool_description").unwrap_or_default().into_owned()),
                });
                plain(&name)
            }
            None => "a prompt or resource".to_owned(),
        };
        if text("status").as_deref() != Some("completed") {
            reading
                .gaps
                .note(format!("the scan of `{what}` was not completed"));
        }
        let findings = result.get("findings");
        for name in &requested {
            let ran = findings.and_then(|all| all.get(&format!("{name}_analyzer")));
            if ran.is_none() {
                let name = plain(name);
                reading
                    .gaps
                    .note(format!("{name} was asked for and did not run on `{what}`"));
            }
        }
        let analysers = findings.and_then(Value::as_object);
        for analyser in analysers.into_iter().flatten() {
            let name = analyser.name();
            count(analyser.value(), &name, &what, &mut reading);
        }
        let filtered = result.get("meta_analysis");
        let filtered = filtered.and_then(|meta| meta.get("filtered_findings"));
        let filtered = filtered.and_then(Value::as_array);
        for one in filtered.into_iter().flat_map(|all| all.iter()) {
            reading.findings.add(severity(one));
        }
        if result.get("analyzer_errors").is_some() {
            reading.gaps.note(format!("an analyser failed on `{what}`"));
        }
    }
    registered.compare(&listed, &mut reading.gaps)?;
    Ok(reading)
}

/// What one analyser found in one tool. It states a number, and the gravest.
fn count(analyser: Value<'_>, name: &str, what: &str, reading: &mut Reading) {
    let Reading { findings, gaps, .. } = reading;
    let (name, status) = (plain(name), analyser.get("status").and_then(Value::as_str));
    // It has a status only where something went wrong.
    if status.is_some_and(|status| status != "completed") {
        gaps.note(format!("{name} failed on `{what}`"));
    }
    let total = analyser.get("total_findings").and_then(Value::as_i64);
    match total.map(u32::try_from) {
        Some(Ok(0)) => nothing(analyser, findings, gaps, &name),
        Some(Ok(many)) => findings.add_many(severity(analyser), many),
        _ => {
            gaps.note(format!("{name} does not say what it found in `{what}`"));
            nothing(analyser, findings, gaps, &name);
        }
    }
}

/// It counts nothing, but may say that it is grave.
fn nothing(analyser: Value<'_>, findings: &mut Findings, gaps: &mut Gaps, name: &str) {
    let word = analyser.get("severity").and_then(Value::as_str);
    match word.as_deref() {
        Some("SAFE") => {}
        Some(word) if Severity::of_word(word) != Severity::Unrated => {
            findings.add(Severity::of_word(word));
        }
        _ => gaps.note(format!("{name} gave no result")),
    }
}

/// Of something that was found: "safe" says nothing.
fn severity(found: Value<'_>) -> Severity {
    let word = found.get("severity").and_then(Value::as_str);
    word.map_or(Severity::Unrated, |word| Severity::of_word(&word))
}

const fn form(why: &'static str) -> ReportError {
    ReportError::Form {
        format: Format::McpScanner.as_str(),
        why,
    }
}
