//! The tools of a registered manifest, and whether a report is about them.

use std::collections::{BTreeMap, BTreeSet};

use mcps_core::json::{Document, Value};

use super::{Gaps, ReportError, plain};

/// Name and description of each tool of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    tools: BTreeMap<String, String>,
}

impl Registered {
    /// Of `{"tools":[…]}`, as a manifest is kept.
    ///
    /// # Errors
    /// [`mcps_core::json::JsonError`] when it is not strict JSON, which what is kept always is.
    pub fn of(tools: &str) -> Result<Self, mcps_core::json::JsonError> {
        let document = Document::parse(tools)?;
        let listed = document.root().get("tools").and_then(Value::as_array);
        let listed = listed.map(|listed| listed.iter().filter_map(Listed::of_definition).collect());
        let listed: Vec<Listed> = listed.unwrap_or_default();
        let tools = listed
            .into_iter()
            .map(|one| (one.name, one.description.unwrap_or_default()));
        Ok(Self {
            tools: tools.collect(),
        })
    }

    /// Whether a report is about these tools. One that it does not list was not scanned.
    ///
    /// # Errors
    /// [`ReportError::OtherTools`] when it lists another, or one with another description.
    pub(super) fn compare(&self, listed: &[Listed], gaps: &mut Gaps) -> Result<(), ReportError> {
        let mut seen = BTreeSet::new();
        for one in listed {
            let name = plain(&one.name);
            let Some(own) = self.tools.get(&one.name) else {
                return Err(ReportError::OtherTools(format!("it has `{name}`")));
            };
            if one.description.as_ref().is_some_and(|other| other != own) {
                let why = format!("`{name}` has another description");
                return Err(ReportError::OtherTools(why));
            }
            seen.insert(one.name.as_str());
        }
        for name in self.tools.keys() {
            if !seen.contains(name.as_str()) {
                gaps.note(format!("`{}` was not scanned", plain(name)));
            }
        }
        Ok(())
    }
}

/// A tool that a report lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    /// `None` where the report does not show descriptions.
    pub(super) description: Option<String>,
}

impl Listed {
    /// Of a definition as in `tools/list`. One without a description has an empty one.
    pub(super) fn of_definition(tool: Value<'_>) -> Option<Self> {
        let text = |name| tool.get(name).and_then(Value::as_str);
        Some(Self {
            name: text("name")?.into_owned(),
            description: Some(text("description").unwrap_or_default().into_owned()),
        })
    }
}
