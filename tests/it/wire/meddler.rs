//! Somebody between our programs and the authority: passes requests on, changes answers, makes up
//! answers, or hangs up. The revocation feed does not get through unless it is let, so that status
//! queries count; and then not as a stream, of which it passes on the beginning alone.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mcps_client::home::Home;

use crate::world::World;

/// What becomes of one request.
pub(crate) enum Rule {
    /// It reaches the authority and its answer comes back.
    Pass,
    /// The answer's body comes back changed.
    Change(Box<dyn FnOnce(String) -> String + Send>),
    /// This body comes back instead, with status 200.
    Answer(String),
    /// This comes back instead, as a stream of events that ends.
    Events(String),
    /// The connection is closed without an answer.
    HangUp,
}

/// Decides by the request's path and query; `after` of the stream is there as of a long poll.
type Rules = Arc<Mutex<Box<dyn FnMut(&str) -> Rule + Send>>>;

/// A proxy in front of the world's authority; its thread ends with the test's process.
pub(crate) struct Meddler {
    address: SocketAddr,
    rules: Rules,
    seen: Arc<Mutex<Vec<String>>>,
    feeds: Arc<AtomicBool>,
}

impl Meddler {
    /// Starts it; at first it passes everything on.
    pub(crate) fn start(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let rules: Rules = Arc::new(Mutex::new(Box::new(|_| Rule::Pass)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let upstream = world.url().strip_prefix("http://").unwrap().to_owned();
        let (own_rules, own_seen) = (Arc::clone(&rules), Arc::clone(&seen));
        let feeds = Arc::new(AtomicBool::new(false));
        let own_feeds = Arc::clone(&feeds);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (rules, seen, upstream) = (
                    Arc::clone(&own_rules),
                    Arc::clone(&own_seen),
                    upstream.clone(),
                );
                let feeds = Arc::clone(&own_feeds);
                // Whoever hangs up in the middle is the client's problem.
                thread::spawn(move || drop(serve(client, &upstream, &rules, &seen, &feeds)));
            }
        });
        Self {
            address,
            rules,
            seen,
            feeds,
        }
    }

    /// From now on lets the feed through.
    pub(crate) fn let_feed_through(&self) {
        self.feeds.store(true, Ordering::Relaxed);
    }

    /// From now on decides by these rules.
    pub(crate) fn rule(&self, rules: impl FnMut(&str) -> Rule + Send + 'static) {
        *self.rules.lock().unwrap() = Box::new(rules);
    }

    /// The paths and queries that were asked for up to now.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Makes a home ask here instead of the authority.
    pub(crate) fn stand_before(&self, home: &Path) {
        let home = Home::new(home);
        let mut pin = home.authority().unwrap();
        pin.url = format!("http://{}", self.address);
        home.write_authority(&pin).unwrap();
    }
}

fn serve(
    mut client: TcpStream,
    upstream: &str,
    rules: &Rules,
    seen: &Mutex<Vec<String>>,
    feeds: &AtomicBool,
) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = message(&mut client)?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    if path.starts_with("/v1/feed") && !feeds.load(Ordering::Relaxed) {
        return Ok(());
    }
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path.clone());
    let asked = match header(&request, "last-event-id") {
        Some(last) => format!("{path}?after={last}"),
        None => path,
    };
    let rule = rules.lock().unwrap_or_else(PoisonError::into_inner)(&asked);
    let change = match rule {
        Rule::HangUp => return Ok(()),
        Rule::Answer(body) => return answer(&mut client, "HTTP/1.1 200 OK", &body),
        Rule::Events(body) => {
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close";
            return write!(client, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
        Rule::Pass => None,
        Rule::Change(change) => Some(change),
    };
    let mut authority = TcpStream::connect(upstream)?;
    authority.write_all(request.as_bytes())?;
    let response = message(&mut authority)?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.lines().next().unwrap_or_default();
    match change {
        Some(change) => answer(&mut client, status, &change(body.to_owned())),
        None => answer(&mut client, status, body),
    }
}

fn answer(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let kind = "content-type: application/json\r\nconnection: close";
    write!(
        client,
        "{status}\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The value of a header of a message.
fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    head.lines().find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// One HTTP/1.1 message whose body, if any, has a `content-length`.
fn message(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                header(head, "content-length").and_then(|value| value.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(chunk.iter().take(read));
    }
}
