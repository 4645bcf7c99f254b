//! What a decision costs: `cargo bench -p mcps-gateway --bench policy`.
//!
//! One call through classify, decide and commit, with 10 or 1,000 policies and 10 or 128 patterns,
//! over 10,000 sessions in turn. Beside criterion's means it prints percentiles of single calls,
//! because the goal is one of the slowest: p99 within 50 µs at 1,000 policies.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops and tells"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;
use mcps_gateway::policy::{
    Action, Class, Classes, Definition, History, Levels, Memory, Policies, Principal, Question,
    Scope, Sources, ToolFacts,
};

const SESSIONS: usize = 10_000;
const SAMPLES: usize = 50_000;

/// `policies` of which most name a tool of their own, a server or a group, and `patterns` over as
/// many facts.
fn set(policies: usize, patterns: usize) -> Policies {
    let mut toml = String::from("[lists]\ntrusted = [\"example.com\", \"*.example.com\"]\n");
    for at in 0..patterns.min(120) {
        let when = match at % 4 {
            0 => format!("class = [\"read\"], path = [\"**/secret{at}/**\"]"),
            1 => "class = [\"send\"], destination_not_in = \"@tenant.trusted\"".to_owned(),
            2 => format!("tool = [\"tool{at}\"]"),
            _ => format!("contains = [\"needle{at}\"]"),
        };
        let _ = write!(
            toml,
            "[[fact]]\nid = \"f{at}\"\non = \"call\"\nwhen = {{ {when} }}\n"
        );
    }
    for at in 0..patterns {
        let facts = patterns.min(120);
        let (a, b, c) = (at % facts, (at + 1) % facts, (at + 2) % facts);
        let pattern = match at % 8 {
            0..5 => format!("f{a} ; f{b}"),
            5 => format!("f{a} & f{b}"),
            6 => format!("f{a} ; f{b} ; f{c}"),
            _ if at < 16 => format!("count(f{a}, 60s) > 100"),
            _ => format!("never f{a} before f{b}"),
        };
        let _ = write!(
            toml,
            "[[sequence]]\nid = \"s{at}\"\nmatch = \"{pattern}\"\nthen = \"alert\"\n"
        );
    }
    let mut cedar = String::from(
        "permit (principal, action, resource);
         forbid (principal, action == Action::\"call_tool\", resource) when { context.mcps.level.effective < 1 };
         forbid (principal, action == Action::\"call_tool\", resource) when { context.mcps.session.fired.contains(\"s5\") };\n",
    );
    for at in 3..policies {
        let _ = match at % 4 {
            0 => writeln!(
                cedar,
                "forbid (principal, action == Action::\"call_tool\", resource in Server::\"server{at}\");"
            ),
            1 => writeln!(
                cedar,
                "permit (principal in Group::\"group{at}\", action == Action::\"call_tool\", resource);"
            ),
            _ => writeln!(
                cedar,
                "forbid (principal, action == Action::\"call_tool\", resource == Tool::\"tool{at}\") when {{ context.mcps.level.effective < 3 }};"
            ),
        };
    }
    let sources = Sources::new().with("bench.toml", toml).unwrap();
    Policies::load(&sources.with("bench.cedar", cedar).unwrap()).unwrap()
}

struct World {
    policies: Policies,
    sessions: Vec<Memory>,
    principal: Memory,
    tenant: Memory,
    arguments: Document,
    /// Whether each call is of another tool, so that no answer is known yet.
    novel: bool,
    at: usize,
}

impl World {
    fn new(policies: Policies, novel: bool) -> Self {
        let start = Timestamp::from_millis(1_800_000_000_000);
        Self {
            sessions: (0..SESSIONS).map(|_| policies.fresh(Scope::Session, start)).collect(),
            principal: policies.fresh(Scope::Principal, start),
            tenant: policies.fresh(Scope::Tenant, start),
            arguments: Document::parse(
                r#"{"path":"/home/u/src/main.rs","limit":100,"query":"where is the config read","url":"https://docs.example.com/x"}"#,
            )
            .unwrap(),
            novel,
            at: 0,
            policies,
        }
    }

    /// One call of the next session.
    fn call(&mut self) -> bool {
        self.at += 1;
        let now = Timestamp::from_millis(1_800_000_000_000 + i64::try_from(self.at).unwrap());
        let tool = match self.novel {
            true => format!("tool{}", self.at),
            false => "tool7".to_owned(),
        };
        let question = Question {
            action: Action::CallTool,
            tenant: "acme",
            principal: Principal {
                kind: "agent",
                name: "agent-7",
                owner: "ops",
                groups: &["dev"],
                claims: None,
            },
            server: "files",
            server_tenant: "acme",
            name: &tool,
            arguments: Some(self.arguments.root()),
            params: None,
            tool: ToolFacts {
                class: Classes::of(&[Class::Read]),
                ..ToolFacts::default()
            },
            level: Levels::all(TrustLevel::L3),
            definition: Definition {
                pinned: true,
                changed: false,
            },
            approvals: &[],
            now,
        };
        let session = self.at % SESSIONS;
        let facts = self.policies.classify(&question);
        let decision = self.policies.decide(
            &question,
            &facts,
            &History {
                session: self.sessions.get(session).unwrap(),
                principal: &self.principal,
                tenant: &self.tenant,
            },
        );
        let own = self.sessions.get_mut(session).unwrap();
        for memory in [own, &mut self.principal, &mut self.tenant] {
            self.policies.commit_call(memory, &decision, now);
        }
        decision.is_allowed()
    }
}

fn decide(criterion: &mut Criterion) {
    let sizes = [(10, 10), (10, 128), (1000, 10), (1000, 128)];
    for ((policies, patterns), novel) in sizes
        .into_iter()
        .flat_map(|size| [(size, false), (size, true)])
    {
        let mut world = World::new(set(policies, patterns), novel);
        assert!(world.call());
        let calls = if novel { "novel calls" } else { "calls" };
        let name = format!("policy/{policies} policies, {patterns} patterns, {calls}");
        criterion.bench_function(&name, |bench| bench.iter(|| black_box(world.call())));
        let mut took: Vec<u128> = (0..SAMPLES)
            .map(|_| {
                let begin = Instant::now();
                black_box(world.call());
                begin.elapsed().as_nanos()
            })
            .collect();
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 1000).unwrap();
        let bytes = world.sessions.first().unwrap().to_bytes().len();
        println!(
            "{name}: p50 {} ns, p90 {} ns, p99 {} ns, p99.9 {} ns; a session stored in {bytes} bytes",
            at(500),
            at(900),
            at(990),
            at(999)
        );
    }
}

/// The parts of a decision at 10 policies and 128 patterns.
fn parts(criterion: &mut Criterion) {
    let world = World::new(set(10, 128), false);
    let empty = Document::parse("{}").unwrap();
    let large = Document::parse(format!(
        "{{\"text\":\"{}\"}}",
        "word and /path ".repeat(4400)
    ))
    .unwrap();
    let sets = [
        ("few", world.arguments.root()),
        ("none", empty.root()),
        ("64 KB", large.root()),
    ];
    for (name, arguments) in sets {
        let question = Question {
            action: Action::CallTool,
            tenant: "acme",
            principal: Principal {
                kind: "agent",
                name: "a",
                owner: "",
                groups: &[],
                claims: None,
            },
            server: "files",
            server_tenant: "acme",
            name: "tool7",
            arguments: Some(arguments),
            params: None,
            tool: ToolFacts::default(),
            level: Levels::all(TrustLevel::L3),
            definition: Definition::default(),
            approvals: &[],
            now: Timestamp::from_millis(1_800_000_000_000),
        };
        criterion.bench_function(&format!("policy/classify, {name} arguments"), |bench| {
            bench.iter(|| black_box(world.policies.classify(&question)));
        });
    }
}

criterion_group!(benches, decide, parts);
criterion_main!(benches);
