//! Every client with every server, four ways: the table of `docs/compatibility.md`. `scripts/matrix`
//! runs it, installs what the other tests do without, and puts the table in its place.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use super::difference;
use super::driver::Driver;
use super::edge;
use super::path::Path as Signed;
use super::plan::{self, Plan};
use crate::world::World;

const INSPECTOR: &str = "inspector";

const SERVERS: [(Plan, &str); 7] = [
    (Plan::Everything, "everything 2026.8.31"),
    (Plan::Filesystem, "filesystem 2026.8.31"),
    (Plan::Memory, "memory 2026.8.31"),
    (Plan::Time, "time 2026.10.19"),
    (Plan::Git, "git 2026.10.19"),
    (Plan::Fetch, "fetch 2026.10.24"),
    (Plan::Sqlite, "sqlite 2025.4.25"),
];

fn clients() -> [(Driver, &'static str); 7] {
    [
        (Driver::command("python-2"), "Python SDK 2.3.0"),
        (Driver::command("python-1"), "Python SDK 1.30.0"),
        (Driver::command("typescript-1"), "TypeScript SDK 1.32.2"),
        (
            Driver::command("typescript-2").beginning("auto"),
            "TypeScript client 2.4.0 (`auto`)",
        ),
        (Driver::command("fastmcp"), "fastmcp 4.1.2"),
        (Driver::command(INSPECTOR), "Inspector CLI 2.12.0"),
        (Driver::RustSdk("auto"), "rmcp 3.9.0 (`auto`)"),
    ]
}

/// What came of one client with one server.
#[derive(Default)]
struct Outcome {
    /// The direct session is no measure: it breaks off, or does not repeat.
    unfit: bool,
    /// In which ways it differs.
    differs: Vec<&'static str>,
    /// How, as a list.
    notes: String,
    /// How many entries the direct record has.
    steps: usize,
    /// The revision that the direct session speaks, where the client says.
    revision: Option<String>,
}

/// How many pairs run at once.
const AT_ONCE: usize = 2;

#[test]
fn matrix() {
    let table = variable("MCPS_MATRIX_TABLE").expect("run this with: scripts/matrix");
    let only = variable("MCPS_MATRIX_ONLY").unwrap_or_default();
    let peers = plan::installed();
    let pairs = clients().into_iter().flat_map(|(driver, client)| {
        SERVERS.map(|(plan, server)| (driver, plan, format!("{client} with {server}")))
    });
    let cells: Vec<OnceLock<Outcome>> = pairs.clone().map(|_| OnceLock::new()).collect();
    let waiting = Mutex::new(pairs.zip(&cells));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let world = World::start();
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(((driver, plan, pair), cell)) = next else {
                        break;
                    };
                    if format!("{driver}-{plan}").contains(&only) {
                        let outcome = outcome(driver, plan, &pair, &peers, &world);
                        eprintln!("{pair}: {}{}", outcome.cell(), outcome.notes);
                        assert!(cell.set(outcome).is_ok(), "{pair} ran twice");
                    }
                }
            });
        }
    });
    std::fs::write(table, table_of(&cells)).unwrap();
}

fn table_of(cells: &[OnceLock<Outcome>]) -> String {
    let mut text = String::from("| client |");
    for (_, server) in SERVERS {
        write!(text, " {server} |").unwrap();
    }
    write!(text, "\n|---|{}", "---|".repeat(SERVERS.len())).unwrap();
    for ((_, client), row) in clients().iter().zip(cells.chunks(SERVERS.len())) {
        write!(text, "\n| {client} |").unwrap();
        for cell in row {
            let cell = cell.get().map(Outcome::cell);
            write!(text, " {} |", cell.as_deref().unwrap_or("not tried")).unwrap();
        }
    }
    text.push('\n');
    let notes = cells.iter().filter_map(OnceLock::get);
    let notes: String = notes.map(|outcome| outcome.notes.as_str()).collect();
    format!("{text}\n{notes}").trim_end().to_owned() + "\n"
}

