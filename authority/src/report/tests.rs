use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use serde_json::{Value, json};

use super::instant::instant;
use super::{Findings, Format, Reading, Registered, ReportError, read};
use crate::levels::Verdict;

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/report/testdata/",
            $name
        ))
    };
}

mod intake;

const TOOLS: &str = recorded!("tools.json");
const CLEAN: &str = recorded!("mcp-scanner-clean.json");
const NOT_RUN: &str = recorded!("mcp-scanner-not-run.json");

fn registered() -> Registered {
    Registered::of(TOOLS).unwrap()
}

fn try_reading(text: &str) -> Result<Reading, ReportError> {
    let document = Document::parse(text).unwrap();
    let format = Format::of(document.root()).ok_or(ReportError::Unrecognised)?;
    read(format, document.root(), &registered())
}

fn reading(text: &str) -> Reading {
    try_reading(text).unwrap()
}

fn edited(text: &str, change: impl FnOnce(&mut Value)) -> Reading {
    let mut value: Value = serde_json::from_str(text).unwrap();
    change(&mut value);
    reading(&value.to_string())
}

fn counts(critical: u32, high: u32, medium: u32, low: u32, unrated: u32) -> Findings {
    Findings {
        critical,
        high,
        medium,
        low,
        unrated,
    }
}

#[test]
fn what_real_scanners_print_is_counted_by_us() {
    use Verdict::{Fail, Incomplete, Pass};
    let cases = [
        (
            recorded!("mcp-scanner-clean.json"),
            Pass,
            counts(0, 0, 0, 0, 0),
        ),
        (NOT_RUN, Incomplete, counts(0, 0, 0, 0, 0)),
        (
            recorded!("snyk-inspect.json"),
            Incomplete,
            counts(0, 0, 0, 0, 0),
        ),
        (recorded!("bandit-found.sarif"), Fail, counts(0, 1, 1, 1, 0)),
        (recorded!("bandit-clean.sarif"), Pass, counts(0, 0, 0, 0, 0)),
        (
            recorded!("bandit-broken.sarif"),
            Incomplete,
            counts(0, 0, 0, 0, 0),
        ),
        (recorded!("ruff-clean.sarif"), Pass, counts(0, 0, 0, 0, 0)),
        (
            recorded!("semgrep-found.sarif"),
            Fail,
            counts(0, 1, 0, 0, 0),
        ),
        (
            recorded!("cyclonedx-py-bom.json"),
            Incomplete,
            counts(0, 0, 0, 0, 0),
        ),
        (
            recorded!("pip-audit-empty.json"),
            Incomplete,
            counts(0, 0, 0, 0, 0),
        ),
    ];
    for (at, (text, verdict, findings)) in cases.into_iter().enumerate() {
        let read = reading(text);
        assert_eq!(
            (read.verdict(), read.findings),
            (verdict, findings),
            "{at}: {}",
            read.summary()
        );
    }
    assert_eq!(reading(recorded!("ruff-found.sarif")).verdict(), Fail);
    let bad = Registered::of(recorded!("tools-bad.json")).unwrap();
    let document = Document::parse(recorded!("mcp-scanner-found.json")).unwrap();
    let found = read(Format::McpScanner, document.root(), &bad).unwrap();
    assert_eq!(
        (found.verdict(), found.findings),
        (Fail, counts(0, 5, 0, 0, 0))
    );
}

#[test]
fn safe_with_everything_skipped_is_not_clean() {
    let clean = recorded!("mcp-scanner-clean.json");
    let skipped = edited(clean, |all| {
        for result in all["scan_results"].as_array_mut().unwrap() {
            result["status"] = json!("skipped");
            result["is_safe"] = json!(true);
            result["findings"] = json!({});
        }
    });
    assert_eq!(skipped.verdict(), Verdict::Incomplete);
    let silent = edited(clean, |all| all["requested_analyzers"] = json!([]));
    assert_eq!(silent.verdict(), Verdict::Incomplete);
    let unasked = edited(clean, |all| {
        all.as_object_mut().unwrap().remove("requested_analyzers");
    });
    assert_eq!(unasked.verdict(), Verdict::Incomplete);
}

