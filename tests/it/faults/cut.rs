//! The way to a database, on which the answers to commits are lost: what was asked for was done, and nobody is told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// A relay to a PostgreSQL.
pub(super) struct Cut {
    /// The database's URL by way of it.
    pub(super) url: String,
    lost: Arc<AtomicU32>,
    every: Arc<AtomicU32>,
}

impl Cut {
    /// In front of the server of that URL. It loses nothing yet.
    pub(super) fn before(url: &str) -> Self {
        let (begin, rest) = url.split_once("127.0.0.1:").unwrap();
        let (port, end) = rest.split_once('/').unwrap();
        let to = format!("127.0.0.1:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let (lost, every) = (Arc::<AtomicU32>::default(), Arc::<AtomicU32>::default());
        let (counts, often) = (Arc::clone(&lost), Arc::clone(&every));
        // Ends with the test's process.
        thread::spawn(move || {
            let said = Arc::<AtomicU32>::default();
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&to) else {
                    continue;
                };
                let (counts, often, said) =
                    (Arc::clone(&counts), Arc::clone(&often), Arc::clone(&said));
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let commits = Arc::<AtomicBool>::default();
                let committing = Arc::clone(&commits);
                thread::spawn(move || {
                    pass((client, server), |bytes| {
                        let commits = bytes.windows(6).any(|word| word == b"COMMIT");
                        committing.store(commits, Ordering::SeqCst);
                        true
                    });
                });
                thread::spawn(move || {
                    pass(back, |_| {
                        let every = often.load(Ordering::SeqCst);
                        if every == 0 || !commits.load(Ordering::SeqCst) {
                            return true;
                        }
                        let goes_on = said.fetch_add(1, Ordering::SeqCst) % every != every - 1;
                        counts.fetch_add(u32::from(!goes_on), Ordering::SeqCst);
                        goes_on
                    });
                });
            }
        });
        Self {
            url: format!("{begin}{own}/{end}"),
            lost,
            every,
        }
    }

    /// Of so many answers to commits the last is lost, and the connection with it; 0 loses none.
    pub(super) fn lose_one_of(&self, every: u32) {
        self.every.store(every, Ordering::SeqCst);
    }

    /// How many were.
    pub(super) fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

fn pass((mut from, mut to): (TcpStream, TcpStream), mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 65_536];
    loop {
        match from.read(&mut bytes) {
            Ok(read)
                if read > 0 && goes_on(&bytes[..read]) && to.write_all(&bytes[..read]).is_ok() => {}
            _ => break,
        }
    }
    for end in [from, to] {
        drop(end.shutdown(Shutdown::Both));
    }
}
