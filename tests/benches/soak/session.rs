//! One session of a thousand: it calls one thing after the other, and begins anew where it was ended.

use std::time::{Duration, Instant};

use mcps_core::code::Code;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::it::listen::load::era::Era;
use super::it::listen::load::member::{Crew, Failed, Member};
use super::it::wire::{PATIENCE, code_of};
use super::plain::{self, Plain};

/// What a session calls.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) url: String,
    /// The tools, in turn.
    pub(super) tools: Vec<&'static str>,
}

/// What came of a call. That nothing came is no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Came {
    /// Its own words.
    Answer,
    /// A refusal, or word that its server is gone.
    Code(Code),
    /// An error of MCP's own.
    Error(i64),
    /// The session was over.
    Gone,
    /// Another status without words.
    Status(u16),
    /// The connection was closed, idle, just then: the gateway must never have had it.
    Never,
}

enum Who {
    Plain(Box<Plain>),
    Signed(Box<Member>),
}

/// A caller in its session.
pub(super) struct Session<'c> {
    own: usize,
    place: Place,
    /// Who signs, if this one does.
    crew: Option<&'c Crew>,
    who: Who,
    calls: usize,
    pub(super) opened: usize,
}

impl<'c> Session<'c> {
    pub(super) async fn open(own: usize, place: Place, crew: Option<&'c Crew>) -> Self {
        Self {
            who: opened(own, &place, crew).await,
            own,
            place,
            crew,
            calls: 0,
            opened: 1,
        }
    }

    /// Calls with words that nobody else says, and says which.
    pub(super) async fn call(&mut self) -> (String, Came) {
        self.calls += 1;
        let words = format!("call {} of session {}", self.calls, self.own);
        let tool = self.place.tools[self.calls % self.place.tools.len()];
        let id = u64::try_from(self.calls).unwrap();
        let asked = async {
            match &self.who {
                Who::Plain(plain) => plainly(plain, id, tool, &words).await,
                Who::Signed(member) => signed(member, tool, &words).await,
            }
        };
        let came = tokio::time::timeout(PATIENCE, asked).await;
        let came = came.unwrap_or_else(|_| panic!("nothing came: {words}, {:?}", self.place));
        if came == Came::Gone {
            self.who = opened(self.own, &self.place, self.crew).await;
            self.opened += 1;
        }
        (words, came)
    }
}

/// A new session. Its server may be away for a moment.
async fn opened(own: usize, place: &Place, crew: Option<&Crew>) -> Who {
    let since = Instant::now();
    loop {
        let refused = match crew {
            Some(crew) => match crew.join(Era::of(own / 5)).await {
                Ok(joined) => return Who::Signed(Box::new(joined)),
                Err(failed) => format!("{failed:?}"),
            },
            None => {
                let (url, tool) = (&place.url, place.tools[0]);
                match Plain::try_open(url, Era::Legacy, tool, HeaderMap::new()).await {
                    Ok(plain) => return Who::Plain(Box::new(plain)),
                    Err(failed) => failed.to_string(),
                }
            }
        };
        assert!(since.elapsed() < PATIENCE, "{place:?}: {refused}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn plainly(plain: &Plain, id: u64, tool: &str, words: &str) -> Came {
    let call = plain.era.call(id, tool, words);
    match plain.try_post(call, "tools/call").await {
        Ok((text, _)) => {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["id"], id, "{answer}");
            came(&answer, words)
        }
        Err(plain::Failed::Broken(_)) => Came::Never,
        Err(plain::Failed::Refused(StatusCode::NOT_FOUND, _)) => Came::Gone,
        Err(plain::Failed::Refused(status, text)) if text.is_empty() => {
            Came::Status(status.as_u16())
        }
        Err(plain::Failed::Refused(status, text)) => match code_of(&text) {
            Some(code) => Came::Code(code),
            None => panic!("{status}: {text}"),
        },
    }
}

async fn signed(member: &Member, tool: &str, words: &str) -> Came {
    let call = member.call(tool, words);
    let asked: Value = serde_json::from_str(&call).unwrap();
    match member.ask(&call).await {
        Ok(answer) => {
            assert_eq!(answer["id"], asked["id"], "{answer}");
            came(&answer, words)
        }
        Err(Failed::Code(code)) => Came::Code(code),
        Err(Failed::Status(StatusCode::NOT_FOUND)) => Came::Gone,
        Err(Failed::Status(status)) => Came::Status(status.as_u16()),
        Err(Failed::Broken(_)) => Came::Never,
    }
}

fn came(answer: &Value, words: &str) -> Came {
    if let Some(code) = code_of(&answer.to_string()) {
        return Came::Code(code);
    }
    if let Some(number) = answer["error"]["code"].as_i64() {
        return Came::Error(number);
    }
    let told = answer["result"]["content"][0]["text"].as_str();
    assert_eq!(told, Some(words), "somebody else's answer: {answer}");
    Came::Answer
}
