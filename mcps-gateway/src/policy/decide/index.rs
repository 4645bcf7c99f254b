//! Policies by action and by the one entity their scope names, so that a call is held against those
//! that could match it and no others: authorising is linear in what it is given.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint,
};

use super::rule::Rule;
use crate::policy::question::Action;

/// Policies of one action and one entity.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub(super) permits: PolicySet,
    pub(super) forbids: PolicySet,
    /// Forbids that are only tried.
    pub(super) observed: PolicySet,
}

/// What a policy's scope names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Nothing, or only a type.
    Any,
    Principal(EntityUid),
    Resource(EntityUid),
}

/// Every policy of a set.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_action: HashMap<&'static str, HashMap<Key, Sets>>,
}

impl Index {
    /// Files `policy` under every action it may be about.
    ///
    /// # Errors
    /// When two policies have one id.
    pub(super) fn add(&mut self, policy: &Policy, rule: &Rule) -> Result<(), String> {
        let key = key(policy);
        for action in actions(policy) {
            let sets = self
                .by_action
                .entry(action)
                .or_default()
                .entry(key.clone())
                .or_default();
            let set = match (rule.permits, rule.observe) {
                (true, _) => &mut sets.permits,
                (false, false) => &mut sets.forbids,
                (false, true) => &mut sets.observed,
            };
            set.add(policy.clone()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The policies that could match the action of this name by one of `keys`.
    pub(super) fn of<'i>(
        &'i self,
        action: &str,
        keys: impl Iterator<Item = Key> + 'i,
    ) -> impl Iterator<Item = &'i Sets> {
        let sets = self.by_action.get(action);
        keys.filter_map(move |key| sets?.get(&key))
    }
}

/// The most selective entity of a policy's scope.
fn key(policy: &Policy) -> Key {
    let principal = policy.principal_constraint();
    let resource = policy.resource_constraint();
    match (principal, resource) {
        (_, ResourceConstraint::Eq(uid)) => Key::Resource(uid),
        (PrincipalConstraint::Eq(uid), _) => Key::Principal(uid),
        (_, ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid)) => Key::Resource(uid),
        (PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid), _) => {
            Key::Principal(uid)
        }
        (
            PrincipalConstraint::Any | PrincipalConstraint::Is(_),
            ResourceConstraint::Any | ResourceConstraint::Is(_),
        ) => Key::Any,
    }
}

/// The actions a policy may be about, by name.
fn actions(policy: &Policy) -> Vec<&'static str> {
    let all = || Action::NAMED.iter().chain([&Action::Method("")]).copied();
    let uids = match policy.action_constraint() {
        ActionConstraint::Any => return all().map(Action::name).collect(),
        ActionConstraint::Eq(uid) => vec![uid],
        ActionConstraint::In(uids) => uids,
    };
    let named = |action: &Action<'_>| {
        uids.iter().any(|uid| {
            let name: &str = uid.id().unescaped();
            name == action.name() || name == group(*action)
        })
    };
    all().filter(named).map(Action::name).collect()
}

/// The group of an action: `use` or `see`.
pub(super) const fn group(action: Action<'_>) -> &'static str {
    if action.is_seeing() { "see" } else { "use" }
}
