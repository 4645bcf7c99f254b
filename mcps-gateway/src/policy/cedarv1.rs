//! `cedarv1` files, taken unmodified: their entities, attributes, lists and defaults.
//!
//! They have no schema and are not validated: a policy that reads what is not there fails when it is
//! evaluated, and a failure refuses. Nothing of ours is in sight of them but `context.mcps`.

mod attributes;
mod decimal;
mod file;
mod group;

#[cfg(test)]
mod tests;

pub(crate) use decimal::decimal;

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, RestrictedExpression,
};

use super::decide::failure;
use super::question::{Action, Question};
use super::source::{Faults, Source, line_of};
use file::File;

/// One loaded file.
#[derive(Debug)]
pub(crate) struct CedarV1 {
    /// What rule ids begin with.
    name: String,
    policies: PolicySet,
    entities: Entities,
    claims: file::Claims,
    authorizer: Authorizer,
    types: HashMap<&'static str, EntityTypeName>,
    group: EntityTypeName,
    /// Lines of the policies, for those who look for a rule.
    pub(crate) lines: Vec<usize>,
    /// The policies in Cedar's JSON form, for what they mention.
    pub(crate) json: Vec<serde_json::Value>,
}

/// What the file says of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// The policies that decided: `name#policy0`.
    pub(crate) rules: Vec<String>,
    pub(crate) error: Option<String>,
}

/// How one of the file's actions is put together.
struct Shape {
    action: &'static str,
    operation: &'static str,
    kind: &'static str,
    feature: &'static str,
}

impl CedarV1 {
    /// Reads a file. Six of the policy texts that circulate for this form parse nowhere: they are
    /// refused, not repaired.
    pub(crate) fn load(source: &Source, faults: &mut Faults) -> Option<Self> {
        let file = File::read(source, faults)?;
        let mut policies = PolicySet::new();
        let (mut lines, mut json) = (Vec::new(), Vec::new());
        for (at, text) in file.policies.iter().enumerate() {
            let first = text.lines().map(str::trim).find(|line| !line.is_empty());
            let line = first.and_then(|first| source.text.find(first));
            let line = line.map_or(0, |offset| line_of(&source.text, offset));
            lines.push(line);
            let id = PolicyId::new(format!("policy{at}"));
            let added = Policy::parse(Some(id), text).map_err(|errors| errors.to_string());
            let added = added.and_then(|policy| {
                json.extend(policy.to_json());
                policies.add(policy).map_err(|error| error.to_string())
            });
            if let Err(reason) = added {
                faults.add(
                    (&source.name, line),
                    format!("policy {at} (counted from 0): {reason}"),
                    "correct the policy: no Cedar engine reads it",
                );
            }
        }
        let entities = match file.entities_json.as_deref().map(str::trim) {
            None | Some("") => Entities::empty(),
            Some(text) => match Entities::from_json_str(text, None) {
                Ok(entities) => entities,
                Err(error) => {
                    faults.add(
                        (&source.name, 0),
                        format!("entities_json: {error}"),
                        "write a list of entities with uid, attrs and parents",
                    );
                    return None;
                }
            },
        };
        let named = [
            "Client",
            "Action",
            "Tool",
            "Prompt",
            "Resource",
            "FeatureType",
            "MCP",
            "Backend",
        ];
        let types = named
            .into_iter()
            .filter_map(|name| Some((name, name.parse().ok()?)));
        // Their engine takes no namespace there, and so no file of theirs has one.
        let group = Some(&file.group_type).filter(|name| !name.contains("::"));
        let Some(group) = group.and_then(|name| name.parse().ok()) else {
            faults.add(
                (&source.name, 0),
                "group_entity_type is no entity type",
                "write one name, as THVGroup",
            );
            return None;
        };
        Some(Self {
            name: source.name.clone(),
            policies,
            entities,
            claims: file.claims,
            authorizer: Authorizer::new(),
            types: types.collect(),
            group,
            lines,
            json,
        })
    }

    /// Whether the file lets the call through. `ours` is what stands under `context.mcps`.
    pub(crate) fn decide(
        &self,
        question: &Question<'_>,
        ours: Option<RestrictedExpression>,
    ) -> Answer {
        let Some(shape) = shape(question.action) else {
            // Lists go through, and their items are asked for one by one.
            return Answer {
                allowed: is_list(question.action) || is_always_allowed(question.action),
                ..Answer::default()
            };
        };
        match self.evaluate(question, &shape, ours) {
            Ok(answer) => answer,
            Err(error) => Answer {
                error: Some(error.to_owned()),
                ..Answer::default()
            },
        }
    }

