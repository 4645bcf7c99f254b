//! Reading an envelope's members: each typed, none unknown, none missing.

use std::borrow::Cow;

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

/// The values of `names` in `object`, found in one pass; any other member refuses it.
fn take<'d, const N: usize>(
    object: Object<'d>,
    names: &[&str; N],
) -> Result<[Option<Value<'d>>; N], Refusal> {
    let mut values = [None; N];
    for member in object {
        let name = member.name();
        let at = names.iter().position(|own| *own == name);
        let slot = at.and_then(|at| values.get_mut(at));
        *slot.ok_or(bad("it has a member that is not known"))? = Some(member.value());
    }
    Ok(values)
}

/// draft-00's own five members, by name.
type Own<'d> = [Option<Value<'d>>; 5];
const OWN: [&str; 5] = ["nonce", "passport_id", "signature", "timestamp", "version"];

/// What this profile adds to them, by name.
type Bound<'d> = [Option<Value<'d>>; 11];
const BOUND: [&str; 11] = [
    "act", "added", "ath", "aud", "last", "passport", "prev", "req", "seq", "session", "typ",
];

pub(super) fn native(object: Object<'_>, kind: Kind) -> Result<Parts, Refusal> {
    // In the order in which they are written, which is where the search for each is short.
    let [
        act,
        added,
        ath,
        aud,
        last,
        nonce,
        passport,
        passport_id,
        prev,
        req,
        seq,
        session,
        signature,
        timestamp,
        typ,
        version,
    ] = take(
        object,
        &[
            "act",
            "added",
            "ath",
            "aud",
            "last",
            "nonce",
            "passport",
            "passport_id",
            "prev",
            "req",
            "seq",
            "session",
            "signature",
            "timestamp",
            "typ",
            "version",
        ],
    )?;
    let mut parts = own([nonce, passport_id, signature, timestamp, version])?;
    let bound = [
        act, added, ath, aud, last, passport, prev, req, seq, session, typ,
    ];
    bindings(bound, kind, &mut parts)?;
    Ok(parts)
}

pub(super) fn draft(
    object: Object<'_>,
    bound: Option<Value<'_>>,
    kind: Kind,
) -> Result<Parts, Refusal> {
    let mut parts = own(take(object, &OWN)?)?;
    if let Some(bound) = bound {
        let object = bound.as_object().ok_or(bad("bindings"))?;
        bindings(take(object, &BOUND)?, kind, &mut parts)?;
    }
    Ok(parts)
}

/// The text of a member that must be there.
fn text<'d>(value: Option<Value<'d>>, name: &'static str) -> Result<Cow<'d, str>, Refusal> {
    value.and_then(Value::as_str).ok_or(bad(name))
}

fn hash(value: Option<Value<'_>>, name: &'static str) -> Result<Digest, Refusal> {
    Digest::from_hex(&text(value, name)?).ok_or(bad(name))
}

fn id(value: Option<Value<'_>>, name: &'static str) -> Result<PassportId, Refusal> {
    PassportId::parse(&text(value, name)?).ok_or(bad(name))
}

/// 16 bytes in lower-case hex.
fn hex(value: Option<Value<'_>>, name: &'static str) -> Result<String, Refusal> {
    let text = text(value, name)?;
    if hex32(&text) {
        Ok(text.into_owned())
    } else {
        Err(bad(name))
    }
}

fn own([nonce, passport_id, signature, timestamp, version]: Own<'_>) -> Result<Parts, Refusal> {
    if text(version, "version")? != VERSION {
        return Err(Refusal::NoMutualVersion);
    }
    let timestamp = text(timestamp, "timestamp")?.into_owned();
    Ok(Parts {
        fields: Fields {
            passport_id: id(passport_id, "passport_id")?,
            stamped: Timestamp::parse_rfc3339(&timestamp).ok_or(bad("timestamp"))?,
            timestamp,
            nonce: hex(nonce, "nonce")?,
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
        signature: Signature::from_base64(&text(signature, "signature")?)?,
    })
}

fn bindings(bound: Bound<'_>, kind: Kind, parts: &mut Parts) -> Result<(), Refusal> {
    let [
        act_value,
        added_value,
        ath,
        aud,
        last,
        passport,
        prev,
        req_value,
        seq,
        session,
        typ,
    ] = bound;
    if text(typ, "typ")? != kind.as_str() {
        return Err(bad("typ is not what the message is"));
    }
    let fields = &mut parts.fields;
    fields.aud = text(aud, "aud")?.into_owned();
    if fields.aud.is_empty() || fields.aud.len() > MAX_AUD {
        return Err(bad("aud"));
    }
    fields.session = hex(session, "session")?;
    if let Some(value) = passport {
        let passport = Passport::from_value(value)?;
        if passport.id() != &fields.passport_id {
            return Err(bad("passport is not the one that passport_id names"));
        }
        fields.passport = Some(Box::new(passport));
    }
    fields.req = req_value.map(req).transpose()?;
    fields.position = position(seq, prev)?;
    fields.last = match last {
        None => false,
        Some(last) => last.as_bool().ok_or(bad("last"))?,
    };
    fields.act = act_value.map(act).transpose()?;
    fields.ath = ath.map(|ath| hash(Some(ath), "ath")).transpose()?;
    if let Some(value) = added_value {
        parts.added = added(value)?;
    }
    Ok(())
}

fn position(seq: Option<Value<'_>>, prev: Option<Value<'_>>) -> Result<Option<Position>, Refusal> {
    let prev = prev.map(|prev| hash(Some(prev), "prev")).transpose()?;
    let Some(seq) = seq else {
        return match prev {
            None => Ok(None),
            Some(_) => Err(bad("prev without seq")),
        };
    };
    let seq = seq.as_i64().and_then(|seq| u64::try_from(seq).ok());
    let seq = seq.filter(|seq| *seq > 0).ok_or(bad("seq"))?;
    if (seq == 1) != prev.is_none() {
        return Err(bad("prev"));
    }
    Ok(Some(Position { seq, prev }))
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
    let [its_hash, nonce, passport_id] = take(object, &["hash", "nonce", "passport_id"])?;
    Ok(Req {
        hash: hash(its_hash, "req")?,
        nonce: hex(nonce, "req")?,
        passport_id: id(passport_id, "req")?,
    })
}

fn act(value: Value<'_>) -> Result<Act, Refusal> {
    let object = value.as_object().ok_or(bad("act"))?;
    let [its_hash, passport_id] = take(object, &["hash", "passport_id"])?;
    Ok(Act {
        passport_id: id(passport_id, "act")?,
        hash: hash(its_hash, "act")?,
    })
}
