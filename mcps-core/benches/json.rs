//! Strict parsing and canonical digests beside bare SHA-256 of the same bytes:
//! `cargo bench -p mcps-core --bench json`.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark stops when something is wrong"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::Document;

/// A call with a short argument, as an agent's SDK writes it.
fn small() -> String {
    let text = r#"{"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello world, how do you do today?"}},"jsonrpc":"2.0","id":17}"#;
    format!("{text:<150}")
}

/// A result that is one long text, with the line breaks and quotes of source code.
fn text_heavy(bytes: usize) -> String {
    let line =
        r#"    let greeting = format!(\"hello {}\", name); // what a line of code looks like\n"#;
    let text = line.repeat(bytes.saturating_sub(90) / line.len());
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    )
}

/// A result of many small members, of which no object is in canonical order.
fn structure_heavy(bytes: usize) -> String {
    let mut rows = String::new();
    for row in 0.. {
        if rows.len() + 150 > bytes {
            break;
        }
        rows.push_str(if row == 0 { "" } else { "," });
        write!(
            rows,
            r#"{{"type":"row","id":{row},"name":"item {row}","price":{}.25,"tags":["a","b"],"active":true,"at":{{"y":{row},"x":1.5}}}}"#,
            row % 100
        )
        .unwrap();
    }
    format!(r#"{{"jsonrpc":"2.0","id":17,"result":[{rows}]}}"#)
}

fn compare(criterion: &mut Criterion) {
    let corpus = [
        ("150 B", small()),
        ("4 KiB text", text_heavy(4 << 10)),
        ("64 KiB text", text_heavy(64 << 10)),
        ("64 KiB structure", structure_heavy(64 << 10)),
        ("64 KiB canonical", {
            let document = Document::parse(structure_heavy(64 << 10)).unwrap();
            jcs::to_string(document.root())
        }),
    ];
    for (name, text) in &corpus {
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("sha256 alone", |bencher| {
            bencher.iter(|| Digest::of(black_box(text).as_bytes()));
        });
        group.bench_function("parse", |bencher| {
            bencher.iter(|| Document::parse(black_box(text.as_str())).unwrap());
        });
        let document = Document::parse(text.as_str()).unwrap();
        group.bench_function("digest of parsed", |bencher| {
            bencher.iter(|| jcs::digest(black_box(&document).root()));
        });
        group.bench_function("parse and digest", |bencher| {
            bencher.iter(|| jcs::digest(Document::parse(black_box(text.as_str())).unwrap().root()));
        });
        group.finish();
    }
}

criterion_group!(benches, compare);
criterion_main!(benches);