    fn evaluate(
        &self,
        question: &Question<'_>,
        shape: &Shape,
        ours: Option<RestrictedExpression>,
    ) -> Result<Answer, &'static str> {
        let sub = self.subject(question).ok_or("the caller has no `sub`")?;
        let uid = |name: &str, id: &str| {
            let of = self.types.get(name).cloned().ok_or("a type is missing")?;
            Ok::<_, &'static str>(EntityUid::from_type_name_and_id(of, EntityId::new(id)))
        };
        let principal = uid("Client", &sub)?;
        let action = uid("Action", shape.action)?;
        let resource = uid(shape.kind, question.name)?;
        let claims = attributes::claims(question.principal.claims, &self.claims);
        let arguments = match question.arguments {
            Some(arguments) if !question.action.is_seeing() => attributes::arguments(arguments)?,
            _ => HashMap::new(),
        };
        let groups = group::of(question.principal.claims, &self.claims);
        let groups: HashSet<EntityUid> = groups
            .into_iter()
            .map(|id| EntityUid::from_type_name_and_id(self.group.clone(), EntityId::new(id)))
            .collect();
        let servers = match (question.server, shape.kind) {
            ("", _) => HashSet::new(),
            // A tool is in its backend too, which in a gateway of several servers is the server.
            (server, "Tool") => HashSet::from([uid("MCP", server)?, uid("Backend", server)?]),
            (server, _) => HashSet::from([uid("MCP", server)?]),
        };
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut of_resource = arguments.clone();
        of_resource.insert("name".to_owned(), text(question.name));
        of_resource.insert("operation".to_owned(), text(shape.operation));
        of_resource.insert("feature".to_owned(), text(shape.feature));
        match shape.kind {
            "Tool" => attributes::hints(&question.tool, &mut of_resource),
            "Resource" => drop(of_resource.insert("uri".to_owned(), text(question.name))),
            _ => {}
        }
        let of_action = HashMap::from([("operation".to_owned(), text(shape.action))]);
        let build = "an attribute cannot be built";
        let request_entities = [
            Entity::new(principal.clone(), claims.clone(), groups).map_err(|_| build)?,
            Entity::new(action.clone(), of_action, HashSet::new()).map_err(|_| build)?,
            Entity::new(resource.clone(), of_resource, servers).map_err(|_| build)?,
        ];
        let entities = self
            .entities
            .clone()
            .upsert_entities(request_entities, None);
        let entities = entities.map_err(|_| "the entities contradict the file's")?;
        let mut pairs: HashMap<String, RestrictedExpression> = claims;
        pairs.extend(arguments);
        if let Some(ours) = ours {
            pairs.insert("mcps".to_owned(), ours);
        }
        let context = Context::from_pairs(pairs).map_err(|_| build)?;
        let request =
            Request::new(principal, action, resource, context, None).map_err(|_| build)?;
        let response = self
            .authorizer
            .is_authorized(&request, &self.policies, &entities);
        let error = response.diagnostics().errors().next().map(|error| {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            let (id, why) = (error.policy_id(), failure(error.inner()));
            format!("rule `{}#{id}` could not be evaluated: {why}", self.name)
        });
        let mut rules: Vec<String> = response
            .diagnostics()
            .reason()
            .map(|id| format!("{}#{id}", self.name))
            .collect();
        rules.sort_unstable();
        Ok(Answer {
            allowed: response.decision() == Decision::Allow && error.is_none(),
            rules,
            error,
        })
    }

    /// The token's `sub`; of a caller without a token, the name that was verified.
    fn subject(&self, question: &Question<'_>) -> Option<String> {
        let subject = match question.principal.claims {
            Some(claims) => claims.get("sub")?.as_str()?.into_owned(),
            None => question.principal.name.to_owned(),
        };
        (!subject.is_empty()).then_some(subject)
    }

    /// How many policies it has.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }
}

/// How an action looks in such a file; `None` for what it is not asked about.
const fn shape(action: Action<'_>) -> Option<Shape> {
    let (action, operation, kind, feature) = match action {
        Action::CallTool | Action::SeeTool => ("call_tool", "call", "Tool", "tool"),
        Action::GetPrompt | Action::SeePrompt => ("get_prompt", "get", "Prompt", "prompt"),
        Action::ReadResource | Action::Subscribe | Action::SeeResource => {
            ("read_resource", "read", "Resource", "resource")
        }
        Action::ListTools
        | Action::ListPrompts
        | Action::ListResources
        | Action::Complete
        | Action::Roots
        | Action::Sampling
        | Action::Elicitation
        | Action::Method(_) => return None,
    };
    Some(Shape {
        action,
        operation,
        kind,
        feature,
    })
}

const fn is_list(action: Action<'_>) -> bool {
    matches!(
        action,
        Action::ListTools | Action::ListPrompts | Action::ListResources
    )
}

/// What goes through without a question in any set: the protocol's own housekeeping.
pub(crate) fn is_housekeeping(method: &str) -> bool {
    matches!(
        method,
        "initialize"
            | "ping"
            | "server/discover"
            | "subscriptions/listen"
            | "logging/setLevel"
            | "features/list"
            | "notifications/initialized"
            | "notifications/cancelled"
            | "notifications/progress"
            | "notifications/message"
            | "notifications/roots/list_changed"
            | "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated"
            | "notifications/elicitation/complete"
    )
}

fn is_always_allowed(action: Action<'_>) -> bool {
    match action {
        Action::Roots | Action::Complete => true,
        Action::Method(method) => method == "progress/update" || is_housekeeping(method),
        _ => false,
    }
}
