//! One request over HTTP, from its arrival to the beginning of its answer.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use mcps_client::announce;
use mcps_client::link::{Opened, Refused, line_limits};
use mcps_core::code::Code;
use mcps_core::message::{self, Id, Kind, Message};
use mcps_transport::http::headers::MCP_SESSION_ID;
use mcps_transport::http::server::{Delete, Endpoint, Get, Gone, Post, Reply};

use super::reply::{bad_request, empty, status_of, unavailable};
use super::{Found, Hub, Key};
use crate::listen::alias::Alias;
use crate::listen::exchange::First;
use crate::listen::mirror::{self, Era};
use crate::listen::session::{Session, Stream};

impl Endpoint for Hub {
    async fn post(&self, post: Post) -> Reply {
        self.serve(post).await.unwrap_or_else(|reply| *reply)
    }

    async fn get(&self, get: Get) -> Reply {
        self.stand(get.headers).await.unwrap_or_else(|reply| *reply)
    }

    async fn delete(&self, delete: Delete) -> Reply {
        self.leave(delete.headers)
            .await
            .unwrap_or_else(|reply| *reply)
    }
}

impl Hub {
    async fn serve(&self, post: Post) -> Result<Reply, Box<Reply>> {
        let peek = Message::parse_with(post.body.to_vec(), line_limits());
        let message = match peek {
            Ok(message) => message,
            Err(refusal) => {
                let outline = message::Outline::of(&post.body);
                return Err(self.refuse(&self.link(), &Refused::unread(refusal, outline)));
            }
        };
        let found = self.find(&post.headers, &message)?;
        let (opened, era) = match self.look(&found, &post).await {
            Ok(good) => good,
            Err(reply) => return Err(Box::new(revealed(*reply, &found))),
        };
        let mut headers = HeaderMap::new();
        let (session, alias) = match found {
            Found::Old(session) => (session, None),
            Found::Shared(session, alias, _) => (session, Some(alias)),
            Found::Nobody(_) | Found::Unheard => return Err(bad_request()),
            Found::New(key, link) => {
                if let Key::Assigned(id) = &key {
                    let id = HeaderValue::from_str(id).map_err(|_| unavailable())?;
                    headers.insert(MCP_SESSION_ID, id);
                }
                match self.start(key, link) {
                    Ok(session) => (session, None),
                    Err((link, code)) => return Err(self.turn_away(&link, &opened, code)),
                }
            }
        };
        session.touch();
        self.hand_on(&session, opened, post, era, alias, headers)
            .await
    }

    /// Whether a message may go on to its server.
    async fn look(&self, found: &Found, post: &Post) -> Result<(Opened, Era), Box<Reply>> {
        let body = match found {
            Found::Shared(_, _, text) => text.clone().into(),
            _ => post.body.clone(),
        };
        let link = found.link().ok_or_else(|| empty(StatusCode::ACCEPTED))?;
        let opened = self.admit(link, body).await?;
        if matches!(found, Found::Nobody(_)) {
            return Err(bad_request());
        }
        let era = Era::of(&opened.message, &post.headers);
        let mirrors = &self.parts.desk.mirrors;
        match mirror::check(&opened.message, &post.headers, era, mirrors) {
            Ok(()) => Ok((opened, era)),
            Err(wrong) => Err(self.wrong(link, &opened, wrong)),
        }
    }

    /// Hands a message to its server and waits for the beginning of the answer.
    async fn hand_on(
        &self,
        session: &Arc<Session>,
        opened: Opened,
        post: Post,
        era: Era,
        alias: Option<Alias>,
        headers: HeaderMap,
    ) -> Result<Reply, Box<Reply>> {
        let asked = opened
            .message
            .id()
            .cloned()
            .filter(|_| opened.message.kind() == Kind::Request);
        let body = asked.is_some().then(|| session.link.respond(&opened));
        let resumes = era == Era::Legacy && mirror::resumes(&post.headers);
        let kind = match alias {
            Some(alias) => Stream::Shared(alias),
            None if resumes => Stream::Resumable,
            None => Stream::Plain,
        };
        let begun = match (&asked, body) {
            (Some(id), Some(body)) => Some(session.expect(id.clone(), body, kind)),
            _ => None,
        };
        let handed = match announce::take(opened.message) {
            Ok((message, _)) => session.forward(message).await.map_err(|error| {
                tracing::error!(error = %error, "the server does not read: {error}");
                Code::UpstreamUnavailable
            }),
            Err(refusal) => Err(refusal.code()),
        };
        let (Some(id), Some(begun)) = (asked, begun) else {
            return match handed {
                Ok(()) => Ok(Reply::Empty {
                    status: StatusCode::ACCEPTED,
                    headers,
                }),
                Err(code) => Err(empty(status_of(code))),
            };
        };
        if let Err(code) = handed {
            session.fail(&id, code).await;
        }
        let gone = post.gone.clone();
        let first = tokio::select! {
            first = begun => first,
            // A session of old goes on without whoever asked; its answer finds nobody.
            () = gone.wait(), if era == Era::Modern => {
                session.cancel(&id).await;
                return Err(unavailable());
            }
        };
        match first {
            Ok(First::Json(text, error)) => Ok(Reply::Json {
                status: match era {
                    Era::Legacy => StatusCode::OK,
                    Era::Modern => mirror::status(error),
                },
                headers,
                body: text,
            }),
            Ok(First::Events(events)) => {
                if era == Era::Modern {
                    self.watch(session, id, gone);
                }
                Ok(Reply::Events { headers, events })
            }
            Err(_) => Err(unavailable()),
        }
    }

    /// Cancels a request whose response was closed before its end.
    fn watch(&self, session: &Arc<Session>, id: Id, gone: Gone) {
        let session = Arc::clone(session);
        self.spawn(async move {
            tokio::select! {
                () = gone.wait() => session.cancel(&id).await,
                () = session.wait_for_end() => {}
            }
        });
    }
}

/// A refusal under the id that the caller gave.
fn revealed(reply: Reply, found: &Found) -> Reply {
    match (reply, found) {
        (
            Reply::Json {
                status,
                headers,
                body,
            },
            Found::Shared(_, alias, _),
        ) => Reply::Json {
            status,
            headers,
            body: alias
                .reveal(String::from_utf8_lossy(&body).into_owned())
                .into(),
        },
        (reply, _) => reply,
    }
}
