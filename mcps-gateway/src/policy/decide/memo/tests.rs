//! What is remembered is an answer to the same question only.

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{arbitrary_call, arbitrary_policy, decide, load, load_with};
use super::*;
use crate::policy::{Class, Policies, Recorded, RecordedApproval, Replay};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_asked_before_changes_no_answer(
        policies in prop::collection::vec(arbitrary_policy(), 1..8),
        calls in prop::collection::vec(arbitrary_call(), 1..12),
    ) {
        let text = policies.concat();
        let kept = load(&text);
        prop_assume!(kept.is_ok());
        let kept = kept.unwrap();
        for call in calls.iter().chain(calls.iter().rev()) {
            let fresh = load(&text).unwrap();
            prop_assert_eq!(format!("{:?}", decide(&kept, call)), format!("{:?}", decide(&fresh, call)));
        }
    }
}

/// What the policies below speak of.
const DECLARED: &str = r#"
[arguments]
p = "string"
[claims]
email = "string"
[[fact]]
id = "first"
on = "call"
when = { tool = ["first"] }
[[fact]]
id = "evil"
on = "call"
when = { contains = ["evil"] }
[[sequence]]
id = "was-first"
match = "first"
then = "alert"
[[sequence]]
id = "many"
match = "count(first, 1h) > 100"
then = "deny"
"#;
/// Everybody may do everything but this.
const ALL: &str = "permit (principal, action, resource);
forbid (principal, action == Action::\"call_tool\", resource == Tool::\"no\");\n";

/// One thing that a policy can look at.
struct Part {
    /// When the call is forbidden.
    when: &'static str,
    /// Makes the call one that is.
    alter: fn(&mut Recorded),
    /// Comes before it then.
    before: &'static [&'static str],
}

const fn part(when: &'static str, alter: fn(&mut Recorded)) -> Part {
    Part {
        when,
        alter,
        before: &[],
    }
}

