//! Policies: facts of the call, what its session, caller and tenant did before, and the rules, all under
//! the locks of those histories.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::json::{Document, Value};
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;

use super::sets::Set;
use super::{Deciding, Denial, Grounds, Judge, Levels, Listed, Permit, Sets, Weighing};
use crate::call::{Call, Caller, Claims, Pinned};
use crate::config::{Config, Server};
use crate::history::{Histories, HistoryError, Scopes};
use crate::policy::{
    Action, Classes, Decision, Definition, Levels as Asked, Principal, Question, ResultView, Then,
    ToolFacts, Verdict,
};

/// Decides by minimum levels and policies.
#[derive(Debug)]
pub struct PolicyJudge {
    levels: Levels,
    sets: Arc<ArcSwap<Sets>>,
    histories: Histories,
}

impl PolicyJudge {
    /// By those sets and their configuration, whatever they are at the moment.
    #[must_use]
    pub fn new(sets: Arc<ArcSwap<Sets>>, histories: Histories) -> Self {
        Self {
            levels: Levels::new(Arc::clone(&sets)),
            sets,
            histories,
        }
    }

    /// What is decided; and what refuses the call besides, where history lowered the level of its caller below
    /// what it takes.
    async fn decided(
        &self,
        call: &Call,
        (sets, set): (&Sets, &Set),
        question: &Question<'_>,
    ) -> Result<(Decision, Option<Denial>), HistoryError> {
        let policies = &set.policies;
        let facts = policies.classify(question);
        let act = |scopes: &mut Scopes<'_>| {
            let decision = policies.decide(question, &facts, &scopes.read());
            let lowered = decision.level < question.level.effective;
            let admits = || {
                let (tenant, target) = (&call.caller.tenant, &call.target);
                sets.admits(tenant, decision.level, target)
            };
            let too_low = lowered.then(admits).and_then(Result::err);
            let allowed = decision.is_allowed() && too_low.is_none();
            scopes.change(|memory| {
                if allowed {
                    policies.commit_call(memory, &decision, question.now);
                } else {
                    policies.commit_denied(memory, &decision, question.now);
                }
            });
            (decision, too_low)
        };
        self.histories.with(call, policies, act).await
    }

    fn grounds(set: &Set, subject: &Subject<'_>, decision: &Decision) -> Box<Grounds> {
        let foreign = subject.server_tenant != subject.caller.tenant;
        Box::new(Grounds {
            class: subject.class.iter().collect(),
            server_tenant: foreign.then(|| subject.server_tenant.to_owned()),
            policy: Some(set.digest),
            rules: decision.because.iter().map(|it| it.rule.clone()).collect(),
            facts: decision.facts.clone(),
            fired: decision.fired.clone(),
            observed: decision.observed.clone(),
        })
    }
}

impl PolicyJudge {
    async fn judge(&self, call: &Call) -> Result<Permit, Denial> {
        let sets = self.sets.load_full();
        let (tenant, level) = (&call.caller.tenant, call.caller.level());
        sets.admits(tenant, level, &call.target)?;
        let set = sets.of(tenant, level)?;
        let subject = Subject::of(sets.config(), call);
        let by = (&*sets, &*set);
        let (decision, too_low) = match self.decided(call, by, &subject.question(call)).await {
            Ok(decision) => decision,
            Err(error) => {
                return Err(Denial::new(error.code(), "history", error.to_string()));
            }
        };
        let grounds = Self::grounds(&set, &subject, &decision);
        warn(call, &decision.then, &decision.fired);
        if let Some(error) = &decision.error {
            tracing::error!(
                decision_id = call.decision_id,
                "a rule could not be evaluated: {error}"
            );
        }
        if let Some(denial) = too_low.filter(|_| decision.verdict != Verdict::Deny) {
            let rules = Vec::new();
            let grounds = Box::new(Grounds { rules, ..*grounds });
            return Err(Denial { grounds, ..denial });
        }
        let because = decision.because.first();
        let reason = because.map_or("no rule permits it", |because| because.reason.as_str());
        match &decision.verdict {
            Verdict::Allow => Ok(Permit {
                rule: decision.rule().to_owned(),
                grounds,
            }),
            Verdict::Deny => Err(Denial {
                grounds,
                ..Denial::new(Code::Denied, decision.rule(), reason.to_owned())
            }),
            Verdict::NeedsApproval(wanted) => {
                let wanted = wanted
                    .iter()
                    .map(|approve| format!("{} of group {}", approve.quorum, approve.group));
                let wanted = wanted.collect::<Vec<_>>().join(" and ");
                let reason = format!("{reason} It takes the approval of {wanted}.");
                Err(Denial {
                    grounds,
                    ..Denial::new(Code::ApprovalNeeded, decision.rule(), reason)
                })
            }
        }
    }

