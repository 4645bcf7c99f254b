//! A real `mcps-wrap` between a client and a server that are both the test's.

use mcps_core::code::Code;

use super::{Hand, INITIALIZE, INITIALIZED, Process, Puppet, Stage, call, code_of, result};

/// A wrapper, the agent that speaks to it, and the server behind it.
pub(crate) struct Served {
    pub(crate) stage: Stage,
    pub(crate) wrap: Process,
    pub(crate) agent: Hand,
    pub(crate) behind: Puppet,
    /// The id of the next call.
    next: u32,
}

impl Served {
    /// Before the first message, with a status asked for at every message.
    pub(crate) fn start() -> Self {
        Self::start_with(Stage::set(), &["--status-refresh", "0"])
    }

    /// The same on a stage that was set before, with other options.
    pub(crate) fn start_with(stage: Stage, options: &[&str]) -> Self {
        let agent = Hand::of(&stage.agent);
        Self::start_for(stage, agent, options)
    }

    /// The same for another agent.
    pub(crate) fn start_for(stage: Stage, agent: Hand, options: &[&str]) -> Self {
        let behind = Puppet::new(&stage.world);
        let agent = agent.speaking_to(&stage.server);
        let wrap = stage.wrap(&stage.server, &agent.session, options, &behind.command());
        Self {
            stage,
            wrap,
            agent,
            behind,
            next: 1,
        }
    }

    /// After the first exchange.
    pub(crate) async fn opened() -> Self {
        let mut served = Self::start();
        served.open().await;
        served
    }

    /// Exchanges the first messages.
    pub(crate) async fn open(&mut self) {
        self.wrap.write(&self.agent.seal(INITIALIZE)).await;
        assert_eq!(self.behind.read().await, INITIALIZE);
        self.behind.write(INITIALIZED).await;
        let answer = self.wrap.read().await;
        assert_eq!(code_of(&answer), None, "{answer}");
        self.agent.shows_passport = false;
    }

    /// A call that was not made before.
    pub(crate) fn next_call(&mut self) -> String {
        self.next += 1;
        call(self.next)
    }

    /// Makes one call more, which the server sees as it was written and answers. Whatever came
    /// before it and was refused did not reach the server, since this is the first it reads.
    #[track_caller]
    pub(crate) fn still_serves(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let text = self.next_call();
            let id = self.next;
            self.wrap.write(&self.agent.seal(&text)).await;
            assert_eq!(self.behind.read().await, text, "{caller}");
            self.behind.write(&result(id)).await;
            let answer = self.wrap.read().await;
            assert_eq!(code_of(&answer), None, "{caller}: {answer}");
        }
    }

    /// Writes a line and returns the code that it is refused with.
    pub(crate) async fn refuses(&mut self, line: &str) -> Code {
        self.wrap.refuses(line).await
    }
}
