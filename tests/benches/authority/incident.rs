//! From an alerting system's report to the refusal by whoever follows.

use std::process::Command;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_core::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::followers::Followers;
use crate::ground::{Ground, Order};
use crate::it::world::{bin, run};
use crate::{subjects, table};

const FOLLOWERS: usize = 1000;
const REPORTS: usize = 200;
const SECRET: [u8; 32] = [7; 32];

async fn report(ground: &Ground, n: usize, agent: &str) -> Order {
    let target = json!({"kind": "agent", "tenant": "default", "name": agent});
    let body = json!({"action": "suspend", "target": target}).to_string();
    let now = SystemClock.now().as_millis() / 1000;
    let signed = format!("msg_{n}.{now}.{body}");
    let signature = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &SECRET),
        signed.as_bytes(),
    );
    let request = ground.http.post(format!("{}/v1/hooks/soar", ground.url));
    let request = request
        .header("content-type", "application/json")
        .header("webhook-id", format!("msg_{n}"))
        .header("webhook-timestamp", now.to_string())
        .header(
            "webhook-signature",
            format!("v1,{}", STANDARD.encode(signature)),
        )
        .body(body);
    let sent = Instant::now();
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    Order::read(&answer, sent)
}

pub(crate) async fn measure() {
    let ground = Ground::new(false).await;
    println!("\n### Incident webhook, {FOLLOWERS} followers");
    let secret = ground.folder().join("soar");
    std::fs::write(&secret, format!("whsec_{}", STANDARD.encode(SECRET))).unwrap();
    let mut add = Command::new(bin("mcps-authority"));
    add.args(["hook", "add", "--name", "soar", "--per-hour", "1000000"])
        .args(["--database-url", &ground.database])
        .arg("--data-dir")
        .arg(ground.folder().join("data"))
        .arg("--secret-file")
        .arg(&secret);
    run(&mut add).succeeded();
    let agents = subjects::enrolled(&ground, REPORTS, "agent").await;
    let followers = Followers::connect(&ground, FOLLOWERS).await;
    let mut orders = Vec::new();
    for (n, agent) in agents.iter().enumerate() {
        orders.push(report(&ground, n, agent.agent_name()).await);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    table::head("one report at a time, ms");
    followers.show(&orders).await;
    assert_eq!(followers.broken(), 0);
    followers.leave().await;
}
