//! What a signed message says, in words.

use mcps_core::clock::Timestamp;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use serde_json::json;

use super::super::checks::About;
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

/// What the message and its envelope state, believed or not.
pub(super) fn about(sealed: &Sealed, carrier: Carrier, now: Timestamp) -> About {
    About {
        noun: "message",
        rows: rows(sealed, carrier, now),
        json: json(sealed, carrier),
    }
}

fn json(sealed: &Sealed, carrier: Carrier) -> serde_json::Value {
    let (fields, message) = (sealed.fields(), sealed.message());
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "typ": message.kind().as_str(),
        "id": message.id().and_then(|id| serde_json::from_str::<serde_json::Value>(id.as_str()).ok()),
        "method": message.method(),
        "carrier": carrier.to_string(),
        "passport_id": fields.passport_id.as_str(),
        "timestamp": fields.timestamp,
        "nonce": fields.nonce,
        "aud": some(&fields.aud),
        "session": some(&fields.session),
        "seq": fields.position.map(|position| position.seq),
        "prev": fields.position.and_then(|position| position.prev).map(|prev| prev.to_string()),
        "last": fields.last,
        "req": fields.req.as_ref().map(|req| json!({ "hash": req.hash.to_string(), "nonce": req.nonce, "passport_id": req.passport_id.as_str() })),
        "act": fields.act.as_ref().map(|act| json!({ "hash": act.hash.to_string(), "passport_id": act.passport_id.as_str() })),
        "ath": fields.ath.map(|ath| ath.to_string()),
        "signed_object": sealed.digest().to_string(),
    })
}

fn rows(sealed: &Sealed, carrier: Carrier, now: Timestamp) -> Vec<(&'static str, String)> {
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
