//! What servers ask of a caller: sampling, elicitation, roots. It is decided and written down as what
//! callers ask is, in the session in which it comes; a server that is refused is told so.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use mcps_client::listen::Outward;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{self, Kind, Message};
use mcps_core::refusal::Refusal;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::call::{Call, Stages, Target};
use crate::outcome::Reader;
use crate::record::Outcome;

/// How long a server may take to hear that it is refused.
const TELLING: Duration = Duration::from_secs(10);
/// Servers that are being told at a time. Beyond it nobody is told; nothing goes to callers all the same.
const MOST: usize = 1024;
/// What one result may ask for. Each is a decision and a record.
const MOST_AT_ONCE: usize = 16;

/// Servers that are being told that they are refused.
#[derive(Debug, Default)]
pub(crate) struct Tellings(Mutex<JoinSet<()>>);

impl Tellings {
    fn begin(&self, telling: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while all.try_join_next().is_some() {}
        if all.len() < MOST {
            all.spawn(async move { drop(timeout(TELLING, telling).await) });
        }
    }
}

/// Which request of a server's was refused, and as what.
pub(crate) struct Rebuff {
    pub(crate) code: Code,
    pub(crate) decision_id: String,
}

impl Reader {
    /// What a server says unasked, if its caller may have it; of a request that it may not have the server is told.
    pub(crate) async fn asked(&self, message: Message) -> Result<Message, Refusal> {
        if message.kind() != Kind::Request {
            return tells(message);
        }
        // Whoever answers a ping says nothing.
        if message.method().as_deref() == Some("ping") {
            return Ok(message);
        }
        let server = match &self.server {
            Some(server) => Some(server.clone()),
            None => message.id().and_then(|id| self.reach.asked_by(id)),
        };
        match self.permitted(message.clone(), server).await {
            Ok(()) => Ok(message),
            Err(Rebuff { code, decision_id }) => {
                let text = message::error_text(message.id(), code, &decision_id, "");
                if let Ok(message) = Message::parse(text) {
                    self.tell(message);
                }
                Err(Refusal::Decided(code))
            }
        }
    }

    /// What a result asks for before it is one (2026-07-28, `input_required`): all of it or none.
    pub(crate) async fn required(
        &self,
        result: &Message,
        server: Option<&str>,
    ) -> Result<(), Rebuff> {
        let requests = result
            .result()
            .and_then(|result| result.get("inputRequests"));
        let Some(requests) = requests else {
            return Ok(());
        };
        let malformed = || Rebuff {
            code: Code::Malformed,
            decision_id: self.gateway.decision_id(),
        };
        // What nobody can read is nothing that a caller should have.
        let requests = requests.as_object().ok_or_else(malformed)?;
        if requests.into_iter().count() > MOST_AT_ONCE {
            return Err(malformed());
        }
        for request in requests.into_iter().map(|member| member.value()) {
            let request = asked_for(request).map_err(|code| Rebuff {
                code,
                decision_id: self.gateway.decision_id(),
            })?;
            self.permitted(request, server.map(str::to_owned)).await?;
        }
        Ok(())
    }

    async fn permitted(&self, message: Message, server: Option<String>) -> Result<(), Rebuff> {
        let gateway = &self.gateway;
        let call = Call {
            decision_id: gateway.decision_id(),
            caller: self.caller.clone(),
            session: self.session.clone(),
            at: gateway.clock().now(),
            method: message.method().unwrap_or_default().into_owned(),
            target: Target { server, name: None },
            message,
            definition: None,
            signed: None,
            via: None,
            by_server: true,
            stages: Stages::begin(),
        };
        let decided = match &call.target.server {
            Some(_) => gateway.judge().decide(&call).await,
            None => Err(crate::judge::Denial::new(
                Code::NotBound,
                "server",
                "nobody knows which server asks".to_owned(),
            )),
        };
        let written = gateway.recorder().decided(&call, decided.as_ref());
        let code = match (decided, written) {
            (Ok(_), Ok(_)) => {
                gateway.recorder().outcome(&call, &Outcome::PassedOn);
                return Ok(());
            }
            (Err(denial), _) => {
                tracing::warn!(
                    code = denial.code.id(),
                    decision_id = call.decision_id,
                    rule = denial.rule,
                    method = call.method,
                    tenant = call.caller.tenant,
                    server = call.target.server,
                    "a request of a server's own is refused with {}: {}",
                    denial.code.id(),
                    denial.reason
                );
                denial.code
            }
            (Ok(_), Err(error)) => {
                let code = Code::RecordUnavailable;
                tracing::error!(
                    decision_id = call.decision_id, code = code.id(), error = %error,
                    "a request of a server's own is refused with {}: {error}", code.id()
                );
                code
            }
        };
        Err(Rebuff {
            code,
            decision_id: call.decision_id,
        })
    }

    fn tell(&self, message: Message) {
        let (reach, headers) = (Arc::clone(&self.reach), self.back.clone());
        self.gateway.tellings.begin(async move {
            let outward = Outward {
                message,
                headers,
                act: None,
            };
            if reach.post(outward).await.is_err() {
                tracing::debug!("a server was not told that what it asked for is refused");
            }
        });
    }
}

/// A notification of a server's, unless it has in it what is judged where it belongs: what is asked of a
/// caller, or the result of its call. Who waits for a task asks for it, and has it there.
fn tells(message: Message) -> Result<Message, Refusal> {
    let has = |name: &str| {
        message
            .params()
            .is_some_and(|params| params.get(name).is_some())
    };
    let Some(smuggled) = ["inputRequests", "result"]
        .into_iter()
        .find(|name| has(name))
    else {
        return Ok(message);
    };
    tracing::warn!(
        member = smuggled,
        "dropped a notification of a server's with `{smuggled}`, which has to be asked for"
    );
    Err(Refusal::Upstream)
}

/// One of `inputRequests` as the request that it would have been before.
fn asked_for(request: Value<'_>) -> Result<Message, Code> {
    let method = request.get("method").ok_or(Code::Malformed)?;
    let params = request.get("params").map_or("{}", Value::raw);
    let method = method.raw();
    let text = format!(r#"{{"jsonrpc":"2.0","id":"input","method":{method},"params":{params}}}"#);
    Message::parse(text).map_err(|refusal| refusal.code())
}

/// The headers with which a server is told something beside what its caller says.
pub(crate) fn back(headers: HeaderMap) -> HeaderMap {
    let mut headers = headers;
    for name in ["mcp-method", "mcp-name"] {
        headers.remove(name);
    }
    headers
}
