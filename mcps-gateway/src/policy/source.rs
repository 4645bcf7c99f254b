//! The texts a policy set is made of, and what is wrong with them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Facts, sequences and lists.
    Toml,
    /// Cedar policies.
    Cedar,
    /// A `cedarv1` file, JSON or YAML.
    CedarV1,
}

/// One named text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What errors and rule ids call it: a file name.
    pub name: String,
    /// What it is written in.
    pub kind: Kind,
    /// The text.
    pub text: String,
}

/// The texts of one tenant's policy set, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The texts.
    pub texts: Vec<Source>,
}

impl Sources {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { texts: Vec::new() }
    }

    /// The default pack alone.
    #[must_use]
    pub fn default_pack() -> Self {
        Self {
            texts: super::pack::sources(),
        }
    }

    /// With one more text, whose kind its name's extension tells: `.toml`, `.cedar`, `.json`,
    /// `.yaml` or `.yml`.
    ///
    /// # Errors
    /// When the extension is none of these.
    pub fn with(
        mut self,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<Self, PolicyErrors> {
        let name = name.into();
        let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("toml") => Kind::Toml,
            Some("cedar") => Kind::Cedar,
            Some("json" | "yaml" | "yml") => Kind::CedarV1,
            _ => {
                return Err(PolicyErrors(vec![PolicyError {
                    line: 0,
                    reason: "what it is written in cannot be told from its name".to_owned(),
                    todo: "name it .toml (facts and sequences), .cedar (policies), or .json or \
                           .yaml (cedarv1)"
                        .to_owned(),
                    source: name,
                }]));
            }
        };
        self.texts.push(Source {
            name,
            kind,
            text: text.into(),
        });
        Ok(self)
    }
}

/// One thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct PolicyError {
    /// Which text.
    pub source: String,
    /// Which line, counted from 1; 0 when it is about the whole.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub todo: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            line,
            reason,
            todo,
        } = self;
        match line {
            0 => write!(f, "{source}: {reason}; {todo}"),
            _ => write!(f, "{source}:{line}: {reason}; {todo}"),
        }
    }
}

/// Everything that is wrong with a set. Nothing of it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// Where errors of one load are gathered, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<PolicyError>);

impl Faults {
    pub(crate) fn add(
        &mut self,
        at: (&str, usize),
        reason: impl Into<String>,
        todo: impl Into<String>,
    ) {
        self.0.push(PolicyError {
            source: at.0.to_owned(),
            line: at.1,
            reason: reason.into(),
            todo: todo.into(),
        });
    }

    /// `done`, unless there was a fault.
    pub(crate) fn or<T>(self, done: T) -> Result<T, PolicyErrors> {
        if self.0.is_empty() {
            Ok(done)
        } else {
            Err(PolicyErrors(once(self.0)))
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How errors name an action.
const ACTION: &str = "Action::\"";
/// So many actions are named; of more the first.
const NAMED: usize = 3;

/// Each of them once: what is wrong with a policy is found for every action that it could be asked about.
pub(crate) fn once(found: Vec<PolicyError>) -> Vec<PolicyError> {
    let (mut order, mut actions) = (Vec::new(), HashMap::<PolicyError, BTreeSet<String>>::new());
    for error in found {
        let (error, action) = without_action(error);
        if !actions.contains_key(&error) {
            order.push(error.clone());
        }
        actions.entry(error).or_default().extend(action);
    }
    let told = order.into_iter().map(|error| {
        let names = actions.remove(&error).unwrap_or_default();
        let named = match names.first() {
            Some(first) if names.len() > NAMED => {
                format!("{ACTION}{first}\" and {} other actions", names.len() - 1)
            }
            _ => {
                let all = names.iter().map(|name| format!("{ACTION}{name}\""));
                all.collect::<Vec<_>>().join(", ")
            }
        };
        let reason = error.reason.replacen(&format!("{ACTION}\""), &named, 1);
        PolicyError { reason, ..error }
    });
    told.collect()
}

/// The same without the name of the action that it is about, and that name.
fn without_action(error: PolicyError) -> (PolicyError, Option<String>) {
    let parts = error.reason.split_once(ACTION);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
    let Some((before, (name, after))) = parts else {
        return (error, None);
    };
    let (reason, name) = (format!("{before}{ACTION}\"{after}"), name.to_owned());
    (PolicyError { reason, ..error }, Some(name))
}

/// The line of byte `offset` in `text`, counted from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset.min(text.len()));
    1 + before
        .unwrap_or_default()
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}
