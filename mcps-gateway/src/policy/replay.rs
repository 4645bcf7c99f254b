//! Recorded calls held against a set, in order, with the history they build up.

use std::collections::HashMap;

use mcps_core::clock::Timestamp;
use mcps_core::json::JsonError;

use super::judge::History;
use super::question::ResultView;
use super::{Decision, Memory, Policies, Recorded, Release, Scope};

/// What a set says of one recorded call.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// When.
    pub now: Timestamp,
    /// Of the call.
    pub decision: Decision,
    /// Of its result, when there was one and the call went on.
    pub release: Option<Release>,
    /// Facts on record that the set does not know.
    pub unknown_facts: Vec<String>,
}

/// A set with the histories that grew so far.
#[derive(Debug)]
pub struct Replay<'p> {
    policies: &'p Policies,
    memories: HashMap<(Scope, String), Memory>,
    now: Timestamp,
}

impl<'p> Replay<'p> {
    /// With empty histories.
    #[must_use]
    pub fn new(policies: &'p Policies, start: Timestamp) -> Self {
        Self {
            policies,
            memories: HashMap::new(),
            now: start,
        }
    }

    /// Decides the next call, and takes it in.
    ///
    /// # Errors
    /// When its arguments, claims or schema are no strict JSON.
    pub fn step(&mut self, recorded: &Recorded) -> Result<Replayed, JsonError> {
        self.now = Timestamp::parse_rfc3339(&recorded.at)
            .unwrap_or_else(|| self.now.plus(std::time::Duration::from_secs(1)));
        let (now, policies) = (self.now, self.policies);
        let [mut session, mut principal, mut tenant] = self.take(recorded);
        let replayed = recorded.ask(now, |question| {
            let (facts, unknown) = match &recorded.facts {
                Some(names) if recorded.arguments.is_none() => {
                    let result = recorded.result.as_ref();
                    policies.recall(names, result.map_or(&[], |result| &result.facts))
                }
                _ => (policies.classify(question), Vec::new()),
            };
            let history = History {
                session: &session,
                principal: &principal,
                tenant: &tenant,
            };
            let decision = policies.decide(question, &facts, &history);
            let seeing = question.action.is_seeing();
            for memory in [&mut session, &mut principal, &mut tenant] {
                match decision.verdict {
                    _ if seeing => {}
                    super::Verdict::Allow => policies.commit_call(memory, &decision, now),
                    super::Verdict::Deny | super::Verdict::NeedsApproval(_) => {
                        policies.commit_denied(memory, &decision, now);
                    }
                }
            }
            let result = recorded
                .result
                .as_ref()
                .filter(|_| decision.is_allowed() && !seeing);
            let release = result.map(|result| {
                let findings: Vec<&str> = result.findings.iter().map(String::as_str).collect();
                let view = ResultView {
                    is_error: result.is_error,
                    bytes: result.bytes,
                    findings: &findings,
                };
                let history = History {
                    session: &session,
                    principal: &principal,
                    tenant: &tenant,
                };
                let release = policies.decide_result(question, &facts, &view, &history);
                for memory in [&mut session, &mut principal, &mut tenant] {
                    policies.commit_result(memory, &release, now);
                }
                release
            });
            Replayed {
                now,
                decision,
                release,
                unknown_facts: unknown.into_iter().map(str::to_owned).collect(),
            }
        })?;
        for (memory, key) in [session, principal, tenant].into_iter().zip(keys(recorded)) {
            self.memories.insert(key, memory);
        }
        Ok(replayed)
    }

    /// The history that a call of this scope has so far.
    #[must_use]
    pub fn memory(&self, scope: Scope, of: &Recorded) -> Option<&Memory> {
        let key = keys(of).into_iter().find(|key| key.0 == scope)?;
        self.memories.get(&key)
    }

    fn take(&mut self, recorded: &Recorded) -> [Memory; 3] {
        keys(recorded).map(|key| {
            let scope = key.0;
            let kept = self.memories.remove(&key);
            kept.unwrap_or_else(|| self.policies.fresh(scope, self.now))
        })
    }
}

fn keys(recorded: &Recorded) -> [(Scope, String); 3] {
    let Recorded {
        tenant, session, ..
    } = recorded;
    let principal = &recorded.principal;
    // Two agents of one owner are one principal to a history.
    let who = if principal.owner.is_empty() {
        &principal.name
    } else {
        &principal.owner
    };
    let key = |parts: &[&str]| parts.join("\0");
    [
        (Scope::Session, key(&[tenant, &principal.name, session])),
        (Scope::Principal, key(&[tenant, who])),
        (Scope::Tenant, key(&[tenant])),
    ]
}
