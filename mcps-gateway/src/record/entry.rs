//! What records say of calls, as it is written.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::Effective;
use serde::{Serialize, Serializer};

use super::log::Found;
use super::{Answer, Outcome};
use crate::call::{Call, Pinned, Principal, Proof, Stages};
use crate::judge::{Denial, Grounds, Permit};
use crate::policy::Class;

/// The longest name of a tool or resource that is written out.
const LONGEST: usize = 512;

/// The beginning or the end of a run of the gateway.
#[derive(Debug, Serialize)]
pub(super) struct Run<'a> {
    event: &'static str,
    at: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_bytes: Option<u64>,
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    damaged_at: &'a [u64],
}

impl<'a> Run<'a> {
    /// With what the last one left.
    pub(super) fn started(found: &'a Found, at: Timestamp) -> Self {
        Self {
            event: "started",
            at: Shown(at),
            torn_bytes: found.torn.as_ref().map(|(bytes, _)| *bytes),
            damaged_at: &found.damaged,
        }
    }

    pub(super) const fn stopped(at: Timestamp) -> Self {
        Self {
            event: "stopped",
            at: Shown(at),
            torn_bytes: None,
            damaged_at: &[],
        }
    }
}

/// A decision.
#[derive(Debug, Serialize)]
pub(super) struct Decision<'a> {
    event: &'static str,
    at: Shown<Timestamp>,
    decision_id: &'a str,
    tenant: &'a str,
    principal: Option<Whom<'a>>,
    level: Option<Level>,
    route: &'a str,
    session: Option<Shown<Digest>>,
    method: Cow<'a, str>,
    server: Option<&'a str>,
    name: Option<Cow<'a, str>>,
    via: Option<&'static str>,
    asked_by: Option<&'static str>,
    signed_hash: Option<Shown<Digest>>,
    arguments_hash: Option<Shown<Digest>>,
    definition_hash: Option<Shown<Digest>>,
    definition: Option<&'static str>,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    grounds: Grounded<'a>,
    #[serde(serialize_with = "each")]
    stages_us: &'a Stages,
    decided_us: u64,
}

impl<'a> Decision<'a> {
    pub(super) fn of(call: &'a Call, decided: Result<&'a Permit, &'a Denial>) -> Self {
        let caller = &call.caller;
        let definition = call.definition.as_ref();
        let digest = |text: &str| Shown(Digest::of(text.as_bytes()));
        let (decision, rule, grounds) = match decided {
            Ok(permit) => ("permit", &permit.rule, &permit.grounds),
            Err(denial) => ("deny", &denial.rule, &denial.grounds),
        };
        Self {
            event: "decision",
            at: Shown(call.at),
            decision_id: &call.decision_id,
            tenant: &caller.tenant,
            principal: caller.principal.as_ref().map(Whom::of),
            level: caller.trust.map(Level::of),
            route: &call.session.route,
            session: call.session.session.as_deref().map(digest),
            method: written(&call.method),
            server: call.target.server.as_deref(),
            name: call.target.name.as_deref().map(written),
            via: call.via,
            asked_by: call.by_server.then_some("server"),
            signed_hash: call.signed.map(Shown),
            arguments_hash: call.arguments().map(|arguments| digest(arguments.raw())),
            definition_hash: definition.and_then(|known| known.hash).map(Shown),
            definition: definition.map(|known| match known.pinned {
                Pinned::Same => "pinned",
                Pinned::Changed => "changed",
                Pinned::Held(_) => "held",
                Pinned::Unlisted => "unlisted",
                Pinned::Unknown => "unknown",
            }),
            decision,
            code: decided.err().map(|denial| denial.code.id()),
            rule,
            reason: decided.err().map(|denial| denial.reason.as_str()),
            grounds: Grounded::of(grounds),
            stages_us: &call.stages,
            decided_us: micros(call.stages.total()),
        }
    }
}

/// Who asked. Claims are nobody's business here.
#[derive(Debug, Serialize)]
struct Whom<'a> {
    name: &'a str,
    owner: &'a str,
    issuer: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    passport_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
}

impl<'a> Whom<'a> {
    fn of(principal: &'a Principal) -> Self {
        let key_id = match &principal.proof {
            Proof::ApiKey { id } => Some(id.as_str()),
            Proof::Passport { .. } | Proof::Token => None,
        };
        Self {
            name: &principal.name,
            owner: &principal.owner,
            issuer: &principal.issuer,
            kind: principal.kind(),
            passport_id: principal.passport_id(),
            key_id,
            groups: &principal.groups,
        }
    }
}

