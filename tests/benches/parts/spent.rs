//! What processes spend, and percentiles of what was measured.

use std::fs;
use std::time::Duration;

/// Processor time of a process and, unless it is ours, of those that it started.
pub(super) fn used(process: u32) -> Duration {
    let own = spent(process).unwrap();
    if process == std::process::id() {
        return own;
    }
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    let children = children
        .split_whitespace()
        .filter_map(|id| spent(id.parse().unwrap()));
    own + children.sum::<Duration>()
}

/// Of all its threads.
fn spent(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let nanos = threads.flatten().filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanos.sum()))
}

pub(super) fn percentile(taken: &mut [Duration], percent: usize) -> f64 {
    taken.sort_unstable();
    taken[(taken.len() - 1) * percent / 100].as_secs_f64() * 1e6
}
