//! Where the envelope stands in a message, how room is made for it, and how that is undone.

use std::fmt;

use crate::json::{Limits, Object, Value};
use crate::message::{self, Kind, Message};
use crate::refusal::Refusal;

use super::fields::Added;
use super::{BINDINGS, ENVELOPE, hash};

/// How the envelope travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// In `_meta` or `error.data`, which today's SDKs keep.
    #[default]
    Native,
    /// At the top level, as draft-00 has it; between our own ends or with draft-00 peers only.
    Draft00,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Draft00 => "draft-00",
        })
    }
}

impl std::str::FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "native" => Ok(Self::Native),
            "draft-00" => Ok(Self::Draft00),
            _ => Err(format!(
                "`{text}` is not a carrier; write native or draft-00"
            )),
        }
    }
}

/// Limits for a message that passed the peer's limits once and was then edited by us.
pub(super) fn unlimited() -> Limits {
    Limits {
        bytes: usize::MAX,
        ..Limits::default()
    }
}

/// The object that holds the envelope: `_meta`, or `error.data`.
pub(super) fn holder(message: &Message) -> Option<Object<'_>> {
    match message.kind() {
        Kind::Error => message
            .error()
            .and_then(|error| error.get("data"))
            .and_then(Value::as_object),
        _ => message.meta(),
    }
}

/// Whether a member stands in the message that only `of`'s carrier puts there. Stripping another
/// carrier's envelope would leave it, and the rest would look signed.
pub(super) fn has_marks(message: &Message, of: Carrier) -> bool {
    let held = |name| holder(message).is_some_and(|holder| holder.get(name).is_some());
    match of {
        Carrier::Native => held(ENVELOPE),
        Carrier::Draft00 => message.root().get("mcps").is_some() || held(BINDINGS),
    }
}

/// Which of `added` a message of this kind can need; others are refused when read.
fn plausible(kind: Kind, added: &[Added]) -> bool {
    match kind {
        Kind::Error => matches!(added, [] | [Added::Data] | [Added::Value]),
        Kind::Response => matches!(added, [] | [Added::Meta]),
        Kind::Request | Kind::Notification => {
            matches!(added, [] | [Added::Meta] | [Added::Meta, Added::Params])
        }
    }
}

/// Whether `added` is what a signer had to create to place `name` in this message, and nothing
/// stands there besides what hops may set: it would be lost in stripping, and in the native
/// carrier it would not even be signed.
pub(super) fn fits(message: &Message, name: &str, added: &[Added]) -> bool {
    let Some(holder) = holder(message) else {
        return added.is_empty();
    };
    let alone = |own: &Added| match own {
        Added::Data => holder.len() == 1,
        Added::Value => {
            let value = holder.get("value");
            holder.len() == 2 && value.is_some_and(|value| value.as_object().is_none())
        }
        Added::Meta => holder.iter().all(|member| {
            let member = member.name();
            member == name || hash::TRACE.contains(&&*member)
        }),
        Added::Params => {
            let params = message.params().and_then(Value::as_object);
            params.is_some_and(|params| params.len() == 1)
        }
    };
    plausible(message.kind(), added) && added.iter().all(alone)
}

/// Says what has to be created to hold `name`, and wraps an `error.data` that is not an object.
pub(super) fn prepare(message: Message) -> Result<(Message, Vec<Added>), Refusal> {
    if has_marks(&message, Carrier::Native) || has_marks(&message, Carrier::Draft00) {
        return Err(Refusal::Envelope("the message is signed already"));
    }
    if holder(&message).is_some() {
        return Ok((message, Vec::new()));
    }
    if message.kind() != Kind::Error {
        let added = if message.body().is_some() {
            vec![Added::Meta]
        } else {
            vec![Added::Meta, Added::Params]
        };
        return Ok((message, added));
    }
    let Some(data) = message.error().and_then(|error| error.get("data")) else {
        return Ok((message, vec![Added::Data]));
    };
    let mut text = message.text().to_owned();
    text.replace_range(data.span(), &format!(r#"{{"value":{}}}"#, data.raw()));
    Ok((
        Message::parse_with(text.into_bytes(), unlimited())?,
        vec![Added::Value],
    ))
}

/// The text of a message that [`prepare`] made ready, with `"name":` and what `write` appends in
/// its place. `size` is about how long that is.
pub(super) fn place(
    message: &Message,
    name: &str,
    added: &[Added],
    size: usize,
    write: impl FnOnce(&mut String),
) -> Result<String, Refusal> {
    // The object that takes the new member first, and what has to be made around it there.
    let (object, before, after) = match holder(message) {
        Some(holder) => (Some(holder), "", ""),
        None if message.kind() == Kind::Error => {
            let error = message.error().and_then(Value::as_object);
            (error, r#""data":{"#, "}")
        }
        None if added.contains(&Added::Params) => {
            (message.root().as_object(), r#""params":{"_meta":{"#, "}}")
        }
        None => {
            let body = message.body().and_then(Value::as_object);
            (body, r#""_meta":{"#, "}")
        }
    };
    let misfit = Refusal::Envelope("the message cannot hold an envelope");
    let object = object.ok_or(misfit.clone())?;
    let (head, tail) = message
        .text()
        .split_at_checked(object.span().start + 1)
        .ok_or(misfit)?;
    let mut text = String::with_capacity(head.len() + tail.len() + size + 64);
    text.push_str(head);
    text.push_str(before);
    text.push('"');
    text.push_str(name);
    text.push_str("\":");
    write(&mut text);
    text.push_str(after);
    if !object.is_empty() {
        text.push(',');
    }
    text.push_str(tail);
    Ok(text)
}

/// Takes `name` out again, and what `added` names as far as it is then empty.
pub(super) fn take_out(message: Message, name: &str, added: &[Added]) -> Result<Message, Refusal> {
    let Some(holder) = holder(&message) else {
        return Ok(message);
    };
    let Some(member) = holder.member(name) else {
        return Ok(message);
    };
    let mut text = message.text().to_owned();
    let root = message
        .root()
        .as_object()
        .ok_or(Refusal::Message("not a JSON object"))?;
    let only = holder.len() == 1;
    if added.contains(&Added::Value) {
        let data = message.error().and_then(|error| error.get("data"));
        let (Some(data), Some(value)) = (data, holder.get("value")) else {
            return Err(Refusal::Envelope("added"));
        };
        text.replace_range(data.span(), value.raw());
    } else if only && message.kind() == Kind::Error && added.contains(&Added::Data) {
        let error = message
            .error()
            .and_then(Value::as_object)
            .ok_or(Refusal::Envelope("added"))?;
        let data = error.member("data").ok_or(Refusal::Envelope("added"))?;
        message::remove(&mut text, error, data);
    } else if only && added.contains(&Added::Params) {
        let params = root.member("params").ok_or(Refusal::Envelope("added"))?;
        message::remove(&mut text, root, params);
    } else if only && added.contains(&Added::Meta) {
        let body = message
            .body()
            .and_then(Value::as_object)
            .ok_or(Refusal::Envelope("added"))?;
        let meta = body.member("_meta").ok_or(Refusal::Envelope("added"))?;
        message::remove(&mut text, body, meta);
    } else {
        message::remove(&mut text, holder, member);
    }
    Message::parse_with(text.into_bytes(), unlimited())
}
