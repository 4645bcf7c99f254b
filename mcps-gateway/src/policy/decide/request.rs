//! Entities and context of one call, with what some policy reads and nothing else.

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use mcps_core::json::{Kind, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::index::{Key, group};
use super::mention::Mentions;
use crate::policy::config::Typed;
use crate::policy::question::{Action, Question};

/// Why a call cannot be put to the policies: it is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unaskable {
    /// An argument that policies read is of another type.
    #[error("argument `{0}` is not of the type that the policies read it as")]
    Argument(String),
    /// Cedar would not have it.
    #[error("the call cannot be put to the policies")]
    Build,
}

/// What is the same for every call of a set.
#[derive(Debug)]
pub(super) struct Shape {
    types: Types,
    actions: HashMap<&'static str, (EntityUid, Entity)>,
    pub(super) mentions: Mentions,
    pub(super) arguments: BTreeMap<String, Typed>,
    pub(super) claims: BTreeMap<String, Typed>,
}

#[derive(Debug)]
struct Types {
    agent: EntityTypeName,
    group: EntityTypeName,
    tenant: EntityTypeName,
    server: EntityTypeName,
    tool: EntityTypeName,
    prompt: EntityTypeName,
    resource: EntityTypeName,
    method: EntityTypeName,
}

/// What the history says, by names, for the policies that ask.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    pub(crate) facts: Vec<&'a str>,
    pub(crate) call_facts: Vec<&'a str>,
    pub(crate) fired: Vec<&'a str>,
    pub(crate) fired_before: Vec<&'a str>,
    pub(crate) counts: Vec<(&'a str, i64)>,
    pub(crate) age_s: i64,
    pub(crate) calls: i64,
    pub(crate) denied: i64,
    pub(crate) class: Vec<&'a str>,
    pub(crate) hosts: &'a [String],
    /// The level after what history lowered it to.
    pub(crate) effective: i64,
}

/// A call as Cedar sees it.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) entities: Entities,
    pub(super) keys: Vec<Key>,
}

type Pairs = Vec<(String, RestrictedExpression)>;

impl Shape {
    pub(super) fn new(
        mentions: Mentions,
        arguments: BTreeMap<String, Typed>,
        claims: BTreeMap<String, Typed>,
    ) -> Option<Self> {
        let action: EntityTypeName = "Action".parse().ok()?;
        let uid =
            |name: &str| EntityUid::from_type_name_and_id(action.clone(), EntityId::new(name));
        let named = Action::NAMED.iter().chain([&Action::Method("")]);
        let actions = named.map(|one| {
            let parents = HashSet::from([uid(group(*one))]);
            (
                one.name(),
                (
                    uid(one.name()),
                    Entity::new_no_attrs(uid(one.name()), parents),
                ),
            )
        });
        Some(Self {
            actions: actions.collect(),
            types: Types {
                agent: "Agent".parse().ok()?,
                group: "Group".parse().ok()?,
                tenant: "Tenant".parse().ok()?,
                server: "Server".parse().ok()?,
                tool: "Tool".parse().ok()?,
                prompt: "Prompt".parse().ok()?,
                resource: "Resource".parse().ok()?,
                method: "Method".parse().ok()?,
            },
            mentions,
            arguments,
            claims,
        })
    }

