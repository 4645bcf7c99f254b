//! What is known of a Cedar policy beside its condition: its annotations.

use cedar_policy::{Effect, Policy};

use crate::policy::temporal::{Approve, Then};

/// One policy of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `@id`, or source and line.
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) line: usize,
    pub(crate) reason: String,
    pub(crate) permits: bool,
    /// Holds instead of refusing.
    pub(crate) approval: Option<Approve>,
    pub(crate) mask: Vec<String>,
    pub(crate) observe: bool,
    pub(crate) then: Vec<Then>,
}

impl Rule {
    /// Reads the annotations of `policy`, which begins at `line` of `source`.
    ///
    /// # Errors
    /// What is wrong with one, and what to do.
    pub(crate) fn read(
        policy: &Policy,
        source: &str,
        line: usize,
    ) -> Result<Self, (String, String)> {
        for (key, _) in policy.annotations() {
            if !matches!(
                key,
                "id" | "reason" | "approval" | "mask" | "observe" | "then" | "description"
            ) {
                return Err((
                    format!("there is no annotation `@{key}`"),
                    "use @id, @reason, @description, @approval, @mask, @observe or @then"
                        .to_owned(),
                ));
            }
        }
        let permits = policy.effect() == Effect::Permit;
        let fix = |reason: String| (reason, "correct the annotation".to_owned());
        let list = |key: &str| -> Vec<&str> {
            let value = policy.annotation(key).unwrap_or_default();
            value
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect()
        };
        let observe = policy.annotation("observe").is_some();
        if observe && permits {
            return Err((
                "`@observe` on a permit, which refuses nothing".to_owned(),
                "annotate the forbid that is to be tried, or remove it".to_owned(),
            ));
        }
        let approval = policy.annotation("approval").map(Approve::parse);
        let then = policy
            .annotation("then")
            .map(Then::parse)
            .transpose()
            .map_err(fix)?;
        if matches!(then, Some(Then::Deny | Then::Approve(_))) {
            return Err((
                "`@then` with deny or approve".to_owned(),
                "write a forbid, or @approval".to_owned(),
            ));
        }
        let id = policy
            .annotation("id")
            .map(str::trim)
            .filter(|id| !id.is_empty());
        Ok(Self {
            id: id.map_or_else(|| format!("{source}:{line}"), str::to_owned),
            source: source.to_owned(),
            line,
            reason: policy.annotation("reason").unwrap_or_default().to_owned(),
            permits,
            approval: approval.transpose().map_err(fix)?,
            mask: list("mask").into_iter().map(str::to_owned).collect(),
            observe,
            then: then.into_iter().collect(),
        })
    }
}
