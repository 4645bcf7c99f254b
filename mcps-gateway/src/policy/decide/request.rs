//! Entities and context of one call, with what some policy reads and nothing else.

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use std::collections::{BTreeMap, HashMap, HashSet};

use super::datum::Members;
use super::index::{Key, group};
use super::input::{Input, Kind, Unaskable};
use super::mention::Mentions;
use crate::policy::config::Typed;
use crate::policy::question::Action;

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

/// A call as Cedar sees it.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) entities: Entities,
    pub(super) keys: Vec<Key>,
}

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

    /// Puts a call to the policies. Whatever they are told of it is in `input`.
    pub(super) fn ask(&self, input: &Input<'_>) -> Result<Asked, Unaskable> {
        let uid = |of: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
        };
        let principal = uid(&self.types.agent, input.principal);
        let tenant = uid(&self.types.tenant, input.tenant);
        let server_tenant = uid(&self.types.tenant, input.server_tenant);
        let server = uid(&self.types.server, input.server);
        let groups = input.groups.iter().map(|name| uid(&self.types.group, name));
        let groups: Vec<EntityUid> = groups.collect();
        let (kind, name) = input.resource;
        let resource = match kind {
            Kind::Tool => uid(&self.types.tool, name),
            Kind::Prompt => uid(&self.types.prompt, name),
            Kind::Resource => uid(&self.types.resource, name),
            Kind::Method => uid(&self.types.method, name),
            Kind::Server => server.clone(),
        };
        let action = self.actions.get(input.action);
        let (action, action_entity) = action.ok_or(Unaskable::Build)?;
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
        let is_server = kind == Kind::Server;
        if !is_server {
            keys.push(Key::Resource(resource.clone()));
        }
        let ours = input.ours.expression()?;
        let context = Context::from_pairs([("mcps".to_owned(), ours)]);
        let context = context.map_err(|_| Unaskable::Build)?;
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
        let mut add = |uid: &EntityUid, members: &Members<'_>, parents: HashSet<EntityUid>| {
            if !members.is_empty() || !parents.is_empty() {
                let entity = Entity::new(uid.clone(), attributes(members)?, parents);
                entities.push(entity.map_err(|_| Unaskable::Build)?);
            }
            Ok::<_, Unaskable>(())
        };
        add(&principal, &input.of_principal, principals)?;
        let above = speaks("Tenant").then_some(server_tenant);
        add(&server, &input.of_server, above.into_iter().collect())?;
        if !is_server {
            let above = (speaks("Server") || speaks("Tenant")).then_some(server);
            add(&resource, &input.of_resource, above.into_iter().collect())?;
        }
        if self.mentions.groups_of_actions() {
            entities.push(action_entity.clone());
        }
        Ok(Asked {
            entities: Entities::from_entities(entities, None).map_err(|_| Unaskable::Build)?,
            request: Request::new(principal, action.clone(), resource, context, None)
                .map_err(|_| Unaskable::Build)?,
            keys,
        })
    }
}

fn attributes(members: &Members<'_>) -> Result<HashMap<String, RestrictedExpression>, Unaskable> {
    let each = members.iter();
    each.map(|(name, value)| Ok(((*name).to_owned(), value.expression()?)))
        .collect()
}