#[expect(clippy::disallowed_methods, reason = "the script's word to this test")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn outcome(driver: Driver, plan: Plan, pair: &str, peers: &Path, world: &World) -> Outcome {
    let dir = world.dir().join(format!("{driver}-{plan}"));
    let server = plan.server(peers, &dir);
    let run = |path: Option<&Signed>| {
        plan.lay_out(peers, &dir);
        let session = || {
            let standing = path.map(|path| path.open(&server, &dir));
            let command = standing.as_ref().map_or(&server, |open| &open.command);
            let session = driver.run(peers, plan, &dir, command);
            let said = session.said + &standing.map(|open| open.said()).unwrap_or_default();
            // The Inspector keeps to itself what a command says.
            let signed = said.is_empty() || said.contains("verified");
            assert!(path.is_none() || signed, "not signed: {said}");
            session.record
        };
        // A driver that gives up fails a test; here it is an outcome.
        catch_unwind(AssertUnwindSafe(session)).map_err(|why| reason(&*why))
    };
    // All who call there sign: the tenant lets nobody else in.
    let run_as_one = || {
        plan.lay_out(peers, &dir);
        let other = dir.join("beside");
        let beside = beside(plan).map(|beside| {
            beside.lay_out(peers, &other);
            beside.server(peers, &other)
        });
        let session = || {
            let pair = format!("{driver}-{plan}");
            let standing = edge::open(world, &pair, plan, &server, beside.as_deref(), &dir);
            let prefix = edge::prefix(plan);
            let session = driver.run_under(&prefix, peers, plan, &dir, &standing.command);
            edge::apart(&session.record, plan)
        };
        catch_unwind(AssertUnwindSafe(session)).map_err(|why| reason(&*why))
    };
    let mut outcome = Outcome::default();
    let mut notes = String::new();
    let mut note = |way: &str, why: Option<String>| {
        let Some(why) = why else { return false };
        let why = why.replace(&world.dir().display().to_string(), "DIR");
        let words: Vec<&str> = why.split_whitespace().collect();
        let why: String = words
            .join(" ")
            .replace('`', "'")
            .chars()
            .take(300)
            .collect();
        write!(notes, "\n- {pair}, {way}: `{why}`").unwrap();
        true
    };
    let direct = match run(None) {
        Ok(direct) => direct,
        Err(why) => {
            outcome.unfit = note("directly", Some(why));
            outcome.notes = notes;
            return outcome;
        }
    };
    let record: Vec<Value> = serde_json::from_str(&direct).unwrap();
    let incomplete = if driver.to_string() == INSPECTOR {
        // A plan is more than it can carry out.
        let listed = record.first().is_some_and(|step| step["code"] == 0);
        (!listed).then(|| direct.clone())
    } else {
        plan.is_complete(&record).err()
    };
    // What differs between two direct sessions is not ours.
    let unfit = incomplete.or_else(|| differs(&direct, run(None)));
    let unfit = note("directly", unfit);
    if !unfit {
        let path = || Signed::new(world, plan);
        type Way<'a> = (&'static str, &'a dyn Fn() -> Result<String, String>);
        let ways: [Way<'_>; 3] = [
            ("stdio", &|| run(Some(&path()))),
            ("HTTP", &|| run(Some(&path().over_http()))),
            ("gateway", &run_as_one),
        ];
        for (way, go) in ways {
            let as_seen = |direct: &str| match way {
                "gateway" => edge::apart(direct, plan),
                _ => direct.to_owned(),
            };
            let mut why = differs(&as_seen(&direct), go());
            if why.is_some() {
                // What differs once and not again is a matter of timing, in servers that speak by themselves.
                why = match run(None) {
                    Ok(direct) => differs(&as_seen(&direct), go()),
                    Err(why) => Some(why),
                };
            }
            if note(way, why) {
                outcome.differs.push(way);
            }
        }
    }
    outcome.notes = notes;
    outcome.unfit = unfit;
    outcome.steps = record.len();
    outcome.revision = ["revision", "protocolVersion"]
        .iter()
        .find_map(|name| record.first()?["result"][*name].as_str())
        .map(str::to_owned);
    outcome
}

/// What else is behind the gateway: a server that speaks in the same eras, asks nothing, and has none of
/// the kinds of things that the other has not.
const fn beside(plan: Plan) -> Option<Plan> {
    match plan {
        Plan::Everything | Plan::Sqlite => Some(Plan::Memory),
        Plan::Filesystem | Plan::Memory => None,
        Plan::Time | Plan::Git | Plan::Fetch => Some(Plan::Time),
    }
}

fn differs(direct: &str, through: Result<String, String>) -> Option<String> {
    match through {
        Ok(through) => difference::between(direct, &through),
        Err(why) => Some(why),
    }
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it fails".to_owned())
}

impl Outcome {
    fn cell(&self) -> String {
        let how = match self.differs.as_slice() {
            _ if self.unfit => return "no measure".to_owned(),
            [] => "equal".to_owned(),
            ways => format!("differs by {}", ways.join(", ")),
        };
        match &self.revision {
            Some(revision) => format!("{how} ({revision})"),
            None => format!("{how} ({} steps)", self.steps),
        }
    }
}
