//! The Cedar schema of our policies, with the arguments, claims and counts that a set declares.

use std::fmt::Write as _;

use mcps_core::json::quote;

use crate::policy::config::Typed;
use crate::policy::load::Declared;
use crate::policy::temporal::Form;

/// The schema of a set, in Cedar's own form.
pub(crate) fn text(declared: &Declared) -> String {
    let counting = declared.layout.patterns.iter();
    let counts = counting
        .filter(|pattern| matches!(pattern.form, Form::Count { .. }))
        .fold(String::new(), |mut out, pattern| {
            let _ = write!(out, "{}: Long, ", quoted(&pattern.id));
            out
        });
    let optional = |types: &std::collections::BTreeMap<String, Typed>| {
        types.iter().fold(String::new(), |mut out, (name, typed)| {
            let _ = write!(out, "{}?: {}, ", quoted(name), cedar(*typed));
            out
        })
    };
    let (arguments, claims) = (optional(&declared.arguments), optional(&declared.claims));
    let mut out = format!(
        r#"
entity Tenant;
entity Group;
entity Server in [Tenant] = {{ "name": String, "tenant": String }};
entity Agent in [Group, Tenant] = {{
    "name": String, "kind": String, "owner": String, "tenant": String,
    "groups": Set<String>, "claims": {{ {claims} }},
}};
entity Tool in [Server] = {{
    "name": String, "server": String, "class": Set<String>, "classified": Bool,
    "readOnlyHint"?: Bool, "destructiveHint"?: Bool, "idempotentHint"?: Bool, "openWorldHint"?: Bool,
}};
entity Prompt in [Server] = {{ "name": String, "server": String }};
entity Resource in [Server] = {{ "uri": String, "server": String }};
entity Method in [Server] = {{ "name": String, "server": String }};
type Call = {{ "mcps": {{
    "level": {{ "effective": Long, "passport": Long, "channel": Long }},
    "session": {{
        "facts": Set<String>, "fired": Set<String>, "fired_before": Set<String>,
        "counts": {{ {counts} }}, "age_s": Long, "calls": Long, "denied": Long,
    }},
    "call": {{ "facts": Set<String>, "class": Set<String>, "hosts": Set<String>, "cross_tenant": Bool }},
    "args": {{ {arguments} }},
    "approval": {{ "granted": Bool, "groups": Set<String>, "by": Set<String>, "quorum": Long }},
    "definition": {{ "pinned": Bool, "changed": Bool }},
    "tenant": String,
    "time": {{ "at": datetime, "hour": Long, "minute": Long, "weekday": Long }},
}} }};
action use, see;
"#
    );
    for (actions, group, resource) in [
        (&["call_tool"][..], "use", "Tool"),
        (&["get_prompt"], "use", "Prompt"),
        (&["read_resource", "subscribe"], "use", "Resource"),
        (&["complete"], "use", "Prompt, Resource"),
        (&["sampling", "elicitation", "roots"], "use", "Server"),
        (&["method"], "use", "Method"),
        (
            &["list_tools", "list_prompts", "list_resources"],
            "see",
            "Server",
        ),
        (&["see_tool"], "see", "Tool"),
        (&["see_prompt"], "see", "Prompt"),
        (&["see_resource"], "see", "Resource"),
    ] {
        let _ = writeln!(
            out,
            "action {} in [{group}] appliesTo {{ principal: [Agent], resource: [{resource}], context: Call }};",
            actions.join(", ")
        );
    }
    out
}

fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    quote(name, &mut out);
    out
}

const fn cedar(typed: Typed) -> &'static str {
    match typed {
        Typed::String => "String",
        Typed::Bool => "Bool",
        Typed::Long => "Long",
        Typed::Decimal => "decimal",
        Typed::Strings => "Set<String>",
    }
}
