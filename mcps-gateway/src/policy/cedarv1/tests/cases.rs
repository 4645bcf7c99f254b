//! What ToolHive's engine says of such files, case by case: `*.toml` beside this.

use serde::Deserialize;
use serde_json::Value;

use super::{decide, json};
use crate::policy::{Action, Policies, Recorded, RecordedPrincipal, RecordedTool, Sources};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    set: Vec<Set>,
}

/// One file, and what is asked of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    policies: Vec<String>,
    #[serde(default)]
    options: serde_json::Map<String, Value>,
    entities: Option<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    shows: String,
    /// An MCP method; `action` where no method asks it.
    method: Option<String>,
    action: Option<String>,
    name: Option<String>,
    #[serde(default)]
    server: String,
    claims: Option<Value>,
    /// As JSON, for what TOML cannot write: null.
    claims_json: Option<String>,
    arguments: Option<Value>,
    arguments_json: Option<String>,
    #[serde(default)]
    tool: RecordedTool,
    expect: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allow,
    Deny,
    /// Refused because something could not be evaluated.
    Error,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    refused: Vec<Refused>,
}

/// A file that does not load: as it is, or of these parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    shows: String,
    file: Option<String>,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    options: serde_json::Map<String, Value>,
    entities: Option<String>,
    /// What the error has in it.
    says: String,
}

fn file(
    policies: &[String],
    options: &serde_json::Map<String, Value>,
    entities: Option<&str>,
) -> String {
    let mut cedar = options.clone();
    cedar.insert("policies".into(), json!(policies));
    cedar.insert("entities_json".into(), json!(entities.unwrap_or("[]")));
    json!({ "version": "1.0", "type": "cedarv1", "cedar": cedar }).to_string()
}

impl Case {
    fn call(&self) -> Recorded {
        let json = |text: &Option<String>, value: &Option<Value>| {
            let text = text
                .as_ref()
                .map(|text| serde_json::from_str(text).unwrap());
            text.or_else(|| value.clone())
        };
        let action = match (self.method.as_deref(), self.action.as_deref()) {
            (Some(method), _) => match Action::from_method(method) {
                Action::Method(method) => method,
                named => named.name(),
            },
            (None, action) => action.unwrap_or("call_tool"),
        };
        let claims = json(&self.claims_json, &self.claims);
        Recorded {
            action: action.to_owned(),
            name: self.name.clone().unwrap_or_else(|| "weather".to_owned()),
            server: self.server.clone(),
            principal: RecordedPrincipal {
                kind: "oidc".to_owned(),
                claims: Some(claims.unwrap_or_else(|| json!({ "sub": "u" }))),
                ..RecordedPrincipal::default()
            },
            arguments: json(&self.arguments_json, &self.arguments),
            tool: self.tool.clone(),
            ..Recorded::default()
        }
    }
}

#[test]
fn every_case_has_their_outcome() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for table in [
        include_str!("heads.toml"),
        include_str!("claims.toml"),
        include_str!("resources.toml"),
    ] {
        let table: Table = toml::from_str(table).unwrap();
        for set in table.set {
            let file = file(&set.policies, &set.options, set.entities.as_deref());
            let policies = Policies::load(&Sources::new().with("authz.json", file).unwrap())
                .unwrap_or_else(|errors| panic!("{:?}: {errors}", set.policies));
            for case in set.case {
                cases += 1;
                let decision = decide(&policies, &case.call());
                let found = match (decision.is_allowed(), &decision.error) {
                    (true, _) => Expected::Allow,
                    (false, None) => Expected::Deny,
                    (false, Some(_)) => Expected::Error,
                };
                if found != case.expect {
                    let (expected, shows) = (case.expect, case.shows);
                    let policy = &set.policies;
                    wrong.push(format!("{found:?}, not {expected:?}: {shows}: {policy:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 180, "{cases} cases");
}

#[test]
fn what_they_refuse_to_load_is_refused() {
    let table: Refusals = toml::from_str(include_str!("refused.toml")).unwrap();
    let mut wrong = Vec::new();
    for refused in table.refused {
        let made = file(
            &refused.policies,
            &refused.options,
            refused.entities.as_deref(),
        );
        let text = refused.file.unwrap_or(made);
        match Policies::load(&Sources::new().with("authz.json", text).unwrap()) {
            Ok(_) => wrong.push(format!("it loads: {}", refused.shows)),
            Err(errors) if !errors.to_string().contains(&refused.says) => {
                wrong.push(format!("{}: {errors}", refused.shows));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
