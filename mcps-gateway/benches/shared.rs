//! What remembering together costs: `scripts/test-env cargo bench -p mcps-gateway --bench shared`, with a Redis
//! on loopback.
//!
//! A bare `SET` over one connection, taking a nonce, and a decision with and without a store, in turn
//! within one run; then decisions of many calls at a time, in sessions of their own and of one tenant.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark stops and tells"
)]

#[path = "parts/call.rs"]
mod parts;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mcps_client::home::Home;
use mcps_client::replay::{Replay as _, Used};
use mcps_core::clock::{Clock, SystemClock, Timestamp};
use mcps_core::passport::PassportId;
use mcps_core::random::{Random, SystemRandom, hex16};
use mcps_core::replay::{ReplayGuard, ReplayLimits};
use mcps_gateway::call::{Call, SessionKey};
use mcps_gateway::config::Config;
use mcps_gateway::history::{Histories, Journal};
use mcps_gateway::judge::{Judge as _, PolicyJudge, Sets};
use mcps_gateway::shared::{Past, Secret, SharedNonces, Store, Way};
use mcps_gateway::tenants::Told;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const ROUNDS: usize = 40;
const EACH: usize = 250;
const AT_ONCE: [usize; 3] = [1, 16, 64];
const SERVER: &str = "[tenant.acme]\n[[server]]\nname = \"files\"\nurl = \"https://files.example.com/mcp\"\n[server.tool.write_file]\nclass = [\"write\"]\n";

fn call(clock: &dyn Clock, session: usize) -> Call {
    let session = SessionKey {
        tenant: "acme".to_owned(),
        principal: Some((format!("agent-{session}"), "ta.example.com".to_owned())),
        session: Some(format!("b1946ac92492d2347c6235b4{session:08}")),
        route: "files".to_owned(),
    };
    parts::write_file(clock.now(), None, session)
}

struct Stand {
    clock: Arc<dyn Clock>,
    dir: tempfile::TempDir,
    config: String,
    secret: Option<Secret>,
    url: url::Url,
}

impl Stand {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a benchmark is its own `main`")]
        let url = std::env::var("MCPS_TEST_REDIS_URL");
        let url = url.unwrap_or_else(|_| {
            println!("MCPS_TEST_REDIS_URL is not set: run this under scripts/test-env");
            std::process::exit(2)
        });
        let mut bare = url::Url::parse(&url).unwrap();
        let secret = bare.password().map(|text| Secret::new(text.to_owned()));
        bare.set_password(None).unwrap();
        Self {
            clock: Arc::new(SystemClock),
            dir: tempfile::tempdir().unwrap(),
            config: format!("[shared]\nurl = \"{bare}\"\nprefix = \"bench\"\n{SERVER}"),
            secret,
            url: url::Url::parse(&url).unwrap(),
        }
    }

    async fn store(&self) -> Arc<Store> {
        let config = Arc::new(Config::parse(&self.config).unwrap());
        let way = Way {
            shared: config.shared.as_ref().unwrap(),
            secret: self.secret.as_ref(),
        };
        let past = Past {
            floor: Timestamp::from_millis(0),
            damaged: false,
        };
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let with = (Arc::clone(&self.clock), random);
        let home = Home::new(self.dir.path());
        // No clock is ahead here: a store that is new takes what is signed from now on.
        let store = Store::open(way, &home, past, Duration::ZERO, with).await;
        Arc::new(store.unwrap())
    }

    fn judge(&self, name: &str, store: Option<&Arc<Store>>) -> Arc<PolicyJudge> {
        let file = self.dir.path().join(name);
        let (journal, found) = Journal::open(&file, Arc::clone(&self.clock)).unwrap();
        let mut histories = Histories::new(journal, found, Arc::clone(&self.clock));
        if let Some(store) = store {
            histories = histories.shared(store);
        }
        let config = Arc::new(Config::parse(&self.config).unwrap());
        let sets = Sets::load(&config, Path::new(""), Told::none()).unwrap();
        let sets = Arc::new(ArcSwap::from_pointee(sets));
        Arc::new(PolicyJudge::new(sets, histories))
    }
}

