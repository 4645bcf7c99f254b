//! Issuing in two phases. [`Prepared`] is stored, may be signed at most once because signing
//! consumes it, and never leaves before the other crypto library has verified it.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::key::PublicKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ca, Ext, KeyRotation, Kind, Passport, PassportId, Unsigned};
use mcps_core::signer::Signer;
use mcps_core::trust::KeyUse;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Tenants;
use crate::authority::Authority;
use crate::error::Error;
use crate::kill::{self, Point};
use crate::levels::{Content, EvidenceType, Subject, Verdict};
use crate::proof::Proven;
use crate::store::{NewPassport, Reason, Record, Request};

/// The longest life of any passport.
pub const LONGEST_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The life of an agent's passport, unless something else is asked for.
pub const AGENT_LIFE: Duration = Duration::from_secs(3600);
/// The life of a server's or gateway's passport, unless something else is asked for.
pub const SERVER_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Which level is asked for. What is stated follows from the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedLevel {
    /// Whatever the evidence permits.
    Permitted,
    /// This one and no less. L2 is granted by asking, if an operator asks.
    Exactly(TrustLevel),
    /// Whatever the evidence permits, but no more than this: a renewal.
    AtMost(TrustLevel),
}

impl AskedLevel {
    const fn most(&self) -> TrustLevel {
        match self {
            Self::Permitted => TrustLevel::L4,
            Self::Exactly(level) | Self::AtMost(level) => *level,
        }
    }
}

/// What somebody asks to be certified, apart from the key.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The tenant's id.
    pub tenant: String,
    /// The subject's name.
    pub name: String,
    /// The subject's version.
    pub version: String,
    /// What kind of subject.
    pub kind: Kind,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What the subject says it can do.
    pub capabilities: Option<Vec<String>>,
    /// Where it lives.
    pub origin: Option<String>,
    /// The level to state.
    pub trust_level: Option<TrustLevel>,
    /// For how long, in seconds.
    pub ttl_s: Option<i64>,
    /// The right to issue.
    pub ca: Option<Ca>,
}

impl Asked {
    /// What is asked by somebody who issues in those tenants alone: a passport that may issue others may
    /// do so in no further ones.
    ///
    /// # Errors
    /// [`Error::TenantNotFound`].
    pub fn within(self, tenants: &Tenants) -> Result<Self, Error> {
        let stated = self.ca.iter().flat_map(|ca| &ca.within.tenants);
        let mut beyond = stated.filter(|tenant| !tenants.contains(tenant));
        match beyond.next() {
            Some(_) => Err(Error::TenantNotFound),
            None => Ok(self),
        }
    }

    /// The order of an operator, who decides on all of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] without an owner or with a life that no passport has.
    pub fn by_operator(self, operator: String) -> Result<Order, Error> {
        let why = "must be stated; only an enrolment token states it instead";
        Ok(Order {
            kind: self.kind,
            version: self.version,
            owner: self.owner.ok_or(Error::Invalid {
                member: "owner",
                why,
            })?,
            capabilities: self.capabilities.unwrap_or_default(),
            origin: self.origin,
            level: match self.trust_level {
                Some(level) => AskedLevel::Exactly(level),
                None => AskedLevel::Permitted,
            },
            life: life(self.kind, self.ttl_s)?,
            ca: self.ca,
            renews: None,
            rotation: None,
            token: None,
            issued_by: operator,
        })
    }
}

/// What is to be certified, apart from the proven key.
#[derive(Clone, Debug)]
pub struct Order {
    /// What kind of subject.
    pub kind: Kind,
    /// The subject's version.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// What the subject says it can do.
    pub capabilities: Vec<String>,
    /// Where it lives.
    pub origin: Option<String>,
    /// The level that somebody asks for or once allowed: never more than that is stated.
    pub level: AskedLevel,
    /// For how long.
    pub life: Duration,
    /// The right to issue.
    pub ca: Option<Ca>,
    /// The passport that is renewed.
    pub renews: Option<PassportId>,
    /// The key that is exchanged, and for how long it stays good beside the new one.
    pub rotation: Option<Rotation>,
    /// The enrolment token that is redeemed.
    pub token: Option<String>,
    /// The operator, the token, or the passport whose key asked.
    pub issued_by: String,
}

