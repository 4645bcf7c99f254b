//! What approvers sign: that evidence holds, for a level and for a time, and that a key is theirs.

use crate::clock::Timestamp;
use crate::json::{Object, Value, quote};
use crate::key::PublicKey;
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signer::Signer;
use crate::statement;

#[cfg(test)]
mod tests;

/// That a piece of evidence holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// To which authority it is said.
    pub authority: String,
    /// Who says so: an operator's id.
    pub approver: String,
    /// Of which evidence: its id names all that it says.
    pub evidence_id: String,
    /// The level that it is for.
    pub level: TrustLevel,
    /// Until when.
    pub valid_until: Timestamp,
}

impl Approval {
    /// The signed statement.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Refusal> {
        let json = object(&[
            ("approver", &quoted(&self.approver)),
            ("authority", &quoted(&self.authority)),
            ("evidence_id", &quoted(&self.evidence_id)),
            ("level", &self.level.number().to_string()),
            ("valid_until", &quoted(&self.valid_until.to_string())),
        ]);
        statement::sign(statement::APPROVAL, &json, signer)
    }

    /// Reads a statement that was signed by `key`.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`]; [`Refusal::Statement`] when it is malformed, or has a member that this
    /// version does not know.
    pub fn verify(signed: Value<'_>, key: &PublicKey) -> Result<Self, Refusal> {
        statement::verify(statement::APPROVAL, signed, key)?;
        let object = exactly(signed, 6)?;
        let level = object.get("level").and_then(Value::as_i64);
        let level = level.and_then(TrustLevel::from_number);
        let valid_until = Timestamp::parse_rfc3339(&text(object, "valid_until")?);
        Ok(Self {
            authority: text(object, "authority")?,
            approver: text(object, "approver")?,
            evidence_id: text(object, "evidence_id")?,
            level: level.ok_or(malformed("level"))?,
            valid_until: valid_until.ok_or(malformed("valid_until"))?,
        })
    }
}

/// That a key is an approver's, signed by that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverKey {
    /// To which authority it is said.
    pub authority: String,
    /// Whose it is: an operator's id.
    pub approver: String,
    /// The key.
    pub key: PublicKey,
}

impl ApproverKey {
    /// The signed statement on the signer's own key.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when the signer fails.
    pub fn sign(authority: &str, approver: &str, signer: &dyn Signer) -> Result<String, Refusal> {
        let json = object(&[
            ("approver", &quoted(approver)),
            ("authority", &quoted(authority)),
            ("public_key", &signer.public_key().to_jwk()),
        ]);
        statement::sign(statement::APPROVER_KEY, &json, signer)
    }

    /// Reads a statement that was signed by the key it states.
    ///
    /// # Errors
    /// As [`Approval::verify`].
    pub fn verify(signed: Value<'_>) -> Result<Self, Refusal> {
        let object = exactly(signed, 4)?;
        let jwk = object.get("public_key").ok_or(malformed("public_key"))?;
        let key = PublicKey::from_jwk(jwk).map_err(|_| malformed("public_key"))?;
        statement::verify(statement::APPROVER_KEY, signed, &key)?;
        Ok(Self {
            authority: text(object, "authority")?,
            approver: text(object, "approver")?,
            key,
        })
    }
}

/// An object of members whose values are JSON already.
fn object(members: &[(&str, &str)]) -> String {
    let members = members.iter();
    let members = members.map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    let mut json = String::new();
    quote(text, &mut json);
    json
}

fn exactly<'d>(value: Value<'d>, members: usize) -> Result<Object<'d>, Refusal> {
    let object = value.as_object().ok_or(malformed("not an object"))?;
    match object.len() == members {
        true => Ok(object),
        false => Err(malformed("other members than expected")),
    }
}

fn text(object: Object<'_>, name: &'static str) -> Result<String, Refusal> {
    let text = object.get(name).and_then(Value::as_str);
    text.map(std::borrow::Cow::into_owned)
        .ok_or(malformed(name))
}

const fn malformed(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "approval",
        why,
    }
}
