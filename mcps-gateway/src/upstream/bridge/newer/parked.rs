//! Calls that wait for answers of their callers. What a caller is given to come back with names one call, once;
//! it is of that caller, and for the very request that was judged before.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::{Document, Value};
use mcps_core::message::Message;
use mcps_core::random::{Random, hex16};
use tokio::sync::oneshot;

use super::Asker;
use crate::upstream::bridge::wording::rebuilt;

/// Calls of one server that wait.
const MAX_PARKED: usize = 256;
/// Those of one caller. Callers that do not sign are one.
const MAX_EACH: usize = 16;
/// What the one question of a call is named.
pub(super) const KEY: &str = "answer";

/// All that wait.
#[derive(Default)]
pub(in crate::upstream::bridge) struct Parking(Mutex<HashMap<String, Parked>>);

struct Parked {
    claim: Owner,
    back: oneshot::Sender<Returned>,
}

/// Whose a call is, and what was asked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Owner {
    caller: Option<String>,
    request: Digest,
}

/// What a call waits for.
pub(super) enum Returned {
    /// Its caller came back, with an answer in JSON.
    Answered(Box<Asker>, String),
    /// Its caller is not asked, by that decision.
    Refused(Code, String),
}

/// What a request comes back with.
pub(super) struct Claim {
    token: String,
    owner: Owner,
    answer: String,
}

/// Why there is nothing to go on with.
pub(super) struct Refused(pub(super) &'static str);

impl Owner {
    pub(super) fn of(message: &Message, caller: Option<&str>) -> Self {
        let params = rebuilt(
            message.params(),
            &["_meta", "inputResponses", "requestState"],
            &[],
        );
        let method = message.root().get("method").map(|method| method.raw());
        let whole = format!("[{},{params}]", method.unwrap_or("null"));
        let request = match Document::parse(whole.clone()) {
            Ok(document) => jcs::digest(document.root()),
            Err(_) => Digest::of(whole.as_bytes()),
        };
        Self {
            caller: caller.map(str::to_owned),
            request,
        }
    }
}

impl Claim {
    /// By a request; `None` for one that begins by itself.
    pub(super) fn of(message: &Message, caller: Option<&str>) -> Option<Result<Self, Refused>> {
        let params = message.params()?;
        let (state, answers) = (params.get("requestState"), params.get("inputResponses"));
        if state.is_none() && answers.is_none() {
            return None;
        }
        let Some(token) = state.and_then(Value::as_str) else {
            return Some(Err(Refused(
                "inputResponses without the requestState they belong to",
            )));
        };
        let answer = answers.and_then(|answers| answers.get(KEY));
        let Some(answer) = answer.filter(|answer| answer.as_object().is_some()) else {
            return Some(Err(Refused(
                "inputResponses lacks the answer that was asked for",
            )));
        };
        Some(Ok(Self {
            token: token.into_owned(),
            owner: Owner::of(message, caller),
            answer: answer.raw().to_owned(),
        }))
    }
}

impl Parking {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Parked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call wait: by which name its caller comes back, and where. `None` when too many do.
    pub(super) fn park(
        &self,
        owner: &Owner,
        random: &dyn Random,
    ) -> Option<(String, oneshot::Receiver<Returned>)> {
        let token = hex16(random).ok()?;
        let (back, returned) = oneshot::channel();
        let mut all = self.all();
        all.retain(|_, parked| !parked.back.is_closed());
        let same = all
            .values()
            .filter(|parked| parked.claim.caller == owner.caller);
        if all.len() >= MAX_PARKED || same.count() >= MAX_EACH {
            return None;
        }
        let claim = owner.clone();
        all.insert(token.clone(), Parked { claim, back });
        Some((token, returned))
    }

    /// Goes on with a call. What is not the caller's, or is for another request, stays as it is.
    pub(super) fn fetch(&self, claim: Claim, asker: Asker) -> Result<(), Refused> {
        let mut all = self.all();
        let mine = all
            .get(&claim.token)
            .is_some_and(|parked| parked.claim == claim.owner);
        let parked = if mine { all.remove(&claim.token) } else { None };
        drop(all);
        let unknown = Refused("requestState is of no call that waits for this request: begin anew");
        let Some(parked) = parked else {
            return Err(unknown);
        };
        let returned = Returned::Answered(Box::new(asker), claim.answer);
        parked.back.send(returned).map_err(|_| unknown)
    }

    /// Ends the wait of a call whose caller was not asked: refused with that code by that decision, or gone.
    pub(super) fn unasked(&self, token: &str, caller: Option<&str>, refused: Option<(Code, &str)>) {
        let mut all = self.all();
        let mine = all
            .get(token)
            .is_some_and(|parked| parked.claim.caller.as_deref() == caller);
        let parked = if mine { all.remove(token) } else { None };
        drop(all);
        if let (Some(parked), Some((code, decision_id))) = (parked, refused) {
            // It may have ended by itself.
            drop(
                parked
                    .back
                    .send(Returned::Refused(code, decision_id.to_owned())),
            );
        }
    }
}