#[test]
fn analysers_that_were_asked_for_and_did_not_run_are_named() {
    let said = reading(NOT_RUN).summary();
    assert!(
        said.contains("api was asked for and did not run on `read`"),
        "{said}"
    );
    assert!(said.ends_with("and 3 more"), "{said}");
}

#[test]
fn an_analyser_that_failed_or_contradicts_itself_is_not_clean() {
    let clean = recorded!("mcp-scanner-clean.json");
    let yara = |change: Value| {
        edited(clean, |all| {
            let yara = &mut all["scan_results"][0]["findings"]["yara_analyzer"];
            for (name, value) in change.as_object().unwrap() {
                yara[name] = value.clone();
            }
        })
    };
    for incomplete in [
        json!({"status": "error", "severity": "UNKNOWN"}),
        json!({"status": "partial"}),
        json!({"severity": "UNKNOWN"}),
        json!({"total_findings": null}),
        // Found something, and says that it is safe.
        json!({"total_findings": 3}),
    ] {
        let found = yara(incomplete.clone());
        assert_eq!(found.verdict(), Verdict::Incomplete, "{incomplete}");
    }
    // Counts nothing, and says that it is grave.
    assert_eq!(yara(json!({"severity": "HIGH"})).verdict(), Verdict::Fail);
    // What a filter took away was found all the same.
    let filtered = edited(clean, |all| {
        let kept = json!({"filtered_count": 1, "filtered_findings": [{"severity": "HIGH"}]});
        all["scan_results"][0]["meta_analysis"] = kept;
        all["requested_analyzers"] = json!(["yara", "meta"]);
    });
    assert_eq!(filtered.verdict(), Verdict::Fail);
}

#[test]
fn a_report_on_other_tools_is_refused_and_a_missing_one_noticed() {
    let clean = recorded!("mcp-scanner-clean.json");
    let other = |name: &str, text: Value| {
        let mut value: Value = serde_json::from_str(clean).unwrap();
        value["scan_results"][0][name] = text;
        try_reading(&value.to_string())
    };
    for refused in [
        other("tool_name", json!("mail")),
        other("tool_description", json!("Reads a note and mails it.")),
        other("tool_description", Value::Null),
    ] {
        assert!(
            matches!(refused, Err(ReportError::OtherTools(_))),
            "{refused:?}"
        );
    }
    let fewer = edited(clean, |all| {
        all["scan_results"].as_array_mut().unwrap().pop();
    });
    assert_eq!(fewer.verdict(), Verdict::Incomplete);
    assert!(fewer.summary().contains("`list` was not scanned"));
    let none = edited(clean, |all| all["scan_results"] = json!([]));
    assert_eq!(none.verdict(), Verdict::Incomplete);
}

/// After the models of snyk-agent-scan 0.6.9.
fn snyk(risk: Value, error: Value) -> Value {
    let mut indexes = json!({
        "prompt_injection_tool_desc": {"score": 0, "evidence": ""},
        "untrusted_content": {"score": 120, "evidence": "x"},
        "private_data": {"score": 0, "evidence": ""},
        "destructive_capabilities": {"score": 399, "evidence": "x"},
    });
    for (name, value) in risk.as_object().unwrap() {
        indexes[name] = value.clone();
    }
    json!({"scan_path_responses": [{"path": "mcp.json", "skill_risks": [], "server_risks": [{
        "name": "whatever it calls itself",
        "entities": [{"name": "read", "type": "tool"}, {"name": "list", "type": "tool"}],
        "risk_indexes": indexes,
        "error": error,
    }]}]})
}

