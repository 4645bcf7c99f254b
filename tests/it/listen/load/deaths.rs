//! Servers that are killed while their clients wait: each of these is told so, begins anew and goes
//! on, and nobody else notices.

use std::cell::Cell;
use std::fmt;
use std::process::Command;

use futures_util::future::join_all;
use mcps_core::code::Code;
use reqwest::StatusCode;

use super::connected;
use super::era::Era;
use super::ground::Ground;
use super::member::{Crew, Failed, Member};

/// Calls of one client that wait when its server dies.
const HELD: usize = 3;

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deaths {
    /// Clients whose server is killed again and again.
    pub(crate) victims: usize,
    /// The same behind a `mcps connect --url` each.
    pub(crate) connected: usize,
    /// Clients whose server lives.
    pub(crate) bystanders: usize,
    /// How often each one is killed.
    pub(crate) rounds: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) killed: usize,
    /// Calls that waited when the server died.
    pub(crate) told: usize,
    /// Answers to the others meanwhile.
    pub(crate) undisturbed: usize,
    /// Of the wrapper, in KiB: before, and at the end.
    pub(crate) resident: [u64; 2],
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (killed, told) = (self.killed, self.told);
        writeln!(
            f,
            "{killed} servers killed; {told} calls that waited got MCPS-027"
        )?;
        let [before, end] = self.resident;
        writeln!(f, "{} calls of others answered meanwhile", self.undisturbed)?;
        write!(f, "mcps-wrap: {before} KiB before, {end} KiB at the end")
    }
}

impl Deaths {
    pub(crate) async fn bear(self) -> Report {
        let ground = Ground::set(1000).await;
        let before = ground.resident();
        let crew = ground.crew();
        let over = Cell::new(false);
        let dying = async {
            let victims = (0..self.victims).map(|own| victim(&crew, own, self.rounds));
            let connected = (0..self.connected).map(async |own| {
                for round in 0..self.rounds {
                    behind_connect(&ground, own, round).await;
                }
            });
            tokio::join!(join_all(victims), join_all(connected));
            over.set(true);
        };
        let living = (0..self.bystanders).map(|own| bystander(&crew, own, &over));
        let ((), undisturbed) = tokio::join!(dying, join_all(living));
        for (words, times) in ground.done() {
            assert!(
                times == 1 || words.is_empty(),
                "done {times} times: {words}"
            );
        }
        ground.is_well();
        Report {
            killed: (self.victims + self.connected) * self.rounds,
            told: (self.victims * HELD + self.connected) * self.rounds,
            undisturbed: undisturbed.iter().sum(),
            resident: [before, ground.resident()],
        }
    }
}

/// Calls all the time and is always answered.
async fn bystander(crew: &Crew, own: usize, over: &Cell<bool>) -> usize {
    let member = crew.join(Era::of(own)).await.unwrap();
    let mut calls = 0;
    while !over.get() || calls == 0 {
        calls += 1;
        let words = format!("call {calls} of bystander {own}");
        member.echo(&words).await.unwrap();
    }
    calls
}

async fn victim(crew: &Crew, own: usize, rounds: usize) {
    let era = Era::of(own);
    let mut member = crew.join(era).await.unwrap();
    for round in 0..rounds {
        let server = member.use_tool("pid", "").await.unwrap();
        let holding = (0..HELD).map(async |held| {
            let words = format!("held {held} of victim {own} in round {round}");
            let mut held = member.begin(&member.call("hold", &words)).await.unwrap();
            let word = held.next(&member).await.unwrap().unwrap();
            assert_eq!(word["params"]["message"], words.as_str(), "{word}");
            held
        });
        let mut waiting = join_all(holding).await;
        let killed = Cell::new(false);
        let dying = async {
            // Calls are under way by now.
            tokio::task::yield_now().await;
            kill(&server);
            for held in &mut waiting {
                let told = held.next(&member).await;
                assert_eq!(told, Err(Failed::Code(Code::UpstreamUnavailable)));
            }
            killed.set(true);
        };
        tokio::join!(dying, restless(&member, own, round, &killed));
        // In the newer era the next request has a new server; a session of old is over.
        if era == Era::Legacy {
            let words = format!("victim {own} once more in round {round}");
            let gone = member.echo(&words).await;
            assert_eq!(gone, Err(Failed::Status(StatusCode::NOT_FOUND)));
            member = crew.join(era).await.unwrap();
        }
        let words = format!("victim {own} anew in round {round}");
        member.echo(&words).await.unwrap();
    }
}

/// Calls before, while and after its server dies: what comes is its own answer or a clear word.
async fn restless(member: &Member, own: usize, round: usize, killed: &Cell<bool>) {
    for number in 0.. {
        let words = format!("call {number} of victim {own} in round {round}");
        match member.echo(&words).await {
            Ok(()) | Err(Failed::Code(Code::UpstreamUnavailable)) => {}
            Err(Failed::Status(StatusCode::NOT_FOUND)) => return,
            Err(failed) => panic!("{failed:?}"),
        }
        if killed.get() {
            return;
        }
    }
}

/// The same for a client that knows nothing of this.
async fn behind_connect(ground: &Ground, own: usize, round: usize) {
    let mut client = ground.connected(Era::of(round));
    client.open().await.unwrap();
    let server = client.use_tool("pid", "").await.unwrap();
    let words = format!("held by connect {own} in round {round}");
    client.begin("hold", &words).await;
    let word = client.next().await.unwrap();
    assert_eq!(word["params"]["message"], words.as_str(), "{word}");
    kill(&server);
    match client.next().await {
        Err(connected::Failed::Code(Code::UpstreamUnavailable)) => {}
        other => panic!("{other:?}"),
    }
}

fn kill(process: &str) {
    let sent = Command::new("kill").args(["-s", "KILL", process]).status();
    assert!(sent.unwrap().success());
}
