//! What becomes of a request that was forwarded: its answer is looked at before the caller has it,
//! and whatever comes of it is written down.

use std::future::ready;
use std::sync::Arc;

use http::HeaderMap;
use mcps_client::link::Asked;
use mcps_client::listen::{Decided, Ends, Reach, Shown, Watch};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;

use crate::call::{Call, Caller, SessionKey};
use crate::catalogue::Seen;
use crate::judge::Listed;
use crate::pipeline::Gateway;
use crate::record::{Answer, Outcome};

/// Members of results that list something, and what tells one from another there.
const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("prompts/list", "prompts", "name"),
    ("resources/list", "resources", "uri"),
    (
        "resources/templates/list",
        "resourceTemplates",
        "uriTemplate",
    ),
];

/// The request whose answer goes on until somebody ends it (2026-07-28).
const LISTEN: &str = "subscriptions/listen";
/// The longest id of a decision of somebody else's that is taken for one.
const LONGEST_ID: usize = 64;
/// A server's word that its tools have changed.
const CHANGED: &str = "notifications/tools/list_changed";

/// The caller of one response, and which server it is of.
pub(crate) struct Reader {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) caller: Caller,
    /// Their session.
    pub(crate) session: SessionKey,
    /// Absent where all servers are one.
    pub(crate) server: Option<String>,
    /// The caller's way to it.
    pub(crate) reach: Arc<dyn Reach>,
    /// The headers with which the server is told something that its caller did not say.
    pub(crate) back: HeaderMap,
}

/// Looks at the response to one request.
pub(crate) struct Answering {
    pub(crate) reader: Reader,
    pub(crate) call: Arc<Call>,
    pub(crate) written: bool,
    /// By what name the caller comes back to what the answer asks of it.
    pub(crate) asks: Option<String>,
    /// It is of the gateway itself and no server's, so that nothing in it is to be taken out.
    pub(crate) own: bool,
}

impl Answering {
    /// The same for an answer of the gateway's own.
    pub(crate) fn of_ours(mut self) -> Self {
        self.own = true;
        self
    }

    pub(crate) fn new(reader: Reader, call: Arc<Call>) -> Self {
        Self {
            reader,
            call,
            written: false,
            asks: None,
            own: false,
        }
    }

    /// What the answer asks of its caller is not going to be answered.
    fn unasked(&mut self, refused: Option<(Code, &str)>) {
        if let Some(state) = self.asks.take() {
            self.reader.reach.unasked(&state, refused);
        }
    }

    fn write(&mut self, outcome: &Outcome) {
        self.written = true;
        self.reader.gateway.recorder().outcome(&self.call, outcome);
    }

    fn withheld(&mut self, refusal: &Refusal) {
        self.write(&Outcome::Withheld {
            code: refusal.code().id(),
            reason: refusal.to_string(),
            grounds: Box::default(),
            answer: None,
        });
    }
}

impl Answering {
    async fn look(&mut self, asked: &Asked, message: Message) -> Result<Message, Refusal> {
        let server = self.call.stages.since();
        let listed = LISTS.iter().find(|(method, ..)| *method == asked.method);
        let shown = match listed {
            Some(list) if message.kind() == Kind::Response && !self.own => {
                self.reader.filtered(message, list).await
            }
            _ => Ok(message),
        };
        let message = shown.inspect_err(|refusal| self.withheld(refusal))?;
        self.asks = state_of(&message);
        let asker = self.call.target.server.as_deref();
        if let Err(rebuff) = self.reader.required(&message, asker).await {
            let code = rebuff.code;
            self.unasked(Some((code, &rebuff.decision_id)));
            self.withheld(&Refusal::Decided(code));
            return denied(&self.call, code, &rebuff.decision_id);
        }
        let answer = |grounds| {
            let error = message.error().and_then(|error| error.get("code"));
            let failed = message.result().and_then(|result| result.get("isError"));
            let failed = failed.and_then(Value::as_bool).unwrap_or(false);
            Answer {
                hash: Digest::of(message.text().as_bytes()),
                error: error.and_then(Value::as_i64),
                failed: failed || message.error().is_some(),
                bytes: u64::try_from(message.text().len()).unwrap_or(u64::MAX),
                server,
                grounds,
            }
        };
        let gateway = &self.reader.gateway;
        match gateway.judge().answered(&self.call, &message).await {
            Ok(grounds) => {
                self.write(&Outcome::Answered(answer(grounds)));
                note(&self.call, &message);
                Ok(message)
            }
            Err(denial) => {
                tracing::warn!(
                    decision_id = self.call.decision_id,
                    code = denial.code.id(),
                    rule = denial.rule,
                    "an answer is kept back: {}",
                    denial.reason
                );
                let decision_id = self.call.decision_id.clone();
                self.unasked(Some((denial.code, &decision_id)));
                self.write(&Outcome::Withheld {
                    code: denial.code.id(),
                    reason: denial.reason,
                    grounds: denial.grounds,
                    answer: Some(answer(Box::default())),
                });
                denied(&self.call, denial.code, &self.call.decision_id)
            }
        }
    }
}

impl Watch for Answering {
    fn answer<'a>(&'a mut self, asked: &'a Asked, message: Message) -> Shown<'a> {
        Box::pin(self.look(asked, message))
    }

