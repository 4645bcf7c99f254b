//! The word of a root key that another root takes over from it. Whoever has pinned the old root
//! follows its word to the new one.

use crate::clock::Timestamp;
use crate::json::{Object, Value, quote};
use crate::key::{KeyId, PublicKey};
use crate::refusal::Refusal;
use crate::signer::Signer;
use crate::statement;

/// Most successions in a key set. Whoever makes a further one leaves the oldest out: a client that
/// was away for longer than that enrols again.
pub const MAX_SUCCESSIONS: usize = 16;

/// One root key's word on the next. It is good once [`super::TrustBundle::verify`] took the set that
/// it stands in.
#[derive(Clone, Debug)]
pub struct Succession {
    text: String,
    authority: String,
    number: i64,
    issued_at: Timestamp,
    from: PublicKey,
    to: PublicKey,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "succession",
        why,
    }
}

impl Succession {
    /// Has `old` say that `new` takes over from it with the key set `number`.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when the signer fails.
    pub fn sign(
        authority: &str,
        number: i64,
        issued_at: Timestamp,
        new: &PublicKey,
        old: &dyn Signer,
    ) -> Result<Self, Refusal> {
        let mut json = String::from(r#"{"authority":"#);
        quote(authority, &mut json);
        let from = old.public_key();
        json.push_str(&format!(
            r#","number":{number},"issued_at":"{issued_at}","from":{},"to":{},"kid":"{}"}}"#,
            from.to_jwk(),
            new.to_jwk(),
            from.key_id(),
        ));
        Ok(Self {
            text: statement::sign(statement::ROOT, &json, old)?,
            authority: authority.to_owned(),
            number,
            issued_at,
            from: from.clone(),
            to: new.clone(),
        })
    }

    /// Reads one; not yet believed.
    pub(super) fn read(value: Value<'_>) -> Result<Self, Refusal> {
        let object: Object<'_> = value.as_object().ok_or(bad("not an object"))?;
        let text_of =
            |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad(name));
        let key = |name: &'static str| {
            let jwk = object.get(name).ok_or(bad(name))?;
            PublicKey::from_jwk(jwk).map_err(|_| bad(name))
        };
        let from = key("from")?;
        if text_of("kid")? != from.key_id().as_str() {
            return Err(bad("kid is not the thumbprint of from"));
        }
        Ok(Self {
            authority: text_of("authority")?.into_owned(),
            number: object
                .get("number")
                .and_then(Value::as_i64)
                .ok_or(bad("number"))?,
            issued_at: Timestamp::parse_rfc3339(&text_of("issued_at")?).ok_or(bad("issued_at"))?,
            to: key("to")?,
            from,
            text: value.raw().to_owned(),
        })
    }

    /// The signed JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The authority whose root changes.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The key set from which the new root signs.
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }

    /// When the old root said so.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The id of the old root, which signed this.
    #[must_use]
    pub const fn from(&self) -> &KeyId {
        self.from.key_id()
    }

    /// The id of the new root.
    #[must_use]
    pub const fn to(&self) -> &KeyId {
        self.to.key_id()
    }

    /// The old root's signature over `value`, which is this statement in its document.
    pub(super) fn verify(&self, value: Value<'_>) -> Result<(), Refusal> {
        statement::verify(statement::ROOT, value, &self.from)
    }
}

/// Whether they lead from root to root up to `signer`, each once, for that authority, with ever later
/// key sets up to `number`.
pub(super) fn check(
    successions: &[Succession],
    authority: &str,
    number: i64,
    signer: &KeyId,
) -> Result<(), Refusal> {
    let Some(last) = successions.last() else {
        return Ok(());
    };
    if last.to() != signer {
        return Err(bad("the last does not lead to the root that signs the set"));
    }
    if last.number > number {
        return Err(bad("the last is of a later key set"));
    }
    let mut numbers = i64::MIN;
    for (at, own) in successions.iter().enumerate() {
        if own.authority != authority {
            return Err(bad("it is another authority's"));
        }
        if own.number <= numbers {
            return Err(bad("they are not in order"));
        }
        numbers = own.number;
        let later = successions.get(at..).unwrap_or_default();
        if let [_, next, ..] = later
            && own.to() != next.from()
        {
            return Err(bad("one is missing in between"));
        }
        // A root that has given way never comes back.
        if later.iter().any(|later| later.to() == own.from()) {
            return Err(bad("a root follows itself"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
