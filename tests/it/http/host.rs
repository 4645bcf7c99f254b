//! A signed server over HTTP whose every byte the test chooses, and the `mcps connect` before it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::{Body, End, Link, LinkParts, Opened, Plain, Wire};
use mcps_client::token::Presented;
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_client::{announce, fetch};
use mcps_core::clock::{Clock, SystemClock, Timestamp};
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::random::{Random, SystemRandom};
use mcps_core::replay::ReplayGuard;
use tokio::net::TcpListener;

use crate::wire::{Asked, INITIALIZE, INITIALIZED, PATIENCE, Process, Stage};

/// What a server adds to its first answer so that signing counts as announced.
const ANNOUNCEMENT: &str = r#""capabilities":{"extensions":{"dev.mcps/signing":{"version":"1.0","max_age_s":3600,"created":true}},"#;

/// The session that the server gives.
pub(super) const SESSION: &str = "session-1";
/// How a client of 2025-11-25 ends the opening.
pub(crate) const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A server, and the client before it.
pub(super) struct Host {
    pub(super) stage: Stage,
    pub(super) connect: Process,
    pub(super) link: Link,
    pub(super) url: String,
    listener: TcpListener,
}

impl Host {
    /// Before the first message.
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further options of `mcps connect`.
    pub(super) async fn start_with(options: &[&str]) -> Self {
        let stage = Stage::set();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let link = server_end(&stage, &url);
        let connect = connect(&stage, &url, options);
        Self {
            stage,
            connect,
            link,
            url,
            listener,
        }
    }

    /// After the opening of 2025-11-25; the server has no stream of its own.
    pub(super) async fn opened() -> Self {
        let mut host = Self::start().await;
        host.open(Some(SESSION)).await;
        host.ready().await;
        host.next().await.empty(405, "").await;
        host
    }

    /// Exchanges the first messages.
    pub(super) async fn open(&mut self, session: Option<&str>) {
        self.connect.write(INITIALIZE).await;
        let asked = self.next().await;
        assert_eq!(asked.header("mcp-session-id"), None);
        let (opened, mut body) = self.read(&asked).await;
        let (message, announced_too) = announce::take(opened.message).unwrap();
        assert!(announced_too.is_some());
        assert_eq!(message.text(), INITIALIZE);
        let answer = self.seal(&mut body, &announced(), true);
        let headers = session.map_or(String::new(), |id| format!("Mcp-Session-Id: {id}\r\n"));
        asked.json(200, &headers, &answer).await;
        assert_eq!(
            self.connect.read().await,
            INITIALIZED,
            "{}",
            self.connect.words()
        );
    }

    /// The client says that it is ready.
    pub(super) async fn ready(&mut self) {
        self.connect.write(READY).await;
        let asked = self.next().await;
        let (opened, _) = self.read(&asked).await;
        assert_eq!(opened.message.text(), READY);
        asked.empty(202, "").await;
    }

    /// The server starts anew and remembers nobody.
    pub(super) fn restart(&mut self) {
        self.link = server_end(&self.stage, &self.url);
    }

    /// The next request that reaches the server.
    pub(super) async fn next(&self) -> Asked {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (socket, _) = accepted
            .unwrap_or_else(|_| panic!("nobody asks; connect said: {}", self.connect.words()))
            .unwrap();
        Asked::read(socket).await
    }

    /// Whether nobody asks for so long.
    pub(super) async fn nobody_asks(&self, so_long: Duration) -> bool {
        let accepted = tokio::time::timeout(so_long, self.listener.accept()).await;
        accepted.is_err()
    }

    /// Verifies what was posted, and makes ready for its response.
    pub(super) async fn read(&self, asked: &Asked) -> (Opened, Body) {
        assert_eq!(asked.method, "POST");
        self.read_text(asked.body.clone(), asked.token()).await
    }

    /// Verifies what a GET or DELETE carries, and makes ready for its response.
    pub(super) async fn read_fetch(&self, asked: &Asked) -> (Opened, Body) {
        let header = asked.header(fetch::HEADER).expect("it is not signed");
        let text = URL_SAFE_NO_PAD.decode(header).unwrap();
        self.read_text(text, asked.token()).await
    }

    async fn read_text(&self, text: Vec<u8>, token: Presented) -> (Opened, Body) {
        let opened = self
            .link
            .open_post(text, token, TrustLevel::L1, Plain::Refuse)
            .await
            .unwrap();
        let body = self.link.respond(&opened);
        (opened, body)
    }

    /// Seals the next message of a response.
    pub(super) fn seal(&self, body: &mut Body, text: &str, last: bool) -> String {
        let message = Message::parse(text).unwrap();
        self.link.seal_into(message, body, last).unwrap()
    }

    /// The client asks; returns what reached the server.
    pub(super) async fn ask(&mut self, text: &str) -> (Asked, Body) {
        self.connect.write(text).await;
        let asked = self.next().await;
        let (opened, body) = self.read(&asked).await;
        assert_eq!(opened.message.text(), text);
        (asked, body)
    }

    /// What the client is told next is a refusal of that request: its code.
    pub(super) async fn refused(&mut self, id: u32) -> mcps_core::code::Code {
        let line = self.connect.read().await;
        let message: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["id"], id, "{line}");
        crate::wire::code_of(&line).unwrap_or_else(|| panic!("no refusal but {line}"))
    }

    /// One call more is answered and the answer delivered, and nothing before it.
    pub(super) async fn still_delivers(&mut self, id: u32) {
        let (asked, mut body) = self.ask(&crate::wire::call(id)).await;
        let answer = crate::wire::result(id);
        asked
            .json(200, "", &self.seal(&mut body, &answer, true))
            .await;
        assert_eq!(self.connect.read().await, answer);
    }
}

/// `mcps connect OPTIONS --url URL` for the agent's home.
pub(crate) fn connect(stage: &Stage, url: &str, options: &[&str]) -> Process {
    let mut mcps = stage.world.mcps(&stage.agent);
    mcps.args(["connect", "--status-refresh", "0", "--url", url])
        .args(options);
    Process::start(&stage.world, mcps)
}

fn server_end(stage: &Stage, url: &str) -> Link {
    let home = Home::new(&stage.server);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let trust = TrustSource::load(
        &home,
        Freshness::default(),
        Arc::clone(&clock),
        Arc::clone(&random),
    );
    Link::new(LinkParts {
        end: End::Server,
        wire: Wire::Http(vec![url.to_owned()]),
        carrier: Carrier::Native,
        identity: Arc::new(Identity::load(&home, End::Server).unwrap()),
        verifier: Verifier {
            trust: Arc::new(trust.unwrap()),
            replay: Arc::new(ReplayGuard::since(
                Window::default().replay_limits(),
                Timestamp::from_millis(0),
            )),
            clock: Arc::clone(&clock),
            window: Window::default(),
        },
        clock,
        random,
        session: None,
    })
}

/// The first answer as an honest wrapper writes it.
pub(super) fn announced() -> String {
    INITIALIZED.replacen(r#""capabilities":{"#, ANNOUNCEMENT, 1)
}
