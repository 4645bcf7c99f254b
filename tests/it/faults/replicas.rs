//! One of two replicas is killed while both take orders.

use std::sync::{Arc, Mutex};

use super::followers::Watcher;
use super::load::Load;
use super::{Ground, scale};
use crate::authority::engine::Engine;
use crate::world::Authority;

/// How many orders, in the suite.
const SHORT: usize = 200;
/// How many in `make chaos`.
const LONG: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_takes_nothing_with_it() {
    let mut ground = Ground::found(Engine::Postgres.fresh_url().await).await;
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("data");
    std::fs::create_dir_all(other.join("keys")).unwrap();
    for entry in std::fs::read_dir(ground.data().join("keys")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.join("keys").join(entry.file_name())).unwrap();
    }
    let database = ground.database.clone();
    let key_file = folder.path().join("operator.key");
    let second = Authority::start_at("127.0.0.1:0", database.as_deref(), &other, &key_file);

    let load = Load::on(&ground);
    let there = load.by_way_of(second.url());
    let url = Arc::new(Mutex::new(second.url().to_owned()));
    let watcher = Watcher::at(&ground, Arc::clone(&url));
    let orders = if scale() > 1 { LONG } else { SHORT };
    let mut here = load.begin(0, 4, orders);
    let mut beside = there.begin(0, 4, orders / 4);
    crate::wire::eventually("half of the orders", async || {
        (load.acknowledged() >= orders / 2).then_some(())
    })
    .await;
    ground.kill();
    while here.join_next().await.is_some() {}
    while beside.join_next().await.is_some() {}
    // Whatever the dead one did not answer, the other is asked for.
    there.make_sure().await;
    url.lock()
        .unwrap()
        .clone_into(&mut ground.url.lock().unwrap());
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
