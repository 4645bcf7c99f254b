//! Writing an envelope's members, canonically: what is signed and what is sent.

use std::fmt::Write as _;

use crate::digest::Digest;
use crate::json::quote;
use crate::message::Kind;
use crate::statement;

use super::VERSION;
use super::fields::{Added, Fields};

/// What is written of a message's envelope, in whichever form. Its fields passed [`Fields::check`].
pub(super) struct Body<'a> {
    pub(super) fields: &'a Fields,
    pub(super) kind: Kind,
    pub(super) added: &'a [Added],
    /// The passport's canonical text, when it comes along.
    pub(super) passport: Option<&'a str>,
}

/// Which writing of the members.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// What is signed: no signature, but `ctx` and `message_hash`.
    Signed { message_hash: &'a Digest },
    /// What is sent.
    Sent { signature: &'a str },
    /// The draft carrier's bindings: without draft-00's own five.
    Bindings,
}

/// Writes members in the order in which they are given, which is JCS order for ASCII names.
struct Writer<'o> {
    out: &'o mut String,
    first: bool,
}

impl Writer<'_> {
    fn name(&mut self, name: &str) -> &mut String {
        self.out.push(if self.first { '{' } else { ',' });
        self.first = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    /// A value that needs no escape: hex, base64, an id, a date.
    fn plain(&mut self, name: &str, value: &str) {
        let out = self.name(name);
        out.push('"');
        out.push_str(value);
        out.push('"');
    }

    fn hash(&mut self, name: &str, value: &Digest) {
        // Writing to a string does not fail.
        let _ = write!(self.name(name), "\"{value}\"");
    }
}

impl Body<'_> {
    /// About how long it gets.
    pub(super) fn size(&self) -> usize {
        640 + self.fields.aud.len() + self.passport.map_or(0, str::len)
    }

    /// Appends the members in `form`.
    pub(super) fn write(&self, form: Form<'_>, out: &mut String) {
        let fields = self.fields;
        let own = !matches!(form, Form::Bindings);
        let mut writer = Writer { out, first: true };
        if let Some(act) = &fields.act {
            let mut inner = Writer {
                out: writer.name("act"),
                first: true,
            };
            inner.hash("hash", &act.hash);
            inner.plain("passport_id", act.passport_id.as_str());
            inner.out.push('}');
        }
        if !self.added.is_empty() {
            let out = writer.name("added");
            for (at, one) in self.added.iter().enumerate() {
                out.push_str(if at == 0 { "[\"" } else { "\",\"" });
                out.push_str(one.as_str());
            }
            out.push_str("\"]");
        }
        if let Some(ath) = &fields.ath {
            writer.hash("ath", ath);
        }
        quote(&fields.aud, writer.name("aud"));
        if let Form::Signed { .. } = form {
            writer.plain("ctx", statement::MESSAGE);
        }
        if fields.last {
            writer.name("last").push_str("true");
        }
        if let Form::Signed { message_hash } = form {
            writer.hash("message_hash", message_hash);
        }
        if own {
            writer.plain("nonce", &fields.nonce);
        }
        if let Some(passport) = self.passport {
            writer.name("passport").push_str(passport);
        }
        if own {
            writer.plain("passport_id", fields.passport_id.as_str());
        }
        if let Some(prev) = fields.position.and_then(|position| position.prev) {
            writer.hash("prev", &prev);
        }
        if let Some(req) = &fields.req {
            let mut inner = Writer {
                out: writer.name("req"),
                first: true,
            };
            inner.hash("hash", &req.hash);
            inner.plain("nonce", &req.nonce);
            inner.plain("passport_id", req.passport_id.as_str());
            inner.out.push('}');
        }
        if let Some(position) = fields.position {
            let _ = write!(writer.name("seq"), "{}", position.seq);
        }
        writer.plain("session", &fields.session);
        if let Form::Sent { signature } = form {
            writer.plain("signature", signature);
        }
        if own {
            writer.plain("timestamp", &fields.timestamp);
        }
        writer.plain("typ", self.kind.as_str());
        if own {
            writer.plain("version", VERSION);
        }
        writer.out.push('}');
    }
}

/// What draft-00 signs.
pub(super) fn draft_signed(fields: &Fields, message_hash: &Digest) -> String {
    let (nonce, id, timestamp) = (&fields.nonce, &fields.passport_id, &fields.timestamp);
    format!(
        r#"{{"message_hash":"{message_hash}","nonce":"{nonce}","passport_id":"{id}","timestamp":"{timestamp}"}}"#
    )
}

/// draft-00's five members.
pub(super) fn draft_envelope(fields: &Fields, signature: &str) -> String {
    let (nonce, id, timestamp) = (&fields.nonce, &fields.passport_id, &fields.timestamp);
    format!(
        r#"{{"version":"{VERSION}","passport_id":"{id}","timestamp":"{timestamp}","nonce":"{nonce}","signature":"{signature}"}}"#
    )
}
