//! A signed revocation status: what an authority says of one passport, to one nonce, for a while.

use crate::clock::Timestamp;
use crate::json::{Document, Value, quote};
use crate::key::KeyId;
use crate::level::TrustLevel;
use crate::passport::PassportId;
use crate::refusal::Refusal;
use crate::statement;
use crate::trust::{ISSUE_SKEW, KeyUse, TrustBundle};

/// What the authority says of a passport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Issued here, neither revoked nor suspended nor expired.
    Good,
    /// Revoked for good.
    Revoked,
    /// Suspended until reinstated.
    Suspended,
    /// Past its time.
    Expired,
    /// Never issued here: the same as revoked.
    Unknown,
}

impl State {
    const ALL: [State; 5] = [
        Self::Good,
        Self::Revoked,
        Self::Suspended,
        Self::Expired,
        Self::Unknown,
    ];

    /// `good`, `revoked`, `suspended`, `expired` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the state's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A status answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The authority's name.
    pub authority: String,
    /// Of which passport.
    pub passport_id: PassportId,
    /// What is said of it.
    pub state: State,
    /// The level now recorded, when the passport is known.
    pub trust_level: Option<TrustLevel>,
    /// Why, when revoked or suspended.
    pub reason: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The asker's nonce, 32 lower-case hex digits.
    pub nonce: String,
    /// When the answer was made.
    pub produced_at: Timestamp,
    /// Until when it may be relied upon.
    pub fresh_until: Timestamp,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "status",
        why,
    }
}

impl Status {
    /// The unsigned JSON; [`crate::statement::sign`] with [`crate::statement::STATUS`] by the
    /// authority's status key, named by `kid`, completes it.
    #[must_use]
    pub fn unsigned_json(&self, kid: &KeyId) -> String {
        let text = |text: &str| {
            let mut out = String::new();
            quote(text, &mut out);
            out
        };
        let mut json = format!(
            r#"{{"authority":{},"passport_id":"{}","status":"{}""#,
            text(&self.authority),
            self.passport_id,
            self.state.as_str(),
        );
        if let Some(level) = self.trust_level {
            json.push_str(&format!(r#","trust_level":{}"#, level.number()));
        }
        if let Some(reason) = &self.reason {
            json.push_str(&format!(r#","reason":{}"#, text(reason)));
        }
        if let Some(at) = self.revoked_at {
            json.push_str(&format!(r#","revoked_at":"{at}""#));
        }
        json.push_str(&format!(
            r#","nonce":{},"produced_at":"{}","fresh_until":"{}","kid":"{kid}"}}"#,
            text(&self.nonce),
            self.produced_at,
            self.fresh_until,
        ));
        json
    }

    /// Reads an answer and believes it only if it is signed by a status key of `bundle`, names
    /// `asked` and `nonce`, and is fresh.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`], [`Refusal::Statement`] for another passport, nonce or authority,
    /// [`Refusal::StatusTooOld`] for one past `fresh_until`.
    pub fn verify(
        text: &str,
        bundle: &TrustBundle,
        asked: &PassportId,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let document = Document::parse(text)?;
        let root = document.root();
        let text_of = |name: &'static str| root.get(name).and_then(Value::as_str).ok_or(bad(name));
        let time = |name: &'static str| Timestamp::parse_rfc3339(&text_of(name)?).ok_or(bad(name));
        let kid = text_of("kid")?;
        let key = bundle
            .usable(KeyUse::Status)
            .find(|key| key.public_key.key_id().as_str() == kid);
        statement::verify(
            statement::STATUS,
            root,
            &key.ok_or(Refusal::UnknownIssuer)?.public_key,
        )?;
        let level = |value: Value<'_>| {
            let level = value.as_i64().and_then(TrustLevel::from_number);
            level.ok_or(bad("trust_level"))
        };
        let optional = |name: &'static str| root.get(name).map(|_| text_of(name)).transpose();
        let status = Self {
            authority: text_of("authority")?.into_owned(),
            passport_id: PassportId::parse(&text_of("passport_id")?).ok_or(bad("passport_id"))?,
            state: State::parse(&text_of("status")?).ok_or(bad("status"))?,
            trust_level: root.get("trust_level").map(level).transpose()?,
            reason: optional("reason")?.map(|reason| reason.into_owned()),
            revoked_at: root
                .get("revoked_at")
                .map(|_| time("revoked_at"))
                .transpose()?,
            nonce: text_of("nonce")?.into_owned(),
            produced_at: time("produced_at")?,
            fresh_until: time("fresh_until")?,
        };
        if status.authority != bundle.authority() {
            return Err(bad("it speaks for another authority"));
        }
        if &status.passport_id != asked || status.nonce != nonce {
            return Err(bad("it answers another question"));
        }
        if status.fresh_until <= now || status.produced_at > now.plus(ISSUE_SKEW) {
            return Err(Refusal::StatusTooOld {
                level: TrustLevel::L2,
            });
        }
        Ok(status)
    }

    /// Whether calls by the passport may go on, as far as revocation is concerned.
    ///
    /// # Errors
    /// [`Refusal::Revoked`] with the state's name, [`Refusal::Expired`].
    pub fn admits(&self) -> Result<(), Refusal> {
        match self.state {
            State::Good => Ok(()),
            State::Expired => Err(Refusal::Expired),
            State::Revoked | State::Suspended | State::Unknown => {
                Err(Refusal::Revoked(self.state.as_str()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
