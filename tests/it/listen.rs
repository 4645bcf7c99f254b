//! `mcps-wrap --listen`: signed calls over Streamable HTTP, in both eras, and what is refused.

pub(crate) mod caller;
mod hostile;
pub(crate) mod load;
mod raw;
mod refusals;
mod sessions;
mod tokens;
mod upstream;

use std::path::PathBuf;

use caller::Caller;

use crate::wire::{Process, Stage};
use crate::world::bin;

/// A listening wrapper in front of the demo server, and those who may call it.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) wrap: Process,
    url: String,
}

impl Scene {
    async fn set() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(options: &[&str]) -> Self {
        let stage = Stage::set();
        let (wrap, url) = listening(&stage, options).await;
        Self { stage, wrap, url }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::of(&self.stage.agent, &self.url)
    }

    /// Another agent.
    fn stranger(&self) -> PathBuf {
        self.stage.world.enrol("agent", "stranger", 2)
    }

    /// Ends the wrapper with a signal and starts it again at the same address.
    async fn restart(&mut self) {
        self.kill().await;
        let address = self.url.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/mcp").unwrap().to_owned();
        let (wrap, url) = listening_at(&self.stage, &address, &[]).await;
        assert_eq!(url, self.url);
        self.wrap = wrap;
    }

    async fn kill(&mut self) {
        let id = self.wrap.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", "TERM", &id])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(self.wrap.exit().await, 143);
    }
}

async fn listening(stage: &Stage, options: &[&str]) -> (Process, String) {
    listening_at(stage, "127.0.0.1:0", options).await
}

async fn listening_at(stage: &Stage, address: &str, options: &[&str]) -> (Process, String) {
    let demo = bin("mcps-demo-server").display().to_string();
    listening_before(stage, address, options, &[demo]).await
}

pub(crate) async fn listening_before(
    stage: &Stage,
    address: &str,
    options: &[&str],
    server: &[String],
) -> (Process, String) {
    let command = [&["--".to_owned()], server].concat();
    started(stage, address, options, &command).await
}

/// A wrapper that listens, with these words at its end.
async fn started(
    stage: &Stage,
    address: &str,
    options: &[&str],
    server: &[String],
) -> (Process, String) {
    let mut wrap = stage.world.program("mcps-wrap");
    wrap.arg("--home")
        .arg(&stage.server)
        .args(["--listen", address]);
    if !options.contains(&"--status-refresh") {
        wrap.args(["--status-refresh", "0"]);
    }
    wrap.args(options).args(server);
    let mut wrap = Process::start(&stage.world, wrap);
    let line = wrap.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (wrap, url)
}

/// A call of a tool of the demo server.
pub(crate) fn read_note(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"read_note","arguments":{{"name":"welcome"}}}}}}"#
    )
}

/// The same with what 2026-07-28 wants in each request.
pub(crate) fn modern(id: u32, method: &str, params: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"t","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}
