//! Requests whose server is a process of ours.

use std::sync::Arc;

use crate::link::{Body, Opened};
use http::{HeaderMap, StatusCode};
use mcps_core::code::Code;
use mcps_core::message::{Id, Message};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Gone, Post, Reply};

use super::Hub;
use super::reply::{status_of, unavailable};
use crate::listen::exchange::First;
use crate::listen::mirror::{self, Era};
use crate::listen::process::Process;
use crate::listen::session::Session;

/// The way of one request.
pub(super) struct Errand<'a> {
    pub(super) session: &'a Arc<Session>,
    pub(super) process: &'a Arc<Process>,
    pub(super) opened: &'a Opened,
}

impl Hub {
    /// Asks the server and waits for the beginning of the answer, with further headers of ours.
    pub(super) async fn ask(
        &self,
        errand: Errand<'_>,
        message: Message,
        body: Body,
        post: Post,
        era: Era,
        headers: HeaderMap,
    ) -> Result<Reply, Box<Reply>> {
        let Errand {
            session,
            process,
            opened,
        } = errand;
        let resumable = era == Era::Legacy && mirror::resumes(&post.headers);
        let (link, presence) = (&session.link, &session.presence);
        let begun = process.ask(link, message, body, resumable, presence).await;
        let Some(begun) = begun else {
            let why = "the server's process cannot be asked so";
            let decision_id = self.note(link, Code::Malformed, why);
            return Err(self.turn_away(link, opened, Code::Malformed, &decision_id));
        };
        let gone = post.gone.clone();
        let first = tokio::select! {
            first = begun.first => first,
            // A session of old goes on without whoever asked; its answer finds nobody.
            () = gone.wait(), if era == Era::Modern => {
                process.cancel(&begun.id).await;
                return Err(unavailable());
            }
        };
        match first {
            Ok(First::Json(body, error)) => Ok(Reply::Json {
                status: status(error, era, &post.headers),
                headers,
                body,
            }),
            Ok(First::Events(events)) => {
                if era == Era::Modern {
                    self.watch(process, begun.id, gone);
                }
                Ok(Reply::Events { headers, events })
            }
            Err(_) => Err(unavailable()),
        }
    }

    /// Cancels a request whose response was closed before its end.
    fn watch(&self, process: &Arc<Process>, id: Id, gone: Gone) {
        let process = Arc::clone(process);
        self.spawn(async move {
            tokio::select! {
                () = gone.wait() => process.cancel(&id).await,
                () = process.wait_for_end() => {}
            }
        });
    }
}

/// The status of an answer that is one document, and perhaps this error.
fn status(error: Option<i64>, era: Era, asked: &McpHeaders) -> StatusCode {
    if let Some(code) = error.and_then(Code::from_jsonrpc) {
        return status_of(code);
    }
    match era {
        Era::Legacy => StatusCode::OK,
        // Whatever number the server gives to not knowing the revision.
        Era::Modern if error.is_some() && mirror::is_unknown(asked) => StatusCode::BAD_REQUEST,
        Era::Modern => mirror::status(error),
    }
}
