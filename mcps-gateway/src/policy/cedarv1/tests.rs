//! The form's outcomes.

mod cases;

use mcps_core::clock::Timestamp;
use serde_json::{Value, json};

use crate::policy::{
    Decision, Policies, PolicyErrors, Recorded, RecordedPrincipal, RecordedTool, Replay, Sources,
};

fn load(cedar: &Value) -> Result<Policies, PolicyErrors> {
    let file = json!({ "version": "1.0", "type": "cedarv1", "cedar": cedar }).to_string();
    Policies::load(&Sources::new().with("authz.json", file)?)
}

fn policies(policies: &[&str]) -> Policies {
    load(&json!({ "policies": policies, "entities_json": "[]" })).unwrap()
}

fn decide(policies: &Policies, call: &Recorded) -> Decision {
    Replay::new(policies, Timestamp::from_millis(0))
        .step(call)
        .unwrap()
        .decision
}

fn allows(policy: &str, call: &Recorded) -> bool {
    decide(&policies(&[policy]), call).is_allowed()
}

fn call(action: &str, name: &str, claims: Value) -> Recorded {
    Recorded {
        action: action.into(),
        name: name.into(),
        server: "github".into(),
        principal: RecordedPrincipal {
            claims: Some(claims),
            ..RecordedPrincipal::default()
        },
        ..Recorded::default()
    }
}

fn weather(arguments: Value) -> Recorded {
    Recorded {
        arguments: Some(arguments),
        ..call(
            "call_tool",
            "weather",
            json!({ "sub": "user123", "name": "John", "roles": ["admin"] }),
        )
    }
}

#[test]
fn the_policies_of_the_form_have_their_outcomes() {
    let plain =
        weather(json!({ "location": "New York", "units": 5, "deep": { "a": 1 }, "list": [1] }));
    for (policy, expected) in [
        (
            "permit(principal, action == Action::\"call_tool\", resource == Tool::\"weather\");",
            true,
        ),
        (
            "permit(principal, action == Action::\"call_tool\", resource == Tool::\"calculator\");",
            false,
        ),
        (
            "permit(principal == Client::\"user123\", action, resource);",
            true,
        ),
        (
            "permit(principal == Client::\"agent\", action, resource);",
            false,
        ),
        (
            "permit(principal, action, resource in MCP::\"github\");",
            true,
        ),
        (
            "permit(principal, action, resource in MCP::\"gitlab\");",
            false,
        ),
        (
            "permit(principal, action, resource) when { action.operation == \"call_tool\" };",
            true,
        ),
        (
            "permit(principal, action, resource) when { principal.claim_name == \"John\" };",
            true,
        ),
        (
            "permit(principal, action, resource) when { context.claim_name == \"John\" };",
            true,
        ),
        (
            "permit(principal, action, resource) when { context.claim_roles.contains(\"admin\") };",
            true,
        ),
        (
            "permit(principal, action, resource) when { context.arg_location == \"New York\" };",
            true,
        ),
        (
            "permit(principal, action, resource) when { resource.arg_location == \"New York\" };",
            true,
        ),
        (
            "permit(principal, action, resource) when { context.arg_units == decimal(\"5.0\") };",
            true,
        ),
        (
            "permit(principal, action, resource) when { context.arg_units == 5 };",
            false,
        ),
        (
            "permit(principal, action, resource) when { context.arg_deep_present && context.arg_list_present };",
            true,
        ),
        (
            "permit(principal, action, resource) when { resource.name == \"weather\" && resource.operation == \"call\" && resource.feature == \"tool\" };",
            true,
        ),
        // What is not there fails, and a failure refuses.
        (
            "permit(principal, action, resource) when { context.arg_none == \"x\" };",
            false,
        ),
        (
            "permit(principal in THVGroup::\"admin\", action, resource);",
            true,
        ),
        (
            "permit(principal in THVGroup::\"other\", action, resource);",
            false,
        ),
    ] {
        assert_eq!(allows(policy, &plain), expected, "{policy}");
    }
}

#[test]
fn an_error_refuses_even_where_standard_cedar_would_allow() {
    let set = policies(&[
        "permit(principal, action, resource);",
        "forbid(principal, action, resource) when { context.arg_secret == true };",
    ]);
    let decision = decide(&set, &weather(json!({})));
    assert_eq!(
        (decision.is_allowed(), decision.rule()),
        (false, "authz.json#policy0")
    );
    assert!(decision.error.unwrap().contains("policy1"));
    assert!(decide(&set, &weather(json!({ "secret": false }))).is_allowed());
    let forbidden = decide(&set, &weather(json!({ "secret": true })));
    assert_eq!(
        (forbidden.is_allowed(), forbidden.rule()),
        (false, "authz.json#policy1")
    );
}

#[test]
fn a_caller_without_a_subject_is_refused() {
    let all = "permit(principal, action, resource);";
    assert!(!allows(
        all,
        &call("call_tool", "x", json!({ "name": "John" }))
    ));
    assert!(!allows(all, &call("call_tool", "x", json!({ "sub": "" }))));
    assert!(!allows(all, &call("call_tool", "x", json!({ "sub": 5 }))));
    // A signed agent has no token: its verified name is its subject.
    let agent = Recorded {
        principal: RecordedPrincipal::default(),
        ..call("call_tool", "x", json!({}))
    };
    assert!(allows(
        "permit(principal == Client::\"agent\", action, resource);",
        &agent
    ));
}

