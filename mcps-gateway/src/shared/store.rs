//! The store: its marker, its nonces and its histories.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_client::home::Home;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::random::{Random, hex16};
use redis::{Script, Value, cmd};

use super::cells::{Cell, Cells, Committed, Committing, Stored, Tag};
use super::line::Line;
use super::marker::{self, Marker};
use super::note::Note;
use super::{Secret, SharedError};
use crate::config::Shared;

/// How often the store is looked at where nobody calls, and what was seen of it written down.
const LOOKS: Duration = Duration::from_secs(1);

/// What a gateway brings when it first comes.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// All that it accepted was signed before.
    pub floor: Timestamp,
    /// It kept histories by itself, and a part cannot be read.
    pub damaged: bool,
}

/// A Redis or Valkey that gateways share.
#[derive(Debug)]
pub struct Store {
    line: Line,
    names: Names,
    scripts: Scripts,
    marker: ArcSwap<Marker>,
    home: Home,
    /// How far ahead of our clock a message may be stamped.
    skew: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

#[derive(Debug)]
struct Names {
    marker: String,
    nonce: String,
    history: String,
}

#[derive(Debug)]
struct Scripts {
    join: Script,
    take: Script,
    commit: Script,
}

/// Where a store is, and what opens it.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// As the configuration says.
    pub shared: &'a Shared,
    /// The password, unless it is in a file.
    pub secret: Option<&'a Secret>,
}

impl Store {
    /// Connects, and joins those who are there.
    ///
    /// # Errors
    /// [`SharedError`].
    pub async fn open(
        way: Way<'_>,
        home: &Home,
        past: Past,
        skew: Duration,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
    ) -> Result<Self, SharedError> {
        if past.damaged {
            // Its journal is whole again by now: this is what tells, should the store not be had yet.
            Note::unreadable().write(home)?;
        }
        let prefix = &way.shared.prefix;
        let line = Line::new(way.shared, way.secret)?;
        keeps(&line).await?;
        let nothing = Timestamp::from_millis(0);
        let store = Self {
            line,
            names: Names {
                marker: format!("{prefix}:store"),
                nonce: format!("{prefix}:n:"),
                history: format!("{prefix}:h:"),
            },
            scripts: Scripts {
                join: marker::join(),
                take: marker::take(),
                commit: marker::commit(),
            },
            marker: ArcSwap::from_pointee(Marker::new(
                String::new(),
                0,
                (nothing, nothing),
                false,
                0,
            )),
            home: home.clone(),
            skew,
            clock,
            random,
        };
        let (known, seen, floor) = match Note::read(home) {
            None => (String::new(), 0, past.floor),
            Some(note) if note.alone => (note.id, note.seen, past.floor),
            // What it accepted since, the store knows.
            Some(note) => (note.id, note.seen, nothing),
        };
        store.join(&known, seen, floor, true).await?;
        tracing::info!(
            place = store.line.place(),
            "what was signed and what was done is shared with other gateways at {}",
            store.line.place()
        );
        Ok(store)
    }

    /// Looks at the store from time to time, so that one that forgot is noticed where nobody calls too; and
    /// notes down how much of it was seen: after a restart a store that fell back behind that is known to have.
    pub async fn keep(&self) -> std::convert::Infallible {
        let mut noted = (String::new(), 0);
        loop {
            tokio::time::sleep(LOOKS).await;
            if let Err(error) = self.find().await {
                tracing::debug!(error = %error, "the shared state was not looked at: {error}");
            }
            let marker = self.marker.load_full();
            let now = (marker.id.clone(), marker.seen());
            if now != noted {
                self.note(&marker);
                noted = now;
            }
        }
    }

    fn note(&self, marker: &Marker) {
        let note = Note {
            id: marker.id.clone(),
            seen: marker.seen(),
            alone: false,
        };
        if let Err(error) = note.write(&self.home) {
            tracing::error!(error = %error, "which shared state is known cannot be written down: {error}");
        }
    }

    async fn join(
        &self,
        known: &str,
        seen: u64,
        floor: Timestamp,
        first: bool,
    ) -> Result<(), SharedError> {
        let now = self.clock.now();
        let new = hex16(self.random.as_ref())?;
        let mut call = self.scripts.join.prepare_invoke();
        call.key(&self.names.marker)
            .arg(&new)
            .arg(now.as_millis())
            .arg(now.plus(self.skew).as_millis())
            .arg(known)
            .arg(seen)
            .arg(floor.as_millis());
        let answer = match first {
            true => self.line.run_first(&call).await?,
            false => self.line.run(&call).await?,
        };
        let marker = Marker::read(&answer)?;
        let last = self.marker.load_full();
        if marker.id == last.id {
            last.saw(marker.seen());
            marker.saw(last.seen());
        }
        if marker.is_same(&last) {
            return Ok(());
        }
        if marker.lost && marker.id != known {
            tracing::error!(
                place = self.line.place(),
                since = %marker.made,
                "the shared state was lost: messages signed before {} are refused, and of everybody every sensitive fact is assumed",
                marker.floor
            );
        } else if marker.id == new {
            tracing::warn!(
                place = self.line.place(),
                "the shared state is new, and nobody knows what was accepted before: messages signed before {} are refused",
                marker.floor
            );
        }
        self.note(&marker);
        self.marker.store(Arc::new(marker));
        Ok(())
    }

