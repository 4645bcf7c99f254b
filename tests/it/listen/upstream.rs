//! `mcps-wrap --upstream-url`: in front of a server over HTTP whose every byte the test chooses.

mod answers;
mod passing;
mod resuming;
mod tokens;

use tokio::net::TcpListener;

use super::caller::Caller;
use super::started;
use crate::wire::Asked;
use crate::wire::{INITIALIZE, INITIALIZED, PATIENCE, Process, Stage};

/// What the server calls a session.
const THEIRS: &str = "theirs-1";

/// The server, and the wrapper in front of it.
struct Back {
    stage: Stage,
    wrap: Process,
    url: String,
    listener: TcpListener,
}

impl Back {
    async fn set(options: &[&str]) -> Self {
        let stage = Stage::set();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}/their/mcp", listener.local_addr().unwrap());
        let server = ["--upstream-url".to_owned(), upstream];
        let (wrap, url) = started(&stage, "127.0.0.1:0", options, &server).await;
        Self {
            stage,
            wrap,
            url,
            listener,
        }
    }

    fn caller(&self) -> Caller {
        Caller::of(&self.stage.agent, &self.url)
    }

    /// The next request that reaches the server.
    async fn next(&self) -> Asked {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let words = self.wrap.words();
        let (socket, _) = accepted
            .unwrap_or_else(|_| panic!("nobody asks; the wrapper said: {words}"))
            .unwrap();
        Asked::read(socket).await
    }

    /// A caller in a session of the older era.
    async fn opened(&self) -> Caller {
        let mut caller = self.caller();
        let serve = async {
            let asked = self.next().await;
            assert_eq!(asked.header("mcp-session-id"), None);
            assert_eq!(asked.body, INITIALIZE.as_bytes());
            let named = format!("Mcp-Session-Id: {THEIRS}\r\n");
            asked.json(200, &named, INITIALIZED).await;
            self.next().await.empty(202, "").await;
        };
        tokio::join!(caller.open_session(), serve);
        caller
    }
}
