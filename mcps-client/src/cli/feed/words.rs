//! Events and states of the feed in words.

use mcps_client::follower::State;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Event, Target};

/// The state's name.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Cold => "cold",
        State::Syncing => "syncing",
        State::Live => "live",
        State::Lagging => "lagging",
        State::Stale => "stale",
    }
}

/// What it is about.
pub(super) fn target(target: &Target) -> String {
    let kind = target.kind().as_str();
    match target {
        Target::All => "everything".to_owned(),
        Target::Passport(id) => format!("{kind} {id}"),
        Target::Key(key) | Target::Issuer(key) => format!("{kind} {key}"),
        Target::Agent { tenant, name }
        | Target::Server { tenant, name }
        | Target::Gateway { tenant, name } => format!("{kind} {tenant}/{name}"),
        Target::Owner { tenant, owner } => format!("{kind} {tenant}/{owner}"),
        Target::Tenant(tenant) => format!("{kind} {tenant}"),
        Target::Tool {
            tenant,
            server,
            name,
            hash,
        } => {
            let hash = hash.map_or_else(String::new, |hash| format!(" {hash}"));
            format!("{kind} {tenant}/{server}/{name}{hash}")
        }
    }
}

/// One event in one line, and how long it took to come here.
pub(super) fn event(epoch: u64, event: &Event, now: Timestamp) -> String {
    let mut line = format!("{now}  event {epoch}:{}  {}", event.seq(), event.name());
    if let Some(about) = event.target() {
        line.push_str(&format!(" {}", target(about)));
    }
    match event.action() {
        Some(Action::Suspend {
            until: Some(until), ..
        }) => line.push_str(&format!(" until {until}")),
        Some(Action::Reinstate { lifts, .. }) => {
            line.push_str(&format!(" ({} is lifted)", lifts.as_str()));
        }
        Some(Action::TrustChange { level, .. }) => line.push_str(&format!(" to {level}")),
        Some(Action::PolicyChange { policy, .. }) => line.push_str(&format!(" {policy}")),
        Some(Action::VerdictChange { verdicts, .. }) => line.push_str(&format!(" {verdicts}")),
        Some(Action::ManifestChange { manifest, .. }) => line.push_str(&format!(" {manifest}")),
        Some(Action::AuthorityKey { key, state, .. }) => {
            line.push_str(&format!(" {key} is {}", state.as_str()));
        }
        _ => {}
    }
    if let Some(reason) = event.reason() {
        line.push_str(&format!("  reason: {reason}"));
    }
    if !event.is_understood() {
        line.push_str("  NOT UNDERSTOOD by this version");
    }
    format!("{line}  {} ms", now.since(event.at()))
}

#[cfg(test)]
mod tests;
