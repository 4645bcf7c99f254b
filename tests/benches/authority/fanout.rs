//! From an order to its refusal by whoever follows.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::followers::{FULL, Followers};
use crate::ground::Ground;
use crate::table;

/// Orders whose way is timed, one after the other.
const TIMED: usize = 200;
/// Orders given as fast as they are taken.
const BURST: usize = 10_000;
/// Connections that give orders in a burst.
const HANDS: usize = 16;

/// What one task needs to write the bytes of a frame to as many sockets.
async fn bare(followers: usize) -> Vec<Duration> {
    const FRAME: usize = 900;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let logs: Vec<Arc<Mutex<Vec<Instant>>>> = (0..followers).map(|_| Arc::default()).collect();
    let (mut tasks, mut sockets) = (JoinSet::new(), Vec::new());
    for log in &logs {
        let (read, (write, _)) =
            tokio::try_join!(TcpStream::connect(addr), listener.accept()).unwrap();
        sockets.push(write);
        let (mut read, log) = (read, Arc::clone(log));
        tasks.spawn(async move {
            let mut frame = [0; FRAME];
            while read.read_exact(&mut frame).await.is_ok() {
                log.lock().unwrap().push(Instant::now());
            }
        });
    }
    let mut ways = Vec::new();
    for round in 0..50 {
        let sent = Instant::now();
        for socket in &mut sockets {
            socket.write_all(&[0; FRAME]).await.unwrap();
        }
        while !logs.iter().all(|log| log.lock().unwrap().len() > round) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ways.extend(logs.iter().map(|log| log.lock().unwrap()[round] - sent));
    }
    ways
}

pub(crate) async fn measure(count: usize, tls: bool) {
    let mut ground = Ground::new(tls).await;
    let spoken = if tls { "TLS" } else { "plain HTTP" };
    println!("\n### {count} followers over {spoken}, {FULL} of them verify");
    let before = ground.resident_mib();
    let began = Instant::now();
    let followers = Followers::connect(&ground, count).await;
    let connected = began.elapsed();
    let connected_mib = ground.resident_mib();

    let mut orders = Vec::new();
    for _ in 0..TIMED {
        orders.push(ground.revoke().await);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    table::head("one order at a time, ms");
    followers.show(&orders).await;
    table::line("as many bytes to as many sockets", bare(count).await);

    let began = Instant::now();
    let hands = (0..HANDS).map(|_| async {
        let mut orders = Vec::new();
        for _ in 0..BURST / HANDS {
            orders.push(ground.revoke().await);
        }
        orders
    });
    let mut orders: Vec<_> = join_all(hands).await.into_iter().flatten().collect();
    let rate = orders.len() as f64 / began.elapsed().as_secs_f64();
    orders.sort_unstable_by_key(|order| order.seq);
    followers.have(&orders).await;
    let contiguous = orders.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq);
    assert!(contiguous, "a number is missing or was given out twice");
    table::head(&format!("{} orders at {rate:.0}/s, ms", orders.len()));
    followers.show(&orders).await;
    let burst_mib = ground.resident_mib();

    for log in &followers.logs {
        log.lock().unwrap().at.clear();
    }
    let killed = Instant::now();
    ground.restart();
    let up = Instant::now();
    let back = |at: Instant| at > killed;
    let all = followers.until(|log| log.connected.is_some_and(back)).await;
    let (outage, back) = ((up - killed).as_secs_f64(), (all - up).as_secs_f64());
    println!(
        "\nall connected in {:.2} s; killed, and up again after {outage:.2} s: all follow again {back:.2} s later",
        connected.as_secs_f64()
    );
    println!(
        "authority: {before} MiB alone, {connected_mib} MiB with all connected, {burst_mib} MiB after the burst"
    );
    let broken = followers.broken();
    println!("frames that did not continue the one before: {broken}");
    assert_eq!(broken, 0);
    followers.leave().await;
}
