//! What finding tools costs: `cargo bench -p mcps-gateway --bench discovery`.
//!
//! The five best of 10,000 tools, of which the caller may see all or half, and beside it in the same
//! run a scan that lower-cases and searches every definition, which is what is done without an index.
//! Beside criterion's means it prints percentiles of single searches: the goal is 1 ms.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops and tells"
)]

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use mcps_core::json::Document;
use mcps_gateway::discovery::{Index, Mask, Subject};

const TOOLS: usize = 10_000;
const SAMPLES: usize = 5000;

const VERBS: [&str; 20] = [
    "read",
    "write",
    "list",
    "search",
    "create",
    "delete",
    "update",
    "send",
    "fetch",
    "convert",
    "merge",
    "rename",
    "approve",
    "export",
    "import",
    "summarise",
    "translate",
    "schedule",
    "cancel",
    "describe",
];
const NOUNS: [&str; 40] = [
    "file",
    "directory",
    "issue",
    "branch",
    "commit",
    "message",
    "calendar",
    "event",
    "invoice",
    "customer",
    "order",
    "table",
    "query",
    "page",
    "document",
    "image",
    "ticket",
    "user",
    "group",
    "role",
    "secret",
    "key",
    "certificate",
    "server",
    "container",
    "volume",
    "network",
    "route",
    "metric",
    "alert",
    "dashboard",
    "report",
    "contract",
    "payment",
    "refund",
    "shipment",
    "product",
    "price",
    "stock",
    "review",
];
const QUERIES: [&str; 8] = [
    "read a file",
    "search issues of a customer",
    "delete the branch after the merge",
    "send a message to a group of users",
    "convert the report into another document",
    "create an invoice for an order and schedule the payment",
    "list certificates of servers",
    "tool for the table with a query",
];

/// A definition of ordinary size: about 700 bytes with four parameters.
fn definition(at: usize) -> String {
    let verb = VERBS.get(at % VERBS.len()).unwrap();
    let noun = NOUNS.get(at / VERBS.len() % NOUNS.len()).unwrap();
    let other = NOUNS.get((at * 7 + 3) % NOUNS.len()).unwrap();
    let third = NOUNS.get((at * 13 + 5) % NOUNS.len()).unwrap();
    format!(
        r#"{{"name":"{verb}_{noun}_{at}","description":"This tool can {verb} a {noun} of the {other} that is named. Use it when the {third} is known and the {noun} is to be changed at once; it returns the {noun} as it is then.","inputSchema":{{"type":"object","properties":{{"{noun}_id":{{"type":"string","description":"Which {noun} it is about"}},"{other}":{{"type":"string","description":"The {other} to which it belongs"}},"limit":{{"type":"integer","description":"How many results to return at most"}},"dry_run":{{"type":"boolean","description":"Whether only to say what would be done to the {third}"}}}}}}}}"#
    )
}

/// What is done without an index: every text is lower-cased and searched for every word.
fn scan(texts: &[String], query: &str, sees: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let words: Vec<String> = query.split(' ').map(str::to_lowercase).collect();
    let mut scored: Vec<(usize, usize)> = texts
        .iter()
        .enumerate()
        .filter(|(at, _)| sees(*at))
        .map(|(at, text)| {
            let text = text.to_lowercase();
            let score = words.iter().map(|word| text.matches(word).count()).sum();
            (score, at)
        })
        .collect();
    scored.sort_unstable_by(|one, other| other.cmp(one));
    scored.truncate(5);
    scored
}

fn percentiles(name: &str, samples: usize, mut search: impl FnMut(&str)) {
    let mut took: Vec<u128> = (0..samples)
        .map(|at| {
            let query = QUERIES.get(at % QUERIES.len()).unwrap();
            let begin = Instant::now();
            search(query);
            begin.elapsed().as_nanos()
        })
        .collect();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 1000).unwrap() / 1000;
    println!(
        "{name}: p50 {} µs, p90 {} µs, p99 {} µs, p99.9 {} µs",
        at(500),
        at(900),
        at(990),
        at(999)
    );
}

fn search(criterion: &mut Criterion) {
    let texts: Vec<String> = (0..TOOLS).map(definition).collect();
    let documents: Vec<Document> = texts
        .iter()
        .map(|text| Document::parse(text.as_bytes()).unwrap())
        .collect();
    let subjects = || {
        documents.iter().map(|document| Subject {
            server: "office",
            definition: document.root(),
        })
    };
    let begin = Instant::now();
    let index = Index::new(subjects());
    println!(
        "an index of {TOOLS} tools is made in {} ms",
        begin.elapsed().as_millis()
    );
    let masks: [(&str, Mask); 2] = [
        ("all seen", index.mask(|_| true)),
        ("half seen", index.mask(|tool| tool % 2 == 0)),
    ];
    for (seen, mask) in &masks {
        let name = format!("discovery/top 5 of {TOOLS}, {seen}");
        let mut at = 0;
        criterion.bench_function(&name, |bench| {
            bench.iter(|| {
                at += 1;
                let query = QUERIES.get(at % QUERIES.len()).unwrap();
                black_box(index.search(query, mask, 5))
            });
        });
        percentiles(&name, SAMPLES, |query| {
            black_box(index.search(query, mask, 5));
        });
    }
    let name = format!("discovery/scan of {TOOLS}, all seen");
    let mut at = 0;
    criterion.bench_function(&name, |bench| {
        bench.iter(|| {
            at += 1;
            let query = QUERIES.get(at % QUERIES.len()).unwrap();
            black_box(scan(&texts, query, |_| true))
        });
    });
    percentiles(&name, 200, |query| {
        black_box(scan(&texts, query, |_| true));
    });
}

criterion_group!(benches, search);
criterion_main!(benches);
