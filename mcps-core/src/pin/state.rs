//! The pins as JSON: `{"pins":[{"origin"|"subject"|"passport_id", "tool", "hash", "pinned_at", "change"?}]}`.

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Document, Object, Value, quote};
use crate::passport::PassportId;
use crate::refusal::Refusal;

use super::{Change, Pin, PinLimits, PinStore, Server};

impl PinStore {
    /// The state as JSON, to be read again by [`PinStore::from_document`]. Some 250 bytes a pin.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from(r#"{"pins":["#);
        let mut separator = "\n";
        for (server, tool, pin) in self.iter() {
            out.push_str(separator);
            write(server, tool, pin, &mut out);
            separator = ",\n";
        }
        out.push_str("\n]}\n");
        out
    }

    /// Reads what [`PinStore::to_json`] wrote. A state that cannot be read is an error and not an
    /// empty store, which would pin whatever comes next.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when it is malformed or names a tool twice; [`Refusal::Full`] when it
    /// has more than `limits` allow.
    pub fn from_document(state: &Document, limits: PinLimits) -> Result<Self, Refusal> {
        let mut store = Self::new(limits);
        let root = members(state.root(), &["pins"])?;
        let pins = root.get("pins").and_then(Value::as_array);
        for entry in pins.ok_or(malformed("`pins`"))? {
            let (server, tool, pin) = read(entry)?;
            if store.pin(&server, &tool).is_some() {
                return Err(malformed("a tool is pinned twice"));
            }
            store.insert(server, tool, pin)?;
        }
        Ok(store)
    }
}

fn write(server: &Server, tool: &str, pin: &Pin, out: &mut String) {
    match server {
        Server::Origin(origin) => {
            out.push_str(r#"{"origin":"#);
            quote(origin, out);
        }
        Server::Subject {
            issuer,
            tenant,
            name,
        } => {
            out.push_str(r#"{"subject":["#);
            quote(issuer, out);
            out.push(',');
            quote(tenant, out);
            out.push(',');
            quote(name, out);
            out.push(']');
        }
        Server::Passport(id) => out.push_str(&format!(r#"{{"passport_id":"{id}""#)),
    }
    out.push_str(r#","tool":"#);
    quote(tool, out);
    let (hash, at) = (pin.hash, pin.pinned_at);
    out.push_str(&format!(r#","hash":"{hash}","pinned_at":"{at}""#));
    if let Some(Change { hash, since }) = pin.change {
        out.push_str(&format!(
            r#","change":{{"hash":"{hash}","since":"{since}"}}"#
        ));
    }
    out.push('}');
}

fn read(entry: Value<'_>) -> Result<(Server, String, Pin), Refusal> {
    let names = [
        "origin",
        "subject",
        "passport_id",
        "tool",
        "hash",
        "pinned_at",
        "change",
    ];
    let entry = members(entry, &names)?;
    let named = (
        entry.get("origin"),
        entry.get("subject"),
        entry.get("passport_id"),
    );
    let server = match named {
        (Some(origin), None, None) => origin
            .as_str()
            .map(|origin| Server::Origin(origin.into_owned())),
        (None, Some(parts), None) => subject(parts),
        (None, None, Some(id)) => id
            .as_str()
            .and_then(|id| PassportId::parse(&id))
            .map(Server::Passport),
        _ => None,
    };
    let pin = Pin {
        hash: digest(entry)?,
        pinned_at: instant(entry, "pinned_at")?,
        change: entry.get("change").map(read_change).transpose()?,
    };
    let tool = text(entry, "tool").ok_or(malformed("`tool`"))?;
    Ok((server.ok_or(malformed("server"))?, tool, pin))
}

fn subject(parts: Value<'_>) -> Option<Server> {
    let mut parts = parts.as_array()?.into_iter();
    let mut next = || parts.next()?.as_str().map(|part| part.into_owned());
    let (issuer, tenant, name) = (next()?, next()?, next()?);
    parts.next().is_none().then_some(Server::Subject {
        issuer,
        tenant,
        name,
    })
}

fn read_change(change: Value<'_>) -> Result<Change, Refusal> {
    let change = members(change, &["hash", "since"])?;
    Ok(Change {
        hash: digest(change)?,
        since: instant(change, "since")?,
    })
}

/// The object, which has no members but these.
fn members<'d>(value: Value<'d>, names: &[&str]) -> Result<Object<'d>, Refusal> {
    let object = value.as_object().ok_or(malformed("not an object"))?;
    let known = |name: &str| names.contains(&name);
    if !object.iter().all(|member| known(&member.name())) {
        return Err(malformed("unknown member"));
    }
    Ok(object)
}

fn text(object: Object<'_>, name: &str) -> Option<String> {
    Some(object.get(name)?.as_str()?.into_owned())
}

fn digest(object: Object<'_>) -> Result<Digest, Refusal> {
    let hash = text(object, "hash").and_then(|hash| Digest::from_hex(&hash));
    hash.ok_or(malformed("`hash`"))
}

fn instant(object: Object<'_>, name: &str) -> Result<Timestamp, Refusal> {
    let instant = text(object, name).and_then(|text| Timestamp::parse_rfc3339(&text));
    instant.ok_or(malformed("a time"))
}

const fn malformed(why: &'static str) -> Refusal {
    Refusal::Statement { what: "pins", why }
}
