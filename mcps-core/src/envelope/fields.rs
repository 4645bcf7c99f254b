//! The members of an envelope, and their canonical writing.

use crate::binding::Req;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::quote;
use crate::message::Kind;
use crate::passport::{Passport, PassportId};
use crate::refusal::Refusal;
use crate::statement;
use crate::stream::Position;

use super::VERSION;

/// What the signer had to create to place the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Added {
    /// `error.data`.
    Data,
    /// `_meta` in `params` or `result`.
    Meta,
    /// `params`.
    Params,
    /// The object around an `error.data` that is not one: `{"value": <data>}`.
    Value,
}

impl Added {
    pub(super) const ALL: [Added; 4] = [Self::Data, Self::Meta, Self::Params, Self::Value];

    /// As `added` writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Meta => "_meta",
            Self::Params => "params",
            Self::Value => "value",
        }
    }
}

/// On whose behalf a gateway sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The caller's passport.
    pub passport_id: PassportId,
    /// Hash of the caller's signed object.
    pub hash: Digest,
}

/// What an envelope says, signature apart.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Who signs.
    pub passport_id: PassportId,
    /// RFC 3339, UTC, as the string that is signed.
    pub timestamp: String,
    /// The same, read.
    pub stamped: Timestamp,
    /// 32 lower-case hex digits, used once.
    pub nonce: String,
    /// Whom it is for.
    pub aud: String,
    /// The agent's run, 32 lower-case hex digits. Absent only in draft-00 messages without bindings.
    pub session: String,
    /// The whole passport, where the peer may not know it.
    pub passport: Option<Box<Passport>>,
    /// The request that is served.
    pub req: Option<Req>,
    /// The place in the stream.
    pub position: Option<Position>,
    /// The last message of an HTTP response body.
    pub last: bool,
    /// On whose behalf.
    pub act: Option<Act>,
    /// SHA-256 of the OAuth access token in use, 64 lower-case hex digits.
    pub ath: Option<Digest>,
}

/// Longest audience; a URI above that is nobody's.
pub(super) const MAX_AUD: usize = 2048;

/// The largest sequence number that JSON carries safely (RFC 7493 §2.2).
const MAX_SEQ: u64 = (1 << 53) - 1;

/// Whether `text` is 16 bytes in lower-case hex.
pub(super) fn hex32(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(hex)
}

/// Which writing of the members.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// What is signed: no signature, but `ctx` and `message_hash`.
    Signed { message_hash: &'a str },
    /// What is sent.
    Sent { signature: &'a str },
    /// The draft carrier's bindings: without draft-00's own five.
    Bindings,
}

/// Writes members in the order of their names, which is JCS order for these ASCII names.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Writer<'_> {
    fn name(&mut self, name: &str) {
        self.out.push(if self.first { b'{' } else { b',' });
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A value that needs no escape: hex, base64, an id, a date.
    fn plain(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'"');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        let mut quoted = String::with_capacity(value.len() + 2);
        quote(value, &mut quoted);
        self.out.extend_from_slice(quoted.as_bytes());
    }

    fn json(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
    }
}

impl Fields {
    /// Whether a reader would take these members. What nobody could read is not signed; and since
    /// they are written without escapes, what passes here cannot break out of its quotes.
    ///
    /// # Errors
    /// [`Refusal::Envelope`] naming the member.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let position = self.position.is_none_or(|position| {
            (1..=MAX_SEQ).contains(&position.seq) && (position.seq == 1) == position.prev.is_none()
        });
        let passport = self.passport.as_ref();
        let rules = [
            (hex32(&self.nonce), "nonce"),
            (hex32(&self.session), "session"),
            (!self.aud.is_empty() && self.aud.len() <= MAX_AUD, "aud"),
            (
                Timestamp::parse_rfc3339(&self.timestamp) == Some(self.stamped),
                "timestamp",
            ),
            (position, "seq or prev"),
            (self.req.as_ref().is_none_or(|req| hex32(&req.nonce)), "req"),
            (
                passport.is_none_or(|passport| passport.id() == &self.passport_id),
                "passport is not the one that passport_id names",
            ),
        ];
        let broken = rules.into_iter().find(|(holds, _)| !holds);
        broken.map_or(Ok(()), |(_, member)| Err(Refusal::Envelope(member)))
    }

    /// Writes the envelope's members canonically.
    pub(super) fn write(&self, kind: Kind, added: &[Added], form: Form<'_>, out: &mut Vec<u8>) {
        let own = !matches!(form, Form::Bindings);
        let mut writer = Writer { out, first: true };
        if let Some(act) = &self.act {
            let json = format!(
                r#"{{"hash":"{}","passport_id":"{}"}}"#,
                act.hash, act.passport_id
            );
            writer.json("act", &json);
        }
        if !added.is_empty() {
            let names: Vec<String> = added
                .iter()
                .map(|one| format!("\"{}\"", one.as_str()))
                .collect();
            writer.json("added", &format!("[{}]", names.join(",")));
        }
        if let Some(ath) = &self.ath {
            writer.plain("ath", &ath.to_string());
        }
        writer.text("aud", &self.aud);
        if let Form::Signed { message_hash } = form {
            writer.plain("ctx", statement::MESSAGE);
            self.last(&mut writer);
            writer.plain("message_hash", message_hash);
        } else {
            self.last(&mut writer);
        }
        if own {
            writer.plain("nonce", &self.nonce);
        }
        if let Some(passport) = &self.passport {
            writer.json("passport", &passport.canonical_text());
        }
        if own {
            writer.plain("passport_id", self.passport_id.as_str());
        }
        if let Some(prev) = self.position.and_then(|position| position.prev) {
            writer.plain("prev", &prev.to_string());
        }
        if let Some(req) = &self.req {
            let (hash, id) = (req.hash, &req.passport_id);
            writer.json(
                "req",
                &format!(
                    r#"{{"hash":"{hash}","nonce":"{}","passport_id":"{id}"}}"#,
                    req.nonce
                ),
            );
        }
        if let Some(position) = self.position {
            writer.json("seq", &position.seq.to_string());
        }
        writer.plain("session", &self.session);
        if let Form::Sent { signature } = form {
            writer.plain("signature", signature);
        }
        if own {
            writer.plain("timestamp", &self.timestamp);
        }
        writer.plain("typ", kind.as_str());
        if own {
            writer.plain("version", VERSION);
        }
        writer.out.push(b'}');
    }

    fn last(&self, writer: &mut Writer<'_>) {
        if self.last {
            writer.json("last", "true");
        }
    }

    /// What draft-00 signs.
    pub(super) fn draft_signed(&self, message_hash: &str) -> String {
        let (nonce, id, timestamp) = (&self.nonce, &self.passport_id, &self.timestamp);
        format!(
            r#"{{"message_hash":"{message_hash}","nonce":"{nonce}","passport_id":"{id}","timestamp":"{timestamp}"}}"#
        )
    }

    /// draft-00's five members.
    pub(super) fn draft_envelope(&self, signature: &str) -> String {
        let (nonce, id, timestamp) = (&self.nonce, &self.passport_id, &self.timestamp);
        format!(
            r#"{{"version":"{VERSION}","passport_id":"{id}","timestamp":"{timestamp}","nonce":"{nonce}","signature":"{signature}"}}"#
        )
    }
}
