//! Processes that outlive the client that started them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a path may take to end after its client has: a server has 2 s to end by itself, 1 s
/// at SIGTERM, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asserts that no `mcps` or `mcps-wrap` and no server that mentions `dir` is still running.
pub(super) fn assert_none(dir: &Path) {
    let dir = dir.display().to_string();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = running(&dir);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still running: {left:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The command lines of processes that mention `dir`, except the authority's. Empty where there is
/// no /proc.
fn running(dir: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read(process.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines
        .filter(|line| line.contains(dir) && !line.contains("mcps-authority"))
        .collect()
}
