//! JSON of `snyk-agent-scan` (0.6): `scan --json`, and `inspect --json`, which looks at nothing and so
//! is incomplete whatever it shows.

use mcps_core::json::Value;

use super::tools::{Listed, Registered};
use super::{Format, Reading, ReportError, Severity, plain};

/// What it rates of a server, each from 0 to 1000.
const RISKS: [&str; 4] = [
    "prompt_injection_tool_desc",
    "untrusted_content",
    "private_data",
    "destructive_capabilities",
];

/// Whether it is what `inspect --json` prints: for each path `{servers: […]}`.
pub(super) fn is_inspection(root: Value<'_>) -> bool {
    let Some(paths) = root.as_object() else {
        return false;
    };
    let of_path = |path: Value<'_>| path.get("servers").and_then(Value::as_array).is_some();
    !paths.is_empty() && paths.iter().all(|member| of_path(member.value()))
}

pub(super) fn read(root: Value<'_>, registered: &Registered) -> Result<Reading, ReportError> {
    let mut reading = Reading {
        tool: "snyk-agent-scan".to_owned(),
        ..Reading::new(Format::SnykAgentScan)
    };
    match root.get("scan_path_responses").and_then(Value::as_array) {
        Some(paths) => {
            let paths: Vec<_> = paths.iter().collect();
            let server = only(&paths, "server_risks", &mut reading)?;
            scanned(server, registered, &mut reading)?;
        }
        None => {
            let paths = root.as_object().ok_or(form("it is no object"))?;
            let paths: Vec<_> = paths.iter().map(|member| member.value()).collect();
            let server = only(&paths, "servers", &mut reading)?;
            reading.gaps.note("`inspect` lists tools and analyses none");
            let tools = server.get("signature").and_then(|all| all.get("tools"));
            let tools = tools.and_then(Value::as_array);
            let tools = tools.map(|all| all.iter().filter_map(Listed::of_definition).collect());
            let tools: Vec<Listed> = tools.unwrap_or_default();
            registered.compare(&tools, &mut reading.gaps)?;
        }
    }
    Ok(reading)
}

/// The one server of a report. Which of several is meant could only be told by its name.
fn only<'d>(
    paths: &[Value<'d>],
    member: &str,
    reading: &mut Reading,
) -> Result<Value<'d>, ReportError> {
    let mut servers = Vec::new();
    for path in paths {
        failed(*path, reading);
        let found = path.get(member).and_then(Value::as_array);
        servers.extend(found.into_iter().flat_map(|found| found.iter()));
    }
    match servers.as_slice() {
        [server] => {
            failed(*server, reading);
            Ok(*server)
        }
        _ => Err(form("it is not about one server; scan one at a time")),
    }
}

fn failed(part: Value<'_>, reading: &mut Reading) {
    if part.get("error").is_some_and(|error| !error.is_null()) {
        reading.gaps.note("the scanner states an error");
    }
}

fn scanned(
    server: Value<'_>,
    registered: &Registered,
    reading: &mut Reading,
) -> Result<(), ReportError> {
    let entities = server.get("entities").and_then(Value::as_array);
    let tools = entities.into_iter().flat_map(|all| all.iter());
    let tools = tools.filter_map(|entity| {
        let text = |name| entity.get(name).and_then(Value::as_str);
        let tool = text("type")? == "tool";
        tool.then_some(Listed {
            name: text("name")?.into_owned(),
            description: None,
        })
    });
    let tools: Vec<Listed> = tools.collect();
    registered.compare(&tools, &mut reading.gaps)?;
    let rated = server.get("risk_indexes").and_then(Value::as_object);
    for name in RISKS {
        let risk = rated.and_then(|rated| rated.get(name));
        if risk.is_none_or(Value::is_null) {
            reading.gaps.note(format!("{name} was not rated"));
        }
    }
    // One that is not known here counts as well.
    for member in rated.into_iter().flatten() {
        let risk = member.value();
        if risk.is_null() {
            continue;
        }
        match risk.get("score").and_then(Value::as_f64) {
            Some(score) => reading.findings.add(Severity::of_score(score / 100.0)),
            None => {
                let name = plain(&member.name());
                reading.gaps.note(format!("{name} has no score"));
            }
        }
    }
    Ok(())
}

const fn form(why: &'static str) -> ReportError {
    ReportError::Form {
        format: Format::SnykAgentScan.as_str(),
        why,
    }
}
