//! Cedar: which policies of a set match a call. Cedar's own types stay in here.

mod datum;
mod index;
mod input;
mod memo;
mod mention;
mod request;
mod rule;
mod schema;
mod statement;

#[cfg(test)]
mod tests;

pub(crate) use input::Told;
pub(crate) use rule::Rule;

use std::sync::Arc;

use cedar_policy::{
    Authorizer, EvaluationError, Policy, PolicyId, PolicySet, Response, RestrictedExpression,
    Schema, ValidationMode, Validator,
};
use miette::Diagnostic;

use super::load::Declared;
use super::question::Question;
use super::source::{Faults, Kind, PolicyError, Source, line_of, once};
use index::Index;
use input::{Input, Unaskable};
use memo::Memo;
use mention::Mentions;
use request::Shape;
use statement::statements;

/// The Cedar policies of a set, validated and indexed.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) rules: Vec<Rule>,
    /// What is odd, but no error.
    pub(crate) warnings: Vec<PolicyError>,
    index: Index,
    shape: Shape,
    authorizer: Authorizer,
    memo: Memo,
}

/// Which rules match a call, by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) permits: Vec<usize>,
    pub(crate) forbids: Vec<usize>,
    /// Would refuse, but are only tried.
    pub(crate) observed: Vec<usize>,
    /// What failed: the call is refused.
    pub(crate) error: Option<String>,
}

impl Engine {
    /// Reads every Cedar text against the schema that `declared` gives.
    pub(crate) fn load(texts: &[Source], declared: &Declared, faults: &mut Faults) -> Option<Self> {
        let schema = match Schema::from_cedarschema_str(&schema::text(declared)) {
            Ok((schema, _)) => schema,
            Err(error) => {
                let reason = format!("names do not make a schema: {error}");
                faults.add(("declarations", 0), reason, "use plain names");
                return None;
            }
        };
        let mut policies: Vec<Policy> = Vec::new();
        let mut rules: Vec<Rule> = Vec::new();
        let mut mentions = Mentions::default();
        for source in texts.iter().filter(|source| source.kind == Kind::Cedar) {
            for statement in statements(&source.text) {
                let id = PolicyId::new(policies.len().to_string());
                let at = (source.name.as_str(), statement.line);
                let policy = match Policy::parse(Some(id), statement.text) {
                    Ok(policy) => policy,
                    Err(errors) => {
                        for error in errors.iter() {
                            let label = error.labels().and_then(|mut labels| labels.next());
                            let offset = label.map_or(0, |label| label.offset());
                            let line = line_of(&source.text, statement.offset + offset);
                            faults.add((&source.name, line), error.to_string(), help(error));
                        }
                        continue;
                    }
                };
                let rule = match Rule::read(&policy, &source.name, statement.line) {
                    Ok(rule) => rule,
                    Err((reason, todo)) => {
                        faults.add(at, reason, todo);
                        continue;
                    }
                };
                if rules.iter().any(|known| known.id == rule.id) {
                    let reason = format!("a second policy `{}`", rule.id);
                    faults.add(at, reason, "give it another @id");
                }
                match policy.to_json() {
                    Ok(json) => {
                        check_names(&json, declared, at, faults);
                        mentions.take(&json);
                    }
                    Err(error) => faults.add(at, error.to_string(), "write it differently"),
                }
                policies.push(policy);
                rules.push(rule);
            }
        }
        let warnings = validate(schema, &policies, &rules, texts, faults);
        let mut index = Index::default();
        for (policy, rule) in policies.iter().zip(&rules) {
            if let Err(error) = index.add(policy, rule) {
                faults.add((&rule.source, rule.line), error, "give it another @id");
            }
        }
        let shape = Shape::new(
            mentions,
            declared.arguments.clone(),
            declared.claims.clone(),
        )?;
        Some(Self {
            rules,
            warnings,
            index,
            shape,
            authorizer: Authorizer::new(),
            memo: Memo::default(),
        })
    }

    /// Which rules match.
    pub(crate) fn matched(&self, question: &Question<'_>, told: &Told<'_>) -> Arc<Matched> {
        let unaskable = |error: Unaskable| {
            Arc::new(Matched {
                error: Some(error.to_string()),
                ..Matched::default()
            })
        };
        let input = match self.shape.input(question, told) {
            Ok(input) => input,
            Err(error) => return unaskable(error),
        };
        // A list asks once for each of its items: they would push out what calls ask again.
        if question.action.is_seeing() {
            return self.ask(&input).map_or_else(unaskable, Arc::new);
        }
        let bytes = input.bytes();
        if let Some(matched) = self.memo.get(&bytes) {
            return matched;
        }
        let matched = self.ask(&input).map_or_else(unaskable, Arc::new);
        self.memo.put(bytes, &matched);
        matched
    }