#[test]
fn risks_of_agent_scan_are_rated_by_their_scores() {
    let verdict = |risk, error| reading(&snyk(risk, error).to_string()).verdict();
    assert_eq!(verdict(json!({}), Value::Null), Verdict::Pass);
    let injects = json!({"prompt_injection_tool_desc": {"score": 950, "evidence": "x"}});
    assert_eq!(verdict(injects, Value::Null), Verdict::Fail);
    let new = json!({"a_new_risk": {"score": 700, "evidence": "x"}});
    assert_eq!(verdict(new, Value::Null), Verdict::Fail);
    for unrated in [
        json!({"private_data": null}),
        json!({"private_data": {"evidence": "x"}}),
        json!({"private_data": {"score": 5000}}),
    ] {
        assert_eq!(verdict(unrated, Value::Null), Verdict::Incomplete);
    }
    let error = json!({"message": "x", "is_failure": false});
    assert_eq!(verdict(json!({}), error), Verdict::Incomplete);
    let mut two = snyk(json!({}), Value::Null);
    let again = two["scan_path_responses"][0].clone();
    two["scan_path_responses"]
        .as_array_mut()
        .unwrap()
        .push(again);
    assert!(matches!(
        try_reading(&two.to_string()),
        Err(ReportError::Form { .. })
    ));
    let mut other = snyk(json!({}), Value::Null);
    other["scan_path_responses"][0]["server_risks"][0]["entities"][0]["name"] = json!("mail");
    assert!(matches!(
        try_reading(&other.to_string()),
        Err(ReportError::OtherTools(_))
    ));
}

fn sarif(result: Value, run: Value) -> Reading {
    let mut all = json!({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "x", "rules": [
            {"id": "R1", "defaultConfiguration": {"level": "error"}},
            {"id": "R2", "properties": {"security-severity": "9.8"}},
        ]}},
        "results": [result],
    }]});
    for (name, value) in run.as_object().unwrap() {
        all["runs"][0][name] = value.clone();
    }
    reading(&all.to_string())
}

#[test]
fn sarif_counts_the_worse_of_level_and_score() {
    for (result, expected) in [
        (json!({"ruleId": "R1"}), counts(0, 1, 0, 0, 0)),
        (json!({"ruleId": "R1/sub"}), counts(0, 1, 0, 0, 0)),
        (json!({"rule": {"id": "R1"}}), counts(0, 1, 0, 0, 0)),
        (
            json!({"ruleId": "R2", "level": "note"}),
            counts(1, 0, 0, 0, 0),
        ),
        (
            json!({"ruleId": "R1", "level": "none"}),
            counts(0, 0, 0, 0, 0),
        ),
        (json!({}), counts(0, 0, 1, 0, 0)),
        (json!({"level": "grave"}), counts(0, 0, 0, 0, 1)),
        (
            json!({"level": "error", "kind": "pass"}),
            counts(0, 0, 0, 0, 0),
        ),
        (
            json!({"level": "error", "baselineState": "absent"}),
            counts(0, 0, 0, 0, 0),
        ),
        // Silenced where it was found, and there all the same.
        (
            json!({"level": "error", "suppressions": [{"kind": "inSource"}]}),
            counts(0, 1, 0, 0, 0),
        ),
    ] {
        assert_eq!(
            sarif(result.clone(), json!({})).findings,
            expected,
            "{result}"
        );
    }
}

