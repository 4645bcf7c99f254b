//! Tests only: sees whether processes are there, without having a hand in them.

use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use tokio::time::{sleep, timeout};

/// How long anything may take on a machine that is busy with everything else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Fails the test when `wanted` takes for ever.
pub(crate) async fn soon<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    timeout(DEADLINE, wanted)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// Waits until the process has ended. Whose parent is gone may stay a zombie: nobody may reap it.
pub(crate) async fn gone(pid: u32) {
    soon(&format!("the end of process {pid}"), until(|| is_gone(pid))).await;
}

/// Waits until the process has ended and was reaped.
pub(crate) async fn reaped(pid: u32) {
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    soon(
        &format!("the reaping of {pid}"),
        until(|| test_kill_process(process).is_err()),
    )
    .await;
}

pub(crate) fn is_gone(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        sleep(Duration::from_millis(2)).await;
    }
}
