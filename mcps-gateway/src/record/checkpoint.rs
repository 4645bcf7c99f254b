//! How far the records go, signed by the gateway's key: whoever has no key can change no record before
//! one without its being seen.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::{Document, Value as Strict};
use mcps_core::key::{KeyId, PublicKey};
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::statement;
use serde_json::{Map, Value, json};

/// The record that a checkpoint vouches for, and through it for all before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Its number.
    pub(crate) seq: u64,
    /// Its digest.
    pub(crate) digest: Digest,
    /// When it was signed.
    pub(crate) at: Timestamp,
}

impl Checkpoint {
    /// What the record says that it is kept as.
    pub(super) fn sign(&self, signer: &dyn Signer) -> Result<String, Refusal> {
        let statement = format!(
            r#"{{"at":"{}","digest":"{}","key":{},"seq":{}}}"#,
            self.at,
            self.digest,
            signer.public_key().to_jwk(),
            self.seq
        );
        let signed = statement::sign(statement::RECORDS, &statement, signer)?;
        let signed: Value = serde_json::from_str(&signed).unwrap_or_default();
        let said = json!({"event": "checkpoint", "at": self.at.to_string(), "checkpoint": signed});
        Ok(said.to_string())
    }

    /// Reads one that its key has signed, and says which key that is. Whether it is the gateway's is
    /// another question.
    pub(crate) fn verify(body: &Map<String, Value>) -> Option<(Self, KeyId)> {
        let text = body.get("checkpoint")?.to_string();
        let document = Document::parse(text).ok()?;
        let root = document.root();
        let key = PublicKey::from_jwk(root.get("key")?).ok()?;
        statement::verify(statement::RECORDS, root, &key).ok()?;
        let text = |name: &str| root.get(name).and_then(Strict::as_str);
        let checkpoint = Self {
            seq: root.get("seq").and_then(Strict::as_i64)?.try_into().ok()?,
            digest: Digest::from_hex(&text("digest")?)?,
            at: Timestamp::parse_rfc3339(&text("at")?)?,
        };
        Some((checkpoint, key.key_id().clone()))
    }
}
