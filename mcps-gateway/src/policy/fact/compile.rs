//! Facts from their TOML form, checked.

use std::collections::{BTreeMap, HashMap};

use regex::{RegexSet, RegexSetBuilder};

use super::glob::{self, Over};
use super::list::HostList;
use super::table::{Case, Fact, FactTable};
use super::wildcard::Shape;
use super::{MOST, sql, wildcard};
use crate::policy::config::{self, List, On, When, is_action};
use crate::policy::question::Classes;
use crate::policy::source::Faults;

/// Memory that the automata of one set may take.
const AUTOMATA: usize = 8 << 20;

/// Gathers facts of several files into one table.
#[derive(Debug, Default)]
pub(crate) struct Compiler {
    facts: Vec<Fact>,
    by_id: HashMap<String, usize>,
    paths: Vec<String>,
    shapes: Vec<Shape>,
    texts: Vec<String>,
    text_keys: Vec<Vec<String>>,
    hosts: Vec<HostList>,
}

impl Compiler {
    /// Adds one fact that stands at `at`.
    pub(crate) fn add(
        &mut self,
        fact: &config::Fact,
        lists: &BTreeMap<String, Vec<String>>,
        at: (&str, usize),
        faults: &mut Faults,
    ) {
        if !is_id(&fact.id) {
            faults.add(
                at,
                format!("`{}` is no id for a fact", fact.id),
                "use letters, digits, `.`, `_` and `-`, at most 64",
            );
        }
        if self.facts.len() == MOST {
            faults.add(at, format!("more than {MOST} facts"), "join some of them");
            return;
        }
        if self.by_id.contains_key(&fact.id) {
            faults.add(
                at,
                format!("a second fact `{}`", fact.id),
                "give it another id",
            );
            return;
        }
        if fact.when.0.is_empty() {
            faults.add(
                at,
                format!("fact `{}` has no conditions", fact.id),
                "write `when`",
            );
        }
        let mut cases = Vec::with_capacity(fact.when.0.len());
        for when in &fact.when.0 {
            match self.case(when, fact.on, lists) {
                Ok(case) => cases.push(case),
                Err((reason, todo)) => {
                    faults.add(at, format!("fact `{}`: {reason}", fact.id), todo);
                }
            }
        }
        self.by_id.insert(fact.id.clone(), self.facts.len());
        self.facts.push(Fact {
            id: fact.id.clone(),
            on: fact.on,
            sensitive: fact.sensitive.unwrap_or(fact.on != On::Approval),
            at_once: fact.on == On::Result
                && fact.sensitive.unwrap_or(true)
                && cases.iter().any(Case::asks_nothing_of_the_result),
            surely: fact.sensitive == Some(true),
            cases,
        });
    }

