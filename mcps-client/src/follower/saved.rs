//! The follower as text, to be stored and restored. Lines of JSON: the position first, then one line
//! for each entry in force.

use mcps_core::clock::Timestamp;
use mcps_core::digest::{Digest, Hasher};
use mcps_core::feed::{Entry, FeedError, MAX_NUMBER, Position};
use mcps_core::json::{Document, JsonError, Object, Value, quote};

use super::freshness::Heard;
use super::{Follower, Resync};

/// What to store, and what it may replace: store `text` only where what is stored has the digest
/// `replaces`, or nothing is stored and it is `None`. Else another process has come further;
/// restore what it stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What to store.
    pub text: String,
    /// SHA-256 of `text`.
    pub digest: Digest,
    /// SHA-256 of what this was restored from, or last stored as.
    pub replaces: Option<Digest>,
}

/// What was stored cannot be used; start from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// A line is not JSON.
    #[error("what was stored of the feed is not JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing, or not of its form.
    #[error("what was stored of the feed has no good `{0}`")]
    Member(&'static str),
    /// A line is not an entry.
    #[error("what was stored of the feed has no good entry: {0}")]
    Entry(FeedError),
    /// It was cut: the first line counts more entries than there are.
    #[error("what was stored of the feed is not complete")]
    Cut,
    /// It is about another authority.
    #[error("what was stored is of another authority's feed")]
    ForeignAuthority,
}

/// The first form had no policies, the second neither verdicts nor manifests.
const FORM: i64 = 3;
const FIRST: i64 = 1;

impl Follower {
    /// What to store now; `None` as long as there is no position.
    #[must_use]
    pub fn save(&self) -> Option<Saved> {
        let at = self.position?;
        let mut text = format!(
            r#"{{"form":{FORM},"epoch":{},"seq":{},"chain":"{}","entries":{},"divided":{},"overflow":{},"resync":{},"authority":"#,
            at.epoch,
            at.seq,
            at.chain,
            self.blocks.len(),
            self.divided,
            self.blocks.overflows(),
            !matches!(self.wants, None | Some(Resync::Resume)),
        );
        quote(&self.authority, &mut text);
        let heard = self.heard;
        let times = [
            ("iat", heard.map(|heard| heard.iat)),
            ("fresh_until", heard.map(|heard| heard.fresh_until)),
            ("doubt", self.doubt),
            ("latest", self.latest),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                text.push_str(&format!(r#","{name}":"{time}""#));
            }
        }
        text.push_str("}\n");
        for entry in self.blocks.entries() {
            entry.write(&mut text);
            text.push('\n');
        }
        let digest = digest_of(&text);
        let replaces = self.stored;
        Some(Saved {
            text,
            digest,
            replaces,
        })
    }

    /// It was stored.
    pub fn stored(&mut self, saved: &Saved) {
        self.stored = Some(saved.digest);
    }

    /// Goes on from what was stored. Its knowledge is as old as it was.
    ///
    /// # Errors
    /// [`SavedError`] when it cannot be used.
    pub fn restore(authority: &str, text: &str) -> Result<Self, SavedError> {
        let mut lines = text.lines();
        let head = Document::parse(lines.next().unwrap_or_default())?;
        let head = head.root().as_object().ok_or(SavedError::Member("form"))?;
        let form = head.get("form").and_then(Value::as_i64);
        let form = form.filter(|form| (FIRST..=FORM).contains(form));
        let form = form.ok_or(SavedError::Member("form"))?;
        let named = head.get("authority").and_then(Value::as_str);
        if named.as_deref() != Some(authority) {
            return Err(SavedError::ForeignAuthority);
        }
        let chain = head.get("chain").and_then(Value::as_str);
        let chain = chain.and_then(|chain| Digest::from_hex(&chain));
        let mut follower = Self::new(authority);
        follower.position = Some(Position {
            epoch: number(head, "epoch")?,
            seq: number(head, "seq")?,
            chain: chain.ok_or(SavedError::Member("chain"))?,
        });
        follower.doubt = time(head, "doubt")?;
        follower.latest = time(head, "latest")?;
        follower.heard = match (time(head, "iat")?, time(head, "fresh_until")?) {
            (Some(iat), Some(fresh_until)) => Some(Heard { iat, fresh_until }),
            (None, None) => None,
            _ => return Err(SavedError::Member("iat")),
        };
        let flag = |name| head.get(name).and_then(Value::as_bool);
        follower.divided = flag("divided").ok_or(SavedError::Member("divided"))?;
        if flag("overflow").ok_or(SavedError::Member("overflow"))? {
            follower.blocks.overflow();
        }
        let resync = flag("resync").ok_or(SavedError::Member("resync"))?;
        // An earlier version may have gone past what it did not keep.
        let resync = resync || form < FORM;
        follower.wants = resync.then_some(Resync::Snapshot);
        for line in lines {
            follower.blocks.hold(&entry(line)?);
        }
        let entries = u64::try_from(follower.blocks.len());
        if entries != Ok(number(head, "entries")?) {
            return Err(SavedError::Cut);
        }
        follower.stored = Some(digest_of(text));
        Ok(follower)
    }
}

fn digest_of(text: &str) -> Digest {
    let mut hasher = Hasher::new();
    hasher.put(text.as_bytes());
    hasher.finish()
}

fn number(object: Object<'_>, name: &'static str) -> Result<u64, SavedError> {
    let number = object.get(name).and_then(Value::as_i64);
    let number = number.and_then(|number| u64::try_from(number).ok());
    let number = number.filter(|number| *number <= MAX_NUMBER);
    number.ok_or(SavedError::Member(name))
}

fn time(object: Object<'_>, name: &'static str) -> Result<Option<Timestamp>, SavedError> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    let text = value.as_str().ok_or(SavedError::Member(name))?;
    let time = Timestamp::parse_rfc3339(&text);
    time.map(Some).ok_or(SavedError::Member(name))
}

fn entry(line: &str) -> Result<Entry, SavedError> {
    let document = Document::parse(line)?;
    Entry::read(document.root()).map_err(SavedError::Entry)
}
