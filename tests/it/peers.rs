//! Real peers: unmodified clients, through `mcps connect` and `mcps-wrap`, to unmodified servers, over
//! standard input and output and over Streamable HTTP. What a client's user sees must be what the same client shows when it talks to the server directly.
//!
//! `tests/peers/README.md` says which clients and servers, and what their plans leave out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod difference;
mod driver;
mod edge;
mod left_over;
mod listening;
mod manners;
#[cfg(feature = "matrix")]
mod matrix;
mod path;
mod plan;
mod rust_sdk;
mod session;
mod turn;

use std::path::Path;

use serde_json::Value;

use crate::world::World;
use driver::Driver;
use path::Path as Signed;
use plan::Plan;
pub(crate) use plan::installed;
use turn::Turn;

/// One client with one plan.
struct Pair {
    driver: Driver,
    plan: Plan,
    /// The revision in which client and server must agree to speak.
    revision: &'static str,
}

const LEGACY: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";

const fn pair(driver: Driver, plan: Plan, revision: &'static str) -> Pair {
    Pair {
        driver,
        plan,
        revision,
    }
}

#[test]
fn typescript_sdk_1() {
    let driver = Driver::command("typescript-1");
    compare(&[
        pair(driver, Plan::Everything, LEGACY),
        pair(driver, Plan::Filesystem, LEGACY),
        pair(driver, Plan::Git, LEGACY),
        pair(driver, Plan::Time, LEGACY),
    ]);
}

#[test]
fn typescript_client_2() {
    let driver = Driver::command("typescript-2");
    compare(&[
        pair(driver, Plan::Everything, LEGACY),
        pair(driver, Plan::Filesystem, LEGACY),
        pair(driver.beginning("auto"), Plan::Everything, LEGACY),
        pair(driver.beginning("auto"), Plan::Time, STATELESS),
        pair(driver.beginning(STATELESS), Plan::Git, STATELESS),
    ]);
}

#[test]
fn python_sdk_1() {
    let driver = Driver::command("python-1");
    compare(&[
        pair(driver, Plan::Everything, LEGACY),
        pair(driver, Plan::Filesystem, LEGACY),
        pair(driver, Plan::Git, LEGACY),
        pair(driver, Plan::Time, LEGACY),
    ]);
}

#[test]
fn python_sdk_2() {
    let driver = Driver::command("python-2");
    compare(&[
        pair(driver, Plan::Everything, LEGACY),
        pair(driver, Plan::Filesystem, LEGACY),
        pair(driver, Plan::Git, STATELESS),
        pair(driver, Plan::Time, STATELESS),
        pair(driver.beginning("legacy"), Plan::Time, LEGACY),
    ]);
}

#[test]
fn rust_sdk() {
    compare(&[
        pair(Driver::RustSdk("initialize"), Plan::Everything, LEGACY),
        pair(Driver::RustSdk("initialize"), Plan::Filesystem, LEGACY),
        pair(Driver::RustSdk("auto"), Plan::Everything, LEGACY),
        pair(Driver::RustSdk("auto"), Plan::Git, STATELESS),
        pair(Driver::RustSdk("auto"), Plan::Time, STATELESS),
    ]);
}

/// Each client once with the server that has every kind of message, and in the stateless era.
#[test]
fn over_http() {
    let [typescript_1, typescript_2] = ["typescript-1", "typescript-2"].map(Driver::command);
    let [python_1, python_2] = ["python-1", "python-2"].map(Driver::command);
    let pairs = [
        pair(typescript_1, Plan::Everything, LEGACY),
        pair(typescript_2, Plan::Everything, LEGACY),
        pair(typescript_2.beginning("auto"), Plan::Time, STATELESS),
        pair(python_1, Plan::Everything, LEGACY),
        pair(python_2, Plan::Everything, LEGACY),
        pair(python_2, Plan::Time, STATELESS),
        pair(Driver::RustSdk("initialize"), Plan::Everything, LEGACY),
        pair(Driver::RustSdk("auto"), Plan::Time, STATELESS),
    ];
    let heard = compare_with(&pairs, |world, plan| Signed::new(world, plan).over_http());
    verified(&pairs, heard);
}

