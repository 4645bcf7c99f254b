//! The envelope: the signature block that travels with a message, in one of two carriers.
//!
//! [`seal`] signs and places it; [`Sealed::read`] takes a received message apart without believing
//! it; [`Sealed::verify`] checks the signature; [`Sealed::strip`] gives back what was written.

mod carrier;
mod fields;
mod hash;
mod read;
mod write;

pub use carrier::Carrier;
pub use fields::{Act, Added, Fields};

use write::{Body, Form};

use crate::binding::Req;
use crate::digest::Digest;
use crate::jcs::{self, Overlay};
use crate::json::{Document, Object};
use crate::key::PublicKey;
use crate::message::{self, Message};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;
use crate::statement;

/// Prefix of every name this profile adds. Whoever publishes a build uses a domain of their own.
pub const PREFIX: &str = "dev.mcps";
/// Where the native carrier's envelope stands in `_meta` or `error.data`.
pub const ENVELOPE: &str = "dev.mcps/envelope";
/// Where the draft carrier's bindings stand in `_meta` or `error.data`.
pub const BINDINGS: &str = "dev.mcps/bindings";
/// The extension's name in both eras' capabilities.
pub const EXTENSION: &str = "dev.mcps/signing";
/// The profile's version.
pub const VERSION: &str = "1.0";

/// A message after signing.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What to send; one line if the message was one.
    pub text: String,
    /// Hash of the signed object: what the next message's `prev` and the answer's `req` name.
    pub digest: Digest,
}

/// Signs `message` and places the envelope.
///
/// # Errors
/// [`Refusal::Envelope`] when the message already has one, the signer fails, or a member of
/// `fields` is one that readers refuse; [`Refusal::Json`] when an error's `data` is nested too
/// deeply to be wrapped.
pub fn seal(
    message: Message,
    carrier: Carrier,
    fields: &Fields,
    signer: &dyn Signer,
) -> Result<Signed, Refusal> {
    fields.check()?;
    match carrier {
        Carrier::Native => seal_native(message, fields, signer),
        Carrier::Draft00 => seal_draft(message, fields, signer),
    }
}

fn sign(digest: &Digest, signer: &dyn Signer) -> Result<String, Refusal> {
    let signature = signer
        .sign(digest)
        .map_err(|_| Refusal::Envelope("the signer failed"))?;
    Ok(signature.to_base64())
}

fn seal_native(message: Message, fields: &Fields, signer: &dyn Signer) -> Result<Signed, Refusal> {
    let (message, added) = carrier::prepare(message)?;
    let passport = fields
        .passport
        .as_ref()
        .map(|passport| passport.canonical_text());
    let body = Body {
        fields,
        kind: message.kind(),
        added: &added,
        passport: passport.as_deref(),
    };
    let message_hash = &hash::native(&message, None, &added);
    let mut signed = String::with_capacity(body.size());
    body.write(Form::Signed { message_hash }, &mut signed);
    let digest = Digest::of(signed.as_bytes());
    let signature = &sign(&digest, signer)?;
    let text = carrier::place(&message, ENVELOPE, &added, body.size(), |out| {
        body.write(Form::Sent { signature }, out);
    })?;
    Ok(Signed { text, digest })
}

fn seal_draft(message: Message, fields: &Fields, signer: &dyn Signer) -> Result<Signed, Refusal> {
    let (message, added) = carrier::prepare(message)?;
    let passport = fields
        .passport
        .as_ref()
        .map(|passport| passport.canonical_text());
    let body = Body {
        fields,
        kind: message.kind(),
        added: &added,
        passport: passport.as_deref(),
    };
    let mut text = carrier::place(&message, BINDINGS, &added, body.size(), |out| {
        body.write(Form::Bindings, out);
    })?;
    let document = Document::parse_with(text.as_bytes().to_vec(), carrier::unlimited())?;
    let hash = jcs::digest(document.root());
    let digest = Digest::of(write::draft_signed(fields, &hash).as_bytes());
    let signature = sign(&digest, signer)?;
    let root = document
        .root()
        .as_object()
        .ok_or(Refusal::Message("not a JSON object"))?;
    let envelope = write::draft_envelope(fields, &signature);
    message::insert_first(&mut text, root, "mcps", &envelope);
    Ok(Signed { text, digest })
}

/// Whether a message claims to be signed, in either carrier.
#[must_use]
pub fn is_signed(message: &Message) -> bool {
    message.root().get("mcps").is_some()
        || carrier::holder(message).is_some_and(|holder| holder.get(ENVELOPE).is_some())
}

/// Whether a message has an envelope where one carrier puts it. [`Sealed::read`] refuses all others as
/// [`Refusal::Unsigned`].
#[must_use]
pub fn is_sealed(message: &Message, carrier: Carrier) -> bool {
    match carrier {
        Carrier::Native => {
            carrier::holder(message).is_some_and(|holder| holder.get(ENVELOPE).is_some())
        }
        Carrier::Draft00 => message.root().get("mcps").is_some(),
    }
}

