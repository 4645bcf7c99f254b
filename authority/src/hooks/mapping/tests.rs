use super::*;

fn alerts(report: &str, mapping: Option<&str>) -> Vec<Alert> {
    let report = Document::parse(report).unwrap();
    match mapping {
        Some(mapping) => {
            let mapping = Mapping::parse(mapping).unwrap().whole().unwrap();
            mapping.alerts(&report).unwrap()
        }
        None => own_form(&report).unwrap(),
    }
}

fn read(report: &str, mapping: Option<&str>) -> Result<Wanted, MappingError> {
    match alerts(report, mapping).remove(0).said {
        Said::Firing(wanted) => Ok(wanted),
        Said::Unread(error) => Err(error),
        Said::Resolved => panic!("resolved"),
    }
}

fn agent(name: &str) -> Target {
    Target::Agent {
        tenant: "acme".into(),
        name: name.into(),
    }
}

#[test]
fn reads_our_own_form() {
    let report =
        r#"{"action":"suspend","target":{"kind":"agent","tenant":"acme","name":"a"},"note":"why"}"#;
    let wanted = read(report, None).unwrap();
    assert_eq!(
        (wanted.action, wanted.target),
        (Ceiling::Suspend, agent("a"))
    );
    assert_eq!(
        (wanted.reason, wanted.note.as_deref()),
        (Reason::Policy, Some("why"))
    );
}

const MAPPING: &str = r#"{
    "action": {"at": "/alert/severity", "is": {"critical": "revoke", "high": "suspend"}, "else": "observe"},
    "target": {"kind": "agent", "tenant": "acme", "name": {"at": "/alert/labels/agent"}},
    "reason": "key_compromise", "note": {"at": "/alert/title"}
}"#;

#[test]
fn reads_another_form_by_pointers() {
    for (severity, action) in [
        ("critical", Ceiling::Revoke),
        ("high", Ceiling::Suspend),
        ("low", Ceiling::Observe),
    ] {
        let report = format!(
            r#"{{"alert":{{"severity":"{severity}","labels":{{"agent":"crawler"}},"title":"T"}}}}"#
        );
        let wanted = read(&report, Some(MAPPING)).unwrap();
        assert_eq!((wanted.action, wanted.target), (action, agent("crawler")));
        assert_eq!(wanted.reason, Reason::KeyCompromise);
    }
}

const LIST: &str = r#"{
    "each": "/alerts", "id": [{"at": "/fingerprint"}, {"at": "/startsAt"}],
    "resolved": {"at": "/status", "is": "resolved"},
    "when": [{"at": "/labels/severity", "in": ["critical", "page"]}, {"at": "/labels/score", "least": 50}],
    "action": "suspend",
    "target": {"kind": "agent", "tenant": {"of": "/commonLabels/tenant", "else": "acme"}, "name": {"at": "/labels/agent"}}
}"#;

#[test]
fn a_report_may_have_several_alerts_each_with_its_state() {
    let report = r#"{"commonLabels":{"tenant":"acme"},"alerts":[
        {"status":"firing","fingerprint":"f1","startsAt":"t1","labels":{"agent":"a","severity":"page","score":"90"}},
        {"status":"resolved","fingerprint":"f2","startsAt":"t2","labels":{"agent":"b"}},
        {"status":"firing","fingerprint":"f3","startsAt":"t3","labels":{"agent":"c","severity":"info","score":90}},
        {"status":"firing","fingerprint":"f4","startsAt":"t4","labels":{"agent":"d","severity":"page","score":49.9}},
        {"status":"firing","fingerprint":"f5","labels":{"severity":"page"}}
    ]}"#;
    let alerts = alerts(report, Some(LIST));
    let ids: Vec<_> = alerts.iter().map(|alert| alert.id.as_deref()).collect();
    let expected = [
        Some("f1:t1"),
        Some("f2:t2:resolved"),
        Some("f3:t3"),
        Some("f4:t4"),
        None,
    ];
    assert_eq!(ids, expected);
    let action = |alert: &Alert| match &alert.said {
        Said::Firing(wanted) => wanted.action.as_str(),
        Said::Resolved => "resolved",
        Said::Unread(_) => "unread",
    };
    let actions: Vec<_> = alerts.iter().map(action).collect();
    assert_eq!(
        actions,
        ["suspend", "resolved", "observe", "observe", "unread"]
    );
}

