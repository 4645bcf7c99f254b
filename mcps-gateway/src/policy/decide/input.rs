//! All that policies are told of one call: what some policy reads, and nothing else. Cedar's request is
//! made of this alone, so that two calls whose inputs are equal are answered alike.

use std::collections::BTreeSet;

use mcps_core::json::{self, Value};
use mcps_core::level::TrustLevel;

use super::datum::{Datum, Members, write_members, write_text, write_texts};
use super::request::Shape;
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

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tool,
    Prompt,
    Resource,
    Method,
    Server,
}

impl Kind {
    fn of(question: &Question<'_>) -> Self {
        match question.action {
            Action::CallTool | Action::SeeTool => Self::Tool,
            Action::GetPrompt | Action::SeePrompt => Self::Prompt,
            Action::Complete if !question.name.contains(':') => Self::Prompt,
            Action::ReadResource | Action::SeeResource | Action::Subscribe | Action::Complete => {
                Self::Resource
            }
            Action::ListTools
            | Action::ListPrompts
            | Action::ListResources
            | Action::Sampling
            | Action::Elicitation
            | Action::Roots => Self::Server,
            Action::Method(_) => Self::Method,
        }
    }
}

/// A call as policies see it.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) principal: &'a str,
    pub(super) of_principal: Members<'a>,
    pub(super) groups: &'a [&'a str],
    pub(super) tenant: &'a str,
    pub(super) action: &'static str,
    pub(super) resource: (Kind, &'a str),
    pub(super) of_resource: Members<'a>,
    pub(super) server: &'a str,
    pub(super) server_tenant: &'a str,
    pub(super) of_server: Members<'a>,
    /// What stands under `context.mcps`.
    pub(super) ours: Datum<'a>,
}

impl Input<'_> {
    /// All of it, so that no two different inputs are the same bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self {
            principal,
            of_principal,
            groups,
            tenant,
            action,
            resource: (kind, resource),
            of_resource,
            server,
            server_tenant,
            of_server,
            ours,
        } = self;
        let mut out = Vec::with_capacity(512);
        for text in [principal, tenant, action, resource, server, server_tenant] {
            write_text(text, &mut out);
        }
        out.push(match kind {
            Kind::Tool => 0,
            Kind::Prompt => 1,
            Kind::Resource => 2,
            Kind::Method => 3,
            Kind::Server => 4,
        });
        write_texts(groups, &mut out);
        for members in [of_principal, of_resource, of_server] {
            write_members(members, &mut out);
        }
        ours.write(&mut out);
        out
    }
}

