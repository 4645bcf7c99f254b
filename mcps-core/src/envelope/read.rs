//! Reading an envelope's members: each typed, none unknown, none missing.

use crate::binding::Req;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Object, Value};
use crate::message::Kind;
use crate::passport::{Passport, PassportId};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::stream::Position;

use super::VERSION;
use super::fields::{Act, Added, Fields, MAX_AUD, hex32};

/// An envelope taken apart.
pub(super) struct Parts {
    pub(super) fields: Fields,
    pub(super) added: Vec<Added>,
    pub(super) signature: Signature,
}

const fn bad(member: &'static str) -> Refusal {
    Refusal::Envelope(member)
}

const OWN: [&str; 5] = ["version", "passport_id", "timestamp", "nonce", "signature"];
const BINDING: [&str; 11] = [
    "typ", "aud", "session", "passport", "req", "seq", "prev", "last", "act", "ath", "added",
];

pub(super) fn native(object: Object<'_>, kind: Kind) -> Result<Parts, Refusal> {
    only(object, |name| {
        OWN.contains(&name) || BINDING.contains(&name)
    })?;
    let mut parts = own(object)?;
    bindings(object, kind, &mut parts)?;
    Ok(parts)
}

pub(super) fn draft(
    object: Object<'_>,
    bound: Option<Value<'_>>,
    kind: Kind,
) -> Result<Parts, Refusal> {
    only(object, |name| OWN.contains(&name))?;
    let mut parts = own(object)?;
    if let Some(bound) = bound {
        let object = bound.as_object().ok_or(bad("bindings"))?;
        only(object, |name| BINDING.contains(&name))?;
        bindings(object, kind, &mut parts)?;
    }
    Ok(parts)
}

fn only(object: Object<'_>, known: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let all = object.iter().all(|member| known(&member.name()));
    if all {
        Ok(())
    } else {
        Err(bad("it has a member that is not known"))
    }
}

fn own(object: Object<'_>) -> Result<Parts, Refusal> {
    let text = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad(name));
    if text("version")? != VERSION {
        return Err(Refusal::NoMutualVersion);
    }
    let timestamp = text("timestamp")?.into_owned();
    let nonce = text("nonce")?.into_owned();
    if !hex32(&nonce) {
        return Err(bad("nonce"));
    }
    Ok(Parts {
        fields: Fields {
            passport_id: PassportId::parse(&text("passport_id")?).ok_or(bad("passport_id"))?,
            stamped: Timestamp::parse_rfc3339(&timestamp).ok_or(bad("timestamp"))?,
            timestamp,
            nonce,
            aud: String::new(),
            session: String::new(),
            passport: None,
            req: None,
            position: None,
            last: false,
            act: None,
            ath: None,
        },
        added: Vec::new(),
        signature: Signature::from_base64(&text("signature")?)?,
    })
}

fn bindings(object: Object<'_>, kind: Kind, parts: &mut Parts) -> Result<(), Refusal> {
    let text = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad(name));
    let digest = |name: &'static str| {
        object
            .get(name)
            .map(|_| Digest::from_hex(&text(name)?).ok_or(bad(name)))
            .transpose()
    };
    if text("typ")? != kind.as_str() {
        return Err(bad("typ is not what the message is"));
    }
    let fields = &mut parts.fields;
    fields.aud = text("aud")?.into_owned();
    if fields.aud.is_empty() || fields.aud.len() > MAX_AUD {
        return Err(bad("aud"));
    }
    fields.session = text("session")?.into_owned();
    if !hex32(&fields.session) {
        return Err(bad("session"));
    }
    if let Some(value) = object.get("passport") {
        let passport = Passport::from_value(value)?;
        if passport.id() != &fields.passport_id {
            return Err(bad("passport is not the one that passport_id names"));
        }
        fields.passport = Some(Box::new(passport));
    }
    fields.req = object.get("req").map(req).transpose()?;
    fields.position = match (object.get("seq"), digest("prev")?) {
        (None, None) => None,
        (None, Some(_)) => return Err(bad("prev without seq")),
        (Some(seq), prev) => {
            let seq = seq
                .as_i64()
                .and_then(|seq| u64::try_from(seq).ok())
                .filter(|seq| *seq > 0);
            let seq = seq.ok_or(bad("seq"))?;
            if (seq == 1) != prev.is_none() {
                return Err(bad("prev"));
            }
            Some(Position { seq, prev })
        }
    };
    fields.last = match object.get("last") {
        None => false,
        Some(last) => last.as_bool().ok_or(bad("last"))?,
    };
    fields.act = object.get("act").map(act).transpose()?;
    fields.ath = digest("ath")?;
    if let Some(value) = object.get("added") {
        parts.added = added(value)?;
    }
    Ok(())
}

fn added(value: Value<'_>) -> Result<Vec<Added>, Refusal> {
    let array = value.as_array().ok_or(bad("added"))?;
    let one = |value: Value<'_>| {
        let name = value.as_str()?;
        Added::ALL.into_iter().find(|added| added.as_str() == name)
    };
    if array.len() > 2 {
        return Err(bad("added"));
    }
    array
        .into_iter()
        .map(|value| one(value).ok_or(bad("added")))
        .collect()
}

fn req(value: Value<'_>) -> Result<Req, Refusal> {
    let object = value.as_object().ok_or(bad("req"))?;
    only(object, |name| {
        ["hash", "nonce", "passport_id"].contains(&name)
    })?;
    let text = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad("req"));
    let nonce = text("nonce")?.into_owned();
    if !hex32(&nonce) {
        return Err(bad("req"));
    }
    Ok(Req {
        hash: Digest::from_hex(&text("hash")?).ok_or(bad("req"))?,
        nonce,
        passport_id: PassportId::parse(&text("passport_id")?).ok_or(bad("req"))?,
    })
}

fn act(value: Value<'_>) -> Result<Act, Refusal> {
    let object = value.as_object().ok_or(bad("act"))?;
    only(object, |name| ["hash", "passport_id"].contains(&name))?;
    let text = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad("act"));
    Ok(Act {
        passport_id: PassportId::parse(&text("passport_id")?).ok_or(bad("act"))?,
        hash: Digest::from_hex(&text("hash")?).ok_or(bad("act"))?,
    })
}