#[test]
fn sarif_of_a_run_that_did_not_go_well_is_incomplete() {
    let fine = json!({"level": "note"});
    assert_eq!(sarif(fine.clone(), json!({})).verdict(), Verdict::Pass);
    for run in [
        json!({"invocations": [{"executionSuccessful": false}]}),
        json!({"invocations": [{}]}),
        json!({"invocations": [{"executionSuccessful": true, "toolExecutionNotifications": [{"level": "error"}]}]}),
        json!({"invocations": [{"executionSuccessful": true, "toolConfigurationNotifications": [{}]}]}),
        json!({"externalPropertyFileReferences": {"results": [{}]}}),
        json!({"results": null}),
    ] {
        assert_eq!(
            sarif(fine.clone(), run.clone()).verdict(),
            Verdict::Incomplete,
            "{run}"
        );
    }
    let open = json!({"level": "note", "kind": "open"});
    assert_eq!(sarif(open, json!({})).verdict(), Verdict::Incomplete);
    let overridden =
        json!({"invocations": [{"executionSuccessful": true, "ruleConfigurationOverrides": [{}]}]});
    assert_eq!(
        sarif(json!({"ruleId": "R1"}), overridden).verdict(),
        Verdict::Incomplete
    );
    let none = json!({"version": "2.1.0", "runs": []}).to_string();
    assert_eq!(reading(&none).verdict(), Verdict::Incomplete);
    let other = json!({"version": "2.2.0", "runs": []}).to_string();
    assert!(matches!(try_reading(&other), Err(ReportError::Form { .. })));
}

#[test]
fn cyclonedx_counts_what_is_not_resolved() {
    let bom = |one: Value| {
        let all = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [one]});
        reading(&all.to_string())
    };
    for (one, expected) in [
        (
            json!({"ratings": [{"score": 9.1, "method": "CVSSv31"}]}),
            counts(1, 0, 0, 0, 0),
        ),
        (
            json!({"ratings": [{"severity": "high"}, {"severity": "low"}]}),
            counts(0, 1, 0, 0, 0),
        ),
        (
            json!({"ratings": [{"severity": "unknown"}, {"severity": "low"}]}),
            counts(0, 0, 0, 1, 0),
        ),
        (
            json!({"ratings": [{"score": 42, "method": "OWASP", "severity": "medium"}]}),
            counts(0, 0, 1, 0, 0),
        ),
        (json!({"ratings": []}), counts(0, 0, 0, 0, 1)),
        (
            json!({"ratings": [{"severity": "high"}], "analysis": {"state": "resolved"}}),
            counts(0, 0, 0, 0, 0),
        ),
        (
            json!({"ratings": [{"severity": "high"}], "analysis": {"state": "false_positive"}}),
            counts(0, 1, 0, 0, 0),
        ),
        (
            json!({"ratings": [{"severity": "high"}], "analysis": {"state": "not_affected"}}),
            counts(0, 1, 0, 0, 0),
        ),
    ] {
        assert_eq!(bom(one.clone()).findings, expected, "{one}");
    }
    let partly = json!({"bomFormat": "CycloneDX", "vulnerabilities": [],
        "compositions": [{"aggregate": "incomplete"}]});
    assert_eq!(reading(&partly.to_string()).verdict(), Verdict::Incomplete);
    let whole = json!({"bomFormat": "CycloneDX", "vulnerabilities": []});
    assert_eq!(reading(&whole.to_string()).verdict(), Verdict::Pass);
}

#[test]
fn times_are_read_with_any_offset() {
    let utc = Timestamp::parse_rfc3339("2026-11-22T12:00:00Z");
    for text in [
        "2026-11-22T12:00:00+00:00",
        "2026-11-22T13:30:00.000+01:30",
        "2026-11-22T07:00:00-05:00",
    ] {
        assert_eq!(instant(text), utc, "{text}");
    }
    for text in [
        "",
        "+00:00",
        "2026-11-22T12:00:00",
        "2026-11-22T12:00:00+24:00",
        "2026-11-22 12:00:00Z",
        "é:00",
    ] {
        assert_eq!(instant(text), None, "{text}");
    }
}

#[test]
fn a_summary_fits_into_a_statement_whatever_the_names() {
    let long = "\u{1f600}".repeat(4000);
    let clean = recorded!("mcp-scanner-clean.json");
    let read = edited(clean, |all| {
        all["requested_analyzers"] = json!([long, "yara\n"])
    });
    let summary = read.summary();
    assert!(
        summary.len() <= 1000 && !summary.contains('\n'),
        "{}",
        summary.len()
    );
}