impl Shape {
    /// What the policies are told of a call.
    pub(super) fn input<'a>(
        &'a self,
        question: &'a Question<'a>,
        told: &Told<'a>,
    ) -> Result<Input<'a>, Unaskable> {
        let kind = Kind::of(question);
        Ok(Input {
            principal: question.principal.name,
            of_principal: self.principal(question),
            groups: question.principal.groups,
            tenant: question.tenant,
            action: question.action.name(),
            resource: match (kind, question.action) {
                (Kind::Server, _) => (kind, question.server),
                (_, Action::Method(name)) => (kind, name),
                _ => (kind, question.name),
            },
            of_resource: if kind == Kind::Server {
                Members::new()
            } else {
                self.resource(question)
            },
            server: question.server,
            server_tenant: question.server_tenant,
            of_server: self.kept([
                ("name", question.server),
                ("tenant", question.server_tenant),
            ]),
            ours: self.ours(question, told)?,
        })
    }

    fn kept<'a, const N: usize>(&self, texts: [(&'a str, &'a str); N]) -> Members<'a> {
        let kept = texts
            .into_iter()
            .filter(|(name, _)| self.mentions.has(name));
        kept.map(|(name, value)| (name, Datum::text(value)))
            .collect()
    }

    fn principal<'a>(&'a self, question: &Question<'a>) -> Members<'a> {
        let principal = &question.principal;
        let mut out = self.kept([
            ("name", principal.name),
            ("kind", principal.kind),
            ("owner", principal.owner),
            ("tenant", question.tenant),
        ]);
        if self.mentions.has("groups") {
            let groups = principal.groups.iter().copied();
            out.push(("groups", Datum::set(groups)));
        }
        if self.mentions.has("claims") {
            let read = self.claims.iter();
            let read = read.filter(|(name, _)| self.mentions.has(name));
            // A claim of another type is as good as none.
            let claims = read.filter_map(|(name, typed)| {
                let claim = principal.claims?.get(name)?;
                Some((name.as_str(), datum(claim, *typed)?))
            });
            out.push(("claims", Datum::Record(claims.collect())));
        }
        out
    }

    fn resource<'a>(&self, question: &Question<'a>) -> Members<'a> {
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
            let class = tool.class.iter().map(|class| class.name());
            out.push(("class", Datum::set(class)));
        }
        for (name, hint) in [
            ("classified", Some(!tool.class.is_empty())),
            ("readOnlyHint", tool.read_only_hint),
            ("destructiveHint", tool.destructive_hint),
            ("idempotentHint", tool.idempotent_hint),
            ("openWorldHint", tool.open_world_hint),
        ] {
            if let Some(hint) = hint.filter(|_| self.mentions.has(name)) {
                out.push((name, Datum::Bool(hint)));
            }
        }
        out
    }

    /// What stands under `context.mcps`.
    pub(super) fn ours<'a>(
        &'a self,
        question: &'a Question<'a>,
        told: &Told<'a>,
    ) -> Result<Datum<'a>, Unaskable> {
        let wants = |name: &str| self.mentions.has(name);
        let mut ours = Members::new();
        let mut add = |name, members| ours.push((name, Datum::Record(members)));
        if wants("level") {
            let level = |level: TrustLevel| Datum::Long(i64::from(level.number()));
            add(
                "level",
                vec![
                    ("effective", Datum::Long(told.effective)),
                    ("passport", level(question.level.passport)),
                    ("channel", level(question.level.channel)),
                ],
            );
        }
        if wants("session") {
            add("session", self.session(told));
        }
        if wants("call") {
            let hosts = told.hosts.iter().map(String::as_str);
            add(
                "call",
                vec![
                    ("facts", Datum::set(told.call_facts.iter().copied())),
                    ("class", Datum::set(told.class.iter().copied())),
                    ("hosts", Datum::set(hosts)),
                    ("cross_tenant", Datum::Bool(question.crosses_tenants())),
                ],
            );
        }
        if wants("args") {
            add("args", self.arguments(question)?);
        }
        if wants("approval") {
            add("approval", approval(question));
        }
        if wants("definition") {
            let definition = question.definition;
            add(
                "definition",
                vec![
                    ("pinned", Datum::Bool(definition.pinned)),
                    ("changed", Datum::Bool(definition.changed)),
                ],
            );
        }
        if wants("time") {
            add("time", time(question));
        }
        if wants("tenant") {
            ours.push(("tenant", Datum::text(question.tenant)));
        }
        Ok(Datum::Record(ours))
    }

    fn session<'a>(&self, told: &Told<'a>) -> Members<'a> {
        let names = |names: &[&'a str]| Datum::set(names.iter().copied());
        let counts = || {
            let counts = told.counts.iter();
            Datum::Record(
                counts
                    .map(|(name, count)| (*name, Datum::Long(*count)))
                    .collect(),
            )
        };
        let mut session = Members::new();
        let mut add = |name, value: &dyn Fn() -> Datum<'a>| {
            if self.mentions.has(name) {
                session.push((name, value()));
            }
        };
        add("facts", &|| names(&told.facts));
        add("fired", &|| names(&told.fired));
        add("fired_before", &|| names(&told.fired_before));
        add("counts", &counts);
        add("age_s", &|| Datum::Long(told.age_s));
        add("calls", &|| Datum::Long(told.calls));
        add("denied", &|| Datum::Long(told.denied));
        session
    }

    /// The declared arguments. One of another type than declared would slip past the rules that
    /// read it: unless the tool's own pinned schema means that type, the call is refused.
    fn arguments<'a>(&'a self, question: &Question<'a>) -> Result<Members<'a>, Unaskable> {
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
            match datum(value, *typed) {
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
        json::Kind::Null => "null",
        json::Kind::Bool => "boolean",
        json::Kind::Number if value.as_i64().is_some() => "integer",
        json::Kind::Number => "number",
        json::Kind::String => "string",
        json::Kind::Array => "array",
        json::Kind::Object => "object",
    };
    named.is_some_and(|named| named == is || (named == "number" && is == "integer"))
}

fn datum(value: Value<'_>, typed: Typed) -> Option<Datum<'_>> {
    match typed {
        Typed::String => value.as_str().map(Datum::Text),
        Typed::Bool => value.as_bool().map(Datum::Bool),
        Typed::Long => value.as_i64().map(Datum::Long),
        Typed::Decimal => crate::policy::cedarv1::decimal(value).map(Datum::Decimal),
        Typed::Strings => {
            let items = value.as_array()?.iter();
            let items = items.map(|item| item.as_str().map(Datum::Text));
            items.collect::<Option<Vec<_>>>().map(Datum::Set)
        }
    }
}

fn approval<'a>(question: &'a Question<'a>) -> Members<'a> {
    let groups = question.approvals.iter().map(|approval| approval.group);
    let by: BTreeSet<&str> = question
        .approvals
        .iter()
        .flat_map(|approval| approval.by.iter().copied())
        .collect();
    let quorum = i64::try_from(by.len()).unwrap_or(i64::MAX);
    vec![
        ("granted", Datum::Bool(quorum > 0)),
        ("groups", Datum::set(groups)),
        ("by", Datum::set(by.into_iter())),
        ("quorum", Datum::Long(quorum)),
    ]
}

fn time(question: &Question<'_>) -> Members<'static> {
    let seconds = question.now.as_millis().div_euclid(1000);
    vec![
        ("at", Datum::Datetime(question.now.to_string())),
        ("hour", Datum::Long(seconds.div_euclid(3600).rem_euclid(24))),
        ("minute", Datum::Long(seconds.div_euclid(60).rem_euclid(60))),
        // 1970-01-01 was a Thursday; 1 is Monday.
        (
            "weekday",
            Datum::Long((seconds.div_euclid(86_400) + 3).rem_euclid(7) + 1),
        ),
    ]
}