    fn say<'a>(&'a mut self, message: Message) -> Shown<'a> {
        self.reader.heard(&message);
        Box::pin(self.reader.asked(message))
    }

    fn fail(&mut self, code: Code) {
        // What was kept back failed because of that.
        if !self.written {
            self.write(&Outcome::Failed { code: code.id() });
        }
        let decision_id = self.call.decision_id.clone();
        self.unasked(Some((code, &decision_id)));
    }

    fn decided(&self) -> Option<Decided<'_>> {
        Some(Decided {
            id: &self.call.decision_id,
            server: self.call.target.server.as_deref(),
        })
    }

    fn lost(&mut self) {
        self.unasked(None);
    }

    fn ends(&self) -> Option<Ends> {
        match self.call.method == LISTEN {
            true => self.reader.leave(),
            false => self.reader.patience(self.call.target.server.as_deref()),
        }
    }
}

/// A call that is dropped leaves its record too.
impl Drop for Answering {
    fn drop(&mut self) {
        if !self.written {
            self.write(&Outcome::Left);
        }
    }
}

/// By what name a caller comes back to what a result asks of it (2026-07-28).
fn state_of(message: &Message) -> Option<String> {
    let state = message.result()?.get("requestState")?.as_str()?;
    Some(state.into_owned())
}

/// Where the server's end refused, or was lost, its caller is told an id of that end: the log has it beside
/// ours.
fn note(call: &Call, message: &Message) {
    let error = message.error();
    let number = error.and_then(|error| error.get("code")?.as_i64());
    let id = error.and_then(|error| error.get("data")?.get("decision_id")?.as_str());
    let (Some(code), Some(id)) = (number.and_then(Code::from_jsonrpc), id) else {
        return;
    };
    // Somebody else has written it.
    if id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return;
    }
    tracing::warn!(
        decision_id = call.decision_id,
        server = call.target.server,
        code = code.id(),
        "answered with {} under the id {id}, which is of its server's end",
        code.id()
    );
}

/// Our error in place of an answer.
fn denied(call: &Call, code: Code, decision_id: &str) -> Result<Message, Refusal> {
    let text = mcps_core::message::error_text(call.message.id(), code, decision_id, "");
    Message::parse(text)
}

/// Looks at what answers nothing.
impl Watch for Reader {
    fn answer<'a>(&'a mut self, _: &'a Asked, _: Message) -> Shown<'a> {
        let unasked = Refusal::NotBound("it answers nothing that was asked");
        Box::pin(ready(Err(unasked)))
    }

    fn say<'a>(&'a mut self, message: Message) -> Shown<'a> {
        self.heard(&message);
        Box::pin(self.asked(message))
    }

    fn fail(&mut self, _: Code) {}

    fn ends(&self) -> Option<Ends> {
        self.leave()
    }
}

impl Reader {
    fn heard(&self, message: &Message) {
        if message.method().as_deref() == Some(CHANGED) {
            self.gateway.changed(self.server.as_deref());
        }
    }

    /// A list as its caller is to see it.
    async fn filtered(
        &self,
        message: Message,
        (method, kind, name): &(&str, &'static str, &str),
    ) -> Result<Message, Refusal> {
        let list = message.result().and_then(|result| result.get(kind));
        let Some(list) = list.filter(|list| list.as_array().is_some()) else {
            return Ok(message);
        };
        let all: Vec<Value<'_>> = list.as_array().into_iter().flatten().collect();
        let intact = match &self.server {
            // Where all are one, their definitions were held to their pins as they were gathered.
            Some(server) if *method == "tools/list" => self.open(server, &all).await,
            _ => vec![true; all.len()],
        };
        let mut kept = Vec::new();
        for (value, intact) in all.iter().zip(intact) {
            let named = value.get(name).and_then(Value::as_str);
            if intact && named.is_some_and(|named| self.shows(kind, &named)) {
                kept.push(value.raw());
            }
        }
        if kept.len() == all.len() {
            return Ok(message);
        }
        let mut text = message.text().to_owned();
        text.replace_range(list.span(), &format!("[{}]", kept.join(",")));
        Message::parse(text)
    }

    /// Which tools of a server the caller may call, as far as their definitions go.
    async fn open(&self, server: &str, all: &[Value<'_>]) -> Vec<bool> {
        let catalogue = self.gateway.catalogue();
        let seen = catalogue.learn(server, all);
        if seen.iter().flatten().any(Seen::can_be_proven) {
            let (rulings, tenant) = (&self.gateway.parts.rulings, &self.caller.tenant);
            let generation = catalogue.generation();
            rulings.weighed(tenant, Some(server), generation).await;
        }
        let open = |seen: Option<Seen>| {
            seen.is_some_and(|seen| self.gateway.admits(&self.caller, seen.subject(server)))
        };
        seen.into_iter().map(open).collect()
    }

    fn shows(&self, kind: &'static str, named: &str) -> bool {
        let (server, name) = match &self.server {
            Some(server) => (server.clone(), named.to_owned()),
            // Where all servers are one, what nobody offers is shown to nobody.
            None => match self.reach.leads(kind, named) {
                Some(found) => found,
                None => return false,
            },
        };
        let (server, name) = (server.as_str(), name.as_str());
        let listed = Listed { server, kind, name };
        self.gateway.reaches(&self.caller.tenant, server)
            && self.gateway.judge().shows(&self.caller, listed)
    }
}
