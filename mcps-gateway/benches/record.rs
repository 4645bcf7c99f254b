//! What a record costs: `cargo bench -p mcps-gateway --bench record`.
//!
//! A decision that is written, one that is on the disk, and the same bytes written and synced by
//! themselves, in turn within one run; then with many calls at once, where one sync is for all of them.
//! The folder is in the target directory: not every `/tmp` is on a disk.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark stops and tells"
)]

#[path = "parts/call.rs"]
mod parts;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcps_core::clock::{Clock, SystemClock};
use mcps_core::key::SecretKey;
use mcps_core::passport::Kind;
use mcps_core::random::SystemRandom;
use mcps_gateway::call::{Call, Principal, Proof, SessionKey};
use mcps_gateway::judge::Permit;
use mcps_gateway::record::{Keep, Need, Recorder};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const ROUNDS: usize = 20;
const EACH: usize = 50;
const AT_ONCE: [usize; 2] = [16, 64];

fn call(clock: &dyn Clock) -> Call {
    let who = Principal {
        name: "crawler".to_owned(),
        owner: "ops@example.com".to_owned(),
        groups: Vec::new(),
        issuer: "ta.example.com".to_owned(),
        proof: Proof::Passport {
            kind: Some(Kind::Agent),
            id: "asp_0123456789abcdef0123456789abcdef".to_owned(),
        },
        claims: None,
    };
    let session = SessionKey {
        tenant: "acme".to_owned(),
        principal: None,
        session: Some("b1946ac92492d2347c6235b4d2611184".to_owned()),
        route: "files".to_owned(),
    };
    parts::write_file(clock.now(), Some(who), session)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("{what:<44} p50 {:>8.1} µs  p99 {:>8.1} µs", at(50), at(99));
}

fn opened(folder: &Path) -> Recorder {
    let keep = Keep {
        segment_bytes: 64 << 20,
        bytes: 1 << 30,
        age: Duration::from_secs(3600),
    };
    let key = Arc::new(SecretKey::generate(&SystemRandom).unwrap());
    let lines = Some(Path::new("/dev/null"));
    Recorder::open(folder, keep, lines, Some(key), Arc::new(SystemClock)).unwrap()
}

/// The size of one record in a file.
fn size(folder: &Path, recorder: &Recorder, call: &Call, runtime: &Runtime) -> usize {
    let written = || -> u64 {
        let files = fs::read_dir(folder).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    };
    let before = written();
    let permit = Permit::default();
    let decision = recorder.decision(call, Ok(&permit), Need::Written);
    runtime.block_on(decision).unwrap();
    usize::try_from(written() - before).unwrap()
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (records, plain) = (folder.path().join("records"), folder.path().join("plain"));
    let recorder = Arc::new(opened(&records));
    let call = Arc::new(call(&SystemClock));
    let bytes = vec![b'x'; size(&records, &recorder, &call, &runtime)];
    let mut file: File = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&plain)
        .unwrap();
    println!("{} bytes a decision, {} a row", bytes.len(), ROUNDS * EACH);
    let (mut written, mut durable, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (need, times) in [(Need::Written, &mut written), (Need::Durable, &mut durable)] {
            for _ in 0..EACH {
                let begun = Instant::now();
                let permit = Permit::default();
                let decision = recorder.decision(&call, Ok(&permit), need);
                runtime.block_on(decision).unwrap();
                times.push(begun.elapsed());
            }
        }
        for _ in 0..EACH {
            let begun = Instant::now();
            file.write_all(&bytes).unwrap();
            file.sync_data().unwrap();
            bare.push(begun.elapsed());
        }
    }
    report("a decision, written", written);
    report("a decision, on the disk", durable);
    report("the same bytes, write and fdatasync", bare.clone());
    let alone =
        bare.iter().sum::<Duration>().as_secs_f64() / f64::from(u32::try_from(bare.len()).unwrap());
    for many in AT_ONCE {
        let each = ROUNDS * EACH / many;
        let begun = Instant::now();
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..many {
                let (recorder, call) = (Arc::clone(&recorder), Arc::clone(&call));
                tasks.spawn(async move {
                    for _ in 0..each {
                        let permit = Permit::default();
                        recorder
                            .decision(&call, Ok(&permit), Need::Durable)
                            .await
                            .unwrap();
                    }
                });
            }
            tasks.join_all().await;
        });
        let total = f64::from(u32::try_from(many * each).unwrap());
        let rate = total / begun.elapsed().as_secs_f64();
        println!(
            "{many} at once, on the disk: {rate:.0}/s, {:.1} times write and fdatasync one by one",
            rate * alone
        );
    }
}
