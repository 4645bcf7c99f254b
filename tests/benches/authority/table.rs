//! Rows of what was measured.

use std::time::Duration;

/// The time below which that share of the samples lies, in ms.
pub(crate) fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len() - 1;
    sorted[(last as f64 * share).round() as usize].as_secs_f64() * 1e3
}

pub(crate) fn head(what: &str) {
    println!("\n| {what} | p50 | p90 | p99 | longest |\n|---|---|---|---|---|");
}

/// One row of [`head`]; the samples come back sorted.
pub(crate) fn line(what: &str, samples: impl IntoIterator<Item = Duration>) -> Vec<Duration> {
    let mut samples: Vec<Duration> = samples.into_iter().collect();
    samples.sort_unstable();
    let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| quantile(&samples, share));
    println!("| {what} | {p50:.1} | {p90:.1} | {p99:.1} | {max:.1} |");
    samples
}
