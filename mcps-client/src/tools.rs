//! Tool lists on their way: signed beside the server, checked and pinned beside the client.

use std::ops::Range;

use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Limits, Value};
use mcps_core::message::Message;
use mcps_core::passport::Passport;
use mcps_core::pin::{PinLimits, PinStore, Server};
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::tool::{self, ToolClaims};

use crate::error::ClientError;
use crate::home::Home;
use crate::link::line_limits;

/// The method whose answer lists tools.
pub const LIST: &str = "tools/list";
/// The method that calls one.
pub const CALL: &str = "tools/call";

fn edited(text: String) -> Result<Message, Refusal> {
    Message::parse_with(text.into_bytes(), line_limits())
}

fn listed(message: &Message) -> impl Iterator<Item = Value<'_>> {
    let tools = message
        .result()
        .and_then(|result| result.get("tools"))
        .and_then(Value::as_array);
    tools.into_iter().flatten()
}

/// Signs every tool of a list with the server's key.
///
/// # Errors
/// [`Refusal::Statement`] for something in the list that is no tool or claims to be signed.
pub fn sign_list(
    message: Message,
    passport: &Passport,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<Message, Refusal> {
    let claims = ToolClaims {
        author_origin: passport.origin().map(str::to_owned),
        signed_at: now,
        version: passport.agent_version().to_owned(),
    };
    let signed: Result<Vec<(Range<usize>, String)>, Refusal> = listed(&message)
        .map(|tool| Ok((tool.span(), tool::sign(tool, &claims, signer)?)))
        .collect();
    let mut text = message.text().to_owned();
    for (span, tool) in signed?.into_iter().rev() {
        text.replace_range(span, &tool);
    }
    edited(text)
}

/// One tool that is withheld from the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Its name.
    pub name: String,
    /// Why.
    pub refusal: Refusal,
}

/// What a checked list became.
#[derive(Debug)]
pub struct Checked {
    /// The list as the server wrote it, without what is withheld.
    pub message: Message,
    /// The names of the tools in it.
    pub passed: Vec<String>,
    /// What is withheld: not signed by this server, or not as it was pinned.
    pub withheld: Vec<Withheld>,
}

/// Checks every tool of a list against the server's signature and the pins, and takes our
/// signature blocks out.
///
/// # Errors
/// When the edited list is no message any more, which a list that was one never causes.
pub fn check_list(
    message: Message,
    passport: &Passport,
    pins: &mut PinStore,
    now: Timestamp,
) -> Result<Checked, Refusal> {
    let server = Server::of(passport);
    let mut kept = Vec::new();
    let mut passed = Vec::new();
    let mut withheld = Vec::new();
    let before = listed(&message).count();
    for value in listed(&message) {
        let name = value
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into_owned();
        match check(value, &server, passport, pins, now) {
            Ok(text) => {
                kept.push((value.span(), text));
                passed.push(name);
            }
            Err(refusal) => withheld.push(Withheld { name, refusal }),
        }
    }
    let mut text = message.text().to_owned();
    if kept.len() == before {
        for (span, tool) in kept.into_iter().rev() {
            text.replace_range(span, &tool);
        }
    } else if let Some(tools) = message.result().and_then(|result| result.get("tools")) {
        let tools_text: Vec<String> = kept.into_iter().map(|(_, tool)| tool).collect();
        text.replace_range(tools.span(), &format!("[{}]", tools_text.join(",")));
    }
    Ok(Checked {
        message: edited(text)?,
        passed,
        withheld,
    })
}

fn check(
    value: Value<'_>,
    server: &Server,
    passport: &Passport,
    pins: &mut PinStore,
    now: Timestamp,
) -> Result<String, Refusal> {
    let signed = tool::verify(value, passport.public_key())?;
    pins.look(server, signed.name(), signed.hash(), now)?;
    tool::strip(value)
}

/// The file that holds pins.
const PINS: &str = "pins.json";

/// Reads the home's pins; an absent file is an empty store.
///
/// # Errors
/// [`ClientError::Content`] for a file that cannot be read: forgetting pins would re-pin whatever
/// comes next.
pub fn load_pins(home: &Home) -> Result<PinStore, ClientError> {
    let Some(text) = home.read(PINS)? else {
        return Ok(PinStore::default());
    };
    let limits = Limits {
        bytes: 64 * 1024 * 1024,
        ..Limits::default()
    };
    let document = Document::parse_with(text.into_bytes(), limits).map_err(Refusal::from);
    let store =
        document.and_then(|document| PinStore::from_document(&document, PinLimits::default()));
    store.map_err(|error| ClientError::Content {
        path: home.path(PINS),
        why: error.to_string(),
    })
}

/// Changes the home's pins as they are now, while no other process does, and stores them if
/// anything changed. Returns what `change` does.
///
/// # Errors
/// What `change` fails with, and nothing is stored then; [`ClientError::File`],
/// [`ClientError::Content`].
pub fn change_pins<T, E: From<ClientError>>(
    home: &Home,
    change: impl FnOnce(&mut PinStore) -> Result<T, E>,
) -> Result<T, E> {
    let _locked = home.lock()?;
    let before = load_pins(home)?;
    let mut pins = before.clone();
    let done = change(&mut pins)?;
    if pins != before {
        store_pins(home, &pins)?;
    }
    Ok(done)
}

/// Stores the home's pins, for whoever has loaded them under [`Home::lock`] and holds it still.
///
/// # Errors
/// [`ClientError::File`].
pub fn store_pins(home: &Home, pins: &PinStore) -> Result<(), ClientError> {
    home.write(PINS, &pins.to_json())
}

#[cfg(test)]
mod tests;
