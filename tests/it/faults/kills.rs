//! The process dies where it hurts, again and again.

use std::collections::BTreeMap;

use mcps_authority::kill::Point;

use super::followers::Watcher;
use super::load::Load;
use super::{Dice, Ground, scale};
use crate::authority::engine::Engine;

/// Deaths of each kind, in the suite.
const DEATHS: usize = 2;

/// One life: callers ask until the process dies, at the point or, if it never comes there, by a
/// signal. Whether it came there.
async fn live(ground: &mut Ground, load: &Load, dice: &mut Dice) -> bool {
    load.make_sure().await;
    let before = load.acknowledged();
    // Beyond what brings most to their points.
    let enough = before + 30 + usize::try_from(dice.below(40)).unwrap();
    let mut tasks = load.begin(3, 3, 40);
    let mut killed = false;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(2));
    while !ground.is_dead() {
        if load.acknowledged() >= enough || tasks.is_empty() {
            killed = true;
            ground.kill();
        }
        while tasks.try_join_next().is_some() {}
        tick.tick().await;
    }
    load.end();
    while tasks.join_next().await.is_some() {}
    !killed
}

#[expect(clippy::print_stdout, reason = "what docs/faults.md is written from")]
async fn die_of_everything(engine: Engine) {
    let mut ground = Ground::found(engine.fresh_url().await).await;
    let load = Load::on(&ground);
    let watcher = Watcher::start(&ground);
    let mut dice = Dice(1);
    let mut deaths: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..DEATHS * scale() {
        for point in Point::ALL {
            let times = 1 + dice.below(8);
            let kill_at = format!("{}:{times}", point.as_str());
            let came_there =
                ground.start(Some(&kill_at)) && live(&mut ground, &load, &mut dice).await;
            let kind = if came_there {
                point.as_str()
            } else {
                "at any moment"
            };
            *deaths.entry(kind).or_default() += 1;
        }
    }
    assert!(ground.start(None));
    load.make_sure().await;
    let ledger = std::mem::take(&mut *load.ledger.lock().unwrap());
    let found = ledger.settle(&ground).await;
    watcher.end_at(found.events as u64).await;
    // No record without its change, no change without its record.
    tokio::task::block_in_place(|| ground.examine());
    println!(
        "| {engine:?} | {} deaths {deaths:?} | {} passports, {} of them answered late | {} orders, {} events |",
        deaths.values().sum::<usize>(),
        found.passports,
        ledger.late,
        ledger.orders.len(),
        found.events,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point_sqlite_loses_nothing_that_was_acknowledged() {
    die_of_everything(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_point_postgresql_loses_nothing_that_was_acknowledged() {
    die_of_everything(Engine::Postgres).await;
}
