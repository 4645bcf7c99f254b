//! Reading a passport: every member checked, unknown ones ignored (they are signed all the same).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    Ca, Ext, KeyRotation, Kind, MAX_BYTES, MAX_CAPABILITIES, MAX_CHAIN, Passport, PassportId,
    StatusReference,
};
use crate::clock::Timestamp;
use crate::digest::Hasher;
use crate::jcs::{self, Overlay};
use crate::json::{Document, Object, Value};
use crate::key::{KeyId, PublicKey};
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signature::Signature;

/// Whether to read `issuer_chain`: a parent's own chain is signed by its issuer but not followed,
/// since the leaf names the whole chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    Read,
    Ignore,
}

const fn bad(member: &'static str) -> Refusal {
    Refusal::Passport(member)
}

fn text(object: Object<'_>, name: &'static str, limit: usize) -> Result<String, Refusal> {
    let value = object.get(name).and_then(Value::as_str).ok_or(bad(name))?;
    if value.len() > limit {
        return Err(bad(name));
    }
    Ok(value.into_owned())
}

fn time(object: Object<'_>, name: &'static str) -> Result<Timestamp, Refusal> {
    let value = object.get(name).and_then(Value::as_str).ok_or(bad(name))?;
    Timestamp::parse_rfc3339(&value).ok_or(bad(name))
}

fn strings(value: Value<'_>, limit: usize, name: &'static str) -> Result<Vec<String>, Refusal> {
    let array = value.as_array().ok_or(bad(name))?;
    if array.len() > limit {
        return Err(bad(name));
    }
    let string = |value: Value<'_>| {
        value
            .as_str()
            .map(|text| text.into_owned())
            .ok_or(bad(name))
    };
    array.into_iter().map(string).collect()
}

pub(super) fn passport(value: Value<'_>, chain: Chain) -> Result<Passport, Refusal> {
    let source = value.raw();
    if source.len() > MAX_BYTES {
        return Err(Refusal::PassportTooLarge {
            bytes: source.len(),
        });
    }
    let object = value.as_object().ok_or(bad("not a JSON object"))?;
    // Every other statement is signed with a context: its signature must not pass for a passport's.
    if object.get("ctx").is_some() {
        return Err(bad("ctx"));
    }
    if text(object, "mcps_version", 8)? != "1.0" {
        return Err(bad("mcps_version"));
    }
    let id = PassportId::parse(&text(object, "passport_id", 64)?).ok_or(bad("passport_id"))?;
    let agent = object
        .get("agent")
        .and_then(Value::as_object)
        .ok_or(bad("agent"))?;
    let capabilities = match agent.get("capabilities") {
        Some(value) => strings(value, MAX_CAPABILITIES, "agent.capabilities")?,
        None => Vec::new(),
    };
    let public_key = object.get("public_key").ok_or(bad("public_key"))?;
    let public_key = PublicKey::from_jwk(public_key).map_err(|_| bad("public_key"))?;
    let origin = match object.get("origin") {
        Some(value) if !value.is_null() => Some(text(object, "origin", 2048)?),
        _ => None,
    };
    let level = object.get("trust_level").and_then(Value::as_i64);
    let trust_level = level
        .and_then(TrustLevel::from_number)
        .ok_or(bad("trust_level"))?;
    let (issued_at, expires_at) = (time(object, "issued_at")?, time(object, "expires_at")?);
    if expires_at <= issued_at {
        return Err(bad("expires_at is not after issued_at"));
    }
    let key_rotation = match object.get("key_rotation") {
        Some(value) if !value.is_null() => Some(rotation(value)?),
        _ => None,
    };
    let signature_value = object.get("signature").ok_or(bad("signature"))?;
    let signature = signature_value.as_str().ok_or(bad("signature"))?;
    let signature = Signature::from_base64(&signature).map_err(|_| bad("signature"))?;
    let mut hasher = Hasher::new();
    jcs::write_overlaid(
        value,
        &Overlay {
            without: &[signature_value],
            with: &[],
        },
        &mut hasher,
    );
    let ext = object
        .get("ext")
        .map(|value| ext(value, &public_key))
        .transpose()?;
    Ok(Passport {
        text: source.to_owned(),
        signed: hasher.finish(),
        signature,
        id,
        agent_name: text(agent, "name", 256)?,
        agent_version: text(agent, "version", 64)?,
        capabilities,
        public_key,
        origin,
        trust_level,
        issued_at,
        expires_at,
        issuer: text(object, "issuer", 256)?,
        issuer_chain: match chain {
            Chain::Read => parents(object)?,
            Chain::Ignore => Vec::new(),
        },
        key_rotation,
        ext,
    })
}

fn rotation(value: Value<'_>) -> Result<KeyRotation, Refusal> {
    let object = value.as_object().ok_or(bad("key_rotation"))?;
    Ok(KeyRotation {
        previous_key_hash: text(object, "previous_key_hash", 64)?,
        rotated_at: time(object, "rotated_at")?,
    })
}

fn parents(object: Object<'_>) -> Result<Vec<Passport>, Refusal> {
    let Some(value) = object.get("issuer_chain") else {
        return Ok(Vec::new());
    };
    let array = value.as_array().ok_or(bad("issuer_chain"))?;
    if array.len() > MAX_CHAIN {
        return Err(Refusal::ChainTooDeep);
    }
    let parent = |value: Value<'_>| {
        let encoded = value.as_str().ok_or(bad("issuer_chain"))?;
        let json = STANDARD
            .decode(encoded.as_bytes())
            .map_err(|_| bad("issuer_chain"))?;
        passport(Document::parse(json)?.root(), Chain::Ignore)
    };
    array.into_iter().map(parent).collect()
}

fn ext(value: Value<'_>, key: &PublicKey) -> Result<Ext, Refusal> {
    let object = value.as_object().ok_or(bad("ext"))?;
    let kid = KeyId::parse(&text(object, "kid", 64)?).ok_or(bad("ext.kid"))?;
    if &kid != key.key_id() {
        return Err(bad("ext.kid is not the thumbprint of public_key"));
    }
    // Nothing is defined yet that would be critical, so any name here is one we do not know.
    if let Some(critical) = object.get("crit")
        && !strings(critical, 16, "ext.crit")?.is_empty()
    {
        return Err(bad("ext.crit names a member that is not understood here"));
    }
    let kind = text(object, "kind", 16)?
        .parse::<Kind>()
        .map_err(|_| bad("ext.kind"))?;
    Ok(Ext {
        tenant: text(object, "tenant", 128)?,
        kind,
        owner: text(object, "owner", 256)?,
        ca: object
            .get("ca")
            .filter(|value| !value.is_null())
            .map(Ca::read)
            .transpose()?,
        status: object
            .get("status")
            .and_then(|status| status.get("status_list"))
            .filter(|value| !value.is_null())
            .map(status)
            .transpose()?,
    })
}

fn status(value: Value<'_>) -> Result<StatusReference, Refusal> {
    let object = value.as_object().ok_or(bad("ext.status.status_list"))?;
    let index = object.get("idx").and_then(Value::as_i64);
    let index = index.and_then(|index| u64::try_from(index).ok());
    Ok(StatusReference {
        uri: text(object, "uri", 2048)?,
        index: index.ok_or(bad("ext.status.status_list.idx"))?,
    })
}
