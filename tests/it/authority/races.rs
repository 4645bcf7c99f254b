use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{World, new_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_parallel_redemptions_of_a_challenge_one_wins() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        let order = world.order("agent-7", &new_key()).await;
        let mut tries = JoinSet::new();
        for _ in 0..64 {
            let (world, order) = (world.clone(), order.clone());
            tries.spawn(async move { world.post_as_operator("/v1/passports", &order).await });
        }
        let answers = tries.join_all().await;
        let won = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(won, 1, "on {engine:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.problem(403, "challenge-refused");
        }
        let listed = world.get_as_operator("/v1/passports").await.json();
        assert_eq!(listed["passports"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_passport_slips_out_beside_the_block_of_its_key() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        for round in 0..8 {
            let key = Arc::new(new_key());
            let first = world.issue(&format!("first-{round}"), &key).await;
            let mut orders = Vec::new();
            for at in 0..4 {
                orders.push(world.order(&format!("more-{round}-{at}"), &key).await);
            }
            let mut tasks = JoinSet::new();
            for order in orders {
                let world = world.clone();
                tasks.spawn(
                    async move { drop(world.post_as_operator("/v1/passports", &order).await) },
                );
            }
            let (worlds, compromised) = (world.clone(), first.clone());
            tasks.spawn(async move {
                let answer = worlds.revoke(&compromised, "key_compromise").await;
                assert_eq!(answer.status, 200, "{}", answer.text);
            });
            let (worlds, renewed) = (world.clone(), key.clone());
            tasks.spawn(async move { drop(worlds.renew(&first, &renewed, json!({})).await) });
            tasks.join_all().await;
            let live = world
                .get_as_operator("/v1/passports?status=live")
                .await
                .json();
            assert_eq!(live["passports"], json!([]), "on {engine:?}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_owners_asking_for_a_name_at_once_one_gets_it() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        for round in 0..8 {
            let name = format!("agent-{round}");
            let mut tasks = JoinSet::new();
            for owner in ["ann", "bob", "cid"] {
                let order = world
                    .order_with(&name, &new_key(), json!({"owner": owner}))
                    .await;
                let world = world.clone();
                tasks.spawn(async move { world.post_as_operator("/v1/passports", &order).await });
            }
            let answers = tasks.join_all().await;
            let won = answers.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(won, 1, "on {engine:?}, round {round}");
            for answer in answers.iter().filter(|answer| answer.status != 201) {
                answer.problem(409, "name-taken");
            }
        }
    }
}
