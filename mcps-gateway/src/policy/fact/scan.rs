//! One look over the arguments for everything that some fact of the set asks.

use std::borrow::Cow;

use mcps_core::json::Value;

use super::destination::Destinations;
use super::evidence::{Form, Oddities, Text, names_folder, walk};
use super::table::{FactTable, sends_blindly};
use super::{path, sql, wildcard};
use crate::policy::question::{Action, Class, Classes, Question};

/// Members that hold SQL.
const SQL_KEYS: [&str; 8] = [
    "sql",
    "query",
    "statement",
    "stmt",
    "queries",
    "statements",
    "script",
    "q",
];
/// A request rather than a document.
const SHORT: usize = 512;
/// Spellings of braces that one call may cost.
const SPELLED: usize = 64;

/// What the arguments of one call show to the facts of one set.
#[derive(Debug, Default)]
pub(super) struct Scan<'a> {
    pub(super) paths: Bits,
    pub(super) texts: Bits,
    pub(super) to: Destinations<'a>,
    pub(super) verbs: u32,
    pub(super) bytes: u64,
    pub(super) odd: Oddities,
    /// The classes the tool counts as.
    pub(super) class: Classes,
    /// It sends, and need not show to whom.
    pub(super) blind: bool,
    /// Spellings of braces that were looked at.
    spelled: usize,
}

/// Places of patterns that matched.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn has(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn set(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }
}

impl<'a> Scan<'a> {
    pub(super) fn of(table: &FactTable, question: &Question<'a>, class: Classes) -> Self {
        let mut scan = Self {
            class,
            blind: sends_blindly(question),
            ..Self::default()
        };
        let named = matches!(
            question.action,
            Action::ReadResource | Action::Subscribe | Action::SeeResource
        );
        let parts = beside(question).map(|(_, value)| value);
        let parts = question.arguments.into_iter().chain(parts);
        scan.bytes = parts.map(|value| value.raw().len() as u64).sum();
        if !table.walks && !table.wants_hosts {
            return scan;
        }
        // A resource is read by its name alone.
        if named {
            let text = Text {
                key: "uri",
                value: question.name,
                form: Form::String,
                path: None,
            };
            scan.text(table, class, &text);
        }
        scan.to.schema = question.tool.input_schema;
        let (arguments, beside) = (question.arguments, beside(question));
        let placed = scan.blind && table.wants_hosts;
        scan.odd = walk(arguments, beside, placed, &mut |text| {
            scan.text(table, class, &text);
        });
        scan
    }

    fn text(&mut self, table: &FactTable, class: Classes, text: &Text<'_>) {
        if table.wants_hosts && text.form != Form::Joined {
            self.to.look(class, text);
        }
        if text.form == Form::Number {
            return;
        }
        if !table.paths.is_empty() {
            self.paths_of(table, class, text);
        }
        if !table.texts.is_empty() && table.texts.is_match(text.value) {
            for at in &table.texts.matches(text.value) {
                let keys = table.text_keys.get(at);
                if keys.is_none_or(|keys| keys.is_empty() || keys.iter().any(|key| key == text.key))
                {
                    self.texts.set(at);
                }
            }
        }
        if table.sql {
            let certain = SQL_KEYS.contains(&text.key);
            sql::verbs(text.value, certain, |at| self.verbs |= 1 << at);
        }
    }

    fn paths_of(&mut self, table: &FactTable, class: Classes, text: &Text<'_>) {
        let paths = &mut self.paths;
        let runs = class.has(Class::Execute);
        let completed = runs || names_folder(text.key);
        let mut look = |path: &str| {
            if table.paths.is_match(path) {
                table
                    .paths
                    .matches(path)
                    .iter()
                    .for_each(|at| paths.set(at));
            }
            // Nobody writes a path with wildcards at length; prose has its own stars.
            if path.len() <= SHORT {
                wildcard::reached(path, &table.shapes, completed, |at| paths.set(at));
            }
        };
        let mut short = text.value.len() <= SHORT;
        let whole = path::readings(text.value, |path| {
            short |= path.len() <= SHORT;
            look(path);
        });
        // A long text speaks of paths, a short one may name what is wanted.
        if runs || short {
            for word in text
                .value
                .split(|c: char| c.is_whitespace() || "\"'`=;|<>,()&$:@".contains(c))
            {
                if word.contains(['/', '\\', '~', '%']) || runs && word.starts_with('.') {
                    path::readings(word, &mut look);
                }
            }
        }
        // What a shell reads when quotes and escapes stand within a word.
        if runs && text.value.contains(['\'', '"', '\\', '$', '{']) {
            let bare: String = text
                .value
                .chars()
                .filter(|c| !"'\"\\".contains(*c))
                .collect();
            let bare = bare
                .replace("${HOME}", "~")
                .replace("$HOME", "~")
                .replace("$IFS", " ");
            let braced = bare.split(|c: char| c.is_whitespace() || "=;|<>()&`".contains(c));
            let braced = braced.filter(|word| word.len() <= SHORT && word.contains('{'));
            let spellings = braced.flat_map(|word| wildcard::spelled(word.to_owned()));
            for spelling in spellings.take(SPELLED - self.spelled) {
                self.spelled += 1;
                path::readings(&spelling, &mut look);
            }
            for word in bare.split(|c: char| c.is_whitespace() || "=;|<>()&{},".contains(c)) {
                path::readings(word, &mut look);
            }
        }
        // Meant as a path, and nobody can tell which.
        if !whole && text.form == Form::String && names_folder(text.key) {
            (0..table.paths.len()).for_each(|at| paths.set(at));
        }
    }
}

/// What carries data to the server beside the arguments: whatever else is forwarded, as what somebody
/// answered to the server or wants completed. What a server asks carries none to it.
fn beside<'a>(
    question: &Question<'a>,
) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
    let asked_by_server = matches!(
        question.action,
        Action::Sampling | Action::Elicitation | Action::Roots
    );
    let named = !matches!(question.action, Action::Method(_));
    // What a client is called, and where it is at home, is no data of a call's.
    let opens = matches!(question.action, Action::Method("initialize"));
    let params = question.params.filter(|_| !asked_by_server && !opens);
    let members = params.and_then(Value::as_object).into_iter().flatten();
    members
        .map(|member| (member.name(), member.value()))
        .filter(move |(name, _)| match name.as_ref() {
            "arguments" | "_meta" | "requestState" => false,
            // The question has them as its name.
            "name" | "uri" => !named,
            _ => true,
        })
}
