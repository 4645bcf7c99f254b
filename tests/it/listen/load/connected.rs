//! A client behind a real `mcps connect --url`.

use std::path::Path;

use serde_json::Value;

use super::era::Era;
use crate::wire::{INITIALIZE, Process, code_of};
use crate::world::World;

const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A client that speaks over the standard input and output of that process.
pub(crate) struct Connected {
    pub(crate) process: Process,
    era: Era,
    requests: u64,
}

/// What came in the place of an answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// An error with that code.
    Code(mcps_core::code::Code),
    /// The process ended, which says on standard error why.
    Ended,
}

impl Connected {
    /// Starts it.
    pub(crate) fn start(world: &World, home: &Path, url: &str, era: Era) -> Self {
        let mut mcps = world.mcps(home);
        mcps.args(["connect", "--url", url]);
        Self {
            process: Process::start(world, mcps),
            era,
            requests: 0,
        }
    }

    /// Opens a session, or asks whom it speaks to.
    pub(crate) async fn open(&mut self) -> Result<(), Failed> {
        if self.era == Era::Modern {
            let discover = self.era.request(0, "server/discover", "");
            self.process.try_write(&discover).await;
            return self.answer().await.map(drop);
        }
        self.process.try_write(INITIALIZE).await;
        self.answer().await?;
        self.process.try_write(READY).await;
        Ok(())
    }

    /// Says something that nobody else says and must hear it again.
    pub(crate) async fn echo(&mut self, text: &str) -> Result<(), Failed> {
        let told = self.use_tool("echo", text).await?;
        assert_eq!(told, text, "somebody else's answer");
        Ok(())
    }

    /// Calls a tool and returns what it says.
    pub(crate) async fn use_tool(&mut self, tool: &str, text: &str) -> Result<String, Failed> {
        let id = self.begin(tool, text).await;
        let answer = self.answer().await?;
        assert_eq!(answer["id"], id, "{answer}");
        let told = answer["result"]["content"][0]["text"].as_str();
        Ok(told.unwrap_or_else(|| panic!("{answer}")).to_owned())
    }

    /// Writes a call and returns its id.
    pub(crate) async fn begin(&mut self, tool: &str, text: &str) -> u64 {
        self.requests += 1;
        let call = self.era.call(self.requests, tool, text);
        self.process.try_write(&call).await;
        self.requests
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Result<Value, Failed> {
        let line = self.process.read_to_end().await.ok_or(Failed::Ended)?;
        match code_of(&line) {
            Some(code) => Err(Failed::Code(code)),
            None => Ok(serde_json::from_str(&line).unwrap()),
        }
    }

    async fn answer(&mut self) -> Result<Value, Failed> {
        loop {
            let message = self.next().await?;
            if message.get("method").is_none() {
                return Ok(message);
            }
        }
    }
}