    fn ask(&self, input: &Input<'_>) -> Result<Matched, Unaskable> {
        let mut matched = Matched::default();
        let mut asked = self.shape.ask(input)?;
        let keys = std::mem::take(&mut asked.keys);
        let ask = |set: &PolicySet| -> Option<Response> {
            (!set.is_empty()).then(|| {
                self.authorizer
                    .is_authorized(&asked.request, set, &asked.entities)
            })
        };
        for sets in self.index.of(input.action, keys.into_iter()) {
            for (set, to) in [
                (&sets.permits, &mut matched.permits),
                (&sets.forbids, &mut matched.forbids),
                (&sets.observed, &mut matched.observed),
            ] {
                let Some(response) = ask(set) else { continue };
                let places = response.diagnostics().reason().filter_map(place);
                to.extend(places);
                for error in response.diagnostics().errors() {
                    let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                    let rule = place(error.policy_id()).and_then(|place| self.rules.get(place));
                    // What is only tried must not refuse, even by failing.
                    if let Some(rule) = rule.filter(|rule| !rule.observe) {
                        let why = failure(error.inner());
                        matched.error.get_or_insert_with(|| {
                            format!("rule `{}` could not be evaluated: {why}", rule.id)
                        });
                    }
                }
            }
        }
        for places in [
            &mut matched.permits,
            &mut matched.forbids,
            &mut matched.observed,
        ] {
            places.sort_unstable();
        }
        Ok(matched)
    }

    /// Takes in that a policy of another form mentions attributes.
    pub(crate) fn mention(&mut self, policy: &serde_json::Value) {
        self.shape.mentions.take(policy);
    }

    /// Whether some policy reads what happened before.
    pub(crate) fn reads_history(&self) -> bool {
        self.shape.mentions.history()
    }

    /// What stands under `context.mcps`, for policies of another form; `None` if it cannot be built.
    pub(crate) fn ours(
        &self,
        question: &Question<'_>,
        told: &Told<'_>,
    ) -> Option<RestrictedExpression> {
        self.shape.ours(question, told).ok()?.expression().ok()
    }

    /// Whether some policy asks for hosts.
    pub(crate) fn wants_hosts(&self) -> bool {
        self.shape.mentions.has("hosts")
    }
}

fn place(id: &PolicyId) -> Option<usize> {
    let text: &str = id.as_ref();
    text.parse().ok()
}

fn help(diagnostic: &dyn Diagnostic) -> String {
    let help = diagnostic.help().map(|help| help.to_string());
    help.unwrap_or_else(|| "see docs/policy.md for what a policy may say".to_owned())
}

/// Why an evaluation failed, without the values it failed on.
pub(super) const fn failure(error: &EvaluationError) -> &'static str {
    match error {
        EvaluationError::EntityDoesNotExist(_) => "an entity does not exist",
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => {
            "an attribute does not exist"
        }
        EvaluationError::TypeError(_) => "a value is of another type",
        EvaluationError::IntegerOverflow(_) => "a number is too large",
        EvaluationError::FailedExtensionFunctionLookup(_)
        | EvaluationError::FailedExtensionFunctionExecution(_) => "a function failed",
        EvaluationError::RecursionLimit(_) => "it is nested too deeply",
        _ => "it is not a policy that can be evaluated",
    }
}

fn validate(
    schema: Schema,
    policies: &[Policy],
    rules: &[Rule],
    texts: &[Source],
    faults: &mut Faults,
) -> Vec<PolicyError> {
    let mut set = PolicySet::new();
    for policy in policies {
        if let Err(error) = set.add(policy.clone()) {
            faults.add(("policies", 0), error.to_string(), "report it");
        }
    }
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let locate = |id: &PolicyId, labels: Option<usize>| {
        let rule = place(id).and_then(|place| rules.get(place));
        let Some(rule) = rule else {
            return (String::new(), 0);
        };
        let source = texts.iter().find(|source| source.name == rule.source);
        let lines = source.zip(labels).map_or(rule.line, |(source, offset)| {
            let begin = statements(&source.text)
                .into_iter()
                .find(|one| one.line == rule.line);
            line_of(&source.text, begin.map_or(0, |begin| begin.offset) + offset)
        });
        (rule.source.clone(), lines)
    };
    let offset = |diagnostic: &dyn Diagnostic| {
        diagnostic
            .labels()
            .and_then(|mut labels| labels.next())
            .map(|label| label.offset())
    };
    for error in result.validation_errors() {
        let (source, line) = locate(error.policy_id(), offset(error));
        faults.add((&source, line), plain(&error.to_string()), help(error));
    }
    let warnings = result.validation_warnings().map(|warning| {
        let (source, line) = locate(warning.policy_id(), offset(warning));
        PolicyError {
            source,
            line,
            reason: plain(&warning.to_string()),
            todo: help(warning),
        }
    });
    once(warnings.collect())
}

/// A validator's message without our numbers for policies.
fn plain(message: &str) -> String {
    match message.split_once("`, ") {
        Some((first, rest)) if first.starts_with("for policy `") => rest.to_owned(),
        _ => message.to_owned(),
    }
}

fn check_names(
    policy: &serde_json::Value,
    declared: &Declared,
    at: (&str, usize),
    faults: &mut Faults,
) {
    mention::names(policy, &mut |set, name| {
        let (known, what) = match set {
            "facts" => (declared.facts.place(name).is_some(), "fact"),
            "fired" | "fired_before" => (declared.layout.place(name).is_some(), "sequence"),
            "class" => {
                let known = super::question::Class::ALL
                    .iter()
                    .any(|class| class.name() == name);
                (known, "class")
            }
            _ => return,
        };
        if !known {
            let todo = format!(
                "correct its name, or declare it: a {what} that is never set is never seen"
            );
            faults.add(at, format!("there is no {what} `{name}`"), todo);
        }
    });
}