    async fn weigh(&self, call: &Call, answer: &Message) -> Result<Box<Grounds>, Denial> {
        let sets = self.sets.load_full();
        let set = sets.of(&call.caller.tenant, call.caller.level())?;
        let subject = Subject::of(sets.config(), call);
        let question = subject.asked(call.message.params(), self.histories.now());
        let failed = answer.result().and_then(|result| result.get("isError"));
        let failed = failed.and_then(Value::as_bool).unwrap_or(false);
        let view = ResultView {
            is_error: failed || answer.error().is_some(),
            bytes: u64::try_from(answer.text().len()).unwrap_or(u64::MAX),
            findings: &[],
        };
        let policies = &set.policies;
        let facts = policies.classify(&question);
        let act = |scopes: &mut Scopes<'_>| {
            let release = policies.decide_result(&question, &facts, &view, &scopes.read());
            scopes.change(|memory| policies.commit_result(memory, &release, question.now));
            release
        };
        let release = self.histories.with(call, policies, act).await;
        let release =
            release.map_err(|error| Denial::new(error.code(), "history", error.to_string()))?;
        let fired: Vec<String> = release.because.iter().map(|it| it.rule.clone()).collect();
        warn(call, &release.then, &fired);
        let grounds = Box::new(Grounds {
            policy: Some(set.digest),
            rules: fired,
            facts: release.facts,
            observed: release.observed,
            ..Grounds::default()
        });
        if release.allowed {
            return Ok(grounds);
        }
        let because = release.because.first();
        let rule = because.map_or("default", |because| because.rule.as_str());
        let reason = because.map_or("", |because| because.reason.as_str());
        Err(Denial {
            grounds,
            ..Denial::new(Code::Denied, rule, reason.to_owned())
        })
    }
}

impl Judge for PolicyJudge {
    fn decide<'a>(&'a self, call: &'a Call) -> Deciding<'a> {
        Box::pin(self.judge(call))
    }

    fn shows(&self, caller: &Caller, listed: Listed<'_>) -> bool {
        if !self.levels.shows(caller, listed) {
            return false;
        }
        let (action, now) = (seeing(listed.kind), self.histories.now());
        let decision = weigh(&self.sets.load(), (caller, listed), action, now);
        decision.is_ok_and(|decision| decision.is_allowed())
    }

    fn answered<'a>(&'a self, call: &'a Call, answer: &'a Message) -> Weighing<'a> {
        Box::pin(self.weigh(call, answer))
    }
}

/// What it is to be shown one of a list.
fn seeing(kind: &str) -> Action<'static> {
    match kind {
        "tools" => Action::SeeTool,
        "prompts" => Action::SeePrompt,
        _ => Action::SeeResource,
    }
}

