//! Cedar policies under our schema: validated, indexed, and what wins.

use std::fmt::Write as _;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use proptest::prelude::*;
use serde_json::json;

use crate::policy::{
    Approve, Class, Definition, Levels, Policies, PolicyErrors, Recorded, RecordedApproval,
    RecordedPrincipal, RecordedTool, Replay, Sources, Then, Verdict,
};

pub(super) fn load(cedar: &str) -> Result<Policies, PolicyErrors> {
    load_with("", cedar)
}

pub(super) fn load_with(toml: &str, cedar: &str) -> Result<Policies, PolicyErrors> {
    Policies::load(
        &Sources::new()
            .with("t.toml", toml)?
            .with("t.cedar", cedar)?,
    )
}

pub(super) fn decide(policies: &Policies, call: &Recorded) -> crate::policy::Decision {
    Replay::new(policies, Timestamp::from_millis(0))
        .step(call)
        .unwrap()
        .decision
}

fn tool(name: &str) -> Recorded {
    Recorded {
        name: name.into(),
        ..Recorded::default()
    }
}

const ALL: &str = "@id(\"all\") permit (principal, action, resource);";

#[test]
fn nothing_is_allowed_without_a_permit_and_a_forbid_wins() {
    let empty = decide(&load("").unwrap(), &tool("x"));
    assert_eq!(
        (empty.verdict.clone(), empty.rule()),
        (Verdict::Deny, "default")
    );
    let both = load(&format!(
        "{ALL} @id(\"no\") @reason(\"because\") forbid (principal, action == Action::\"call_tool\", resource == Tool::\"x\");"
    ))
    .unwrap();
    let refused = decide(&both, &tool("x"));
    assert_eq!(
        (refused.verdict.clone(), refused.rule()),
        (Verdict::Deny, "no")
    );
    assert_eq!(refused.because[0].reason, "because");
    assert_eq!(decide(&both, &tool("y")).rule(), "all");
    // The rule on the call does not hide the tool.
    assert!(
        decide(
            &both,
            &Recorded {
                action: "see_tool".into(),
                ..tool("x")
            }
        )
        .is_allowed()
    );
}

#[test]
fn a_name_is_the_tools_own_and_its_server_is_its_parent() {
    let policies = load(
        "permit (principal, action == Action::\"call_tool\", resource in Server::\"files\")
         when { resource.name == \"read\" };",
    )
    .unwrap();
    let at = |server: &str, name: &str| {
        decide(
            &policies,
            &Recorded {
                server: server.into(),
                ..tool(name)
            },
        )
        .is_allowed()
    };
    assert!(at("files", "read"));
    assert!(!at("other", "read"));
    assert!(!at("files", "files__read"));
}

#[test]
fn what_does_not_validate_is_refused_with_line_and_reason() {
    for (cedar, line, why) in [
        (
            "permit (principal, action, resource);\n\npermit (principal, action, resource",
            3,
            "unexpected",
        ),
        (
            "\npermit (principal, action == Action::\"call_tol\", resource);",
            2,
            "call_tol",
        ),
        (
            "permit (principal, action == Action::\"call_tool\", resource)\nwhen { context.mcps.levels.effective > 1 };",
            2,
            "levels",
        ),
        (
            "permit (principal, action == Action::\"call_tool\", resource)\nwhen { context.mcps.level.effective > \"1\" };",
            2,
            "type",
        ),
        (
            "permit (principal, action == Action::\"call_tool\", resource)\nwhen { context.mcps.args.path like \"/x\" };",
            2,
            "path",
        ),
        (
            "\n\nforbid (principal, action, resource)\nwhen { context.mcps.session.fired.contains(\"nope\") };",
            3,
            "no sequence `nope`",
        ),
        (
            "forbid (principal, action, resource) when { context.mcps.session.facts.contains(\"nope\") };",
            1,
            "no fact `nope`",
        ),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            2,
            "second policy",
        ),
        (
            "@idd(\"a\") permit (principal, action, resource);",
            1,
            "@idd",
        ),
        (
            "@approval(\"x\") forbid (principal, action, resource);",
            1,
            "no approval",
        ),
        (
            "@observe permit (principal, action, resource);",
            1,
            "@observe",
        ),
        (
            "permit (principal == ?principal, action, resource);",
            1,
            "?principal|template",
        ),
    ] {
        let errors = load(cedar).unwrap_err();
        let error = &errors.0[0];
        assert_eq!(error.line, line, "{cedar}: {errors}");
        let said = format!("{} {}", error.reason, error.todo);
        assert!(
            why.split('|').any(|why| said.contains(why)),
            "{cedar}: {errors}"
        );
    }
}

