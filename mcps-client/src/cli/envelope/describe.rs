//! What a signed message says, in words.

use mcps_core::clock::Timestamp;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};

use super::super::output::instant;

/// What kind of message it is and what about: `request 7: tools/call echo`.
fn subject(message: &Message) -> String {
    let kind = message.kind().as_str();
    let id = message.id().map(|id| format!(" {id}")).unwrap_or_default();
    let about = match message.kind() {
        Kind::Request | Kind::Notification => {
            let name = message
                .params()
                .and_then(|params| params.get("name"))
                .and_then(Value::as_str);
            let name = name.map(|name| format!(" {name}")).unwrap_or_default();
            format!("{}{name}", message.method().unwrap_or_default())
        }
        Kind::Error => {
            let error = message.error();
            let text = error
                .and_then(|error| error.get("message"))
                .and_then(Value::as_str);
            let code = error.and_then(|error| error.get("code")).map(Value::raw);
            format!("{} {}", code.unwrap_or_default(), text.unwrap_or_default())
        }
        Kind::Response => return format!("{kind}{id}"),
    };
    format!("{kind}{id}: {about}")
}

/// The rows that say what the message and its envelope state, believed or not.
pub(super) fn rows(
    sealed: &Sealed,
    carrier: Carrier,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let fields = sealed.fields();
    let place = fields.position.map(|position| {
        let last = if fields.last { ", the last" } else { "" };
        match position.prev {
            Some(prev) => format!("{}{last}, after {prev}", position.seq),
            None => format!("{}{last}, the first", position.seq),
        }
    });
    let req = fields.req.as_ref();
    let act = fields.act.as_ref();
    vec![
        ("message", subject(sealed.message())),
        ("carrier", carrier.to_string()),
        ("signed by", fields.passport_id.to_string()),
        ("at", instant(fields.stamped, now)),
        ("for", fields.aud.clone()),
        ("session", fields.session.clone()),
        ("nonce", fields.nonce.clone()),
        ("in stream", place.unwrap_or_default()),
        (
            "belongs to",
            req.map(|req| format!("the request {} of {}", req.hash, req.passport_id))
                .unwrap_or_default(),
        ),
        (
            "on behalf of",
            act.map(|act| format!("{}, whose signed object is {}", act.passport_id, act.hash))
                .unwrap_or_default(),
        ),
        (
            "access token",
            fields
                .ath
                .map(|ath| format!("SHA-256 {ath}"))
                .unwrap_or_default(),
        ),
        ("signed object", format!("SHA-256 {}", sealed.digest())),
    ]
}