/// Behind a gateway, at its endpoint of all servers, where tools and prompts are `server__name`.
#[test]
fn all_servers_as_one() {
    let pairs = [
        pair(Driver::command("typescript-1"), Plan::Everything, LEGACY),
        pair(Driver::command("python-1"), Plan::Filesystem, LEGACY),
        pair(Driver::command("python-2"), Plan::Git, STATELESS),
        pair(Driver::RustSdk("auto"), Plan::Time, STATELESS),
    ];
    let folder = plan::installed();
    let world = World::start();
    let mut wrong = Vec::new();
    for Pair { driver, plan, .. } in &pairs {
        let once = |pair: String| {
            let turn = Turn::wait();
            let dir = world.dir().join(&pair);
            let server = plan.server(&folder, &dir);
            plan.lay_out(&folder, &dir);
            let direct = driver.run(&folder, *plan, &dir, &server).record;
            plan.lay_out(&folder, &dir);
            // A second server of an era that the first does not speak would be a matter of `era`.
            let beside = (*plan != Plan::Everything && *plan != Plan::Filesystem)
                .then(|| Plan::Time.server(&folder, &dir));
            let standing = edge::open(&world, &pair, *plan, &server, beside.as_deref(), &dir);
            let prefix = edge::prefix(*plan);
            let through = driver.run_under(&prefix, &folder, *plan, &dir, &standing.command);
            drop(turn);
            let [direct, through] = [direct, through.record].map(|all| edge::apart(&all, *plan));
            let differs = difference::between(&direct, &through);
            differs.map(|why| format!("{pair}: {why}\n{}", standing.said()))
        };
        // What a server says by itself when it pleases may come just before its client leaves, or after.
        let pair = format!("{driver}-{plan}");
        let differs = once(pair.clone()).and_then(|_| once(format!("{pair}-again")));
        wrong.extend(differs);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    left_over::assert_none(world.dir());
}

#[test]
fn both_eras_in_the_draft_carrier() {
    let pairs = [
        pair(Driver::command("typescript-1"), Plan::Everything, LEGACY),
        pair(Driver::command("python-2"), Plan::Time, STATELESS),
    ];
    let carrier = ["--carrier", "draft-00"];
    compare_with(&pairs, |world, plan| {
        Signed::new(world, plan)
            .connect_with(&carrier)
            .wrap_with(&carrier)
    });
}

#[test]
fn a_plain_client_that_is_only_observed() {
    let pairs = [
        pair(Driver::command("typescript-1"), Plan::Everything, LEGACY),
        pair(Driver::command("python-2"), Plan::Time, STATELESS),
    ];
    let heard = compare_with(&pairs, |world, plan| {
        Signed::new(world, plan)
            .wrap_with(&["--mode", "observe"])
            .plain()
    });
    for said in heard {
        assert!(said.contains("would refuse with MCPS-0"), "{said}");
    }
}

#[test]
fn a_plain_client_where_level_zero_is_enough() {
    let pairs = [
        pair(Driver::command("python-1"), Plan::Everything, LEGACY),
        pair(Driver::command("python-2"), Plan::Git, STATELESS),
    ];
    let heard = compare_with(&pairs, |world, plan| {
        Signed::new(world, plan)
            .wrap_with(&["--min-level", "0"])
            .plain()
    });
    for said in heard {
        assert!(!said.contains("refuse"), "{said}");
    }
}

fn compare(pairs: &[Pair]) {
    verified(pairs, compare_with(pairs, Signed::new));
}

/// That every session was a signed one, by what the path's programs said.
fn verified(pairs: &[Pair], heard: Vec<String>) {
    for (pair, said) in pairs.iter().zip(heard) {
        pair.began_as_it_must(&said);
        assert!(!said.contains("refused with"), "{said}");
    }
}

/// Runs each pair directly and by a path, and fails with every difference there was. Returns what
/// the path's programs said.
fn compare_with(pairs: &[Pair], path: impl Fn(&World, Plan) -> Signed) -> Vec<String> {
    // Before anything is started: where the peers are missing, this fails.
    let folder = plan::installed();
    let world = World::start();
    let mut wrong = Vec::new();
    let mut heard = Vec::new();
    for pair in pairs {
        let turn = Turn::wait();
        let (differs, said) = pair.differs(&world, &folder, &path(&world, pair.plan));
        drop(turn);
        wrong.extend(
            differs.map(|why| format!("{} with {}: {why}\nsaid: {said}", pair.driver, pair.plan)),
        );
        heard.push(said);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    left_over::assert_none(world.dir());
    heard
}

impl Pair {
    /// How the two records differ, if they do, and what the path's programs said.
    fn differs(&self, world: &World, peers: &Path, path: &Signed) -> (Option<String>, String) {
        let dir = world.dir().join(format!("{}-{}", self.driver, self.plan));
        let server = self.plan.server(peers, &dir);
        self.plan.lay_out(peers, &dir);
        let direct = self.driver.run(peers, self.plan, &dir, &server);
        self.plan.lay_out(peers, &dir);
        let standing = path.open(&server, &dir);
        let mut through = self.driver.run(peers, self.plan, &dir, &standing.command);
        through.said += &standing.said();
        let found = self
            .is_complete(&direct.record)
            .err()
            .or_else(|| difference::between(&direct.record, &through.record));
        (found, through.said)
    }

    /// A direct session that broke off early would be equal to one that broke off early with us.
    fn is_complete(&self, record: &str) -> Result<(), String> {
        let record: Vec<Value> =
            serde_json::from_str(record).map_err(|error| format!("{error}: {record}"))?;
        let hello = record.first().and_then(|step| step.get("result"));
        let revision = hello.and_then(|hello| {
            hello
                .get("revision")
                .or_else(|| hello.get("protocolVersion"))
        });
        if revision.and_then(Value::as_str) != Some(self.revision) {
            return Err(format!(
                "the direct session speaks {revision:?}, not {}",
                self.revision
            ));
        }
        self.plan.is_complete(&record)
    }

    /// The stateless era's clients ask `server/discover`, the others begin with `initialize`.
    fn began_as_it_must(&self, said: &str) {
        let first = if self.revision == STATELESS {
            "server/discover"
        } else {
            "initialize"
        };
        let verified = |line: &&str| line.contains("verified") && line.contains(first);
        assert!(
            said.lines().any(|line| verified(&line)),
            "no verified {first} in: {said}"
        );
    }
}