#[test]
fn groups_come_from_the_named_claim_or_the_first_of_the_usual() {
    let of = |cedar: Value, claims: Value| {
        let mut cedar = cedar;
        cedar["policies"] = json!(["permit(principal in THVGroup::\"g\", action, resource);"]);
        let mut claims = claims;
        claims["sub"] = json!("u");
        decide(&load(&cedar).unwrap(), &call("call_tool", "x", claims)).is_allowed()
    };
    assert!(of(json!({}), json!({ "groups": ["g"] })));
    assert!(of(json!({}), json!({ "roles": ["g"] })));
    assert!(!of(json!({}), json!({ "groups": [], "roles": ["g"] })));
    assert!(of(json!({}), json!({ "cognito:groups": ["g"] })));
    assert!(!of(json!({}), json!({ "groups": ["a"], "roles": ["g"] })));
    assert!(of(
        json!({ "group_claim_name": "teams" }),
        json!({ "teams": ["g"], "groups": ["a"] })
    ));
    assert!(of(
        json!({ "group_claim_name": "teams" }),
        json!({ "groups": ["g"] })
    ));
    assert!(!of(
        json!({ "group_claim_name": "teams" }),
        json!({ "teams": [], "groups": ["g"] })
    ));
    assert!(of(
        json!({ "role_claim_name": "realm_access.roles" }),
        json!({ "realm_access": { "roles": ["g"] } })
    ));
    let other = json!({
        "policies": ["permit(principal in Team::\"g\", action, resource);"], "group_entity_type": "Team",
    });
    assert!(
        decide(
            &load(&other).unwrap(),
            &call("call_tool", "x", json!({ "sub": "u", "groups": ["g"] }))
        )
        .is_allowed()
    );
}

#[test]
fn the_files_entities_join_and_the_requests_replace_them() {
    let set = load(&json!({
        "policies": ["permit(principal in THVGroup::\"staff\", action, resource) when { resource.owner == \"u\" || resource.name == \"x\" };"],
        "entities_json": json!([
            { "uid": { "type": "THVGroup", "id": "dev" }, "attrs": {}, "parents": [{ "type": "THVGroup", "id": "staff" }] },
            { "uid": { "type": "THVGroup", "id": "staff" }, "attrs": {}, "parents": [] },
            { "uid": { "type": "Tool", "id": "x" }, "attrs": { "owner": "u", "name": "stale" }, "parents": [] },
        ]).to_string(),
    }))
    .unwrap();
    // The group's parents hold; the tool's own attributes are the request's, so `owner` is gone.
    let decision = decide(
        &set,
        &call("call_tool", "x", json!({ "sub": "u", "groups": ["dev"] })),
    );
    assert!(!decision.is_allowed() && decision.error.is_some());
}

#[test]
fn claims_nest_and_several_values_become_a_set_and_a_string() {
    let set = load(&json!({
        "policies": ["permit(principal, action, resource) when { context.claimset_scope.contains(\"b\") && context.claim_scope == \"a b\" && principal.claim_org.team.name == \"t\" && principal.claim_age == decimal(\"0.5699\") };"],
        "multi_valued_claims": ["scope"],
    }))
    .unwrap();
    let claims =
        json!({ "sub": "u", "scope": ["a", "b"], "org": { "team": { "name": "t" } }, "age": 0.57 });
    assert!(decide(&set, &call("call_tool", "x", claims)).is_allowed());
}

#[test]
fn numbers_are_cut_toward_zero_and_dropped_where_they_do_not_fit() {
    for (number, text) in [
        ("1", "1.0"),
        ("-1.99999", "-1.9999"),
        ("0.00001", "0.0"),
        ("1e3", "1000.0"),
        ("123456789.12345", "123456789.1234"),
        ("-0.5", "-0.5"),
    ] {
        let arguments: Value = serde_json::from_str(&format!("{{\"n\":{number}}}")).unwrap();
        let policy = format!(
            "permit(principal, action, resource) when {{ context.arg_n == decimal(\"{text}\") }};"
        );
        assert!(allows(&policy, &weather(arguments)), "{number}");
    }
    let gone = "permit(principal, action, resource) when { !(context has arg_n) };";
    assert!(allows(gone, &weather(json!({ "n": 1e15 }))));
}

#[test]
fn hints_are_attributes_where_they_are_given() {
    let policy = "permit(principal, action, resource) when { resource has readOnlyHint && resource.readOnlyHint };";
    let hinted = |hint| Recorded {
        tool: RecordedTool {
            read_only_hint: hint,
            ..RecordedTool::default()
        },
        ..weather(json!({}))
    };
    assert!(allows(policy, &hinted(Some(true))));
    assert!(!allows(policy, &hinted(Some(false))));
    assert!(!allows(policy, &hinted(None)));
}