/// The exchange of a key for another.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The key that is replaced.
    pub previous: PublicKey,
    /// How long its passports stay good.
    pub overlap: Duration,
}

/// The passport whose key is exchanged, and from when on its like are superseded.
#[derive(Debug)]
struct Replaced {
    id: PassportId,
    at: Timestamp,
}

impl Order {
    /// Whether it rests on nothing but the proof and the word of who asks, as far as the order says.
    const fn is_plain(&self) -> bool {
        let by_word = !matches!(&self.level, AskedLevel::Exactly(level) if level.number() > 1);
        let follows = self.renews.is_some() || self.rotation.is_some() || self.token.is_some();
        by_word && !follows
    }

    /// The same subject again, for the holder of the passport's key.
    ///
    /// # Errors
    /// [`Error::Superseded`], [`Error::Revoked`], [`Error::Expired`]; [`Error::Invalid`] when `ttl_s` is longer than what
    /// was granted: a key alone must not lengthen what an operator allowed. [`Error::Stored`].
    pub fn renewal(record: &Record, ttl_s: Option<i64>, now: Timestamp) -> Result<Self, Error> {
        match record.revoked {
            Some(revoked) if revoked.reason != Reason::Superseded => return Err(Error::Revoked),
            _ if record.supersede_at.is_some() => return Err(Error::Superseded),
            Some(_) => return Err(Error::Revoked),
            None => {}
        }
        if record.expires_at <= now {
            return Err(Error::Expired);
        }
        let granted = Duration::from_millis(record.life_ms().unsigned_abs());
        let life = ttl_s.map_or(Ok(granted), seconds)?;
        if life > granted {
            let why = "may not be longer than the life of the passport that is renewed";
            return Err(Error::Invalid {
                member: "ttl_s",
                why,
            });
        }
        let passport = record.passport().map_err(Error::Stored)?;
        Ok(Self {
            kind: record.kind,
            version: record.version.clone(),
            owner: record.owner.clone(),
            capabilities: passport.capabilities().to_vec(),
            origin: record.origin.clone(),
            level: AskedLevel::AtMost(record.most_level),
            life,
            ca: passport.ext().and_then(|ext| ext.ca.clone()),
            renews: Some(record.id.clone()),
            rotation: None,
            token: None,
            issued_by: record.id.to_string(),
        })
    }
}

/// The life of a passport: what was asked for, or the default of its kind.
///
/// # Errors
/// [`Error::Invalid`] when it is not between one second and 90 days.
pub fn life(kind: Kind, ttl_s: Option<i64>) -> Result<Duration, Error> {
    match (ttl_s, kind) {
        (Some(asked), _) => seconds(asked),
        (None, Kind::Agent) => Ok(AGENT_LIFE),
        (None, Kind::Server | Kind::Gateway) => Ok(SERVER_LIFE),
    }
}

/// A life that a passport may have.
///
/// # Errors
/// [`Error::Invalid`] when it is not between one second and 90 days.
pub fn seconds(ttl_s: i64) -> Result<Duration, Error> {
    let life = u64::try_from(ttl_s).ok().map(Duration::from_secs);
    let allowed = |life: &Duration| !life.is_zero() && *life <= LONGEST_LIFE;
    let why = "must be 1 to 7776000 seconds (90 days)";
    life.filter(allowed).ok_or(Error::Invalid {
        member: "ttl_s",
        why,
    })
}

