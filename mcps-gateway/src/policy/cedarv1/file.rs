//! The form of a `cedarv1` file, JSON or YAML.

use std::collections::HashSet;

use serde::Deserialize;

use crate::misread::without_values;
use crate::policy::source::{Faults, Source, line_of};

/// A file's content, checked.
pub(super) struct File {
    pub(super) policies: Vec<String>,
    pub(super) entities_json: Option<String>,
    pub(super) group_type: String,
    pub(super) claims: Claims,
}

/// Which claims mean what.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) group: Option<String>,
    pub(super) role: Option<String>,
    pub(super) multi_valued: HashSet<String>,
}

#[derive(Deserialize)]
struct Written {
    version: String,
    #[serde(rename = "type")]
    kind: String,
    cedar: Option<Cedar>,
}

#[derive(Deserialize)]
struct Cedar {
    #[serde(default)]
    policies: Vec<String>,
    entities_json: Option<String>,
    group_claim_name: Option<String>,
    role_claim_name: Option<String>,
    group_entity_type: Option<String>,
    #[serde(default)]
    multi_valued_claims: Option<Vec<String>>,
}

impl File {
    pub(super) fn read(source: &Source, faults: &mut Faults) -> Option<Self> {
        let written = match parse(&source.text) {
            Ok(written) => written,
            Err((line, reason)) => {
                faults.add((&source.name, line), reason, "write it as JSON or YAML");
                return None;
            }
        };
        let line = |key: &str| {
            source
                .text
                .find(key)
                .map_or(0, |at| line_of(&source.text, at))
        };
        if written.kind != "cedarv1" {
            let reason = format!("type is `{}`", written.kind);
            faults.add((&source.name, line("type")), reason, "write type cedarv1");
        }
        if written.version != "1.0" {
            let reason = format!("version is `{}`", written.version);
            faults.add(
                (&source.name, line("version")),
                reason,
                "write version \"1.0\"",
            );
        }
        let cedar = written.cedar.filter(|cedar| !cedar.policies.is_empty());
        let Some(cedar) = cedar else {
            faults.add(
                (&source.name, 0),
                "there are no policies",
                "write them under cedar.policies",
            );
            return None;
        };
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Self {
            policies: cedar.policies,
            entities_json: cedar.entities_json,
            group_type: some(cedar.group_entity_type).unwrap_or_else(|| "THVGroup".to_owned()),
            claims: Claims {
                group: some(cedar.group_claim_name),
                role: some(cedar.role_claim_name),
                multi_valued: cedar
                    .multi_valued_claims
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
            },
        })
    }
}

fn parse(text: &str) -> Result<Written, (usize, String)> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| (error.line(), without_values(&error.to_string())));
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        let line = usize::try_from(line).unwrap_or(0);
        (line, without_values(&error.without_snippet().to_string()))
    })
}