    fn case(
        &mut self,
        when: &When,
        on: On,
        lists: &BTreeMap<String, Vec<String>>,
    ) -> Result<Case, (String, String)> {
        let of_result =
            !when.finding.is_empty() || when.is_error.is_some() || when.result_over.is_some();
        if of_result && on != On::Result {
            return Err((
                "conditions on a result, which is not there yet".to_owned(),
                "write on = \"result\"".to_owned(),
            ));
        }
        if let Some(action) = when.action.iter().find(|action| !is_action(action)) {
            return Err((
                format!("there is no action `{action}`"),
                "write call_tool, get_prompt, read_resource or a method's name".to_owned(),
            ));
        }
        if when
            .level_below
            .is_some_and(|level| !(1..=4).contains(&level))
        {
            return Err((
                "`level_below` is not 1 to 4".to_owned(),
                "write 1 to 4".to_owned(),
            ));
        }
        if !when.argument.is_empty() && when.contains.is_empty() && when.regex.is_empty() {
            return Err((
                "`argument` without anything to look for in it".to_owned(),
                "add `contains` or `regex`".to_owned(),
            ));
        }
        let bad = |reason: String| (reason, "correct it".to_owned());
        let mut verbs = 0;
        for verb in &when.sql {
            let place = sql::VERBS
                .iter()
                .position(|known| *known == verb.to_lowercase());
            let place = place.ok_or_else(|| {
                (
                    format!("`{verb}` is no SQL verb"),
                    format!("use some of {}", sql::VERBS.join(", ")),
                )
            })?;
            verbs |= 1 << place;
        }
        let mut path = Vec::new();
        for pattern in &when.path {
            path.push(self.paths.len());
            let regex = glob::regex(pattern, Over::Paths).map_err(bad)?;
            self.shapes
                .extend(wildcard::shapes(pattern, self.paths.len()));
            self.paths.push(regex);
        }
        let mut text = Vec::new();
        let contains = when
            .contains
            .iter()
            .map(|word| format!("(?i){}", regex::escape(word)));
        for pattern in contains.chain(when.regex.iter().cloned()) {
            regex::Regex::new(&pattern).map_err(|error| {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().to_owned();
                (
                    format!("`{pattern}`: {why}"),
                    "correct the regular expression".to_owned(),
                )
            })?;
            text.push(self.texts.len());
            self.texts.push(pattern);
            self.text_keys.push(when.argument.clone());
        }
        let mut list = |list: &List| self.list(list, lists);
        Ok(Case {
            class: Classes::of(&when.class),
            action: when.action.clone(),
            host: list(&when.host)?,
            host_not_in: list(&when.host_not_in)?,
            address_not_in: list(&when.address_not_in)?,
            domain: list(&when.domain)?,
            domain_not_in: list(&when.domain_not_in)?,
            destination_not_in: list(&when.destination_not_in)?,
            server: names(&when.server).map_err(bad)?,
            tool: names(&when.tool).map_err(bad)?,
            path,
            sql: verbs,
            size_over: when.size_over,
            text,
            level_below: when.level_below,
            cross_tenant: when.cross_tenant,
            changed: when.changed,
            pinned: when.pinned,
            classified: when.classified,
            open_world: when.open_world,
            ambiguous: when.ambiguous,
            undecodable: when.undecodable,
            finding: when.finding.clone(),
            is_error: when.is_error,
            result_over: when.result_over,
        })
    }

    fn list(
        &mut self,
        list: &List,
        lists: &BTreeMap<String, Vec<String>>,
    ) -> Result<Option<usize>, (String, String)> {
        let entries = match list {
            List::Written(entries) if entries.is_empty() => return Ok(None),
            List::Written(entries) => entries,
            List::Named(name) => {
                let bare = name
                    .strip_prefix('@')
                    .map(|name| name.strip_prefix("tenant.").unwrap_or(name));
                bare.and_then(|bare| lists.get(bare)).ok_or_else(|| {
                    (
                        format!("there is no list `{name}`"),
                        "add it under [lists], and name it as \"@tenant.its_name\"".to_owned(),
                    )
                })?
            }
        };
        let list = HostList::new(entries).map_err(|reason| (reason, "correct it".to_owned()))?;
        self.hosts.push(list);
        Ok(Some(self.hosts.len() - 1))
    }

    /// The finished table.
    pub(crate) fn finish(self, faults: &mut Faults) -> FactTable {
        let mut set = |patterns: &[String], what: &str| {
            let built = RegexSetBuilder::new(patterns).size_limit(AUTOMATA).build();
            built.unwrap_or_else(|error| {
                faults.add(
                    (what, 0),
                    format!("the patterns together: {error}"),
                    "use fewer or simpler ones",
                );
                RegexSet::empty()
            })
        };
        let cases = || self.facts.iter().flat_map(|fact| &fact.cases);
        let odd = cases().any(|case| case.ambiguous.is_some() || case.undecodable.is_some());
        let levels = cases().any(|case| case.level_below.is_some());
        let sql = cases().any(|case| case.sql != 0);
        FactTable {
            paths: set(&self.paths, "paths of facts"),
            texts: set(&self.texts, "texts of facts"),
            walks: odd || sql || !self.paths.is_empty() || !self.texts.is_empty(),
            wants_hosts: !self.hosts.is_empty(),
            levels,
            sql,
            shapes: self.shapes,
            facts: self.facts,
            by_id: self.by_id,
            text_keys: self.text_keys,
            hosts: self.hosts,
        }
    }
}

fn names(patterns: &[String]) -> Result<Option<RegexSet>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let globs = patterns
        .iter()
        .map(|pattern| glob::regex(pattern, Over::Names));
    let globs = globs.collect::<Result<Vec<_>, _>>()?;
    RegexSet::new(globs)
        .map(Some)
        .map_err(|error| error.to_string())
}

/// Whether `id` can name a fact or sequence.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
