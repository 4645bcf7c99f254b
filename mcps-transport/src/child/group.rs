//! A process group, known by the id of its leader.
//!
//! The id stays ours while the leader is not reaped, even as a zombie; [`Child`](super::Child)
//! sees to that, so no signal can go to a stranger who was given the same id.

use std::time::Duration;

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};

/// How often to look whether the group is empty. Members that are not our children end unseen.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy)]
pub(super) struct Group(Pid);

impl Group {
    pub(super) fn led_by(leader: Pid) -> Self {
        Self(leader)
    }

    pub(super) fn leader(self) -> Pid {
        self.0
    }

    pub(super) fn id(self) -> u32 {
        self.0.as_raw_pid().unsigned_abs()
    }

    pub(super) fn signal(self, signal: Signal) {
        match kill_process_group(self.0, signal) {
            // Nobody left, or (macOS) only zombies.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(Errno::PERM) if !self.is_alive() => {}
            Err(error) => tracing::warn!(
                group = self.id(),
                signal = signal.as_raw(),
                %error,
                "the server's process group could not be signalled"
            ),
        }
    }

    /// Waits until no member runs any more.
    pub(super) async fn emptied(self) {
        while self.is_alive() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether a member runs. Zombies do not: the leader is one until it is reaped, and members
    /// whose parent is gone may stay so for ever where process 1 does not reap (in containers).
    #[cfg(target_os = "linux")]
    pub(super) fn is_alive(self) -> bool {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return true;
        };
        let group = self.0.as_raw_pid().to_string();
        processes
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .as_encoded_bytes()
                    .first()
                    .is_some_and(u8::is_ascii_digit)
            })
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .any(|stat| runs_in(&stat, &group))
    }

    /// Whether a member runs. Elsewhere than on Linux, signals to zombies alone are refused.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_alive(self) -> bool {
        rustix::process::test_kill_process_group(self.0).is_ok()
    }
}

/// Reads `/proc/PID/stat` (proc(5)): `pid (name) state ppid pgrp …`. The name may hold anything,
/// parentheses too.
#[cfg(target_os = "linux")]
fn runs_in(stat: &str, group: &str) -> bool {
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next();
    let of_group = fields.nth(1);
    of_group == Some(group) && !matches!(state, Some("Z" | "X"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