#[test]
fn an_alert_of_a_list_is_the_same_whatever_stands_beside_it() {
    let one = r#"{"alerts":[{"fingerprint":"f","startsAt":"t","labels":{"agent":"a"}}]}"#;
    let two = r#"{"alerts":[{"fingerprint":"f","startsAt":"t","labels":{"agent":"a"},"endsAt":"later"},{}]}"#;
    assert_eq!(
        alerts(one, Some(LIST))[0].digest,
        alerts(two, Some(LIST))[0].digest
    );
    let other = one.replace(r#""a""#, r#""b""#);
    assert_ne!(
        alerts(one, Some(LIST))[0].digest,
        alerts(&other, Some(LIST))[0].digest
    );
}

#[test]
fn a_list_that_is_none_or_too_long_is_said_to_be_so() {
    let mapping = Mapping::parse(LIST).unwrap();
    let read = |report: &str| mapping.alerts(&Document::parse(report).unwrap());
    assert_eq!(read(r#"{"alerts":{}}"#), Err(MappingError::Each));
    assert_eq!(read("{}"), Err(MappingError::Each));
    let many = vec!["{}"; MAX_ALERTS + 1].join(",");
    let many = format!(r#"{{"alerts":[{many}]}}"#);
    assert_eq!(read(&many), Err(MappingError::TooMany));
}

#[test]
fn conditions_hold_for_what_is_there_alone() {
    let report: Value =
        serde_json::from_str(r#"{"a": 1, "b": "two", "c": null, "d": "3"}"#).unwrap();
    let scope = Scope {
        alert: &report,
        report: &report,
    };
    for (condition, expected) in [
        (r#"{"at": "/a"}"#, true),
        (r#"{"at": "/c"}"#, false),
        (r#"{"at": "/e"}"#, false),
        (r#"{"at": "/a", "is": 1}"#, true),
        (r#"{"at": "/a", "is": "1"}"#, false),
        (r#"{"at": "/b", "in": ["one", "two"]}"#, true),
        (r#"{"at": "/b", "in": "two"}"#, false),
        (r#"{"at": "/b", "not": "two"}"#, false),
        (r#"{"at": "/b", "not": "one"}"#, true),
        (r#"{"at": "/e", "not": "one"}"#, false),
        (r#"{"at": "/d", "least": 3}"#, true),
        (r#"{"at": "/d", "least": 3.1}"#, false),
        (r#"{"at": "/b", "least": 3}"#, false),
        (r#"{"of": "/a", "is": 1}"#, true),
        ("{}", false),
        ("7", false),
    ] {
        let condition: Value = serde_json::from_str(condition).unwrap();
        assert_eq!(holds(&condition, scope), expected, "{condition}");
    }
}

#[test]
fn names_what_cannot_be_read() {
    let bad = [
        ("{}", None, ACTION),
        (
            r#"{"action":"destroy","target":{"kind":"all"}}"#,
            None,
            ACTION,
        ),
        (r#"{"action":"suspend"}"#, None, TARGET),
        (
            r#"{"action":"suspend","target":{"kind":"agent","tenant":"acme"}}"#,
            None,
            TARGET,
        ),
        (r#"{"alert":{}}"#, Some(MAPPING), TARGET),
        (r#"{"alert":{"labels":{"agent":7}}}"#, Some(MAPPING), TARGET),
    ];
    for (report, mapping, error) in bad {
        assert_eq!(read(report, mapping), Err(error), "{report}");
    }
    for (text, error) in [
        ("[]", MappingError::Form),
        (r#"{"target":7}"#, MappingError::Form),
        (r#"{"when":{}}"#, MappingError::Form),
        (r#"{"actions":"suspend"}"#, MappingError::Unknown),
    ] {
        assert_eq!(Mapping::parse(text), Err(error), "{text}");
    }
    let part = Mapping::parse(r#"{"action":"suspend"}"#).unwrap();
    assert_eq!(part.whole(), Err(MappingError::Form));
}