/// How the policies in force decide about one thing of a list where nothing was done before, and
/// without arguments.
///
/// # Errors
/// Why there are none in force.
pub fn weigh(
    sets: &Sets,
    (caller, listed): (&Caller, Listed<'_>),
    action: Action<'_>,
    now: Timestamp,
) -> Result<Decision, Denial> {
    let set = sets.of(&caller.tenant, caller.level())?;
    let config = sets.config();
    let subject = Subject {
        action,
        caller,
        groups: groups(caller),
        server: listed.server,
        server_tenant: server_tenant(config, listed.server, &caller.tenant),
        name: listed.name,
        class: class(config, listed.server, listed.name, action),
        definition: None,
        pinned: None,
    };
    let question = subject.asked(None, now);
    let policies = &set.policies;
    let facts = policies.classify(&question);
    Ok(policies.decide(&question, &facts, &set.nothing()))
}

/// Says what a sequence asks for beside a refusal.
fn warn(call: &Call, then: &[Then], fired: &[String]) {
    for then in then {
        let sequences = fired.join(", ");
        match then {
            Then::Alert => tracing::warn!(
                decision_id = call.decision_id,
                tenant = call.caller.tenant,
                sequences,
                "a sequence raises an alert: {sequences}"
            ),
            Then::StopSession => tracing::warn!(
                decision_id = call.decision_id,
                tenant = call.caller.tenant,
                sequences,
                "a session is stopped: {sequences}"
            ),
            Then::LowerTrust(level) => tracing::warn!(
                decision_id = call.decision_id,
                tenant = call.caller.tenant,
                %level,
                sequences,
                "trust is lowered to {level}: {sequences}"
            ),
            Then::Deny | Then::Approve(_) => {}
        }
    }
}

fn server_tenant<'a>(config: &'a Config, server: &str, caller: &'a str) -> &'a str {
    let known = config.server.iter().find(|known| known.name == server);
    let own = known.and_then(Server::owner);
    own.unwrap_or(caller)
}

/// The groups of a caller.
fn groups(caller: &Caller) -> Vec<&str> {
    let groups = caller.principal.iter().flat_map(|who| &who.groups);
    groups.map(String::as_str).collect()
}

/// What the operator says that the subject of a call does.
pub(crate) fn class_of(config: &Config, call: &Call) -> Classes {
    let server = call.target.server.as_deref().unwrap_or_default();
    let name = call.target.name.as_deref().unwrap_or_default();
    class(config, server, name, Action::from_method(&call.method))
}

fn class(config: &Config, server: &str, name: &str, action: Action<'_>) -> Classes {
    if !matches!(action, Action::CallTool | Action::SeeTool) {
        return Classes::default();
    }
    let known = config.server.iter().find(|known| known.name == server);
    let tool = known.and_then(|known| known.tool.get(name));
    Classes::of(tool.map(|tool| tool.class.as_slice()).unwrap_or_default())
}

/// What a question is about, borrowed from the call and the configuration.
struct Subject<'a> {
    action: Action<'a>,
    caller: &'a Caller,
    groups: Vec<&'a str>,
    server: &'a str,
    server_tenant: &'a str,
    name: &'a str,
    class: Classes,
    definition: Option<&'a Document>,
    pinned: Option<Pinned>,
}

impl<'a> Subject<'a> {
    fn of(config: &'a Config, call: &'a Call) -> Self {
        let server = call.target.server.as_deref().unwrap_or_default();
        let name = call.target.name.as_deref().unwrap_or_default();
        let action = Action::from_method(&call.method);
        Self {
            action,
            caller: &call.caller,
            groups: groups(&call.caller),
            server,
            server_tenant: server_tenant(config, server, &call.caller.tenant),
            name,
            class: class(config, server, name, action),
            definition: call.defined(),
            pinned: call.definition.as_ref().map(|known| known.pinned),
        }
    }

    fn question(&self, call: &'a Call) -> Question<'_> {
        self.asked(call.message.params(), call.at)
    }

    fn asked<'b>(&'b self, params: Option<Value<'b>>, now: Timestamp) -> Question<'b> {
        let principal = self.caller.principal.as_ref();
        let trust = self.caller.trust;
        let level =
            |of: fn(mcps_core::level::Effective) -> TrustLevel| trust.map_or(TrustLevel::L0, of);
        let definition = self.definition.map(Document::root);
        let hints = definition.and_then(|known| known.get("annotations"));
        let hint = |name: &str| {
            let value = hints.and_then(|hints| hints.get(name));
            value.and_then(Value::as_bool)
        };
        Question {
            action: self.action,
            tenant: &self.caller.tenant,
            principal: Principal {
                kind: principal.map_or("anonymous", |who| who.kind()),
                name: principal.map_or("", |who| who.name.as_str()),
                owner: principal.map_or("", |who| who.owner.as_str()),
                groups: &self.groups,
                claims: principal
                    .and_then(|who| who.claims.as_ref())
                    .map(Claims::root),
            },
            server: self.server,
            server_tenant: self.server_tenant,
            name: self.name,
            arguments: params.and_then(|params| params.get("arguments")),
            params,
            tool: ToolFacts {
                class: self.class,
                read_only_hint: hint("readOnlyHint"),
                destructive_hint: hint("destructiveHint"),
                idempotent_hint: hint("idempotentHint"),
                open_world_hint: hint("openWorldHint"),
                input_schema: definition.and_then(|known| known.get("inputSchema")),
            },
            level: Asked {
                effective: self.caller.level(),
                passport: level(|trust| trust.passport),
                channel: level(|trust| trust.channel),
            },
            definition: Definition {
                pinned: matches!(self.pinned, Some(Pinned::Same | Pinned::Changed)),
                changed: matches!(self.pinned, Some(Pinned::Changed)),
            },
            approvals: &[],
            now,
        }
    }
}