fn say(name: &str, times: &mut [Duration], bare: Option<Duration>) -> Duration {
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 1000];
    let (half, most) = (at(500), at(990));
    let ratio = bare.map_or(String::new(), |bare| {
        format!(", {:.2} x SET", half.as_secs_f64() / bare.as_secs_f64())
    });
    println!("{name:32} p50 {half:>9.1?} p99 {most:>9.1?}{ratio}");
    half
}

async fn one_by_one(stand: &Stand, store: &Arc<Store>) {
    let client = redis::Client::open(stand.url.as_str()).unwrap();
    let mut bare = client.get_multiplexed_async_connection().await.unwrap();
    let limits = ReplayLimits::default();
    let guard = ReplayGuard::since(limits, Timestamp::from_millis(0));
    let nonces = SharedNonces::new(guard, Arc::clone(store), limits.window);
    let passport = PassportId::parse("asp_0123456789abcdef0123456789abcdef").unwrap();
    let (alone, together) = (stand.judge("a", None), stand.judge("b", Some(store)));
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..ROUNDS {
        for at in 0..EACH {
            let since = Instant::now();
            let key = format!("bench:bare:{round}:{at}");
            let mut set = redis::cmd("SET");
            set.arg(key).arg("1").arg("PX").arg(60_000);
            set.exec_async(&mut bare).await.unwrap();
            times[0].push(since.elapsed());
        }
        for _ in 0..EACH {
            let (nonce, now) = (hex16(&SystemRandom).unwrap(), stand.clock.now());
            let used = Used {
                passport: &passport,
                aud: "https://gateway.example.com/mcp",
                nonce: &nonce,
                stamped: now,
            };
            let since = Instant::now();
            nonces.take(used, now).await.unwrap();
            times[1].push(since.elapsed());
        }
        for (judge, which) in [(&alone, 2), (&together, 3)] {
            for at in 0..EACH {
                let call = call(stand.clock.as_ref(), at % 10);
                let since = Instant::now();
                judge.decide(&call).await.unwrap();
                times[which].push(since.elapsed());
            }
        }
    }
    let [set, nonce, alone, together] = &mut times;
    let bare = say("SET", set, None);
    say("a nonce", nonce, Some(bare));
    say("a decision by itself", alone, Some(bare));
    say("a decision together", together, Some(bare));
}

/// Two gateways, so that each has to hear of what the other wrote.
async fn at_once(stand: &Stand, store: &Arc<Store>) {
    let judges = [stand.judge("c", Some(store)), stand.judge("d", Some(store))];
    for many in AT_ONCE {
        let mut tasks = JoinSet::new();
        let since = Instant::now();
        for task in 0..many {
            let (judge, clock) = (Arc::clone(&judges[task % 2]), Arc::clone(&stand.clock));
            tasks.spawn(async move {
                let (mut times, mut refused) = (Vec::new(), 0_usize);
                for _ in 0..2000 / many {
                    let call = call(clock.as_ref(), 1000 + task);
                    let since = Instant::now();
                    refused += usize::from(judge.decide(&call).await.is_err());
                    times.push(since.elapsed());
                }
                (times, refused)
            });
        }
        let done = tasks.join_all().await;
        let took = since.elapsed();
        let refused: usize = done.iter().map(|(_, refused)| refused).sum();
        let mut times: Vec<Duration> = done.into_iter().flat_map(|(times, _)| times).collect();
        let rate = times.len() as f64 / took.as_secs_f64();
        say(&format!("{many} at once, one tenant"), &mut times, None);
        println!("{:32} {rate:.0} a second, {refused} refused", "");
    }
}

fn main() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let stand = Stand::new();
        let store = stand.store().await;
        one_by_one(&stand, &store).await;
        at_once(&stand, &store).await;
    });
}