const fn after(when: &'static str, before: &'static [&'static str]) -> Part {
    Part {
        when,
        alter: |_| {},
        before,
    }
}

fn approve(call: &mut Recorded) {
    call.approvals = vec![RecordedApproval {
        group: "g".into(),
        by: vec!["ann".into()],
    }];
}

/// Everything that the schema has of a call.
const PARTS: &[Part] = &[
    part("principal == Agent::\"b\"", |call| {
        call.principal.name = "b".into()
    }),
    part("principal.name == \"b\"", |call| {
        call.principal.name = "b".into()
    }),
    part("principal in Group::\"g\"", |call| {
        call.principal.groups = vec!["g".into()]
    }),
    part("principal.groups.contains(\"g\")", |call| {
        call.principal.groups = vec!["g".into()]
    }),
    part("principal in Tenant::\"u\"", |call| {
        call.tenant = "u".into()
    }),
    part("principal.tenant == \"u\"", |call| call.tenant = "u".into()),
    part("context.mcps.tenant == \"u\"", |call| {
        call.tenant = "u".into()
    }),
    part("principal.kind == \"oidc\"", |call| {
        call.principal.kind = "oidc".into()
    }),
    part("principal.owner == \"o\"", |call| {
        call.principal.owner = "o".into()
    }),
    part(
        "principal.claims has email && principal.claims.email == \"e\"",
        |call| call.principal.claims = Some(json!({ "email": "e" })),
    ),
    part("resource == Tool::\"y\"", |call| call.name = "y".into()),
    part("resource.name == \"y\"", |call| call.name = "y".into()),
    part("resource in Server::\"r\"", |call| call.server = "r".into()),
    part("resource.server == \"r\"", |call| call.server = "r".into()),
    part("resource in Tenant::\"u\"", |call| {
        call.server_tenant = "u".into()
    }),
    part("resource.class.contains(\"send\")", |call| {
        call.tool.class = vec![Class::Send]
    }),
    part("!resource.classified", |call| call.tool.class = Vec::new()),
    part(
        "resource has readOnlyHint && resource.readOnlyHint",
        |call| call.tool.read_only_hint = Some(true),
    ),
    part(
        "resource has destructiveHint && resource.destructiveHint",
        |call| call.tool.destructive_hint = Some(true),
    ),
    part(
        "resource has idempotentHint && resource.idempotentHint",
        |call| call.tool.idempotent_hint = Some(true),
    ),
    part(
        "resource has openWorldHint && resource.openWorldHint",
        |call| call.tool.open_world_hint = Some(true),
    ),
    part("context.mcps.level.effective < 2", |call| {
        call.level.effective = TrustLevel::L1
    }),
    part("context.mcps.level.passport < 2", |call| {
        call.level.passport = TrustLevel::L1
    }),
    part("context.mcps.level.channel < 2", |call| {
        call.level.channel = TrustLevel::L1
    }),
    part("context.mcps.call.facts.contains(\"evil\")", |call| {
        call.arguments = Some(json!({ "q": "evil" }))
    }),
    part("context.mcps.call.class.contains(\"send\")", |call| {
        call.tool.class = vec![Class::Send]
    }),
    part("context.mcps.call.hosts.contains(\"there.test\")", |call| {
        call.arguments = Some(json!({ "url": "https://there.test/" }))
    }),
    part("context.mcps.call.cross_tenant", |call| {
        call.server_tenant = "u".into()
    }),
    part(
        "context.mcps.args has p && context.mcps.args.p == \"v\"",
        |call| call.arguments = Some(json!({ "p": "v" })),
    ),
    part("context.mcps.approval.granted", approve),
    part("context.mcps.approval.quorum > 0", approve),
    part("context.mcps.approval.groups.contains(\"g\")", approve),
    part("context.mcps.approval.by.contains(\"ann\")", approve),
    part("!context.mcps.definition.pinned", |call| {
        call.definition.pinned = false
    }),
    part("context.mcps.definition.changed", |call| {
        call.definition.changed = true
    }),
    part(
        "context.mcps.time.at > datetime(\"2026-11-23T06:10:00Z\")",
        |call| call.at = "2026-11-23T06:10:01Z".into(),
    ),
    part("context.mcps.time.hour == 7", |call| {
        call.at = "2026-11-23T07:10:00Z".into()
    }),
    part("context.mcps.time.minute == 11", |call| {
        call.at = "2026-11-23T06:11:00Z".into()
    }),
    part("context.mcps.time.weekday == 2", |call| {
        call.at = "2026-11-24T06:10:00Z".into()
    }),
    after("context.mcps.session.facts.contains(\"first\")", &["first"]),
    part(
        "context.mcps.session.fired.contains(\"was-first\")",
        |call| call.name = "first".into(),
    ),
    after(
        "context.mcps.session.fired_before.contains(\"was-first\")",
        &["first"],
    ),
    after(
        "context.mcps.session.counts.many == 1 && resource.name == \"x\"",
        &["first"],
    ),
    after("context.mcps.session.age_s > 5", &["z"]),
    after("context.mcps.session.calls > 1", &["z", "z"]),
    after("context.mcps.session.denied > 0", &["no"]),
];

fn forbidding(part: &Part) -> String {
    let Part { when, .. } = part;
    format!("forbid (principal, action == Action::\"call_tool\", resource) when {{ {when} }};\n")
}

/// What is asked, with these parts of it altered.
fn asked(parts: &[&Part]) -> Vec<Recorded> {
    let at = |name: &str, at: &str| Recorded {
        at: at.into(),
        tenant: "t".into(),
        server_tenant: "t".into(),
        ..Recorded {
            name: name.into(),
            ..Recorded::default()
        }
    };
    let before = parts.iter().flat_map(|part| part.before);
    let mut calls: Vec<Recorded> = before
        .map(|name| at(name, "2026-11-23T06:00:00Z"))
        .collect();
    let mut last = at("x", "2026-11-23T06:10:00Z");
    // Else it would count as of every class.
    last.tool.class = vec![Class::Read];
    parts.iter().for_each(|part| (part.alter)(&mut last));
    calls.push(last);
    calls
}

/// What is decided of the last of `calls`, as text.
fn last(policies: &Policies, calls: &[Recorded]) -> String {
    let mut replay = Replay::new(policies, Timestamp::from_millis(0));
    let told = calls.iter().map(|call| replay.step(call).unwrap().decision);
    format!("{:?}", told.last())
}

#[test]
fn there_is_no_part_of_a_call_in_which_two_may_differ_and_be_answered_alike() {
    let alike = PARTS.iter().filter(|part| {
        let text = ALL.to_owned() + &forbidding(part);
        let kept = load_with(DECLARED, &text).unwrap();
        let is_allowed = |parts: &[&Part]| {
            let mut replay = Replay::new(&kept, Timestamp::from_millis(0));
            let calls = asked(parts);
            let told = calls
                .iter()
                .map(|call| replay.step(call).unwrap().decision.is_allowed());
            told.last().unwrap()
        };
        [is_allowed(&[]), is_allowed(&[part]), is_allowed(&[])] != [true, false, true]
    });
    let alike: Vec<&str> = alike.map(|part| part.when).collect();
    assert!(alike.is_empty(), "{alike:#?}");
}

#[test]
fn two_methods_with_one_name_are_answered_each_for_itself() {
    for (one, other) in [
        ("read_resource", "subscribe"),
        ("get_prompt", "complete"),
        ("a", "b"),
    ] {
        let forbidden = match other {
            "b" => "action == Action::\"method\", resource == Method::\"b\"".to_owned(),
            other => format!("action == Action::\"{other}\", resource"),
        };
        let kept = load(&format!("{ALL}forbid (principal, {forbidden});")).unwrap();
        let is_allowed = |action: &str| {
            let call = Recorded {
                action: action.into(),
                name: "it".into(),
                ..Recorded::default()
            };
            decide(&kept, &call).is_allowed()
        };
        assert_eq!(
            [one, other, one].map(is_allowed),
            [true, false, true],
            "{one}, {other}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_was_asked_before_changes_no_answer_whatever_differs(
        common in prop::collection::vec(0..PARTS.len(), 0..3),
        other in prop::collection::vec(0..PARTS.len(), 6..9),
    ) {
        let text = PARTS.iter().fold(ALL.to_owned(), |text, part| text + &forbidding(part));
        let kept = load_with(DECLARED, &text).unwrap();
        // One call, and others that differ from it in one part.
        let parts: Vec<&Part> = common.iter().map(|place| &PARTS[*place]).collect();
        let others = other.iter().map(|place| asked(&[&parts[..], &[&PARTS[*place]]].concat()));
        let scripts: Vec<Vec<Recorded>> = [asked(&parts)].into_iter().chain(others).collect();
        let fresh: Vec<String> = scripts
            .iter()
            .map(|calls| last(&load_with(DECLARED, &text).unwrap(), calls))
            .collect();
        let both = || scripts.iter().zip(&fresh);
        for (calls, fresh) in both().chain(both().rev()) {
            prop_assert_eq!(&last(&kept, calls), fresh);
        }
    }
}

#[test]
fn it_is_bounded_in_number_and_in_bytes() {
    let (memo, matched) = (Memo::default(), Arc::default());
    memo.put(vec![0; LONGEST + 1], &matched);
    assert!(memo.known().is_empty());
    for number in 0..=MOST {
        memo.put(number.to_le_bytes().to_vec(), &matched);
    }
    assert_eq!(memo.known().len(), 1);
    assert!(memo.get(&MOST.to_le_bytes()).is_some());
}
