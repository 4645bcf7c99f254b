//! Where the envelope stands in a message, how room is made for it, and how that is undone.

use std::fmt;

use crate::json::{Limits, Object, Value};
use crate::message::{self, Kind, Message};
use crate::refusal::Refusal;

use super::fields::Added;

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

/// Says what has to be created to hold `name`, and wraps an `error.data` that is not an object.
pub(super) fn prepare(message: Message, name: &str) -> Result<(Message, Vec<Added>), Refusal> {
    if let Some(holder) = holder(&message) {
        if holder.get(name).is_some() {
            return Err(Refusal::Envelope("the message is signed already"));
        }
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

/// Puts `"name":json` into a message that [`prepare`] made ready.
pub(super) fn place(
    message: Message,
    name: &str,
    json: &str,
    added: &[Added],
) -> Result<String, Refusal> {
    let object = |value: Option<Value<'_>>| {
        value
            .and_then(Value::as_object)
            .map(|object| object.span().start + 1)
    };
    let misfit = Refusal::Envelope("the message cannot hold an envelope");
    let holder_at = holder(&message).map(|holder| (holder.span().start + 1, holder.is_empty()));
    let (at, empty, wrapped) = match (holder_at, message.kind()) {
        (Some((at, empty)), _) => (at, empty, format!(r#""{name}":{json}"#)),
        (None, Kind::Error) => {
            let at = object(message.error()).ok_or(misfit)?;
            (at, false, format!(r#""data":{{"{name}":{json}}}"#))
        }
        (None, _) if added.contains(&Added::Params) => {
            let at = object(Some(message.root())).ok_or(misfit)?;
            (
                at,
                false,
                format!(r#""params":{{"_meta":{{"{name}":{json}}}}}"#),
            )
        }
        (None, _) => {
            let body = message.body().and_then(Value::as_object).ok_or(misfit)?;
            (
                body.span().start + 1,
                body.is_empty(),
                format!(r#""_meta":{{"{name}":{json}}}"#),
            )
        }
    };
    let comma = if empty { "" } else { "," };
    let mut text = message.into_text();
    text.insert_str(at, &format!("{wrapped}{comma}"));
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
