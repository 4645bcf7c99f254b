//! Both ends, the proxy between them, the clients in front and the servers behind.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mcps_core::code::Code;
use tokio::net::TcpListener;

use super::proxy::{Forwarded, Proxy};
use crate::http::{READY, connect};
use crate::wire::{Asked, Stream};
use crate::wire::{INITIALIZE, INITIALIZED, Process, Puppet, Stage, code_of, result};

/// Starts the first of some servers that was not started before.
const PICK: &str = r#"script=$1; shift
for dir; do mkdir "$dir/taken" 2>/dev/null && exec sh -c "$script" "$dir"; done"#;

/// A call that wants to hear of its progress.
pub(super) fn asking(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"note","arguments":{{}},"_meta":{{"progressToken":{id}}}}}}}"#
    )
}

/// How far a call is.
pub(super) fn progress(id: u32, so_far: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"progress":{so_far}}}}}"#
    )
}

/// A wrapper, and the proxy in front of it.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) proxy: Arc<Proxy>,
    /// Servers that wait for their session.
    puppets: Vec<Puppet>,
    _wrap: Process,
}

impl Scene {
    /// Before the first client, with servers for two.
    pub(super) async fn set() -> Self {
        let stage = Stage::set();
        let address = free_address().await;
        let proxy = Arc::new(Proxy::bind(format!("http://{address}/mcp")).await);
        let puppets = vec![Puppet::new(&stage.world), Puppet::new(&stage.world)];
        let wrap = listening(&stage, &stage.server, &address, &proxy.url(), &puppets).await;
        Self {
            stage,
            proxy,
            puppets,
            _wrap: wrap,
        }
    }

    /// With one client in a session of 2025-11-25.
    pub(super) async fn opened() -> (Self, Client) {
        let mut scene = Self::set().await;
        let mut client = scene.client();
        client.open().await;
        (scene, client)
    }

    /// A client that said nothing yet.
    pub(super) fn client(&mut self) -> Client {
        self.client_with(&[])
    }

    /// The same with options of `mcps connect`.
    pub(super) fn client_with(&mut self, options: &[&str]) -> Client {
        Client {
            connect: connect(&self.stage, &self.proxy.url(), options),
            behind: self.puppets.remove(0),
            proxy: Arc::clone(&self.proxy),
        }
    }
}

/// A wrapper for the home `server` that callers know as `public`.
pub(super) async fn listening(
    stage: &Stage,
    server: &Path,
    address: &str,
    public: &str,
    puppets: &[Puppet],
) -> Process {
    let mut wrap = stage.world.program("mcps-wrap");
    wrap.arg("--home").arg(server).args(["--listen", address]);
    wrap.args(["--public-url", public, "--status-refresh", "0", "--"]);
    wrap.args(["sh", "-c", PICK, "pick"]);
    for (index, puppet) in puppets.iter().enumerate() {
        let [_, _, script, dir] = puppet.command().try_into().unwrap();
        if index == 0 {
            wrap.arg(script);
        }
        wrap.arg(dir);
    }
    let mut wrap = Process::start(&stage.world, wrap);
    assert_eq!(wrap.read().await, format!("listening on {public}"));
    wrap
}

/// An address for a wrapper, which does not print its own when it has a public one. Nobody else
/// takes a port of such an address before the wrapper does.
pub(super) async fn free_address() -> String {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let ip = Ipv4Addr::new(127, high.max(1), low, number);
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A client, and the server of its session.
pub(super) struct Client {
    pub(super) connect: Process,
    pub(super) behind: Puppet,
    pub(super) proxy: Arc<Proxy>,
}

impl Client {
    /// Opens a session of 2025-11-25 whose server has no stream of its own.
    pub(super) async fn open(&mut self) {
        self.begin().await.empty(405, "").await;
    }

    /// Opens a session of 2025-11-25, up to the question for the server's own stream.
    pub(super) async fn begin(&mut self) -> Asked {
        self.connect.write(INITIALIZE).await;
        let asked = self.proxy.next().await;
        let sent = self.proxy.forward(&asked);
        assert_eq!(self.behind.read().await, INITIALIZE);
        self.behind.write(INITIALIZED).await;
        let reply = sent.reply().await;
        let session = reply.session();
        asked.json(200, &session, &reply.document().await).await;
        assert_eq!(self.connect.read().await, INITIALIZED);
        self.connect.write(READY).await;
        let asked = self.proxy.next().await;
        let reply = self.proxy.forward(&asked).reply().await;
        assert_eq!(self.behind.read().await, READY);
        asked.empty(reply.status().as_u16(), "").await;
        let standing = self.proxy.next().await;
        assert_eq!(standing.method, "GET");
        standing
    }

    /// Asks, and the server has the question.
    pub(super) async fn ask(&mut self, id: u32) -> (Asked, Forwarded) {
        let text = asking(id);
        self.connect.write(&text).await;
        let asked = self.proxy.next().await;
        let sent = self.proxy.forward(&asked);
        assert_eq!(self.behind.read().await, text);
        (asked, sent)
    }

    /// Asks and keeps the response back: its events, of which the first has no message, then two
    /// of progress, then the answer.
    pub(super) async fn recorded(&mut self, id: u32) -> (Asked, Vec<String>) {
        let (asked, sent) = self.ask(id).await;
        for line in [progress(id, 1), progress(id, 2), result(id)] {
            self.behind.write(&line).await;
        }
        let events = sent.reply().await.events().await;
        assert_eq!(events.len(), 4, "{events:?}");
        (asked, events)
    }

    /// Answers with these events, without an end.
    pub(super) async fn play(&self, asked: Asked, events: &[&str]) -> Stream {
        let mut stream = asked.events("").await;
        for event in events {
            stream.text(event).await;
        }
        stream
    }

    /// Answers the call `id` with these events: so many of its own messages are delivered, then
    /// it is refused and the rest is not read.
    pub(super) async fn breaks(
        &mut self,
        asked: Asked,
        events: &[&str],
        id: u32,
        delivered: u32,
    ) -> Code {
        let stream = self.play(asked, events).await;
        for so_far in 1..=delivered {
            assert_eq!(self.connect.read().await, progress(id, so_far));
        }
        let code = self.refused(id).await;
        stream.closed().await;
        code
    }

    /// What the client is told next is a refusal of that request: its code.
    pub(super) async fn refused(&mut self, id: u32) -> Code {
        let line = self.connect.read().await;
        let message: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["id"], id, "{line}");
        code_of(&line).unwrap_or_else(|| panic!("no refusal but {line}"))
    }

    /// One more call passes untouched, and nothing is delivered before what belongs to it.
    pub(super) async fn still_works(&mut self) {
        let id = 1000;
        let (asked, events) = self.recorded(id).await;
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        self.play(asked, &events).await.end().await;
        self.hears(id).await;
    }

    /// The client is told all of a response that was recorded.
    pub(super) async fn hears(&mut self, id: u32) {
        for line in [progress(id, 1), progress(id, 2), result(id)] {
            assert_eq!(self.connect.read().await, line);
        }
    }
}