/// The level that is asked for.
///
/// # Errors
/// [`Error::Invalid`] for what is no level.
pub fn level(asked: i64) -> Result<TrustLevel, Error> {
    let why = "must be 0, 1, 2, 3 or 4";
    TrustLevel::from_number(asked).ok_or(Error::Invalid {
        member: "trust_level",
        why,
    })
}

/// The level to state, until when it may be stated, and the decision that it takes.
struct Stated {
    level: TrustLevel,
    until: Option<Timestamp>,
    decision: Option<Content>,
}

async fn stated(
    authority: &Authority,
    order: &Order,
    subject: Subject,
    has_evidence: bool,
    now: Timestamp,
) -> Result<Stated, Error> {
    let policy = authority.policy();
    let origin = order.origin.as_deref();
    let standing = authority
        .db()
        .standing(&subject, has_evidence, origin, policy, now);
    let found = standing.await?;
    if found.level == TrustLevel::L0 {
        return Err(Error::NotAccountable);
    }
    let level = found.level.min(order.level.most());
    match order.level {
        AskedLevel::Exactly(TrustLevel::L2) if level < TrustLevel::L2 => {
            let until = now.plus(policy.operator_decision);
            let decision = Content {
                subject,
                kind: EvidenceType::OperatorDecision,
                verdict: Verdict::Pass,
                manifest: None,
                origin: None,
                who: order.issued_by.clone(),
                observed_at: now,
                valid_until: until,
                statement: "asked for a passport of level 2".to_owned(),
                scanner: None,
                reported: None,
                waives: None,
            };
            Ok(Stated {
                level: TrustLevel::L2,
                until: Some(until),
                decision: Some(decision),
            })
        }
        AskedLevel::Exactly(asked) if level < asked => Err(Error::EvidenceNeeded),
        _ => Ok(Stated {
            level,
            until: found.lapses_at(level),
            decision: None,
        }),
    }
}

/// A passport whose exact bytes are stored and not yet signed. Not `Clone`: there is one, and
/// [`Prepared::sign`] takes it.
#[derive(Debug)]
#[must_use = "a prepared passport that is not signed was never issued"]
pub struct Prepared {
    id: PassportId,
    to_be_signed: String,
    kind: Kind,
    expires_at: Timestamp,
    replaced: Option<Replaced>,
    signer: Arc<dyn Signer>,
    /// Held until it is signed, where it was prepared by itself.
    _place: Option<OwnedSemaphorePermit>,
}