/// One envelope, in one carrier, and `added` is true of the message.
fn alone(message: &Message, other: Carrier, name: &str, added: &[Added]) -> Result<(), Refusal> {
    if carrier::has_marks(message, other) {
        return Err(Refusal::Envelope("the message is signed in both carriers"));
    }
    if !carrier::fits(message, name, added) {
        return Err(Refusal::Envelope("`added` is not what was added"));
    }
    Ok(())
}

/// A received message with an envelope whose members were read and whose hash was computed. The
/// signature is not verified yet.
#[derive(Clone, Debug)]
pub struct Sealed {
    message: Message,
    carrier: Carrier,
    fields: Fields,
    added: Vec<Added>,
    signature: Signature,
    digest: Digest,
}

impl Sealed {
    /// Reads the envelope of a received message.
    ///
    /// # Errors
    /// [`Refusal::Unsigned`] when there is none in this carrier's place, [`Refusal::Envelope`]
    /// naming the member that is missing, mistyped or unknown; a bad passport's own refusal.
    pub fn read(message: Message, carrier: Carrier) -> Result<Self, Refusal> {
        match carrier {
            Carrier::Native => Self::read_native(message),
            Carrier::Draft00 => Self::read_draft(message),
        }
    }

    fn read_native(message: Message) -> Result<Self, Refusal> {
        let envelope = carrier::holder(&message).and_then(|holder| holder.get(ENVELOPE));
        let envelope = envelope.ok_or(Refusal::Unsigned)?;
        let object = envelope
            .as_object()
            .ok_or(Refusal::Envelope("not an object"))?;
        let parts = read::native(object, message.kind())?;
        alone(&message, Carrier::Draft00, ENVELOPE, &parts.added)?;
        let hash = hash::native(&message, Some(envelope), &parts.added).to_string();
        let signature = object.get("signature");
        let overlay = Overlay {
            without: signature.as_slice(),
            with: &[("ctx", statement::MESSAGE), ("message_hash", &hash)],
        };
        let mut hasher = crate::digest::Hasher::new();
        jcs::write_overlaid(envelope, &overlay, &mut hasher);
        let digest = hasher.finish();
        let read::Parts {
            fields,
            added,
            signature,
        } = parts;
        Ok(Self {
            carrier: Carrier::Native,
            digest,
            fields,
            added,
            signature,
            message,
        })
    }

    fn read_draft(message: Message) -> Result<Self, Refusal> {
        let envelope = message.root().get("mcps").ok_or(Refusal::Unsigned)?;
        let object = envelope
            .as_object()
            .ok_or(Refusal::Envelope("not an object"))?;
        let bindings = carrier::holder(&message).and_then(|holder| holder.get(BINDINGS));
        let parts = read::draft(object, bindings, message.kind())?;
        alone(&message, Carrier::Native, BINDINGS, &parts.added)?;
        let mut hasher = crate::digest::Hasher::new();
        jcs::write_overlaid(
            message.root(),
            &Overlay {
                without: &[envelope],
                with: &[],
            },
            &mut hasher,
        );
        let signed = write::draft_signed(&parts.fields, &hasher.finish());
        let digest = Digest::of(signed.as_bytes());
        let read::Parts {
            fields,
            added,
            signature,
        } = parts;
        Ok(Self {
            carrier: Carrier::Draft00,
            digest,
            fields,
            added,
            signature,
            message,
        })
    }

    /// The message, envelope included.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// What the envelope says; to be believed after [`Sealed::verify`].
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Hash of the signed object.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How an answer names this request.
    #[must_use]
    pub fn as_req(&self) -> Req {
        Req {
            hash: self.digest,
            nonce: self.fields.nonce.clone(),
            passport_id: self.fields.passport_id.clone(),
        }
    }

    /// Checks the signature. The native carrier takes low-S only.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), Refusal> {
        if self.carrier == Carrier::Native && !self.signature.is_low_s() {
            return Err(Refusal::BadSignature);
        }
        key.verify(&self.digest, &self.signature)
    }

    /// The message as its signer was given it: the envelope and what was added for it taken out.
    ///
    /// # Errors
    /// [`Refusal::Envelope`] when `added` does not fit the message.
    pub fn strip(self) -> Result<Message, Refusal> {
        let (name, message) = match self.carrier {
            Carrier::Native => (ENVELOPE, self.message),
            Carrier::Draft00 => {
                let mut text = self.message.text().to_owned();
                let root: Object<'_> = self
                    .message
                    .root()
                    .as_object()
                    .ok_or(Refusal::Message("not a JSON object"))?;
                if let Some(member) = root.member("mcps") {
                    message::remove(&mut text, root, member);
                }
                (
                    BINDINGS,
                    Message::parse_with(text.into_bytes(), carrier::unlimited())?,
                )
            }
        };
        carrier::take_out(message, name, &self.added)
    }
}

#[cfg(test)]
mod tests;
