//! SARIF 2.1.0 (OASIS). A finding is as grave as the worse of its level and its `security-severity`.

use std::collections::HashMap;

use mcps_core::json::{Array, Value};

use super::instant::instant;
use super::{Format, Reading, ReportError, Severity, plain};

/// What a rule says of findings that do not say it themselves.
#[derive(Clone, Copy, Default)]
struct Rule {
    level: Option<Severity>,
    score: Option<Severity>,
}

pub(super) fn read(root: Value<'_>) -> Result<Reading, ReportError> {
    if root.get("version").and_then(Value::as_str).as_deref() != Some("2.1.0") {
        return Err(form("`version` is not 2.1.0"));
    }
    let runs = root.get("runs").and_then(Value::as_array);
    let runs = runs.ok_or(form("`runs` is no list"))?;
    let mut reading = Reading::new(Format::Sarif);
    let mut tools = Vec::new();
    if runs.is_empty() {
        reading.gaps.note("it has no run");
    }
    if root.get("inlineExternalProperties").is_some() {
        reading.gaps.note("it keeps properties outside its runs");
    }
    for run in runs.iter() {
        let driver = run.get("tool").and_then(|tool| tool.get("driver"));
        let name = driver.and_then(|driver| driver.get("name"));
        let name = name.and_then(Value::as_str);
        let name = name.ok_or(form("a run has no `tool.driver.name`"))?;
        tools.push(plain(&name));
        read_run(run, &mut reading);
    }
    tools.dedup();
    if !tools.is_empty() {
        reading.tool = tools.join(", ");
    }
    Ok(reading)
}

fn read_run(run: Value<'_>, reading: &mut Reading) {
    let overridden = invocations(run, reading);
    if run.get("externalPropertyFileReferences").is_some() {
        reading.gaps.note("a run keeps results in other files");
    }
    let Some(results) = run.get("results").and_then(Value::as_array) else {
        // Absent or null: nobody looked (§3.14.23).
        reading.gaps.note("a run has no results, not even none");
        return;
    };
    let rules = rules(run);
    for result in results.iter() {
        let text = |name| result.get(name).and_then(Value::as_str);
        let kind = text("kind").unwrap_or("fail".into());
        let gone = text("baselineState").as_deref() == Some("absent");
        if gone || matches!(&*kind, "pass" | "notApplicable" | "informational") {
            continue;
        }
        if kind != "fail" {
            reading.gaps.note("a result is open or to be reviewed");
        }
        reading.findings.add(rate(result, &rules, overridden));
    }
}

/// Whether the runs went well; whether somebody changed how grave rules are.
fn invocations(run: Value<'_>, reading: &mut Reading) -> bool {
    let mut overridden = false;
    for invocation in list(run, "invocations").into_iter().flatten() {
        let member = |name| invocation.get(name);
        if member("executionSuccessful").and_then(Value::as_bool) != Some(true) {
            reading.gaps.note("a run was not successful");
        }
        for name in [
            "toolExecutionNotifications",
            "toolConfigurationNotifications",
        ] {
            for notice in list(invocation, name).into_iter().flatten() {
                let level = notice.get("level").and_then(Value::as_str);
                if !matches!(level.as_deref(), Some("note" | "none")) {
                    reading
                        .gaps
                        .note("the scanner reports errors or warnings of its own");
                }
            }
        }
        let overrides = list(invocation, "ruleConfigurationOverrides");
        overridden |= overrides.is_some_and(|all| !all.is_empty());
        let ended = member("endTimeUtc").or_else(|| member("startTimeUtc"));
        let ended = ended.and_then(Value::as_str);
        reading.made(ended.and_then(|text| instant(&text)));
    }
    overridden
}

fn rate(result: Value<'_>, rules: &HashMap<String, Rule>, overridden: bool) -> Severity {
    let id = result.get("ruleId").and_then(Value::as_str);
    let id = id.or_else(|| result.get("rule")?.get("id")?.as_str());
    // `CA2101/1` is of the rule `CA2101` (§3.52.4).
    let rule = id.and_then(|id| {
        let parent = id.rsplit_once('/').map(|(parent, _)| parent);
        rules.get(&*id).or_else(|| rules.get(parent?)).copied()
    });
    let rule = rule.unwrap_or_default();
    let own = result.get("level").and_then(Value::as_str);
    let level = match own {
        Some(own) => of_level(&own),
        None if overridden => Severity::Unrated,
        None => rule.level.unwrap_or(Severity::Medium),
    };
    let score = score(result).or(rule.score);
    match score {
        Some(score) if level == Severity::Unrated => score,
        Some(score) => Severity::gravest([level, score].into_iter()),
        None => level,
    }
}

/// By the id of each rule, of the driver and of what extends it. Of two with one id the graver counts.
fn rules(run: Value<'_>) -> HashMap<String, Rule> {
    let tool = run.get("tool");
    let driver = tool.and_then(|tool| tool.get("driver"));
    let extensions = tool.and_then(|tool| list(tool, "extensions"));
    let components = driver.into_iter().chain(extensions.into_iter().flatten());
    let mut found: HashMap<String, Rule> = HashMap::new();
    for rule in components.filter_map(|one| list(one, "rules")).flatten() {
        let Some(id) = rule.get("id").and_then(Value::as_str) else {
            continue;
        };
        let level = rule.get("defaultConfiguration");
        let level = level.and_then(|configuration| configuration.get("level")?.as_str());
        let level = level.map(|level| of_level(&level));
        let known = found.entry(id.into_owned()).or_default();
        known.level = known.level.max(level);
        known.score = known.score.max(score(rule));
    }
    found
}

fn score(of: Value<'_>) -> Option<Severity> {
    let properties = of.get("properties")?;
    Some(Severity::of_value(properties.get("security-severity")?))
}

fn of_level(level: &str) -> Severity {
    match level {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "note" => Severity::Low,
        "none" => Severity::None,
        _ => Severity::Unrated,
    }
}

fn list<'d>(of: Value<'d>, name: &str) -> Option<Array<'d>> {
    of.get(name).and_then(Value::as_array)
}

const fn form(why: &'static str) -> ReportError {
    ReportError::Form {
        format: Format::Sarif.as_str(),
        why,
    }
}