/// What the caller's word is worth, and why.
#[derive(Debug, Serialize)]
struct Level {
    effective: u8,
    passport: u8,
    cap: u8,
    channel: u8,
}

impl Level {
    fn of(trust: Effective) -> Self {
        Self {
            effective: trust.level().number(),
            passport: trust.passport.number(),
            cap: trust.cap.number(),
            channel: trust.channel.number(),
        }
    }
}

/// What a decision rests on; what there is none of is left out.
#[derive(Debug, Default, Serialize)]
struct Grounded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Class]>::is_empty")]
    class: &'a [Class],
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Shown<Digest>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    rules: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    facts: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    fired: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    observed: &'a [String],
}

impl<'a> Grounded<'a> {
    fn of(grounds: &'a Grounds) -> Self {
        Self {
            server_tenant: grounds.server_tenant.as_deref(),
            class: &grounds.class,
            policy: grounds.policy.map(Shown),
            rules: &grounds.rules,
            facts: &grounds.facts,
            fired: &grounds.fired,
            observed: &grounds.observed,
        }
    }

    /// With what another says where this says nothing.
    fn or(self, other: Self) -> Self {
        const fn first<'a, T>(one: &'a [T], other: &'a [T]) -> &'a [T] {
            if one.is_empty() { other } else { one }
        }
        Self {
            server_tenant: self.server_tenant.or(other.server_tenant),
            class: first(self.class, other.class),
            policy: self.policy.or(other.policy),
            rules: first(self.rules, other.rules),
            facts: first(self.facts, other.facts),
            fired: first(self.fired, other.fired),
            observed: first(self.observed, other.observed),
        }
    }
}

/// An outcome.
#[derive(Debug, Serialize)]
pub(super) struct Ended<'a> {
    event: &'static str,
    at: Shown<Timestamp>,
    decision_id: &'a str,
    took_us: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    answer: Option<Answered>,
    #[serde(flatten)]
    grounds: Grounded<'a>,
}

impl<'a> Ended<'a> {
    pub(super) fn of(call: &'a Call, outcome: &'a Outcome, at: Timestamp) -> Self {
        let (code, reason, answer, grounds) = match outcome {
            Outcome::Answered(answer) => (None, None, Some(answer), None),
            Outcome::Withheld {
                code,
                reason,
                grounds,
                answer,
            } => {
                let reason = Some(reason.as_str());
                let (answer, grounds) = (answer.as_ref(), Some(grounds));
                (Some(*code), reason, answer, grounds)
            }
            Outcome::Failed { code } => (Some(*code), None, None, None),
            Outcome::PassedOn | Outcome::Left => (None, None, None, None),
        };
        let own = grounds.map(|grounds| Grounded::of(grounds));
        let its = answer.map(|answer| Grounded::of(&answer.grounds));
        Self {
            event: "outcome",
            at: Shown(at),
            decision_id: &call.decision_id,
            took_us: micros(call.stages.total()),
            outcome: outcome.word(),
            code,
            reason,
            answer: answer.map(Answered::of),
            grounds: own.unwrap_or_default().or(its.unwrap_or_default()),
        }
    }
}

/// An answer of a server's.
#[derive(Debug, Serialize)]
struct Answered {
    result_hash: Shown<Digest>,
    bytes: u64,
    server_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_error: Option<bool>,
}

impl Answered {
    fn of(answer: &Answer) -> Self {
        Self {
            result_hash: Shown(answer.hash),
            bytes: answer.bytes,
            server_us: micros(answer.server),
            error: answer.error,
            is_error: answer.failed.then_some(true),
        }
    }
}

/// As it is shown to people.
#[derive(Clone, Copy, Debug)]
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "so serde asks")]
fn each<S: Serializer>(stages: &&Stages, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(stages.took().map(|(stage, took)| (stage, micros(took))))
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// A name as it is written: one that is too long is cut, and told from others by its digest.
pub(crate) fn written(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return name.into();
    }
    let end = name.floor_char_boundary(LONGEST);
    let beginning = name.get(..end).unwrap_or_default();
    format!("{beginning}…#{}", Digest::of(name.as_bytes())).into()
}

#[cfg(test)]
mod tests;
