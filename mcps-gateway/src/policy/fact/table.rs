//! The facts of one set, and how a call is held against them.

use std::collections::HashMap;

use regex::RegexSet;

use super::host::UNSEEN;
use super::list::HostList;
use super::scan::Scan;
use super::wildcard::Shape;
use super::{FactSet, Facts};
use crate::policy::config::On;
use crate::policy::question::{Action, Class, Classes, Question, ResultView};

/// One fact.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) id: String,
    pub(crate) on: On,
    pub(crate) sensitive: bool,
    /// It counts with its call, where it asks nothing of the result.
    pub(crate) at_once: bool,
    /// Its author says that it is sensitive.
    pub(super) surely: bool,
    /// One of them must hold.
    pub(super) cases: Vec<Case>,
}

impl Fact {
    /// Whether it holds, in some case, by what the content scan finds.
    pub(crate) fn asks_for_findings(&self) -> bool {
        self.cases.iter().any(|case| !case.finding.is_empty())
    }
}

/// Conditions that must all hold.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) class: Classes,
    pub(super) action: Vec<String>,
    pub(super) server: Option<RegexSet>,
    pub(super) tool: Option<RegexSet>,
    /// Places in [`FactTable::paths`], any of which must match.
    pub(super) path: Vec<usize>,
    /// Places in [`FactTable::hosts`]: hosts inside and outside of lists.
    pub(super) host: Option<usize>,
    pub(super) host_not_in: Option<usize>,
    pub(super) address_not_in: Option<usize>,
    pub(super) domain: Option<usize>,
    pub(super) domain_not_in: Option<usize>,
    pub(super) destination_not_in: Option<usize>,
    /// Verbs, as a set over `sql::VERBS`.
    pub(super) sql: u32,
    pub(super) size_over: Option<u64>,
    /// Places in [`FactTable::texts`].
    pub(super) text: Vec<usize>,
    pub(super) level_below: Option<u8>,
    pub(super) cross_tenant: Option<bool>,
    pub(super) changed: Option<bool>,
    pub(super) pinned: Option<bool>,
    pub(super) classified: Option<bool>,
    pub(super) open_world: Option<bool>,
    pub(super) ambiguous: Option<bool>,
    pub(super) undecodable: Option<bool>,
    pub(super) finding: Vec<String>,
    pub(super) is_error: Option<bool>,
    pub(super) result_over: Option<u64>,
}

impl Case {
    pub(super) const fn asks_nothing_of_the_result(&self) -> bool {
        self.finding.is_empty() && self.is_error.is_none() && self.result_over.is_none()
    }
}

/// Every fact of a set.
#[derive(Debug, Default)]
pub(crate) struct FactTable {
    pub(crate) facts: Vec<Fact>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) paths: RegexSet,
    /// The globs of `paths`, for paths that have wildcards themselves.
    pub(super) shapes: Vec<Shape>,
    pub(super) texts: RegexSet,
    /// For each of `texts`, the arguments it is looked for in; none is any.
    pub(super) text_keys: Vec<Vec<String>>,
    pub(super) hosts: Vec<HostList>,
    /// Some fact asks for the caller's level.
    pub(crate) levels: bool,
    /// Some fact asks for SQL verbs.
    pub(super) sql: bool,
    /// Some fact or policy asks for hosts or domains.
    pub(crate) wants_hosts: bool,
    /// Some fact asks for what only a walk of the arguments shows.
    pub(super) walks: bool,
}

impl FactTable {
    /// The fact called `id`.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The name of the fact at `place`.
    pub(crate) fn id(&self, place: usize) -> &str {
        self.facts.get(place).map_or("", |fact| fact.id.as_str())
    }

    /// Facts that count as set when a history is lost.
    pub(crate) fn sensitive(&self) -> FactSet {
        let places = self
            .facts
            .iter()
            .enumerate()
            .filter(|(_, fact)| fact.sensitive);
        places.fold(FactSet::default(), |set, (place, _)| set.with(place))
    }