#[test]
fn a_set_with_one_error_is_refused_whole() {
    let errors = load(&format!(
        "{ALL} permit (principal, action, resource) when {{ 1 }};"
    ))
    .unwrap_err();
    assert_eq!(errors.0.len(), 1);
}

#[test]
fn a_failing_evaluation_refuses_and_shows_no_value() {
    let policies = load_with(
        "[arguments]\namount = \"long\"",
        &format!(
            "{ALL} @id(\"sum\") forbid (principal, action == Action::\"call_tool\", resource)
             when {{ context.mcps.args has amount && context.mcps.args.amount * 9000000000 > 5 && false }};"
        ),
    )
    .unwrap();
    let call = Recorded {
        arguments: Some(json!({ "amount": 9_007_199_254_740_991_i64 })),
        ..tool("x")
    };
    let decision = decide(&policies, &call);
    assert_eq!(
        (decision.verdict.clone(), decision.rule()),
        (Verdict::Deny, "error")
    );
    let error = decision.error.unwrap();
    assert!(error.contains("sum") && !error.contains("9007"), "{error}");
}

#[test]
fn an_argument_of_another_type_than_declared_refuses_unless_the_tool_means_it() {
    let policies = load_with(
        "[arguments]\npath = \"string\"",
        &format!(
            "{ALL} forbid (principal, action == Action::\"call_tool\", resource)
             when {{ context.mcps.args has path && context.mcps.args.path like \"/etc/*\" }};"
        ),
    )
    .unwrap();
    let with = |path: serde_json::Value| Recorded {
        arguments: Some(json!({ "path": path })),
        ..tool("x")
    };
    assert!(!decide(&policies, &with(json!("/etc/passwd"))).is_allowed());
    assert!(decide(&policies, &with(json!("/home"))).is_allowed());
    let listed = with(json!(["/etc/passwd"]));
    assert_eq!(decide(&policies, &listed).rule(), "error");
    let schema = json!({ "properties": { "path": { "type": "array" } } });
    let meant = Recorded {
        tool: RecordedTool {
            input_schema: Some(schema),
            ..RecordedTool::default()
        },
        ..listed
    };
    assert!(decide(&policies, &meant).is_allowed());
}

#[test]
fn approvals_hold_a_call_and_count_different_people_of_the_group() {
    let policies = load(&format!(
        "{ALL} @id(\"ask\") @approval(\"secops,2,15m\") forbid (principal, action == Action::\"call_tool\", resource == Tool::\"pay\");"
    ))
    .unwrap();
    let wanted = Approve {
        group: "secops".into(),
        quorum: 2,
        ttl_s: 900,
    };
    let held = decide(&policies, &tool("pay"));
    assert_eq!(
        (held.verdict.clone(), held.rule()),
        (Verdict::NeedsApproval(vec![wanted]), "ask")
    );
    let by = |group: &str, people: &[&str]| {
        let by = people.iter().map(|name| (*name).to_owned()).collect();
        let approvals = vec![RecordedApproval {
            group: group.into(),
            by,
        }];
        decide(
            &policies,
            &Recorded {
                approvals,
                ..tool("pay")
            },
        )
        .is_allowed()
    };
    assert!(by("secops", &["a", "b"]));
    assert!(!by("secops", &["a", "a"]));
    assert!(!by("other", &["a", "b"]));
    // A forbid without approval still wins.
    let hard = load(&format!(
        "{ALL} @approval(\"s,1,1m\") forbid (principal, action, resource); @id(\"hard\") forbid (principal, action, resource);"
    ))
    .unwrap();
    assert_eq!(decide(&hard, &tool("x")).rule(), "hard");
    // A permit that wants approval permits nothing by itself.
    let permit = load("@approval(\"s,1,1m\") permit (principal, action, resource);").unwrap();
    assert!(matches!(
        decide(&permit, &tool("x")).verdict,
        Verdict::NeedsApproval(_)
    ));
}

#[test]
fn what_is_only_tried_refuses_nothing_and_is_told() {
    let policies = load(&format!(
        "{ALL} @id(\"try\") @observe forbid (principal, action, resource);
         @id(\"mask\") @mask(\"secret, personal\") @then(\"alert\") permit (principal, action == Action::\"call_tool\", resource == Tool::\"x\");"
    ))
    .unwrap();
    let decision = decide(&policies, &tool("x"));
    assert!(decision.is_allowed());
    assert_eq!(decision.observed, ["try"]);
    assert_eq!(decision.mask, ["secret", "personal"]);
    assert_eq!(decision.then, [Then::Alert]);
}

#[test]
fn trust_once_lowered_stays_lowered_in_the_session() {
    let policies = load(
        "permit (principal, action, resource) when { context.mcps.level.effective >= 2 };
         @then(\"lower_trust:L1\") permit (principal, action == Action::\"call_tool\", resource == Tool::\"risky\");",
    )
    .unwrap();
    let mut replay = Replay::new(&policies, Timestamp::from_millis(0));
    let mut go = |call: Recorded| replay.step(&call).unwrap().decision.is_allowed();
    assert!(go(tool("x")));
    assert!(go(tool("risky")));
    assert!(!go(tool("x")));
    assert!(go(Recorded {
        session: "another".into(),
        ..tool("x")
    }));
}

#[test]
fn what_policies_may_ask_is_there() {
    let call = Recorded {
        principal: RecordedPrincipal {
            kind: "oidc".into(),
            owner: "ops".into(),
            groups: vec!["dev".into()],
            claims: Some(json!({ "email": "a@example.com", "x": 1 })),
            ..RecordedPrincipal::default()
        },
        level: Levels {
            channel: TrustLevel::L0,
            ..Levels::all(TrustLevel::L3)
        },
        arguments: Some(json!({ "price": 4.35, "url": "https://evil.test", "tags": ["a"] })),
        at: "2026-11-21T09:30:00Z".into(),
        ..tool("x")
    };
    let other = Recorded {
        tenant: "other".into(),
        principal: RecordedPrincipal {
            name: "other".into(),
            claims: Some(json!({ "email": "a@example.org" })),
            ..RecordedPrincipal::default()
        },
        server: "other".into(),
        level: Levels::all(TrustLevel::L1),
        tool: RecordedTool {
            class: vec![Class::Read],
            ..RecordedTool::default()
        },
        definition: Definition {
            pinned: false,
            changed: false,
        },
        arguments: Some(json!({ "price": 4.36, "url": "https://good.test", "tags": ["b"] })),
        at: "2026-11-22T10:31:00Z".into(),
        ..tool("x")
    };
    for condition in [
        "principal in Group::\"dev\"",
        "principal in Tenant::\"tenant\"",
        "principal == Agent::\"agent\" && principal.kind == \"oidc\" && principal.owner == \"ops\"",
        "principal.claims has email && principal.claims.email like \"*@example.com\"",
        "principal.groups.contains(\"dev\")",
        "resource in Server::\"server\" && resource in Tenant::\"tenant\"",
        "resource.server == \"server\" && !resource.classified",
        "context.mcps.level.passport == 3 && context.mcps.level.channel == 0",
        "context.mcps.args.price == decimal(\"4.35\")",
        "context.mcps.args.tags.contains(\"a\")",
        "context.mcps.call.hosts.contains(\"evil.test\") && !context.mcps.call.cross_tenant",
        "context.mcps.call.facts.contains(\"out\")",
        "context.mcps.session.counts[\"many\"] == 1 && context.mcps.session.calls == 0",
        "context.mcps.definition.pinned && !context.mcps.definition.changed",
        "context.mcps.tenant == \"tenant\" && !context.mcps.approval.granted",
        "context.mcps.time.hour == 9 && context.mcps.time.minute == 30 && context.mcps.time.weekday == 6",
        "context.mcps.time.at < datetime(\"2026-11-22\")",
    ] {
        let guard = if condition.contains("args") {
            "context.mcps.args has price && context.mcps.args has tags && "
        } else {
            ""
        };
        let policies = load_with(
            "[arguments]\nprice = \"decimal\"\ntags = \"strings\"\n[claims]\nemail = \"string\"
             [[fact]]\nid = \"out\"\non = \"call\"\nwhen = { host = [\"evil.test\"] }
             [[sequence]]\nid = \"many\"\nmatch = \"count(out, 60s) > 9\"\nthen = \"alert\"",
            &format!("permit (principal, action == Action::\"call_tool\", resource) when {{ {guard}{condition} }};"),
        )
        .unwrap_or_else(|errors| panic!("{condition}: {errors}"));
        // One set is asked in turn, so that what it keeps of one call would show in the next.
        for _ in 0..2 {
            let decision = decide(&policies, &call);
            assert!(decision.is_allowed(), "{condition}: {decision:?}");
            let decision = decide(&policies, &other);
            assert!(!decision.is_allowed(), "{condition}: {decision:?}");
        }
    }
}

/// Policies of every kind of scope over a few names, so that the index has something to go wrong on.
pub(super) fn arbitrary_policy() -> impl Strategy<Value = String> {
    let pick = |items: &'static [&'static str]| prop::sample::select(items);
    (
        pick(&["permit", "forbid"]),
        pick(&[
            "principal",
            "principal == Agent::\"a\"",
            "principal in Group::\"g\"",
            "principal is Agent",
            "principal in Tenant::\"t\"",
        ]),
        pick(&[
            "action",
            "action == Action::\"call_tool\"",
            "action in Action::\"use\"",
            "action in [Action::\"call_tool\", Action::\"see_tool\"]",
            "action == Action::\"see_tool\"",
        ]),
        pick(&[
            "resource",
            "resource == Tool::\"x\"",
            "resource in Server::\"s\"",
            "resource is Tool",
            "resource in Tenant::\"t\"",
            "resource is Tool in Server::\"s\"",
        ]),
        pick(&[
            "",
            "when { context.mcps.level.effective > 1 }",
            "when { context.mcps.session.calls == 0 }",
        ]),
    )
        .prop_map(|(effect, principal, action, resource, when)| {
            format!("{effect} ({principal}, {action}, {resource}) {when};\n")
        })
}

pub(super) fn arbitrary_call() -> impl Strategy<Value = Recorded> {
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0_i64..5,
    )
        .prop_map(|(see, a, grouped, x, s, level)| Recorded {
            action: if see { "see_tool" } else { "call_tool" }.into(),
            tenant: "t".into(),
            principal: RecordedPrincipal {
                name: if a { "a" } else { "b" }.into(),
                groups: if grouped {
                    vec!["g".into()]
                } else {
                    Vec::new()
                },
                ..RecordedPrincipal::default()
            },
            server: if s { "s" } else { "r" }.into(),
            level: Levels::all(TrustLevel::from_number(level).unwrap()),
            ..tool(if x { "x" } else { "y" })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_forbid_survives_any_permit_that_is_added(
        policies in prop::collection::vec(arbitrary_policy(), 0..8),
        more in prop::collection::vec(arbitrary_policy(), 1..4),
        call in arbitrary_call(),
    ) {
        let before: String = policies.concat();
        let permits: String = more.concat().replace("forbid", "permit");
        let old = load(&before);
        prop_assume!(old.is_ok());
        let refused = decide(&old.unwrap(), &call);
        let new = decide(&load(&(before + &permits)).unwrap(), &call);
        if refused.rule() != "default" && !refused.is_allowed() {
            prop_assert_eq!(new.because, refused.because);
        }
    }

    #[test]
    fn the_index_answers_as_one_set_would(
        policies in prop::collection::vec(arbitrary_policy(), 0..10), call in arbitrary_call(),
    ) {
        // One policy at a time is no index; the whole must follow from the parts.
        let alone = |text: &String| decide(&load(text).unwrap(), &call);
        let parts: Vec<_> = policies.iter().map(|text| (text.starts_with("permit"), alone(text))).collect();
        let permits = parts.iter().filter(|(permit, part)| *permit && part.is_allowed()).count();
        let forbids = parts.iter().filter(|(permit, part)| !permit && part.rule() != "default").count();
        let mut text = String::new();
        policies.iter().for_each(|policy| { let _ = write!(text, "{policy}"); });
        let whole = decide(&load(&text).unwrap(), &call);
        prop_assert_eq!(whole.is_allowed(), permits > 0 && forbids == 0);
        let because = whole.because.iter().filter(|because| because.rule != "default").count();
        prop_assert_eq!(because, if forbids > 0 { forbids } else { permits });
    }
}
