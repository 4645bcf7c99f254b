//! Rows of the passport table and the records read from them.

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Kind, Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::signature::Signature;
use mcps_core::status::State;

use super::Reason;

/// Selects [`Row`]s of issued passports; what follows begins with `AND` or `ORDER BY`.
macro_rules! select_issued {
    ($rest:literal) => {
        concat!(
            "SELECT passport_id, tenant, kind, name, version, owner, origin, kid, trust_level, ",
            "issued_at, expires_at, to_be_signed, issuer_kid, signature, renews, revoked_at, reason, ",
            "most_level, granted_ms, supersede_at ",
            "FROM passports WHERE signature IS NOT NULL ",
            $rest
        )
    };
}

pub(super) use select_issued;

/// One issued passport and what has become of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: PassportId,
    /// The tenant's id.
    pub tenant: String,
    /// What kind of subject.
    pub kind: Kind,
    /// The subject's name.
    pub name: String,
    /// The subject's version.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it lives.
    pub origin: Option<String>,
    /// Thumbprint of its key.
    pub kid: String,
    /// The level it states.
    pub trust_level: TrustLevel,
    /// The highest level that its renewals may state.
    pub most_level: TrustLevel,
    /// From when on.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The passport it renews.
    pub renews: Option<String>,
    /// When and why it was revoked.
    pub revoked: Option<RevokedRecord>,
    /// From when on it is superseded: its key was exchanged for another.
    pub supersede_at: Option<Timestamp>,
    /// Thumbprint of the authority's key that signed it.
    pub issuer_kid: String,
    to_be_signed: String,
    signature: String,
    granted_ms: Option<i64>,
}

/// When and why a passport was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedRecord {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl Record {
    /// The passport as it was issued.
    ///
    /// # Errors
    /// When what is stored is no passport, which a sound database never holds.
    pub fn passport(&self) -> Result<Passport, Refusal> {
        Passport::assemble(
            &self.to_be_signed,
            &Signature::from_base64(&self.signature)?,
        )
    }

    /// When and why it ended before its time, as of `now`: also where the feed is yet to be told that
    /// it is superseded.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<RevokedRecord> {
        let superseded = self.supersede_at.filter(|at| *at <= now);
        self.revoked.or(superseded.map(|at| RevokedRecord {
            at,
            reason: Reason::Superseded,
        }))
    }

    /// What is to be said of it at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        if self.ended(now).is_some() {
            State::Revoked
        } else if self.expires_at <= now {
            State::Expired
        } else {
            State::Good
        }
    }

    /// How long it was granted for, in milliseconds; it may end earlier, with what its level rests on.
    #[must_use]
    pub const fn life_ms(&self) -> i64 {
        match self.granted_ms {
            Some(granted) => granted,
            None => self.expires_at.since(self.issued_at),
        }
    }
}

/// A row as both engines return it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    passport_id: String,
    tenant: String,
    kind: String,
    name: String,
    version: String,
    owner: String,
    origin: Option<String>,
    kid: String,
    trust_level: i16,
    issued_at: i64,
    expires_at: i64,
    to_be_signed: String,
    issuer_kid: String,
    signature: String,
    renews: Option<String>,
    revoked_at: Option<i64>,
    reason: Option<String>,
    most_level: Option<i16>,
    granted_ms: Option<i64>,
    supersede_at: Option<i64>,
}

impl TryFrom<Row> for Record {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let level = |number: i16| TrustLevel::from_number(i64::from(number));
        let most = row.most_level.unwrap_or(row.trust_level);
        Ok(Self {
            id: passport_id(&row.passport_id)?,
            kind: row.kind.parse().map_err(|_| damaged("kind"))?,
            trust_level: level(row.trust_level).ok_or_else(|| damaged("trust_level"))?,
            most_level: level(most).ok_or_else(|| damaged("most_level"))?,
            granted_ms: row.granted_ms,
            issued_at: Timestamp::from_millis(row.issued_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            revoked: revoked(row.revoked_at, row.reason.as_deref()),
            supersede_at: row.supersede_at.map(Timestamp::from_millis),
            tenant: row.tenant,
            name: row.name,
            version: row.version,
            owner: row.owner,
            origin: row.origin,
            kid: row.kid,
            renews: row.renews,
            issuer_kid: row.issuer_kid,
            to_be_signed: row.to_be_signed,
            signature: row.signature,
        })
    }
}

pub(super) fn passport_id(text: &str) -> Result<PassportId, sqlx::Error> {
    PassportId::parse(text).ok_or_else(|| damaged("passport_id"))
}

fn revoked(at: Option<i64>, reason: Option<&str>) -> Option<RevokedRecord> {
    let at = at?;
    // A reason that this version does not know must not turn a revoked passport into a good one.
    let reason = reason
        .and_then(Reason::parse)
        .unwrap_or(Reason::Unspecified);
    Some(RevokedRecord {
        at: Timestamp::from_millis(at),
        reason,
    })
}

/// A stored value that no version of this program writes.
pub(super) fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "not a value of this column".into(),
    }
}