impl Prepared {
    /// Redeems the challenge and stores the bytes to be signed.
    ///
    /// # Errors
    /// As [`crate::store::Db::prepare`]; [`Error::Invalid`] when the passport would be too large.
    pub async fn new(authority: &Authority, order: Order, proven: Proven) -> Result<Self, Error> {
        let now = authority.now();
        let signer = authority.passport_signer()?;
        let (status_index, status) = authority.place().await?;
        let subject = Subject {
            tenant: proven.binding().tenant.clone(),
            kind: order.kind,
            name: proven.binding().subject.clone(),
        };
        // What a server's level rests on is read in any case.
        let has_evidence = order.kind == Kind::Server
            || authority.gathered().has_evidence(subject.clone()).await?;
        let place = if has_evidence || !order.is_plain() {
            Some(authority.issuing().await?)
        } else {
            None
        };
        let stated = stated(authority, &order, subject, has_evidence, now).await?;
        let ends = now.plus(order.life);
        let unsigned = Unsigned {
            id: PassportId::generate(authority.random())?,
            agent_name: proven.binding().subject.clone(),
            agent_version: order.version.clone(),
            capabilities: order.capabilities,
            public_key: proven.key().clone(),
            origin: order.origin.clone(),
            scan_json: None,
            trust_level: stated.level,
            issued_at: now,
            // Never longer than what its level rests on.
            expires_at: stated.until.map_or(ends, |until| until.min(ends)),
            issuer: authority.name().to_owned(),
            issuer_chain: Vec::new(),
            key_rotation: order.rotation.as_ref().map(|rotation| KeyRotation {
                previous_key_hash: rotation.previous.spki_digest().to_string(),
                rotated_at: now,
            }),
            ext: Some(Ext {
                tenant: proven.binding().tenant.clone(),
                kind: order.kind,
                owner: order.owner.clone(),
                ca: order.ca,
                status: Some(status),
            }),
        };
        let to_be_signed = unsigned.to_be_signed().map_err(Error::CrossCheck)?;
        let rotation = order.rotation.zip(order.renews.clone());
        let replaced = rotation.map(|(rotation, id)| Replaced {
            id,
            at: now.plus(rotation.overlap),
        });
        fits(&to_be_signed)?;
        let new = NewPassport {
            id: unsigned.id,
            kind: order.kind,
            version: order.version,
            owner: order.owner,
            origin: order.origin,
            trust_level: stated.level,
            most_level: order.level.most(),
            granted: order.life,
            decision: stated.decision,
            issued_at: now,
            expires_at: unsigned.expires_at,
            to_be_signed,
            issuer_kid: signer.public_key().key_id().clone(),
            renews: order.renews,
            token: order.token,
            issued_by: order.issued_by,
            status_index: Some(status_index),
        };
        let request = Request {
            new,
            challenge: proven.challenge().to_owned(),
            binding: proven.binding().clone(),
        };
        let (Request { new, .. }, told) = match place {
            Some(_) => authority.gathered().prepare_alone(request).await?,
            None => authority.gathered().prepare(request).await?,
        };
        kill::at(Point::Prepared);
        authority.told(&told);
        Ok(Self {
            id: new.id,
            to_be_signed: new.to_be_signed,
            kind: new.kind,
            expires_at: new.expires_at,
            replaced,
            signer,
            _place: place,
        })
    }

    /// Signs, reads what was signed as its receivers will and checks it with the other library, stores the
    /// signature, and only then lets the passport go.
    ///
    /// # Errors
    /// [`Error::Overtaken`] when it has expired meanwhile, [`Error::Revoked`] when it was revoked,
    /// [`Error::Signer`], [`Error::CrossCheck`] or [`Error::Database`].
    pub async fn sign(self, authority: &Authority) -> Result<Passport, Error> {
        if self.expires_at <= authority.now() {
            return Err(Error::Overtaken);
        }
        let signer = self.signer.as_ref();
        let digest = Digest::of(self.to_be_signed.as_bytes());
        let signature = signer
            .sign(&digest)
            .inspect_err(|_| authority.metrics().signer_failed(KeyUse::Passport))?;
        kill::at(Point::Signed);
        let passport =
            Passport::assemble(&self.to_be_signed, &signature).map_err(Error::CrossCheck)?;
        passport
            .cross_check_signature(signer.public_key())
            .map_err(Error::CrossCheck)?;
        let stored = match &self.replaced {
            None => authority.gathered().complete(self.id, signature).await?,
            Some(old) => {
                let (db, now) = (authority.db(), authority.now());
                db.complete_rotation(&self.id, &signature, &old.id, (now, old.at))
                    .await?
            }
        };
        if stored {
            kill::at(Point::Completed);
            authority.metrics().issued(self.kind);
            Ok(passport)
        } else {
            Err(Error::Revoked)
        }
    }
}

/// Whether the signed passport will be within what receivers read.
fn fits(to_be_signed: &str) -> Result<(), Error> {
    /// `,"signature":"…88 characters…"`.
    const SIGNATURE: usize = 103;
    if to_be_signed.len() + SIGNATURE <= mcps_core::passport::MAX_BYTES {
        return Ok(());
    }
    let why = "and the other members make a passport of more than 8192 bytes";
    Err(Error::Invalid {
        member: "capabilities",
        why,
    })
}

#[cfg(test)]
mod tests;