    /// Takes note of a nonce for so long. `None` when the store is another than `marker`.
    ///
    /// # Errors
    /// [`SharedError`].
    pub(super) async fn take(
        &self,
        marker: &Marker,
        nonce: &[u8; 32],
        keep: Duration,
    ) -> Result<Option<bool>, SharedError> {
        let mut call = self.scripts.take.prepare_invoke();
        call.key(&self.names.marker)
            .key(name(&self.names.nonce, nonce))
            .arg(&marker.id)
            .arg(marker.revision)
            .arg(marker.seen())
            .arg(millis(keep));
        let answer = self.line.run(&call).await?;
        match marker::items(&answer)? {
            [Value::Int(0)] => Ok(None),
            [Value::Int(2)] => Ok(Some(false)),
            [Value::Int(1), number] => {
                marker.saw(sequence(number)?);
                Ok(Some(true))
            }
            _ => Err(SharedError::Unreadable),
        }
    }

    async fn written(
        &self,
        marker: &Marker,
        cells: &[Cell; 3],
        keep: Duration,
    ) -> Result<Committed, SharedError> {
        let mut call = self.scripts.commit.prepare_invoke();
        call.key(&self.names.marker);
        for cell in cells {
            call.key(name(&self.names.history, &cell.key.0));
        }
        let mut salt = [0; marker::SALT];
        self.random.fill(&mut salt)?;
        call.arg(&marker.id)
            .arg(marker.revision)
            .arg(marker.seen())
            .arg(millis(keep))
            .arg(&salt);
        for cell in cells {
            let tag: &[u8] = match &cell.rests_on {
                Tag::Unread => b"?",
                Tag::Absent => b"",
                Tag::Written(tag) => tag,
            };
            let becomes = cell.becomes.as_deref().unwrap_or_default();
            call.arg(tag).arg(becomes);
        }
        let answer = self.line.run(&call).await?;
        match marker::items(&answer)? {
            [Value::Int(0)] => Ok(Committed::Moved),
            [Value::Int(1), number] => {
                let number = sequence(number)?;
                marker.saw(number);
                Ok(Committed::Done(marker::tag(marker, number, salt)))
            }
            [Value::Int(2), session, principal, tenant] => Ok(Committed::Stale([
                stored(session)?,
                stored(principal)?,
                stored(tenant)?,
            ])),
            _ => Err(SharedError::Unreadable),
        }
    }

    /// How long one answer may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.line.timeout()
    }

    /// How far ahead of our clock a message may be stamped.
    pub(super) const fn skew(&self) -> Duration {
        self.skew
    }
}

impl Cells for Store {
    fn marker(&self) -> Arc<Marker> {
        self.marker.load_full()
    }

    fn commit<'a>(
        &'a self,
        marker: &'a Marker,
        cells: &'a [Cell; 3],
        keep: Duration,
    ) -> Committing<'a> {
        Box::pin(self.written(marker, cells, keep))
    }

    fn find<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<(), SharedError>> + Send + 'a>> {
        Box::pin(async {
            let known = self.marker.load_full();
            let nothing = Timestamp::from_millis(0);
            self.join(&known.id, known.seen(), nothing, false).await
        })
    }
}

/// Refuses a server that throws away what it should keep, where it says that it does.
async fn keeps(line: &Line) -> Result<(), SharedError> {
    let answer = match line.ask(cmd("INFO").arg("memory")).await {
        Ok(answer) => answer,
        Err(SharedError::Turned { code }) => {
            tracing::warn!(
                place = line.place(),
                "the shared state does not say whether it keeps what it is told ({code}); make sure that its maxmemory-policy is noeviction"
            );
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let text = match &answer {
        Value::BulkString(text) => String::from_utf8_lossy(text).into_owned(),
        Value::VerbatimString { text, .. } => text.clone(),
        _ => return Err(SharedError::Unreadable),
    };
    let of = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let policy = of("maxmemory_policy").unwrap_or("noeviction").trim();
    let bounded = of("maxmemory").is_some_and(|most| most.trim() != "0");
    if bounded && policy != "noeviction" {
        return Err(SharedError::Forgets {
            policy: policy.escape_debug().take(32).collect(),
        });
    }
    Ok(())
}

fn name(prefix: &str, digest: &[u8; 32]) -> String {
    let mut name = prefix.to_owned();
    URL_SAFE_NO_PAD.encode_string(digest, &mut name);
    name
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn sequence(value: &Value) -> Result<u64, SharedError> {
    u64::try_from(marker::number(value)?).map_err(|_| SharedError::Unreadable)
}

/// An empty one is none; one that is shorter than its tag was written by nobody of ours, and says nothing.
fn stored(value: &Value) -> Result<Option<Stored>, SharedError> {
    let bytes = marker::bytes(value)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let (tag, bytes) = bytes.split_at_checked(marker::TAG).unwrap_or((bytes, &[]));
    Ok(Some(Stored {
        tag: tag.to_vec(),
        bytes: bytes.to_vec(),
    }))
}