    /// Facts that are `on` this.
    pub(crate) fn on(&self, on: On) -> FactSet {
        let places = self
            .facts
            .iter()
            .enumerate()
            .filter(|(_, fact)| fact.on == on);
        places.fold(FactSet::default(), |set, (place, _)| set.with(place))
    }

    /// Holds a call against every fact.
    pub(crate) fn of_call(&self, question: &Question<'_>) -> Facts {
        let class = counts_as(question);
        let mut facts = Facts {
            class,
            ..Facts::default()
        };
        if self.facts.is_empty() && !self.wants_hosts {
            return facts;
        }
        let scan = Scan::of(self, question, class);
        let names = Names {
            server: question.server.to_lowercase(),
            tool: question.name.to_lowercase(),
        };
        // A server may say what it reads before it answers.
        let reads = matches!(
            question.action,
            Action::CallTool | Action::GetPrompt | Action::ReadResource
        );
        for (place, fact) in self.facts.iter().enumerate() {
            let mut holds = false;
            for (number, case) in fact.cases.iter().enumerate() {
                if self.call_side(case, question, &names, &scan) {
                    holds = true;
                    if fact.on == On::Result {
                        facts.pending.push((place, number));
                    }
                    if reads && fact.at_once && case.asks_nothing_of_the_result() {
                        facts.at_once = facts.at_once.with(place);
                    }
                }
            }
            let set = match fact.on {
                _ if !holds => continue,
                On::Call => &mut facts.call,
                On::Result => continue,
                On::Denied => &mut facts.denied,
                On::Approval => &mut facts.approval,
            };
            *set = set.with(place);
        }
        facts.hosts = scan.to.into_all();
        facts
    }

    /// Where policies read what happened before, that may be what permits something: it waits for the result,
    /// unless its author says that it is sensitive.
    pub(crate) fn wait(&mut self) {
        for fact in &mut self.facts {
            fact.at_once &= fact.surely;
        }
    }

    /// Facts on results that may count before these are there.
    pub(crate) fn at_once(&self) -> FactSet {
        let places = self.facts.iter().enumerate();
        let places = places.filter(|(_, fact)| fact.at_once);
        places.fold(FactSet::default(), |set, (place, _)| set.with(place))
    }

    /// Which of the facts on results hold, now that the result is there: a case whose call held and
    /// whose result does.
    pub(crate) fn of_result(&self, facts: &Facts, result: &ResultView<'_>) -> FactSet {
        facts
            .pending
            .iter()
            .fold(facts.recalled, |set, (place, number)| {
                let case = self
                    .facts
                    .get(*place)
                    .and_then(|fact| fact.cases.get(*number));
                match case {
                    Some(case) if result_side(case, result) => set.with(*place),
                    _ => set,
                }
            })
    }

    fn call_side(
        &self,
        case: &Case,
        question: &Question<'_>,
        names: &Names,
        scan: &Scan<'_>,
    ) -> bool {
        let is = |want: Option<bool>, have: bool| want.is_none_or(|want| want == have);
        let named =
            |set: &Option<RegexSet>, name: &str| set.as_ref().is_none_or(|set| set.is_match(name));
        (case.class.is_empty() || scan.class.meets(case.class))
            && (case.action.is_empty() || acts(case, question))
            && named(&case.server, &names.server)
            && named(&case.tool, &names.tool)
            && case
                .level_below
                .is_none_or(|below| question.level.effective.number() < below)
            && is(case.cross_tenant, question.crosses_tenants())
            && is(case.changed, question.definition.changed)
            && is(case.pinned, question.definition.pinned)
            && is(
                case.open_world,
                question.tool.open_world_hint.unwrap_or(true),
            )
            && is(case.classified, !question.tool.class.is_empty())
            && is(case.ambiguous, scan.odd.ambiguous)
            && is(case.undecodable, scan.odd.undecodable)
            && case.size_over.is_none_or(|size| scan.bytes > size)
            && (case.path.is_empty() || case.path.iter().any(|at| scan.paths.has(*at)))
            && (case.text.is_empty() || case.text.iter().any(|at| scan.texts.has(*at)))
            && (case.sql == 0 || case.sql & scan.verbs != 0)
            && self.destinations(case, scan)
    }

