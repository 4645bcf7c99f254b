//! What is written down: a decision before a request is forwarded, and an outcome after it. One JSON
//! object a line, without arguments, results or tokens.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{Builder, JoinHandle};

use mcps_core::digest::Digest;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::call::Call;
use crate::error::GatewayError;
use crate::judge::{Denial, Grounds, Permit};

/// Records that wait to be written; whoever has more to say is refused.
const QUEUE: usize = 4096;

/// Why a record could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too many wait.
    #[error("records come faster than they can be written")]
    Full,
    /// It cannot be written.
    #[error("records cannot be written any more")]
    Failed,
}

/// One line, and who waits for it.
struct Line {
    text: String,
    written: Option<oneshot::Sender<bool>>,
}

/// Writes records, in the order in which they were made.
#[derive(Debug)]
pub struct Recorder {
    lines: Option<SyncSender<Line>>,
    writer: Option<JoinHandle<()>>,
}

impl Recorder {
    /// To a file, at its end, or to standard output.
    ///
    /// # Errors
    /// [`GatewayError::Record`].
    pub fn open(path: Option<&Path>) -> Result<Self, GatewayError> {
        let Some(path) = path else {
            return Self::to(io::stdout());
        };
        let failed = |source| GatewayError::Record {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new().create(true).append(true).open(path);
        Self::to(file.map_err(failed)?)
    }

    /// To anything that can be written to.
    ///
    /// # Errors
    /// [`GatewayError::Record`] when the system has no thread for it.
    pub fn to(out: impl Write + Send + 'static) -> Result<Self, GatewayError> {
        let (lines, queue) = mpsc::sync_channel(QUEUE);
        let writer = Builder::new()
            .name("records".to_owned())
            .spawn(move || write(&queue, out))
            .map_err(|source| GatewayError::Record {
                path: "a thread".into(),
                source,
            })?;
        Ok(Self {
            lines: Some(lines),
            writer: Some(writer),
        })
    }

    /// Writes a decision and waits until that is done: nothing is forwarded without.
    ///
    /// # Errors
    /// [`RecordError`], and the request must not go on.
    pub async fn decision(
        &self,
        call: &Call,
        decided: Result<&Permit, &Denial>,
    ) -> Result<(), RecordError> {
        let mut record = described("decision", call);
        match decided {
            Ok(permit) => {
                record.insert("decision".to_owned(), "permit".into());
                record.insert("rule".to_owned(), permit.rule.as_str().into());
            }
            Err(denial) => {
                record.insert("decision".to_owned(), "deny".into());
                record.insert("code".to_owned(), denial.code.id().into());
                record.insert("rule".to_owned(), denial.rule.as_str().into());
                record.insert("reason".to_owned(), denial.reason.as_str().into());
            }
        }
        let grounds = decided.map_or_else(|denial| &denial.grounds, |permit| &permit.grounds);
        record.extend(grounded(grounds));
        let (written, done) = oneshot::channel();
        self.put(record, Some(written))?;
        match done.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(RecordError::Failed),
        }
    }

    /// Writes what came of a request that was forwarded.
    pub fn outcome(&self, call: &Call, outcome: &Outcome, took_ms: i64) {
        let mut record = Map::new();
        record.insert("event".to_owned(), "outcome".into());
        record.insert("decision_id".to_owned(), call.decision_id.as_str().into());
        record.insert("took_ms".to_owned(), took_ms.into());
        outcome.describe(&mut record);
        if let Err(error) = self.put(record, None) {
            tracing::error!(decision_id = call.decision_id, error = %error, "an outcome is not on record: {error}");
        }
    }

    fn put(
        &self,
        record: Map<String, Value>,
        written: Option<oneshot::Sender<bool>>,
    ) -> Result<(), RecordError> {
        let text = format!("{}\n", Value::Object(record));
        let lines = self.lines.as_ref().ok_or(RecordError::Failed)?;
        lines
            .try_send(Line { text, written })
            .map_err(|error| match error {
                TrySendError::Full(_) => RecordError::Full,
                TrySendError::Disconnected(_) => RecordError::Failed,
            })
    }
}

