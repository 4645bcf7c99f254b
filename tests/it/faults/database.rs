//! PostgreSQL goes away, or stands still, while orders come in.

use std::time::Duration;

use super::cut::Cut;
use super::followers::Watcher;
use super::ground::Postgres;
use super::load::Load;
use super::{Ground, scale};

/// Callers who come back after each refusal.
async fn ask_on(load: &Load, rounds: usize) {
    for _ in 0..rounds {
        let mut tasks = load.begin(2, 2, 10);
        while tasks.join_next().await.is_some() {}
    }
}

async fn is_ready(ground: &Ground) {
    crate::wire::eventually("the database again", async || {
        (ground.status("/readyz").await == Some(200)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_costs_answers_and_nothing_else() {
    let postgres = Postgres::start();
    let ground = Ground::found(Some(postgres.url.clone())).await;
    let load = Load::on(&ground).on_what_crashes();
    let watcher = Watcher::start(&ground);
    let crashes = 3 * scale();
    for _ in 0..crashes {
        let enough = load.acknowledged() + 20;
        let mut tasks = load.begin(3, 3, 1000);
        crate::wire::eventually("twenty answers", async || {
            (load.acknowledged() >= enough).then_some(())
        })
        .await;
        let postgres = &postgres;
        tokio::task::block_in_place(|| postgres.crash_and_start());
        load.end();
        while tasks.join_next().await.is_some() {}
        is_ready(&ground).await;
        load.make_sure().await;
    }
    ask_on(&load, 2).await;
    load.make_sure().await;
    let ledger = std::mem::take(&mut *load.ledger.lock().unwrap());
    let found = ledger.settle(&ground).await;
    watcher.end_at(found.events as u64).await;
    tokio::task::block_in_place(|| ground.examine());
    println!(
        "| PostgreSQL crashed {crashes} times | {} passports | {} orders, {} events |",
        found.passports,
        ledger.orders.len(),
        found.events
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_the_database_that_is_lost_is_no_refusal() {
    let postgres = Postgres::start();
    let cut = Cut::before(&postgres.url);
    let ground = Ground::found(Some(cut.url.clone())).await;
    let load = Load::on(&ground);
    for _ in 0..scale() {
        let enough = load.acknowledged() + 100;
        cut.lose_one_of(3);
        // Many at a time, so that what they ask for is done together.
        while load.acknowledged() < enough {
            let mut tasks = load.begin(16, 2, 20);
            while tasks.join_next().await.is_some() {}
        }
        cut.lose_one_of(0);
        is_ready(&ground).await;
        load.make_sure().await;
    }
    let ledger = std::mem::take(&mut *load.ledger.lock().unwrap());
    let found = ledger.settle(&ground).await;
    tokio::task::block_in_place(|| ground.examine());
    println!(
        "| {} answers of PostgreSQL lost | {} passports, {} of them answered late | {} orders, {} events |",
        cut.lost(),
        found.passports,
        ledger.late,
        ledger.orders.len(),
        found.events
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_is_said_and_waited_for() {
    let postgres = Postgres::start();
    let ground = Ground::found(Some(postgres.url.clone())).await;
    let load = Load::on(&ground);
    ask_on(&load, 1).await;
    let before = load.acknowledged();
    postgres.freeze();
    let mut tasks = load.begin(2, 2, 1);
    // It answers that it lives, and that it cannot work.
    assert_eq!(ground.status("/healthz").await, Some(200));
    let ready = ground.status("/readyz").await;
    assert!(matches!(ready, Some(503 | 408)), "{ready:?}");
    while tasks.join_next().await.is_some() {}
    assert_eq!(
        load.acknowledged(),
        before,
        "nothing is acknowledged meanwhile"
    );
    if scale() > 1 {
        // As long as frames vouch: whoever follows knows no more.
        tokio::time::sleep(Duration::from_secs(31)).await;
        let latest = ground.get("/v1/feed/frames?wait_s=0").await.unwrap();
        assert!(
            latest["status"] == 503 || latest["frames"].is_array(),
            "{latest}"
        );
    }
    postgres.thaw();
    is_ready(&ground).await;
    load.make_sure().await;
    ask_on(&load, 2).await;
    load.make_sure().await;
    let ledger = std::mem::take(&mut *load.ledger.lock().unwrap());
    let found = ledger.settle(&ground).await;
    println!(
        "| PostgreSQL frozen | {} passports | {} orders, {} events |",
        found.passports,
        ledger.orders.len(),
        found.events
    );
}