    /// Puts a call to the policies.
    pub(super) fn ask(&self, question: &Question<'_>, told: &Told<'_>) -> Result<Asked, Unaskable> {
        let uid = |of: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
        };
        let principal = uid(&self.types.agent, question.principal.name);
        let tenant = uid(&self.types.tenant, question.tenant);
        let server_tenant = uid(&self.types.tenant, question.server_tenant);
        let server = uid(&self.types.server, question.server);
        let groups: Vec<EntityUid> = question
            .principal
            .groups
            .iter()
            .map(|name| uid(&self.types.group, name))
            .collect();
        let resource = match question.action {
            Action::CallTool | Action::SeeTool => uid(&self.types.tool, question.name),
            Action::GetPrompt | Action::SeePrompt => uid(&self.types.prompt, question.name),
            Action::Complete if !question.name.contains(':') => {
                uid(&self.types.prompt, question.name)
            }
            Action::ReadResource | Action::SeeResource | Action::Subscribe | Action::Complete => {
                uid(&self.types.resource, question.name)
            }
            Action::ListTools
            | Action::ListPrompts
            | Action::ListResources
            | Action::Sampling
            | Action::Elicitation
            | Action::Roots => server.clone(),
            Action::Method(name) => uid(&self.types.method, name),
        };
        let (action, action_entity) = self
            .actions
            .get(question.action.name())
            .ok_or(Unaskable::Build)?;
        let mut keys = vec![Key::Any];
        keys.extend(
            [&principal, &tenant]
                .into_iter()
                .cloned()
                .map(Key::Principal),
        );
        keys.extend(groups.iter().cloned().map(Key::Principal));
        keys.push(Key::Resource(server_tenant.clone()));
        keys.push(Key::Resource(server.clone()));
        let is_server = resource == server;
        if !is_server {
            keys.push(Key::Resource(resource.clone()));
        }
        let context = self.context(question, told)?;
        let build = |_| Unaskable::Build;
        // Only what some policy of the set can reach: building entities costs more than asking.
        let speaks = |name: &str| self.mentions.of_type(name);
        let mut principals = HashSet::new();
        if speaks("Group") {
            principals.extend(groups);
        }
        if speaks("Tenant") {
            principals.insert(tenant);
        }
        let mut entities = Vec::with_capacity(4);
        let mut add = |uid: &EntityUid, attributes: HashMap<_, _>, parents: HashSet<EntityUid>| {
            if !attributes.is_empty() || !parents.is_empty() {
                let entity = Entity::new(uid.clone(), attributes, parents);
                entities.push(entity.map_err(|_| Unaskable::Build)?);
            }
            Ok::<_, Unaskable>(())
        };
        add(&principal, self.principal(question), principals)?;
        let above = speaks("Tenant").then_some(server_tenant);
        let of_server = self.kept([
            ("name", question.server),
            ("tenant", question.server_tenant),
        ]);
        add(&server, of_server, above.into_iter().collect())?;
        if !is_server {
            let above = (speaks("Server") || speaks("Tenant")).then_some(server);
            add(
                &resource,
                self.resource(question),
                above.into_iter().collect(),
            )?;
        }
        if self.mentions.groups_of_actions() {
            entities.push(action_entity.clone());
        }
        Ok(Asked {
            entities: Entities::from_entities(entities, None).map_err(|_| Unaskable::Build)?,
            request: Request::new(principal, action.clone(), resource, context, None)
                .map_err(build)?,
            keys,
        })
    }

    fn kept<const N: usize>(
        &self,
        texts: [(&str, &str); N],
    ) -> HashMap<String, RestrictedExpression> {
        let kept = texts
            .into_iter()
            .filter(|(name, _)| self.mentions.has(name));
        kept.map(|(name, value)| (name.to_owned(), text(value)))
            .collect()
    }

    fn principal(&self, question: &Question<'_>) -> HashMap<String, RestrictedExpression> {
        let principal = &question.principal;
        let mut out = self.kept([
            ("name", principal.name),
            ("kind", principal.kind),
            ("owner", principal.owner),
            ("tenant", question.tenant),
        ]);
        if self.mentions.has("groups") {
            out.insert("groups".to_owned(), set(principal.groups.iter().copied()));
        }
        if self.mentions.has("claims") {
            let mut pairs = Pairs::new();
            for (name, typed) in self
                .claims
                .iter()
                .filter(|(name, _)| self.mentions.has(name))
            {
                let claim = principal.claims.and_then(|claims| claims.get(name));
                // A claim of another type is as good as none.
                if let Some(value) = claim.and_then(|claim| expression(claim, *typed)) {
                    pairs.push((name.clone(), value));
                }
            }
            if let Ok(record) = RestrictedExpression::new_record(pairs) {
                out.insert("claims".to_owned(), record);
            }
        }
        out
    }

    fn resource(&self, question: &Question<'_>) -> HashMap<String, RestrictedExpression> {
        let mut out = match question.action {
            Action::ReadResource | Action::SeeResource | Action::Subscribe => {
                self.kept([("uri", question.name), ("server", question.server)])
            }
            Action::Complete if question.name.contains(':') => {
                self.kept([("uri", question.name), ("server", question.server)])
            }
            Action::Method(name) => self.kept([("name", name), ("server", question.server)]),
            _ => self.kept([("name", question.name), ("server", question.server)]),
        };
        if !matches!(question.action, Action::CallTool | Action::SeeTool) {
            return out;
        }
        let tool = &question.tool;
        if self.mentions.has("class") {
            out.insert(
                "class".to_owned(),
                set(tool.class.iter().map(|class| class.name())),
            );
        }
        for (name, hint) in [
            ("classified", Some(!tool.class.is_empty())),
            ("readOnlyHint", tool.read_only_hint),
            ("destructiveHint", tool.destructive_hint),
            ("idempotentHint", tool.idempotent_hint),
            ("openWorldHint", tool.open_world_hint),
        ] {
            if let Some(hint) = hint.filter(|_| self.mentions.has(name)) {
                out.insert(name.to_owned(), RestrictedExpression::new_bool(hint));
            }
        }
        out
    }

    fn context(&self, question: &Question<'_>, told: &Told<'_>) -> Result<Context, Unaskable> {
        let ours = self.ours(question, told)?;
        Context::from_pairs([("mcps".to_owned(), ours)]).map_err(|_| Unaskable::Build)
    }

    /// What stands under `context.mcps`.
    pub(super) fn ours(
        &self,
        question: &Question<'_>,
        told: &Told<'_>,
    ) -> Result<RestrictedExpression, Unaskable> {
        let wants = |name: &str| self.mentions.has(name);
        let long = RestrictedExpression::new_long;
        let mut ours = Pairs::new();
        let mut add = |name: &str, pairs: Vec<(&str, RestrictedExpression)>| {
            let pairs = pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value));
            let record = RestrictedExpression::new_record(pairs).map_err(|_| Unaskable::Build)?;
            ours.push((name.to_owned(), record));
            Ok::<_, Unaskable>(())
        };
        if wants("level") {
            add(
                "level",
                vec![
                    ("effective", long(told.effective)),
                    (
                        "passport",
                        long(i64::from(question.level.passport.number())),
                    ),
                    ("channel", long(i64::from(question.level.channel.number()))),
                ],
            )?;
        }
        if wants("session") {
            let mut session = Vec::new();
            for (name, names) in [
                ("facts", &told.facts),
                ("fired", &told.fired),
                ("fired_before", &told.fired_before),
            ] {
                if wants(name) {
                    session.push((name, set(names.iter().copied())));
                }
            }
            if wants("counts") {
                let counts = told
                    .counts
                    .iter()
                    .map(|(name, count)| ((*name).to_owned(), long(*count)));
                let record =
                    RestrictedExpression::new_record(counts).map_err(|_| Unaskable::Build)?;
                session.push(("counts", record));
            }
            session.extend([
                ("age_s", long(told.age_s)),
                ("calls", long(told.calls)),
                ("denied", long(told.denied)),
            ]);
            add("session", session)?;
        }
        if wants("call") {
            add(
                "call",
                vec![
                    ("facts", set(told.call_facts.iter().copied())),
                    ("class", set(told.class.iter().copied())),
                    ("hosts", set(told.hosts.iter().map(String::as_str))),
                    (
                        "cross_tenant",
                        RestrictedExpression::new_bool(question.crosses_tenants()),
                    ),
                ],
            )?;
        }
        if wants("args") {
            add("args", self.arguments(question)?)?;
        }
        if wants("approval") {
            add("approval", approval(question))?;
        }
        if wants("definition") {
            let definition = question.definition;
            add(
                "definition",
                vec![
                    ("pinned", RestrictedExpression::new_bool(definition.pinned)),
                    (
                        "changed",
                        RestrictedExpression::new_bool(definition.changed),
                    ),
                ],
            )?;
        }
        if wants("time") {
            add("time", time(question))?;
        }
        if wants("tenant") {
            ours.push(("tenant".to_owned(), text(question.tenant)));
        }
        RestrictedExpression::new_record(ours).map_err(|_| Unaskable::Build)
    }

    /// The declared arguments. One of another type than declared would slip past the rules that
    /// read it: unless the tool's own pinned schema means that type, the call is refused.
    fn arguments(
        &self,
        question: &Question<'_>,
    ) -> Result<Vec<(&str, RestrictedExpression)>, Unaskable> {
        let mut out = Vec::new();
        let Some(arguments) = question.arguments else {
            return Ok(out);
        };
        for (name, typed) in self
            .arguments
            .iter()
            .filter(|(name, _)| self.mentions.has(name))
        {
            let Some(value) = arguments.get(name) else {
                continue;
            };
            match expression(value, *typed) {
                Some(value) => out.push((name.as_str(), value)),
                None if means_another(question, name, value) => {}
                None => return Err(Unaskable::Argument(name.clone())),
            }
        }
        Ok(out)
    }
}