/// What was put before it is written.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

/// Writes what there is in one go, and then tells whoever waited.
fn write(lines: &Receiver<Line>, mut out: impl Write) {
    while let Ok(first) = lines.recv() {
        let mut batch = vec![first];
        batch.extend(lines.try_iter().take(QUEUE));
        let text: String = batch.iter().map(|line| line.text.as_str()).collect();
        let wrote = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = &wrote {
            tracing::error!(error = %error, "records cannot be written: {error}");
        }
        for line in batch {
            if let Some(written) = line.written {
                // Whoever waited may have left.
                let _ = written.send(wrote.is_ok());
            }
        }
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, of this hash; an error of the server's has a number.
    Answered {
        /// Of the answer as its caller has it.
        hash: Digest,
        /// The server's error, if it is one.
        error: Option<i64>,
    },
    /// The answer was kept back.
    Withheld {
        /// What the caller is told.
        code: &'static str,
        /// Why.
        reason: String,
    },
    /// There was none.
    Failed {
        /// What the caller is told.
        code: &'static str,
    },
    /// Nobody waited for it any more.
    Left,
}

impl Outcome {
    fn describe(&self, record: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
        match self {
            Self::Answered { hash, error } => {
                put("outcome", "answered".into());
                put("result_hash", hash.to_string().into());
                if let Some(error) = error {
                    put("error", (*error).into());
                }
            }
            Self::Withheld { code, reason } => {
                put("outcome", "withheld".into());
                put("code", (*code).into());
                put("reason", reason.as_str().into());
            }
            Self::Failed { code } => {
                put("outcome", "failed".into());
                put("code", (*code).into());
            }
            Self::Left => {
                put("outcome", "left".into());
            }
        }
    }
}

fn grounded(grounds: &Grounds) -> Map<String, Value> {
    let mut record = Map::new();
    if let Some(policy) = grounds.policy {
        record.insert("policy".to_owned(), policy.to_string().into());
    }
    let lists = [
        ("rules", &grounds.rules),
        ("facts", &grounds.facts),
        ("fired", &grounds.fired),
        ("observed", &grounds.observed),
    ];
    for (name, list) in lists {
        if !list.is_empty() {
            record.insert(name.to_owned(), json!(list));
        }
    }
    record
}

fn described(event: &str, call: &Call) -> Map<String, Value> {
    let caller = &call.caller;
    let principal = caller.principal.as_ref().map(|principal| {
        json!({
            "name": principal.name, "owner": principal.owner, "issuer": principal.issuer,
            "kind": principal.kind.map(|kind| kind.as_str()), "passport_id": principal.passport_id,
        })
    });
    let levels = caller.trust.map(|trust| {
        json!({
            "effective": trust.level().number(), "passport": trust.passport.number(),
            "cap": trust.cap.number(), "channel": trust.channel.number(),
        })
    });
    let arguments = call.arguments();
    let definition = call.definition.as_ref();
    let record = json!({
        "event": event,
        "at": call.at.to_string(),
        "decision_id": call.decision_id,
        "tenant": caller.tenant,
        "principal": principal,
        "level": levels,
        "route": call.session.route,
        "session": call.session.session.as_deref().map(|session| Digest::of(session.as_bytes()).to_string()),
        "method": call.method,
        "server": call.target.server,
        "name": call.target.name,
        "via": call.via,
        "signed_hash": call.signed.map(|hash| hash.to_string()),
        "arguments_hash": arguments.map(|arguments| Digest::of(arguments.raw().as_bytes()).to_string()),
        "definition_hash": definition.and_then(|known| known.hash).map(|hash| hash.to_string()),
    });
    match record {
        Value::Object(record) => record,
        _ => Map::new(),
    }
}
