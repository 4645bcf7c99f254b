//! How many passports a second, and how long one takes at a hundred a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mcps_client::authority::AuthorityClient;
use sqlx::Connection as _;
use tokio::task::JoinSet;

use crate::ground::Ground;
use crate::subjects::{Subject, audience};
use crate::table;

/// Connections that ask.
const HANDS: usize = 32;
/// Passports that each asks for.
const EACH: usize = 400;
/// How many are asked for at a hundred a second.
const PACED: usize = 2000;

/// One row into a table of its own and a commit, by as many connections: what the database takes.
async fn commits(database: &str) -> f64 {
    let mut connection = sqlx::PgConnection::connect(database).await.unwrap();
    let create = "CREATE TABLE bare (n BIGINT NOT NULL, text TEXT NOT NULL)";
    sqlx::query(create).execute(&mut connection).await.unwrap();
    let began = Instant::now();
    let hands = (0..HANDS).map(|hand| async move {
        let mut connection = sqlx::PgConnection::connect(database).await.unwrap();
        let text = "x".repeat(900);
        for n in 0..EACH {
            let insert = sqlx::query("INSERT INTO bare (n, text) VALUES ($1, $2)");
            let insert = insert.bind((hand * EACH + n) as i64).bind(&text);
            insert.execute(&mut connection).await.unwrap();
        }
    });
    join_all(hands).await;
    (HANDS * EACH) as f64 / began.elapsed().as_secs_f64()
}

pub(crate) async fn measure() {
    let ground = Arc::new(Ground::new(false).await);
    let audience = Arc::new(audience(&ground).await);
    println!("\n### Issuing");
    let bound = commits(&ground.database).await;
    let hands: Vec<Vec<Subject>> = (0..HANDS)
        .map(|hand| {
            let names = (0..EACH).map(|n| format!("agent-{hand}-{n}"));
            names.map(Subject::new).collect()
        })
        .collect();
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for subjects in hands {
        let (ground, audience) = (Arc::clone(&ground), Arc::clone(&audience));
        tasks.spawn(async move {
            let client = AuthorityClient::new(&ground.url).unwrap();
            let mut times = Vec::with_capacity(subjects.len());
            for subject in &subjects {
                let issued = subject.enrol(&client, &ground.operator, &audience).await;
                times.push(issued.answer);
            }
            times
        });
    }
    let times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    println!(
        "\n{rate:.0} passports a second by {HANDS} callers, each with a challenge of its own; the database alone \
         commits {bound:.0} rows a second: {:.2} passports a commit",
        rate / bound
    );

    let subjects: Vec<Subject> = (0..PACED)
        .map(|n| Subject::new(format!("paced-{n}")))
        .collect();
    let client = AuthorityClient::new(&ground.url).unwrap();
    let mut tasks = JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for subject in subjects {
        tick.tick().await;
        let (ground, audience, client) =
            (Arc::clone(&ground), Arc::clone(&audience), client.clone());
        tasks.spawn(async move { subject.enrol(&client, &ground.operator, &audience).await });
    }
    let issued = tasks.join_all().await;
    table::head("at a hundred a second, ms");
    table::line("passport", issued.iter().map(|one| one.answer));
    table::line("with its challenge", issued.iter().map(|one| one.whole));
    println!("\nauthority: {} MiB", ground.resident_mib());
}