/// Whether the tool's pinned schema gives the argument just the type it has.
fn means_another(question: &Question<'_>, name: &str, value: Value<'_>) -> bool {
    let schema = question.tool.input_schema;
    let property = schema.and_then(|schema| schema.get("properties")?.get(name));
    let named = property.and_then(|property| property.get("type")?.as_str());
    let is = match value.kind() {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number if value.as_i64().is_some() => "integer",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    };
    named.is_some_and(|named| named == is || (named == "number" && is == "integer"))
}

fn expression(value: Value<'_>, typed: Typed) -> Option<RestrictedExpression> {
    match typed {
        Typed::String => value.as_str().map(|value| text(&value)),
        Typed::Bool => value.as_bool().map(RestrictedExpression::new_bool),
        Typed::Long => value.as_i64().map(RestrictedExpression::new_long),
        Typed::Decimal => {
            crate::policy::cedarv1::decimal(value).map(RestrictedExpression::new_decimal)
        }
        Typed::Strings => {
            let items = value
                .as_array()?
                .iter()
                .map(|item| Some(text(&item.as_str()?)));
            Some(RestrictedExpression::new_set(
                items.collect::<Option<Vec<_>>>()?,
            ))
        }
    }
}

fn approval(question: &Question<'_>) -> Vec<(&'static str, RestrictedExpression)> {
    let groups = question.approvals.iter().map(|approval| approval.group);
    let by: std::collections::BTreeSet<&str> = question
        .approvals
        .iter()
        .flat_map(|approval| approval.by.iter().copied())
        .collect();
    let quorum = i64::try_from(by.len()).unwrap_or(i64::MAX);
    vec![
        ("granted", RestrictedExpression::new_bool(quorum > 0)),
        ("groups", set(groups)),
        ("by", set(by.into_iter())),
        ("quorum", RestrictedExpression::new_long(quorum)),
    ]
}

fn time(question: &Question<'_>) -> Vec<(&'static str, RestrictedExpression)> {
    let seconds = question.now.as_millis().div_euclid(1000);
    let long = RestrictedExpression::new_long;
    vec![
        (
            "at",
            RestrictedExpression::new_datetime(question.now.to_string()),
        ),
        ("hour", long(seconds.div_euclid(3600).rem_euclid(24))),
        ("minute", long(seconds.div_euclid(60).rem_euclid(60))),
        // 1970-01-01 was a Thursday; 1 is Monday.
        (
            "weekday",
            long((seconds.div_euclid(86_400) + 3).rem_euclid(7) + 1),
        ),
    ]
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}
