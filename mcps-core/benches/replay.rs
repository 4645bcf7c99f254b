//! The replay guard with a million live entries: `cargo bench -p mcps-core --bench replay`.
//!
//! Time moves on with every message, at the rate that keeps a million entries alive, so a fresh
//! nonce costs its own entry and the forgetting of an older one.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops and tells"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use mcps_core::clock::Timestamp;
use mcps_core::passport::PassportId;
use mcps_core::replay::{ReplayGuard, ReplayLimits};

const LIVE: i64 = 1_000_000;
const PASSPORTS: i64 = 1000;
const AUDIENCE: &str = "https://mcp.example.com/mcp";
const START: i64 = 1_795_232_074_129;

/// Messages numbered from 0, evenly over time, from each passport in turn.
struct Traffic {
    passports: Vec<PassportId>,
    retained_ms: i64,
}

impl Traffic {
    fn send(&self, guard: &ReplayGuard, number: i64, now: i64) -> bool {
        let mut nonce = *b"5eed5eed5eed5eed0000000000000000";
        for (place, digit) in nonce.iter_mut().rev().take(16).enumerate() {
            let value = (number >> (4 * place)) as u8 & 15;
            *digit = if value < 10 {
                b'0' + value
            } else {
                b'a' - 10 + value
            };
        }
        let nonce = std::str::from_utf8(&nonce).unwrap();
        let passport = self.passports.get((number % PASSPORTS) as usize).unwrap();
        let [stamped, now] = [self.time(number), self.time(now)];
        guard
            .check_and_insert(passport, AUDIENCE, black_box(nonce), stamped, now)
            .is_ok()
    }

    fn time(&self, number: i64) -> Timestamp {
        Timestamp::from_millis(START + number * self.retained_ms / LIVE)
    }
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<usize> = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}

fn main() {
    let limits = ReplayLimits::default();
    let retained = limits.window + limits.skew;
    let traffic = Traffic {
        passports: (0..PASSPORTS)
            .map(|n| PassportId::parse(&format!("asp_{n:032x}")).unwrap())
            .collect(),
        retained_ms: retained.as_millis() as i64,
    };
    let guard = ReplayGuard::since(limits, Timestamp::from_millis(0));
    let before = resident_bytes();
    for number in 0..LIVE {
        assert!(traffic.send(&guard, number, number));
    }
    println!(
        "{} entries live: {:.1} bytes each by capacity, {:.1} by growth of the resident set",
        guard.len(),
        guard.heap_bytes() as f64 / guard.len() as f64,
        (resident_bytes() - before) as f64 / guard.len() as f64,
    );

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("replay, 1M live");
    group.throughput(Throughput::Elements(1));
    let mut number = LIVE;
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| {
            number += 1;
            assert!(traffic.send(&guard, number, number));
        });
    });
    let mut back = 0;
    group.bench_function("replayed", |bencher| {
        bencher.iter(|| {
            // Anywhere among the older entries, so that no cache holds it by chance.
            back = (back + 7_777_777) % (LIVE - 100_000);
            assert!(!traffic.send(&guard, number - back, number));
        });
    });
    group.finish();
    println!(
        "{} entries live afterwards, {:.1} bytes each by capacity",
        guard.len(),
        guard.heap_bytes() as f64 / guard.len() as f64,
    );
    criterion.final_summary();
}
