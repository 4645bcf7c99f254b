use super::*;

fn read(report: &str, mapping: Option<&str>) -> Result<Wanted, MappingError> {
    let mapping = mapping.map(|mapping| Mapping::parse(mapping).unwrap());
    Wanted::read(&Document::parse(report).unwrap(), mapping.as_ref())
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
    assert_eq!(Mapping::parse("[]"), Err(MappingError::Form));
    assert_eq!(
        Mapping::parse(r#"{"action":"suspend"}"#),
        Err(MappingError::Form)
    );
}
