//! One record: who changed what, when, and which record came before.

use super::{AuditError, LANES, MAX_RECORD_BYTES};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::feed::FeedError;
use crate::feed::member::{digest, key_id, number, only, text, time};
use crate::json::{Document, Limits, Value, quote};
use crate::key::{KeyId, PublicKey};
use crate::signer::Signer;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle};

const MEMBERS: [&str; 11] = [
    "action",
    "at",
    "authority",
    "by",
    "detail",
    "kid",
    "lane",
    "prev",
    "seq",
    "signature",
    "subject",
];

/// A record to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The authority's name.
    pub authority: &'a str,
    /// Which chain.
    pub lane: u64,
    /// Its number there, from 1.
    pub seq: u64,
    /// SHA-256 of the text of the record before; [`super::genesis`] before the first.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// Who: an operator's id, `hook:` and a source, a passport's id, or what of the authority.
    pub by: &'a str,
    /// What was done, noun and verb: `passport.issue`.
    pub action: &'a str,
    /// To whom or what.
    pub subject: &'a str,
    /// Whatever else belongs to it. No secrets.
    pub detail: &'a [(&'a str, String)],
}

impl Draft<'_> {
    /// The record's text.
    ///
    /// # Errors
    /// [`AuditError`] when no examiner would read it, or the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, AuditError> {
        let mut json = format!(r#"{{"lane":{},"seq":{},"authority":"#, self.lane, self.seq);
        quote(self.authority, &mut json);
        json.push_str(&format!(
            r#","prev":"{}","at":"{}","by":"#,
            self.prev, self.at
        ));
        quote(self.by, &mut json);
        json.push_str(r#","action":"#);
        quote(self.action, &mut json);
        json.push_str(r#","subject":"#);
        quote(self.subject, &mut json);
        json.push_str(r#","detail":{"#);
        for (at, (name, value)) in self.detail.iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            quote(name, &mut json);
            json.push(':');
            quote(value, &mut json);
        }
        let kid = signer.public_key().key_id();
        json.push_str(&format!(r#"}},"kid":"{kid}"}}"#));
        read(&parse(json.clone())?)?;
        statement::sign(statement::AUDIT, &json, signer).map_err(|_| AuditError::Signer)
    }
}

/// A record that an audit key of the authority signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which chain.
    pub lane: u64,
    /// Its number there.
    pub seq: u64,
    /// SHA-256 of the text of the record before.
    pub prev: Digest,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What was done.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// Whatever else belongs to it.
    pub detail: Vec<(String, String)>,
    /// SHA-256 of its own text, which the next one names.
    pub digest: Digest,
    /// Whether the key that signed it was revoked since: then a later checkpoint has to vouch for it.
    pub by_revoked_key: bool,
}

impl Record {
    /// Reads a record and believes it only if an audit key of `bundle` signed it.
    ///
    /// # Errors
    /// [`AuditError`] saying what is wrong.
    pub fn verify(text_of_record: &str, bundle: &TrustBundle) -> Result<Self, AuditError> {
        let document = parse(text_of_record.to_owned())?;
        let (record, authority, kid) = read(&document)?;
        if authority != bundle.authority() {
            return Err(AuditError::ForeignAuthority);
        }
        let (key, revoked) = audit_key(bundle, &kid)?;
        statement::verify(statement::AUDIT, document.root(), key)
            .map_err(|_| AuditError::BadSignature)?;
        Ok(Self {
            by_revoked_key: revoked,
            ..record
        })
    }

    /// What belongs to it under that name.
    #[must_use]
    pub fn detail(&self, name: &str) -> Option<&str> {
        let mut detail = self.detail.iter();
        let found = detail.find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The audit key of that id, and whether it was revoked. A tainted one's word stays good.
pub(super) fn audit_key<'a>(
    bundle: &'a TrustBundle,
    kid: &KeyId,
) -> Result<(&'a PublicKey, bool), AuditError> {
    let mut keys = bundle.keys().iter();
    let key = keys.find(|key| {
        key.usage == KeyUse::Audit
            && key.state != KeyState::Prepared
            && key.public_key.key_id() == kid
    });
    let key = key.ok_or(AuditError::ForeignKey)?;
    Ok((&key.public_key, key.state == KeyState::Revoked))
}

fn parse(json: String) -> Result<Document, AuditError> {
    let limits = Limits {
        bytes: MAX_RECORD_BYTES,
        depth: 3,
    };
    let document = Document::parse_with(json.into_bytes(), limits);
    Ok(document.map_err(FeedError::Json)?)
}

fn read(document: &Document) -> Result<(Record, String, KeyId), AuditError> {
    let object = document.root().as_object();
    let object = object.ok_or(FeedError::Member("record"))?;
    if !only(object, &MEMBERS) {
        return Err(AuditError::UnknownMember);
    }
    let long = |name: &'static str| {
        let value = object.get(name).and_then(Value::as_str);
        Ok::<_, FeedError>(value.ok_or(FeedError::Member(name))?.into_owned())
    };
    let detail = object.get("detail").and_then(Value::as_object);
    let detail = detail.ok_or(FeedError::Member("detail"))?;
    let detail = detail.iter().map(|member| {
        let value = member.value().as_str();
        let value = value.ok_or(FeedError::Member("detail"))?;
        Ok((member.name().into_owned(), value.into_owned()))
    });
    let lane = number(object, "lane", 0)?;
    if lane >= LANES {
        return Err(FeedError::Member("lane").into());
    }
    let record = Record {
        lane,
        seq: number(object, "seq", 1)?,
        prev: digest(object, "prev")?,
        at: time(object, "at")?,
        by: text(object, "by")?,
        action: text(object, "action")?,
        subject: long("subject")?,
        detail: detail.collect::<Result<_, FeedError>>()?,
        digest: Digest::of(document.text().as_bytes()),
        by_revoked_key: false,
    };
    Ok((record, text(object, "authority")?, key_id(object, "kid")?))
}
