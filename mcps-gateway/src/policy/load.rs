//! A policy set from its texts: all of it, or every error.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{File, Sequence, Typed};
use super::fact::{Compiler, FactTable, is_id};
use super::source::{Faults, Kind, Source, line_of};
use super::temporal::{self, Form, LARGEST, Layout, Pattern, Then, duration};
use crate::misread::Misread;

/// Facts, sequences and declarations of a set: what the TOML texts say.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) facts: FactTable,
    pub(crate) layout: Arc<Layout>,
    /// Where each sequence stands.
    pub(crate) places: Vec<(String, usize)>,
    /// Arguments that policies may read.
    pub(crate) arguments: BTreeMap<String, Typed>,
    /// Claims that policies may read.
    pub(crate) claims: BTreeMap<String, Typed>,
}

/// Reads every TOML text.
pub(crate) fn declared(texts: &[Source], faults: &mut Faults) -> Declared {
    let files: Vec<(&Source, File)> = texts
        .iter()
        .filter(|source| source.kind == Kind::Toml)
        .filter_map(|source| Some((source, read(source, faults)?)))
        .collect();
    let mut declared = Declared::default();
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (source, file) in &files {
        for (name, hosts) in &file.lists {
            lists
                .entry(name.clone())
                .or_default()
                .extend(hosts.iter().cloned());
        }
        for (what, from, to) in [
            ("argument", &file.arguments, &mut declared.arguments),
            ("claim", &file.claims, &mut declared.claims),
        ] {
            for (name, typed) in from {
                let before = to.insert(name.clone(), *typed.get_ref());
                if before.is_some_and(|before| before != *typed.get_ref()) {
                    let line = line_of(&source.text, typed.span().start);
                    faults.add(
                        (&source.name, line),
                        format!("{what} `{name}` has another type elsewhere"),
                        "give it one type",
                    );
                }
            }
        }
    }
    let mut compiler = Compiler::default();
    for (source, file) in &files {
        for fact in &file.fact {
            let line = line_of(&source.text, fact.span().start);
            compiler.add(fact.get_ref(), &lists, (&source.name, line), faults);
        }
    }
    declared.facts = compiler.finish(faults);
    let mut patterns: Vec<Pattern> = Vec::new();
    for (source, file) in &files {
        for sequence in &file.sequence {
            let at = (
                source.name.as_str(),
                line_of(&source.text, sequence.span().start),
            );
            let sequence = sequence.get_ref();
            if patterns.iter().any(|pattern| pattern.id == sequence.id) {
                let id = &sequence.id;
                faults.add(
                    at,
                    format!("a second sequence `{id}`"),
                    "give it another id",
                );
            }
            match pattern(sequence, &declared.facts) {
                Ok(pattern) => {
                    patterns.push(pattern);
                    declared.places.push((at.0.to_owned(), at.1));
                }
                Err(reason) => faults.add(
                    at,
                    format!("sequence `{}`: {reason}", sequence.id),
                    "correct it",
                ),
            }
        }
    }
    if patterns.len() > temporal::MOST {
        faults.add(
            ("sequences", 0),
            format!(
                "{} of them; at most {} are allowed",
                patterns.len(),
                temporal::MOST
            ),
            "join or remove some",
        );
        patterns.clear();
    }
    declared.layout = Layout::new(&declared.facts, patterns);
    if declared.layout.bytes > LARGEST {
        faults.add(
            ("sequences", 0),
            format!(
                "one history may take {} bytes; at most {LARGEST} are allowed",
                declared.layout.bytes
            ),
            "use fewer counts and shorter chains",
        );
    }
    declared
}

fn read(source: &Source, faults: &mut Faults) -> Option<File> {
    let file: File = match toml::from_str(&source.text) {
        Ok(file) => file,
        Err(error) => {
            let misread = Misread::of(&source.text, &error);
            faults.add(
                (&source.name, misread.line),
                misread.said(),
                "see docs/policy.md for every key",
            );
            return None;
        }
    };
    if let Some(version) = file
        .version
        .as_ref()
        .filter(|version| *version.get_ref() != 1)
    {
        faults.add(
            (&source.name, line_of(&source.text, version.span().start)),
            format!("version {} is not known here", version.get_ref()),
            "write version = 1",
        );
    }
    Some(file)
}

fn pattern(sequence: &Sequence, facts: &FactTable) -> Result<Pattern, String> {
    if !is_id(&sequence.id) {
        return Err("its id may have letters, digits, `.`, `_` and `-`, at most 64".to_owned());
    }
    let form = temporal::parse(&sequence.pattern, |name| facts.place(name))?;
    let within = sequence.within.as_deref().map(|text| {
        let time =
            duration(text).ok_or_else(|| format!("`{text}` is no time; write 30m, 12h or 7d"))?;
        i64::try_from(time.as_millis()).map_err(|_| "`within` is too long".to_owned())
    });
    let within = within.transpose()?;
    if within.is_some() && matches!(form, Form::Count { .. }) {
        return Err("`within` beside the window of `count`; remove it".to_owned());
    }
    let then = Then::parse(&sequence.then)?;
    let (id, text) = (&sequence.id, &sequence.pattern);
    Ok(Pattern {
        within,
        reason: sequence.reason.clone(),
        observe: sequence.observe,
        ..Pattern::new(id, text, form, sequence.scope, then)
    })
}
