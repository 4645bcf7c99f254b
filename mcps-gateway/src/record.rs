//! What is written down: a decision before a request is forwarded, and an outcome before its answer
//! leaves. No arguments, results or tokens, only their digests.

pub(crate) mod checkpoint;
mod disk;
mod lines;
mod log;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::signer::Signer;
use serde_json::{Map, Value, json};

use crate::call::{Call, Pinned, Proof};
use crate::error::GatewayError;
use crate::judge::{Denial, Grounds, Permit};
use disk::Disk;
use lines::Lines;
use log::{Found, Log, object};

/// The longest name of a tool or resource that is written out.
const LONGEST: usize = 512;

/// Why a record could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It cannot be written.
    #[error("the record cannot be written")]
    Unwritable,
    /// It was written, and may not be there after the machine has stopped.
    #[error("the record cannot be brought to the disk")]
    Unsynced,
}

/// How much is kept, and in which portions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// A segment of so many bytes is full.
    pub segment_bytes: u64,
    /// All segments together; the oldest go first.
    pub bytes: u64,
    /// How long after its end a segment stays.
    pub age: Duration,
}

/// How well a decision must be on record before its call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Written: a crash of this process loses nothing.
    Written,
    /// On the disk: a crash of the machine loses nothing either.
    Durable,
}

/// Writes records, in the order in which they were made.
#[derive(Debug)]
pub struct Recorder {
    disk: Disk,
    lines: Lines,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    /// Into segments in a folder, and as lines to a file or to standard output. With a signer it is
    /// signed every second how far they go.
    ///
    /// # Errors
    /// [`GatewayError::Record`], [`GatewayError::Segments`].
    pub fn open(
        folder: &Path,
        keep: Keep,
        lines: Option<&Path>,
        signer: Option<Arc<dyn Signer>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::Segments {
            path: folder.to_owned(),
            source,
        };
        let (log, found) = Log::open(folder, keep, clock.now()).map_err(failed)?;
        let lines = Lines::open(lines).map_err(|source| GatewayError::Record {
            path: lines
                .unwrap_or_else(|| Path::new("standard output"))
                .to_owned(),
            source,
        })?;
        let disk = Disk::new(log, signer, Arc::clone(&clock)).map_err(failed)?;
        let recorder = Self { disk, lines, clock };
        recorder.begin(&found);
        Ok(recorder)
    }

    /// Says that another run begins, and what the last one left.
    fn begin(&self, found: &Found) {
        let mut body = self.event("started");
        if let Some((bytes, aside)) = &found.torn {
            tracing::warn!(
                bytes, aside = %aside.display(),
                "the last record was not written to its end; its {bytes} bytes are in {}", aside.display()
            );
            body.insert("torn_bytes".to_owned(), (*bytes).into());
        }
        if !found.damaged.is_empty() {
            tracing::error!(
                "the last segment of records is damaged at bytes {:?}; see `mcps events verify`",
                found.damaged
            );
            body.insert("damaged_at".to_owned(), json!(found.damaged));
        }
        // Whoever cannot write is told so at the first call.
        let _ = self.put(&body);
    }

    fn event(&self, event: &str) -> Map<String, Value> {
        object(json!({"event": event, "at": self.clock.now().to_string()}))
    }

    fn put(&self, body: &Map<String, Value>) -> Result<u64, RecordError> {
        let (seq, text) = self.disk.write(body)?;
        self.lines.put(text);
        Ok(seq)
    }

    /// Writes a decision; nothing is forwarded before that is done.
    ///
    /// # Errors
    /// [`RecordError`], and the request must not go on unless somebody has said that it may.
    pub async fn decision(
        &self,
        call: &Call,
        decided: Result<&Permit, &Denial>,
        need: Need,
    ) -> Result<(), RecordError> {
        let seq = self.decided(call, decided)?;
        match need {
            Need::Written => Ok(()),
            Need::Durable => {
                let synced = self.disk.synced(seq).await;
                if synced.is_err() {
                    // It was permitted, and does not go on.
                    let code = Code::RecordUnavailable.id();
                    self.outcome(call, &Outcome::Failed { code });
                }
                synced
            }
        }
    }

    /// Writes a decision; the number of its record.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub fn decided(
        &self,
        call: &Call,
        decided: Result<&Permit, &Denial>,
    ) -> Result<u64, RecordError> {
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
        let each = call.stages.took();
        let each = each.map(|(stage, took)| (stage.to_owned(), micros(took).into()));
        record.insert("stages_us".to_owned(), Value::Object(each.collect()));
        record.insert("decided_us".to_owned(), micros(call.stages.total()).into());
        self.put(&record)
    }

    /// Writes what came of a request that was forwarded, before its caller has it.
    pub fn outcome(&self, call: &Call, outcome: &Outcome) {
        let mut record = self.event("outcome");
        record.insert("decision_id".to_owned(), call.decision_id.as_str().into());
        record.insert("took_us".to_owned(), micros(call.stages.total()).into());
        outcome.describe(&mut record);
        if let Err(error) = self.put(&record) {
            tracing::error!(decision_id = call.decision_id, error = %error, "an outcome is not on record: {error}");
        }
    }

    /// Removes what is older than is kept.
    pub fn prune(&self) {
        self.disk.prune();
    }
}

