//! How long whoever follows goes on believing an authority that has fallen silent.

use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::followers::{FULL, Followers};
use crate::ground::Ground;
use crate::table;

pub(crate) async fn measure() {
    let ground = Ground::new(false).await;
    println!("\n### The authority stands still");
    let followers = Followers::connect(&ground, FULL).await;
    // Some of them have just heard of it, others will soon.
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    let process = Pid::from_raw(i32::try_from(ground.process()).unwrap()).unwrap();
    let frozen = Instant::now();
    kill_process(process, Signal::STOP).unwrap();
    followers.until(|log| log.stale.is_some()).await;
    kill_process(process, Signal::CONT).unwrap();
    let stale = followers.logs.iter();
    let stale = stale.map(|log| log.lock().unwrap().stale.unwrap() - frozen);
    table::head("from SIGSTOP to refusing everything above level 1, ms");
    table::line("those who verify", stale);
    followers.leave().await;
}
