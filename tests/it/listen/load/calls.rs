//! Many clients, each with a session of its own and one call after the other.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::era::Era;
use super::ground::Ground;

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    /// Clients that sign in this process, every other of the older era.
    pub(crate) clients: usize,
    /// Clients behind a `mcps connect --url` each.
    pub(crate) connected: usize,
    /// Calls of each.
    pub(crate) calls: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) opening: Duration,
    pub(crate) calling: Duration,
    pub(crate) calls: usize,
    /// Of the wrapper, in KiB: with no session, and with all of them.
    pub(crate) resident: [u64; 2],
    pub(crate) servers: usize,
    /// Of all servers together, in KiB.
    pub(crate) servers_resident: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [empty, full] = self.resident.map(|kib| kib / 1024);
        let (calls, servers) = (self.calls, self.servers);
        writeln!(f, "{servers} sessions opened in {:.1?}", self.opening)?;
        writeln!(f, "{calls} calls answered in {:.1?}", self.calling)?;
        writeln!(
            f,
            "mcps-wrap: {empty} MiB with no session, {full} MiB with {servers}"
        )?;
        write!(
            f,
            "their {servers} servers: {} MiB",
            self.servers_resident / 1024
        )
    }
}

impl Calls {
    pub(crate) async fn bear(self) -> Report {
        let ground = Ground::set(1000).await;
        let empty = ground.resident();
        let crew = ground.crew();
        let since = Instant::now();
        let members = (0..self.clients).map(|index| crew.join(Era::of(index)));
        let members = join_all(members).await;
        let members: Vec<_> = members.into_iter().map(Result::unwrap).collect();
        let connected = (0..self.connected).map(async |index| {
            let mut connected = ground.connected(Era::of(index));
            connected.open().await.unwrap();
            connected
        });
        let connected = join_all(connected).await;
        let opening = since.elapsed();
        let since = Instant::now();
        let by_members = members.iter().enumerate().map(async |(own, member)| {
            for number in 0..self.calls {
                member.echo(&words(own, number)).await.unwrap();
            }
        });
        let by_connected = connected
            .into_iter()
            .enumerate()
            .map(async |(own, mut connected)| {
                for number in 0..self.calls {
                    let words = words(self.clients + own, number);
                    connected.echo(&words).await.unwrap();
                }
                connected
            });
        let (_, _connected) = tokio::join!(join_all(by_members), join_all(by_connected));
        let calling = since.elapsed();
        let (servers, servers_resident) = ground.servers();
        assert_eq!(servers, self.clients + self.connected);
        let resident = [empty, ground.resident()];
        let done = ground.done();
        let clients = self.clients + self.connected;
        assert_eq!(done.len(), clients * self.calls);
        for own in 0..clients {
            for number in 0..self.calls {
                let words = words(own, number);
                assert_eq!(done.get(&words), Some(&1), "{words}");
            }
        }
        ground.is_well();
        Report {
            opening,
            calling,
            calls: clients * self.calls,
            resident,
            servers,
            servers_resident,
        }
    }
}

fn words(own: usize, number: usize) -> String {
    format!("call {number} of client {own}")
}
