//! One of two replicas is killed while both take orders.

use std::process::Command;
use std::sync::{Arc, Mutex};

use super::followers::Watcher;
use super::load::Load;
use super::topology::Topology;
use super::{Ground, scale};
use crate::authority::engine::Engine;

/// How many orders, in the suite.
const SHORT: usize = 200;
/// How many in `make chaos`.
const LONG: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_takes_nothing_with_it() {
    let database = Engine::Postgres.fresh_url().await.unwrap();
    let topology = tokio::task::block_in_place(|| {
        Topology::start(&["--no-server", "--database-url", &database])
    });
    let [(first, id), (second, _)] = &topology.replicas[..] else {
        panic!("two replicas");
    };
    let ground = Ground::of_others(first, &topology.operator).await;
    let load = Load::on(&ground);
    let there = load.by_way_of(second);
    let watcher = Watcher::at(&ground, Arc::new(Mutex::new(second.clone())));
    let orders = if scale() > 1 { LONG } else { SHORT };
    let mut here = load.begin(0, 4, orders);
    let mut beside = there.begin(0, 4, orders / 4);
    crate::wire::eventually("half of the orders", async || {
        (load.acknowledged() >= orders / 2).then_some(())
    })
    .await;
    let mut kill = Command::new("kill");
    kill.args(["-s", "KILL", &id.to_string()]);
    assert!(kill.status().unwrap().success());
    while here.join_next().await.is_some() {}
    while beside.join_next().await.is_some() {}
    // Whatever the dead one did not answer, the other is asked for.
    there.make_sure().await;
    second.clone_into(&mut ground.url.lock().unwrap());
    let ledger = std::mem::take(&mut *load.ledger.lock().unwrap());
    let found = ledger.settle(&ground).await;
    watcher.end_at(found.events as u64).await;
    println!(
        "| one of two replicas killed after {} of {} orders | {} events |",
        orders / 2,
        ledger.orders.len(),
        found.events
    );
}
