//! One request over HTTP, from its arrival to the beginning of its answer.

use std::sync::Arc;

use http::StatusCode;
use mcps_core::code::Code;
use mcps_core::envelope::{Act, is_sealed};
use mcps_core::message::{self, Kind, Message};
use mcps_transport::http::server::{Delete, Endpoint, Get, Post, Reply};

use super::local::Errand;
use super::remote::{Question, Way};
use super::reply::{bad_request, empty, not_found, status_of};
use super::stages::{Arrived, Entered};
use super::{Found, Hub};
use crate::announce;
use crate::link::{Opened, Refused, line_limits};
use crate::listen::mirror::{self, Era};
use crate::listen::session::Server;
use crate::listen::watch::Watch;
use crate::token::Presented;

impl Endpoint for Hub {
    async fn post(&self, post: Post) -> Reply {
        self.serve(post).await.unwrap_or_else(|reply| *reply)
    }

    async fn get(&self, get: Get) -> Reply {
        self.stand(get).await.unwrap_or_else(|reply| *reply)
    }

    async fn delete(&self, delete: Delete) -> Reply {
        self.leave(delete, None)
            .await
            .unwrap_or_else(|reply| *reply)
    }
}

impl Hub {
    async fn serve(&self, post: Post) -> Result<Reply, Box<Reply>> {
        let arrived = self.arrive(&post)?;
        let admitted = self.verify(arrived, &post).await?;
        let link = Arc::clone(admitted.link());
        let entered = self.enter(admitted, |barred| {
            self.note(&link, barred.code, &barred.why)
        })?;
        self.hand_on(entered, post, None).await
    }

    /// Reads a message and finds the session that it is for.
    ///
    /// # Errors
    /// The answer to what is no message, or is for a session that is not.
    pub fn arrive(&self, post: &Post) -> Result<Arrived, Box<Reply>> {
        let peek = Message::parse_with(post.body.to_vec(), line_limits());
        let message = match peek {
            Ok(message) => message,
            Err(refusal) => {
                let outline = message::Outline::of(&post.body);
                return Err(self.refuse(&self.link(), &Refused::unread(refusal, outline)));
            }
        };
        let found = self.find(&post.headers, &message)?;
        if matches!(found, Found::Alone(_)) && message.kind() != Kind::Request {
            let token = Presented::of(post.headers.raw());
            if let Err(refusal) = token.is_clear() {
                let refused = Refused::unread(refusal, message::Outline::default());
                return Err(self.refuse(found.link(), &refused));
            }
            // It could speak of the requests of others, and in the era without sessions nobody
            // needs to say such a thing.
            return Err(empty(StatusCode::ACCEPTED));
        }
        let signed = is_sealed(&message, self.parts.carrier);
        let asks = message.kind() == Kind::Request;
        let id = message.id().filter(|_| asks).cloned();
        Ok(Arrived { found, id, signed })
    }

    /// Whether a message may go on to its server.
    pub(super) async fn look(
        &self,
        found: &Found,
        post: &Post,
    ) -> Result<(Opened, Era), Box<Reply>> {
        let link = found.link();
        let token = Presented::of(post.headers.raw());
        let opened = self.admit(link, post.body.clone(), token).await?;
        match found {
            Found::Nobody(_) => return Err(bad_request()),
            Found::Gone(_) => return Err(not_found()),
            Found::Old(_) | Found::New(..) | Found::Alone(_) => {}
        }
        let era = Era::of(&opened.message, &post.headers);
        let mirrors = match found {
            Found::Old(session) => Arc::clone(&session.desk.mirrors),
            _ => match &*self.shared() {
                Some(process) => Arc::clone(&process.desk().mirrors),
                None => Arc::default(),
            },
        };
        match mirror::check(&opened.message, &post.headers, era, &mirrors) {
            Ok(()) => Ok((opened, era)),
            Err(wrong) => Err(self.wrong(link, &opened, wrong)),
        }
    }

    /// Hands a message to its server and waits for the beginning of the answer, at which `watch`
    /// looks.
    ///
    /// # Errors
    /// The answer where there is none of the server's.
    pub async fn hand_on(
        &self,
        entered: Entered,
        post: Post,
        watch: Option<Box<dyn Watch>>,
    ) -> Result<Reply, Box<Reply>> {
        let Entered {
            session,
            opened,
            era,
            headers,
        } = entered;
        let (link, session) = (&session.link, &session);
        let id = opened.message.id().cloned();
        let body = (opened.message.kind() == Kind::Request).then(|| link.respond(&opened));
        let message = match announce::take(opened.message.clone()) {
            Ok((message, _)) => message,
            Err(refusal) => {
                let code = refusal.code();
                let decided = watch.as_ref().and_then(|watch| watch.decided());
                let decision_id = match decided {
                    Some(decided) => decided.id.to_owned(),
                    None => self.note(link, code, &refusal.to_string()),
                };
                return Err(self.turn_away(link, &opened, code, &decision_id));
            }
        };
        let asked = id.zip(body);
        let act = opened.req.as_ref().map(|req| Act {
            passport_id: req.passport_id.clone(),
            hash: req.hash,
        });
        match (&session.server, asked) {
            (Server::Remote(passage), asked) => {
                let way = Way {
                    session,
                    passage,
                    in_session: era == Era::Legacy,
                    act,
                };
                let Some((id, body)) = asked else {
                    return self.tell(way, message, post).await;
                };
                let asked = Question {
                    id,
                    message,
                    body,
                    watch,
                };
                self.request(way, asked, post, era, headers).await
            }
            (Server::Own(process) | Server::Shared(process), Some((_, body))) => {
                let errand = Errand {
                    session,
                    process,
                    opened: &opened,
                };
                self.ask(errand, message, body, post, era, headers).await
            }
            (Server::Own(process) | Server::Shared(process), None) => {
                session.presence.touch();
                if process.tell(message).await {
                    let status = StatusCode::ACCEPTED;
                    return Ok(Reply::Empty { status, headers });
                }
                Err(empty(status_of(Code::UpstreamUnavailable)))
            }
        }
    }
}
