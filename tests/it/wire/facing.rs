//! A real `mcps connect` between a client and a signed server that are both the test's.

use mcps_core::code::Code;
use mcps_core::envelope::Sealed;
use serde_json::Value;

use super::{Hand, INITIALIZE, INITIALIZED, Process, Puppet, Stage, call, code_of, parsed, result};

/// What a server adds to its first answer so that signing counts as announced.
const ANNOUNCEMENT: &str = r#""capabilities":{"extensions":{"dev.mcps/signing":{"version":"1.0","max_age_s":3600,"created":true}}"#;

/// `mcps connect`, the client that started it, and the server that it started.
pub(crate) struct Facing {
    pub(crate) stage: Stage,
    pub(crate) connect: Process,
    pub(crate) server: Hand,
    pub(crate) puppet: Puppet,
    next: u32,
}

impl Facing {
    /// Before the first message.
    pub(crate) fn start() -> Self {
        Self::start_with(Stage::set(), &["--status-refresh", "0"])
    }

    /// The same on a stage that was set before, with other options.
    pub(crate) fn start_with(stage: Stage, options: &[&str]) -> Self {
        let server = Hand::of(&stage.server);
        Self::start_for(stage, server, options)
    }

    /// The same with another server.
    pub(crate) fn start_for(stage: Stage, server: Hand, options: &[&str]) -> Self {
        let puppet = Puppet::new(&stage.world);
        let connect = stage.connect(&stage.agent, options, &puppet.command());
        Self {
            stage,
            connect,
            server,
            puppet,
            next: 0,
        }
    }

    /// After the first exchange.
    pub(crate) async fn opened() -> Self {
        let mut facing = Self::start();
        facing.open().await;
        facing
    }

    /// The first answer as an honest wrapper writes it.
    pub(crate) fn announced() -> String {
        INITIALIZED.replacen(r#""capabilities":{"#, &format!("{ANNOUNCEMENT},"), 1)
    }

    /// Exchanges the first messages.
    pub(crate) async fn open(&mut self) {
        let request = self.ask(INITIALIZE).await;
        let answer = self.server.answer(&request, &Self::announced());
        self.puppet.write(&answer).await;
        let told = self.connect.read().await;
        assert_eq!(told, INITIALIZED, "{}", self.connect.words());
        self.server.shows_passport = false;
    }

    /// The client asks; returns what reached the server.
    pub(crate) async fn ask(&mut self, text: &str) -> Sealed {
        self.connect.write(text).await;
        parsed(&self.puppet.read().await)
    }

    /// The client makes a call that it did not make before; returns what reached the server, and
    /// the answer that belongs to it.
    pub(crate) async fn call(&mut self) -> (Sealed, String) {
        self.next += 1;
        (self.ask(&call(self.next)).await, result(self.next))
    }

    /// What the client is told next is a refusal: its code, and that it is of that call.
    #[track_caller]
    pub(crate) fn refused(&mut self, id: u32) -> impl Future<Output = Code> {
        let caller = std::panic::Location::caller();
        async move {
            let line = self.connect.read().await;
            let message: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(message["id"], id, "{caller}: {line}");
            code_of(&line).unwrap_or_else(|| panic!("{caller}: no refusal but {line}"))
        }
    }

    /// One call more is answered and the answer delivered.
    #[track_caller]
    pub(crate) fn still_delivers(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let (request, answer) = self.call().await;
            let sealed = self.server.answer(&request, &answer);
            self.puppet.write(&sealed).await;
            assert_eq!(self.connect.read().await, answer, "{caller}");
        }
    }

    /// The connection was broken off: the client's next call is refused and goes nowhere.
    pub(crate) async fn is_broken_off(&mut self) {
        self.connect.says("nothing more is delivered").await;
        self.next += 1;
        self.connect.write(&call(self.next)).await;
        assert_eq!(self.refused(self.next).await, Code::StreamBroken);
    }

    /// The number of calls up to now, which is the id of the last one.
    pub(crate) fn last(&self) -> u32 {
        self.next
    }
}