#[test]
fn prompts_and_resources_have_their_own_types() {
    let sub = || json!({ "sub": "u" });
    assert!(allows(
        "permit(principal, action == Action::\"get_prompt\", resource == Prompt::\"p\") when { resource.operation == \"get\" && resource.feature == \"prompt\" };",
        &call("get_prompt", "p", sub())
    ));
    let read = "permit(principal, action == Action::\"read_resource\", resource == Resource::\"file:///a\") when { resource.uri == \"file:///a\" && resource.operation == \"read\" };";
    assert!(allows(read, &call("read_resource", "file:///a", sub())));
    assert!(allows(read, &call("subscribe", "file:///a", sub())));
    assert!(!allows(read, &call("read_resource", "file:///b", sub())));
}

#[test]
fn lists_go_through_and_their_items_are_asked_as_calls_without_arguments() {
    let policy =
        "permit(principal, action == Action::\"call_tool\", resource == Tool::\"weather\");";
    let sub = || json!({ "sub": "u" });
    for list in ["list_tools", "list_prompts", "list_resources"] {
        assert!(allows(policy, &call(list, "", sub())), "{list}");
    }
    assert!(allows(policy, &call("see_tool", "weather", sub())));
    assert!(!allows(policy, &call("see_tool", "other", sub())));
    let guarded = "permit(principal, action, resource) when { context.arg_location == \"x\" };";
    assert!(!allows(guarded, &call("see_tool", "weather", sub())));
}

#[test]
fn housekeeping_goes_through_and_unknown_methods_do_not() {
    let policy = "permit(principal, action, resource);";
    for method in [
        "initialize",
        "ping",
        "roots/list",
        "features/list",
        "server/discover",
        "subscriptions/listen",
        "logging/setLevel",
        "completion/complete",
        "notifications/initialized",
    ] {
        let name = crate::policy::Action::from_method(method);
        let action = match name {
            crate::policy::Action::Method(method) => method,
            named => named.name(),
        };
        assert!(
            allows(policy, &call(action, "", json!({ "sub": "u" }))),
            "{method}"
        );
    }
    for method in ["sampling", "elicitation", "tasks/list", "tools/unheard_of"] {
        assert!(
            !allows(policy, &call(method, "", json!({ "sub": "u" }))),
            "{method}"
        );
    }
}

#[test]
fn yaml_reads_as_json_does() {
    let yaml = "version: \"1.0\"\ntype: cedarv1\ncedar:\n  policies:\n    - |\n      permit(principal, action,\n        resource == Tool::\"weather\");\n    - 'forbid(principal, action, resource == Tool::\"x\");'\n  entities_json: \"[]\"\n  primary_upstream_provider: github\n";
    let set = Policies::load(&Sources::new().with("authz.yaml", yaml).unwrap()).unwrap();
    assert!(decide(&set, &weather(json!({}))).is_allowed());
    assert_eq!(
        set.place_of("authz.yaml#policy1"),
        Some(("authz.yaml".into(), 8))
    );
}

#[test]
fn what_no_engine_reads_is_refused_not_repaired() {
    let errors = load(&json!({ "policies": [
        "permit(principal, action, resource);",
        "permit(principal, action, resource) when { resource.arg_x in [\"a\" };",
    ] }))
    .unwrap_err();
    assert!(errors.to_string().contains("policy 1"), "{errors}");
    assert!(load(&json!({ "policies": [] })).is_err());
    for (text, why) in [
        (
            "version: \"2.0\"\ntype: cedarv1\ncedar: {policies: [a]}",
            "2.0",
        ),
        ("version: \"1.0\"\ntype: httpv1", "httpv1"),
        ("version: [", ""),
    ] {
        let errors = Policies::load(&Sources::new().with("a.yml", text).unwrap()).unwrap_err();
        assert!(errors.to_string().contains(why), "{errors}");
    }
}

#[test]
fn sequences_and_forbids_of_ours_add_to_such_a_file_and_permit_nothing() {
    let file = json!({ "version": "1.0", "type": "cedarv1", "cedar": { "policies": [
        "permit(principal, action, resource == Tool::\"weather\") when { context.mcps.level.effective >= 2 };"
    ] } });
    let set = Policies::load(
        &Sources::new()
            .with("a.json", file.to_string())
            .unwrap()
            .with("b.cedar", "permit (principal, action, resource); @id(\"no\") forbid (principal, action == Action::\"call_tool\", resource) when { context.mcps.args has bad };")
            .unwrap()
            .with("c.toml", "[arguments]\nbad = \"bool\"\n[[fact]]\nid='f'\non='call'\nwhen={contains=['evil']}\n[[sequence]]\nid='s'\nmatch='f'\nthen='deny'")
            .unwrap(),
    )
    .unwrap();
    let rule = |arguments: Value| decide(&set, &weather(arguments)).rule().to_owned();
    assert_eq!(rule(json!({})), "a.json#policy0");
    assert_eq!(rule(json!({ "bad": true })), "no");
    assert_eq!(rule(json!({ "x": "evil" })), "s");
    let other = call("call_tool", "other", json!({ "sub": "u" }));
    assert!(!decide(&set, &other).is_allowed());
}