/// That the end is the end: nothing was cut off behind it.
impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.put(&self.event("stopped"));
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answered(Answer),
    /// The answer was kept back.
    Withheld {
        /// What the caller is told.
        code: &'static str,
        /// Why.
        reason: String,
        /// What that rests on.
        grounds: Box<Grounds>,
        /// The answer.
        answer: Option<Answer>,
    },
    /// There was none.
    Failed {
        /// What the caller is told.
        code: &'static str,
    },
    /// Nobody waited for it any more.
    Left,
    /// It is a server's, and its caller has it; what they answer is said to the server.
    PassedOn,
}

/// An answer of a server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Digest of it as its caller has it.
    pub hash: Digest,
    /// The number of the server's error, if it is one.
    pub error: Option<i64>,
    /// Whether it is an error, or the result of a tool that says that it failed.
    pub failed: bool,
    /// Its size.
    pub bytes: u64,
    /// From when the request was on record until the answer was here.
    pub server: Duration,
    /// What policies made of it.
    pub grounds: Box<Grounds>,
}

impl Answer {
    fn describe(&self, record: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
        put("result_hash", self.hash.to_string().into());
        put("bytes", self.bytes.into());
        put("server_us", micros(self.server).into());
        if let Some(error) = self.error {
            put("error", error.into());
        }
        if self.failed {
            put("is_error", true.into());
        }
        record.extend(grounded(&self.grounds));
    }
}

impl Outcome {
    fn describe(&self, record: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
        match self {
            Self::Answered(answer) => {
                put("outcome", "answered".into());
                answer.describe(record);
            }
            Self::Withheld {
                code,
                reason,
                grounds,
                answer,
            } => {
                put("outcome", "withheld".into());
                put("code", (*code).into());
                put("reason", reason.as_str().into());
                if let Some(answer) = answer {
                    answer.describe(record);
                }
                record.extend(grounded(grounds));
            }
            Self::Failed { code } => {
                put("outcome", "failed".into());
                put("code", (*code).into());
            }
            Self::PassedOn => {
                put("outcome", "passed_on".into());
            }
            Self::Left => {
                put("outcome", "left".into());
            }
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn grounded(grounds: &Grounds) -> Map<String, Value> {
    let mut record = Map::new();
    if let Some(tenant) = &grounds.server_tenant {
        record.insert("server_tenant".to_owned(), tenant.as_str().into());
    }
    if !grounds.class.is_empty() {
        record.insert("class".to_owned(), json!(grounds.class));
    }
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
        let (passport_id, key_id) = match &principal.proof {
            Proof::Passport { id, .. } => (Some(id), None),
            Proof::ApiKey { id } => (None, Some(id)),
            Proof::Token => (None, None),
        };
        let groups = Some(&principal.groups).filter(|groups| !groups.is_empty());
        // Claims are nobody's business here.
        let said = json!({
            "name": principal.name, "owner": principal.owner, "issuer": principal.issuer,
            "kind": principal.kind(), "passport_id": passport_id, "key_id": key_id, "groups": groups,
        });
        let said = object(said).into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(said.collect())
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
        "method": written(&call.method),
        "server": call.target.server,
        "name": call.target.name.as_deref().map(written),
        "via": call.via,
        "asked_by": call.by_server.then_some("server"),
        "signed_hash": call.signed.map(|hash| hash.to_string()),
        "arguments_hash": arguments.map(|arguments| Digest::of(arguments.raw().as_bytes()).to_string()),
        "definition_hash": definition.and_then(|known| known.hash).map(|hash| hash.to_string()),
        "definition": definition.map(|known| match known.pinned {
            Pinned::Same => "pinned",
            Pinned::Changed => "changed",
            Pinned::Held(_) => "held",
            Pinned::Unlisted => "unlisted",
            Pinned::Unknown => "unknown",
        }),
    });
    object(record)
}

/// A name as it is written: one that is too long is cut, and told from others by its digest.
fn written(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let end = name.floor_char_boundary(LONGEST);
    let beginning = name.get(..end).unwrap_or_default();
    format!("{beginning}…#{}", Digest::of(name.as_bytes()))
}

#[cfg(test)]
mod tests;
