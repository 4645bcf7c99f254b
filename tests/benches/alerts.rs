//! From an alert to the refused call: `scripts/test-env cargo bench -p mcps-tests --bench alerts`, after
//! `cargo build --release --workspace --bins`.
//!
//! A real Alertmanager is told of an alert, reports it by webhook, the authority suspends the agent, and a
//! running `mcps-wrap` refuses it. Then the alert is over, and the agent is served again. 200 times, with
//! calls one after the other all the while.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod alertmanager;
    pub(crate) mod wire;
    pub(crate) mod world;
}
#[expect(dead_code, reason = "other benchmarks use more of it")]
#[path = "parts/spent.rs"]
mod spent;

use std::time::{Duration, Instant};

use it::alertmanager::Alertmanager;
use it::wire::{Served, Stage, code_of, result};
use it::{wire, world};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::code::Code;
use serde_json::{Value, json};
use spent::percentile;

const ALERTS: usize = 200;
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(1);
/// As `docs/incident.md` has it.
const CONFIG: &str = r#"
route:
  receiver: nobody
  routes:
    - matchers: ['mcps_name=~".+"']
      receiver: mcps
      group_by: [alertname, mcps_name]
      group_wait: 0s
      group_interval: 1s
      repeat_interval: 1h
receivers:
  - name: nobody
  - name: mcps
    webhook_configs:
      - url: AUTHORITY/v1/hooks/alerts
        send_resolved: true
        http_config:
          authorization:
            credentials_file: alertmanager.token
"#;

fn alert(number: usize, began: &str, over: Option<&str>) -> Value {
    let labels = json!({"alertname": format!("Alert{number}"), "mcps_name": "agent"});
    let mut alert = json!({"labels": labels, "annotations": {}, "startsAt": began});
    if let Some(at) = over {
        alert["endsAt"] = at.into();
    }
    alert
}

/// Makes one call; the code that it is refused with.
async fn call(served: &mut Served, id: u32) -> Option<Code> {
    let text = wire::call(id);
    served.wrap.write(&served.agent.seal(&text)).await;
    let line = tokio::select! {
        seen = served.behind.read() => {
            assert_eq!(seen, text);
            served.behind.write(&result(id)).await;
            served.wrap.read().await
        }
        line = served.wrap.read() => line,
    };
    code_of(&line)
}

/// Calls until it is answered as it is to be; since when.
async fn until(
    served: &mut Served,
    id: &mut u32,
    wanted: Option<Code>,
    since: Instant,
) -> Duration {
    loop {
        *id += 1;
        let code = call(served, *id).await;
        if code == wanted {
            return since.elapsed();
        }
        assert!(
            since.elapsed() < wire::PATIENCE,
            "in vain: {wanted:?}, not {code:?}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

fn show(what: &str, taken: &mut [Duration]) {
    let [p50, p99] = [50, 99].map(|percent| percentile(taken, percent) / 1e3);
    let longest = taken.iter().max().unwrap().as_secs_f64() * 1e3;
    println!("| {what} | {p50:.0} | {p99:.0} | {longest:.0} |");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    let mut served = Served::start_with(Stage::set(), &["--status-refresh", "1h"]);
    served.open().await;
    served.wrap.says("the revocation feed is live").await;
    let (url, folder) = (served.stage.world.url(), served.stage.world.dir());
    let key = served.stage.world.operator_key_file();
    let mut add = served.stage.world.mcps(&served.stage.agent);
    add.args(["hook", "add", "alerts", "--adapter", "alertmanager"])
        .args(["--proof", "bearer", "--ceiling", "suspend", "--reach", "1"])
        .args(["--per-hour", "100000", "--authority", url, "--save-secret"])
        .arg(folder.join("alertmanager.token"))
        .arg("--operator-key-file")
        .arg(key);
    world::run(&mut add).succeeded();
    let config = CONFIG.replace("AUTHORITY", url);
    let alertmanager = Alertmanager::start(folder, &config).await;
    let (mut refused, mut again) = (Vec::new(), Vec::new());
    let mut id = 1000;
    for number in 0..ALERTS {
        let began = SystemClock.now().to_string();
        let since = Instant::now();
        alertmanager.tell(&alert(number, &began, None)).await;
        refused.push(until(&mut served, &mut id, Some(Code::PassportRevoked), since).await);
        let over = SystemClock.now().to_string();
        let since = Instant::now();
        alertmanager.tell(&alert(number, &began, Some(&over))).await;
        again.push(until(&mut served, &mut id, None, since).await);
    }
    println!("| {ALERTS} alerts of Alertmanager, ms | p50 | p99 | longest |\n|---|---|---|---|");
    show("alert told until its agent's call is refused", &mut refused);
    show("alert over until its agent's call is served", &mut again);
}
