//! The authority's audit trail as it is fetched, kept in a file, and examined (`docs/audit.md`).

use mcps_core::audit::{AuditError, Checkpoint, Examined, Examiner, Record};
use mcps_core::digest::Digest;
use mcps_core::json::{Document, JsonError, Limits, Value, quote};
use mcps_core::key::KeyId;
use mcps_core::refusal::Refusal;
use mcps_core::trust::TrustBundle;

/// Longest line of an export: a key set or a record, and what is around it.
pub const MAX_LINE: usize = 256 * 1024;
/// The newest checkpoint that a home has verified: against it shows what was cut off since.
pub const FILE: &str = "checkpoint.json";

/// One piece of a trail, in the order in which it is examined: the key set, the checkpoints, and lane
/// by lane its rows and its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The key set's text.
    Trust(String),
    /// A checkpoint as it lies there.
    Checkpoint {
        /// The number that its row claims.
        number: u64,
        /// What was signed.
        text: String,
    },
    /// A record as it lies there.
    Row {
        /// Which chain.
        lane: u64,
        /// The number that the row claims.
        seq: u64,
        /// What was signed.
        text: String,
    },
    /// The end of a lane.
    Head {
        /// Which chain.
        lane: u64,
        /// How far it says that it goes.
        seq: u64,
        /// The digest of its last record.
        digest: Digest,
    },
}

/// A line of an export that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceError {
    /// No JSON.
    #[error("not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// Neither a key set nor a checkpoint, a row or a head.
    #[error("it is no line of an export by `mcps audit export`")]
    Form,
    /// It does not begin with a key set, or has another one later.
    #[error("an export begins with the authority's key set, and has one")]
    Trust,
    /// The key set is not by the root that is believed.
    #[error("its key set is not by the root key that is believed: {0}")]
    Root(Refusal),
    /// A lane begins before the one before it has ended.
    #[error("its lanes are not in order")]
    Order,
}

impl Piece {
    /// As a line of an export, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let quoted = |text: &str| {
            let mut out = String::with_capacity(text.len() + 16);
            quote(text, &mut out);
            out
        };
        match self {
            Self::Trust(text) => format!(r#"{{"trust":{}}}"#, quoted(text)),
            Self::Checkpoint { number, text } => {
                format!(r#"{{"number":{number},"checkpoint":{}}}"#, quoted(text))
            }
            Self::Row { lane, seq, text } => {
                format!(r#"{{"lane":{lane},"seq":{seq},"record":{}}}"#, quoted(text))
            }
            Self::Head { lane, seq, digest } => {
                format!(r#"{{"lane":{lane},"seq":{seq},"digest":"{digest}"}}"#)
            }
        }
    }

    /// Reads a line of an export.
    ///
    /// # Errors
    /// [`PieceError::Json`], [`PieceError::Form`].
    pub fn from_line(line: &str) -> Result<Self, PieceError> {
        let limits = Limits {
            bytes: MAX_LINE,
            ..Limits::default()
        };
        let document = Document::parse_with(line.into(), limits)?;
        let root = document.root();
        let text = |name: &str| root.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            let number = root.get(name).and_then(Value::as_i64);
            let number = number.and_then(|number| u64::try_from(number).ok());
            number.ok_or(PieceError::Form)
        };
        if let Some(trust) = text("trust") {
            return Ok(Self::Trust(trust.into_owned()));
        }
        if let Some(checkpoint) = text("checkpoint") {
            return Ok(Self::Checkpoint {
                number: number("number")?,
                text: checkpoint.into_owned(),
            });
        }
        let (lane, seq) = (number("lane")?, number("seq")?);
        if let Some(record) = text("record") {
            let text = record.into_owned();
            return Ok(Self::Row { lane, seq, text });
        }
        let digest = text("digest").and_then(|digest| Digest::from_hex(&digest));
        let digest = digest.ok_or(PieceError::Form)?;
        Ok(Self::Head { lane, seq, digest })
    }
}

/// Examines a trail piece by piece.
#[derive(Debug)]
pub struct Examination<'a> {
    bundle: &'a TrustBundle,
    examiner: Examiner<'a>,
    lane: u64,
}

impl<'a> Examination<'a> {
    /// By that key set, which must have been verified.
    #[must_use]
    pub fn new(bundle: &'a TrustBundle) -> Self {
        Self {
            bundle,
            examiner: Examiner::new(bundle),
            lane: 0,
        }
    }

    /// Holds the trail against a checkpoint that was kept elsewhere.
    ///
    /// # Errors
    /// [`AuditError`] when it is none of this authority's.
    pub fn keep(&mut self, text: &str) -> Result<(), AuditError> {
        let checkpoint = Checkpoint::verify(text, self.bundle)?;
        self.examiner.keep(checkpoint, text);
        Ok(())
    }

    /// Takes the next piece after the key set; the record, when it is one that was signed.
    ///
    /// # Errors
    /// [`PieceError::Trust`] for another key set, [`PieceError::Order`].
    pub fn take(&mut self, piece: &Piece) -> Result<Option<Record>, PieceError> {
        match piece {
            Piece::Trust(_) => Err(PieceError::Trust),
            Piece::Checkpoint { number, text } => {
                self.examiner.checkpoint(*number, text);
                Ok(None)
            }
            Piece::Row { lane, seq, text } => {
                self.reach(*lane)?;
                Ok(self.examiner.row(*seq, text))
            }
            Piece::Head { lane, seq, digest } => {
                self.reach(*lane)?;
                self.examiner.end(Some((*seq, *digest)));
                self.lane = lane.saturating_add(1);
                Ok(None)
            }
        }
    }

    /// A lane without a head, as one whose head row is gone, ends where the next begins.
    fn reach(&mut self, lane: u64) -> Result<(), PieceError> {
        if lane < self.lane || lane >= mcps_core::audit::LANES {
            return Err(PieceError::Order);
        }
        while self.lane < lane {
            self.examiner.end(None);
            self.lane = self.lane.saturating_add(1);
        }
        Ok(())
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Examined {
        self.examiner.finish()
    }
}

/// The key set with which an export begins, verified against the root that is believed, or by what the
/// set of today says of a root before it: an export may be older than the root.
///
/// # Errors
/// [`PieceError::Trust`] when it begins with something else, [`PieceError::Root`].
pub fn key_set(
    first: &Piece,
    root: &KeyId,
    today: Option<&TrustBundle>,
) -> Result<TrustBundle, PieceError> {
    let Piece::Trust(text) = first else {
        return Err(PieceError::Trust);
    };
    let bundle = TrustBundle::parse(text).map_err(PieceError::Root)?;
    let signed = |today: &&TrustBundle| {
        let root = today.root_at(bundle.signer(), bundle.issued_at());
        today.authority() == bundle.authority() && root.is_some()
    };
    let root = today.filter(signed).map_or(root, |_| bundle.signer());
    bundle.verify(root).map_err(PieceError::Root)?;
    Ok(bundle)
}

#[cfg(test)]
mod tests;