    fn destinations(&self, case: &Case, scan: &Scan<'_>) -> bool {
        let listed = |at: usize, host: &str| self.hosts.get(at).is_some_and(|list| list.has(host));
        // What is out of sight is in every list and in none.
        let any = |at: Option<usize>, of: &[String], want: bool| {
            at.is_none_or(|at| {
                of.iter()
                    .any(|host| host == UNSEEN || listed(at, host) == want)
            })
        };
        let to = &scan.to;
        any(case.host, &to.hosts, true)
            && any(case.host_not_in, &to.hosts, false)
            && any(case.address_not_in, &to.addressed, false)
            && any(case.domain, &to.domains, true)
            && any(case.domain_not_in, &to.domains, false)
            && case.destination_not_in.is_none_or(|at| {
                let mut all = to.hosts.iter().chain(&to.domains);
                scan.blind && !to.said || all.any(|host| !listed(at, host))
            })
    }
}

/// What is the same of a call for every fact.
struct Names {
    server: String,
    tool: String,
}

fn acts(case: &Case, question: &Question<'_>) -> bool {
    let method = match question.action {
        Action::Method(method) => method,
        named => named.name(),
    };
    case.action.iter().any(|action| action == method)
}

fn result_side(case: &Case, result: &ResultView<'_>) -> bool {
    case.is_error.is_none_or(|want| want == result.is_error)
        && case.result_over.is_none_or(|size| result.bytes > size)
        && (case.finding.is_empty()
            || case
                .finding
                .iter()
                .any(|want| result.findings.contains(&want.as_str())))
}

/// The classes a tool counts as. Where the operator has not said, it counts as all that carries
/// data; hints of its server and the words of its name only add.
fn counts_as(question: &Question<'_>) -> Classes {
    let said = question.tool.class;
    if !said.is_empty() {
        return said;
    }
    let mut class = Classes::of(&[Class::Read, Class::Write, Class::Send]);
    if question.tool.destructive_hint == Some(true) {
        class = class.with(Class::Destroy);
    }
    for word in words(question.name) {
        class = match word.as_str() {
            "exec" | "execute" | "shell" | "bash" | "eval" | "run" | "command" | "python"
            | "powershell" | "terminal" | "spawn" => class.with(Class::Execute),
            "delete" | "drop" | "remove" | "destroy" | "truncate" | "purge" | "wipe" | "erase"
            | "rm" | "unlink" | "terminate" | "revoke" => class.with(Class::Destroy),
            "pay" | "payment" | "purchase" | "buy" | "transfer" | "checkout" | "spend"
            | "charge" | "refund" | "wire" | "withdraw" => class.with(Class::Spend),
            _ => class,
        };
    }
    class
}

/// Whether the tool sends, by its operator or its name: where no argument says to whom, to somebody
/// unknown.
pub(super) fn sends_blindly(question: &Question<'_>) -> bool {
    if !question.tool.class.is_empty() {
        return question.tool.class.has(Class::Send);
    }
    words(question.name).iter().any(|word| {
        matches!(
            word.as_str(),
            "send"
                | "post"
                | "email"
                | "mail"
                | "upload"
                | "publish"
                | "share"
                | "tweet"
                | "notify"
                | "webhook"
                | "forward"
                | "reply"
                | "message"
                | "sms"
                | "export"
        )
    })
}

/// The words of a name in any of the usual spellings: `sendMail`, `send_mail`, `send-mail`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        let cut = !c.is_alphanumeric() || (c.is_uppercase() && lower_before);
        if cut && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
    }
    words
}
