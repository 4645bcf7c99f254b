//! The Dead Simple Signing Envelope (DSSE 1.0): bytes of a stated type, signed as they are. What is
//! signed begins with `DSSEv1`, so no signature over JSON of ours passes for one here, or the other
//! way round.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::digest::Digest;
use crate::json::{Value, quote};
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;

#[cfg(test)]
mod tests;

/// The type of an in-toto statement (in-toto attestation framework v1).
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Most signatures in one envelope.
const MAX_SIGNATURES: usize = 8;

/// An envelope; not yet known to verify.
#[derive(Clone, Debug)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// Reads `{"payloadType", "payload", "signatures": [{"sig", "keyid"?}]}`. Key ids are hints that
    /// nobody signs, so they are not read.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when it is none, or has more than eight signatures.
    pub fn parse(envelope: Value<'_>) -> Result<Self, Refusal> {
        let signatures = envelope.get("signatures").and_then(Value::as_array);
        let signatures = signatures.ok_or(malformed("signatures"))?;
        if signatures.is_empty() || signatures.iter().count() > MAX_SIGNATURES {
            return Err(malformed("signatures"));
        }
        let signatures = signatures
            .iter()
            .map(|signature| decode(&text(signature, "sig")?).ok_or(malformed("sig")));
        Ok(Self {
            payload_type: text(envelope, "payloadType")?.into_owned(),
            payload: decode(&text(envelope, "payload")?).ok_or(malformed("payload"))?,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// What the payload is.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, to be read once it is verified.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether one of the signatures is by this key. ECDSA P-256 with SHA-256, as DER or as `r‖s`.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), Refusal> {
        let digest = digest(&self.payload_type, &self.payload);
        let good = |bytes: &Vec<u8>| {
            let plain = <[u8; 64]>::try_from(bytes.as_slice()).map(Signature::from_bytes);
            let read = [Signature::from_der(bytes).ok(), plain.ok()];
            let mut read = read.into_iter().flatten();
            read.any(|signature| key.verify(&digest, &signature).is_ok())
        };
        let signed = self.signatures.iter().any(good);
        signed.then_some(()).ok_or(Refusal::BadSignature)
    }
}

fn text<'d>(value: Value<'d>, name: &'static str) -> Result<Cow<'d, str>, Refusal> {
    let text = value.get(name).and_then(Value::as_str);
    text.ok_or(malformed(name))
}

/// Signs a payload; the envelope as JSON, with the key's thumbprint as `keyid` and a DER signature,
/// which is what other verifiers of DSSE read.
///
/// # Errors
/// [`Refusal::Statement`] when the signer fails.
pub fn sign(payload_type: &str, payload: &[u8], signer: &dyn Signer) -> Result<String, Refusal> {
    let signature = signer.sign(&digest(payload_type, payload));
    let signature = signature.map_err(|_| malformed(crate::statement::SIGNER_FAILED))?;
    let (payload, signature) = (
        STANDARD.encode(payload),
        STANDARD.encode(signature.to_der()?),
    );
    let key_id = signer.public_key().key_id();
    let mut json = format!(r#"{{"payload":"{payload}","payloadType":"#);
    quote(payload_type, &mut json);
    json.push_str(&format!(
        r#","signatures":[{{"keyid":"{key_id}","sig":"{signature}"}}]}}"#
    ));
    Ok(json)
}

/// SHA-256 of the pre-authentication encoding:
/// `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`.
fn digest(payload_type: &str, payload: &[u8]) -> Digest {
    let (type_len, len) = (payload_type.len(), payload.len());
    let mut encoded = format!("DSSEv1 {type_len} {payload_type} {len} ").into_bytes();
    encoded.extend_from_slice(payload);
    Digest::of(&encoded)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

const fn malformed(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "signed envelope",
        why,
    }
}
