//! Issuing in two steps, and reading what was issued.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Kind, PassportId};
use mcps_core::signature::Signature;

use super::audit::{Entry, audit_all};
use super::challenges::take_challenge;
use super::enrolments::redeem;
use super::evidence::file;
use super::restrictions::{gravest, keeps_off};
use super::row::{Row, select_issued};
use super::trust::{Told, reassess};
use super::{Binding, Db, Record, Restricted, on, transaction, within};
use crate::access::Tenants;
use crate::error::Error;
use crate::levels::{Content, Policy, Subject};

/// A passport about to be signed.
#[derive(Clone, Debug)]
pub struct NewPassport {
    /// Its id.
    pub id: PassportId,
    /// What kind of subject.
    pub kind: Kind,
    /// The subject's version.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it lives.
    pub origin: Option<String>,
    /// The level it states.
    pub trust_level: TrustLevel,
    /// The highest level that it and its renewals may state.
    pub most_level: TrustLevel,
    /// The life that was granted, whenever it ends.
    pub granted: Duration,
    /// The operator's decision that its level rests on, where it is made with it.
    pub decision: Option<Content>,
    /// From when on.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// The exact bytes to be signed.
    pub to_be_signed: String,
    /// The key that will sign them.
    pub issuer_kid: KeyId,
    /// The passport that this one renews.
    pub renews: Option<PassportId>,
    /// The enrolment token that is redeemed with it.
    pub token: Option<String>,
    /// The operator, the token, or the passport whose key asked.
    pub issued_by: String,
    /// Its place in the status lists.
    pub status_index: Option<i64>,
}

impl NewPassport {
    /// What is recorded of it. By the digest it can be told whether what is stored, or was signed, is
    /// what was to be signed.
    pub(super) fn detail(&self, binding: &Binding) -> Vec<(&'static str, String)> {
        let digest = Digest::of(self.to_be_signed.as_bytes());
        let mut detail = vec![
            ("tenant", binding.tenant.clone()),
            ("kind", self.kind.as_str().to_owned()),
            ("name", binding.subject.clone()),
            ("owner", self.owner.clone()),
            ("key", binding.kid.clone()),
            ("level", self.trust_level.number().to_string()),
            ("until", self.expires_at.to_string()),
            ("digest", digest.to_string()),
        ];
        let renews = self.renews.as_ref();
        detail.extend(renews.map(|id| ("renews", id.to_string())));
        let previous = binding.previous_kid.clone();
        detail.extend(previous.map(|kid| ("replaces_key", kid)));
        detail
    }

    pub(super) fn entry<'a>(&'a self, detail: &'a [(&'static str, String)]) -> Entry<'a> {
        Entry {
            at: self.issued_at,
            by: &self.issued_by,
            action: "passport.issue",
            subject: self.id.as_str(),
            detail,
        }
    }
}

/// Which passports to list, newest first.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only of these tenants.
    pub tenants: Tenants,
    /// `all`, `live`, `expired` or `revoked`.
    pub status: &'static str,
    /// Only those that come after this one.
    pub after: Option<PassportId>,
    /// At most so many.
    pub limit: i64,
}

impl Db {
    /// The first step: redeems the challenge and the token, takes the name and the key, and stores
    /// the bytes to be signed. All of it or nothing.
    ///
    /// # Errors
    /// [`Error::Restricted`] when something keeps the subject off, [`Error::ChallengeRefused`],
    /// [`Error::TokenRefused`], [`Error::NameTaken`], [`Error::KeyBlocked`],
    /// [`Error::Revoked`] or [`Error::Superseded`] when the passport to renew has been meanwhile,
    /// [`Error::EvidenceNeeded`] when what its level rests on is gone meanwhile, or
    /// [`Error::Database`].
    pub async fn prepare(
        &self,
        new: &NewPassport,
        challenge: &str,
        binding: &Binding,
        policy: &Policy,
    ) -> Result<Told, Error> {
        let at = new.issued_at;
        let now = new.issued_at.as_millis();
        let renews = new.renews.as_ref().map(PassportId::as_str);
        // The locks, always in this order, or two that each want both would wait for each other.
        let mut kids: Vec<&String> = std::iter::once(&binding.kid)
            .chain(&binding.previous_kid)
            .collect();
        kids.sort_unstable();
        Ok(transaction!(self, tx => {
            // No lock: a passport that slips out beside an order is refused for what the order reaches.
            let targets = keeps_off(new.kind, &new.owner, binding, new.renews.as_ref());
            let restricted: Option<Restricted> = gravest!(&mut *tx, &targets, at);
            if let Some(restricted) = restricted {
                let what = restricted.held.as_str();
                return Err(Error::Restricted { what });
            }
            take_challenge!(tx, challenge, binding, now);
            if let Some(token) = &new.token {
                redeem!(tx, token, now, new.id.as_str());
            }

            let (owner,): (String,) = sqlx::query_as(
                "INSERT INTO subjects (tenant, kind, name, owner, since) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (tenant, kind, name) DO UPDATE SET name = excluded.name RETURNING owner",
            )
            .bind(&binding.tenant)
            .bind(new.kind.as_str())
            .bind(&binding.subject)
            .bind(&new.owner)
            .bind(now)
            .fetch_one(&mut *tx)
            .await?;
            if owner != new.owner {
                let live: Option<(String,)> = sqlx::query_as(
                    "SELECT passport_id FROM passports WHERE tenant = $1 AND kind = $2 AND name = $3 \
                     AND revoked_at IS NULL AND expires_at > $4 ORDER BY expires_at DESC LIMIT 1",
                )
                .bind(&binding.tenant)
                .bind(new.kind.as_str())
                .bind(&binding.subject)
                .bind(now)
                .fetch_optional(&mut *tx)
                .await?;
                if let Some((holder,)) = live {
                    return Err(Error::NameTaken { holder });
                }
                sqlx::query(
                    "UPDATE subjects SET owner = $4, since = $5 \
                     WHERE tenant = $1 AND kind = $2 AND name = $3",
                )
                .bind(&binding.tenant)
                .bind(new.kind.as_str())
                .bind(&binding.subject)
                .bind(&new.owner)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            }

            for kid in &kids {
                let (blocked_at,): (Option<i64>,) = sqlx::query_as(
                    "INSERT INTO subject_keys (kid, first_used_at, last_used_at) VALUES ($1, $2, $2) \
                     ON CONFLICT (kid) DO UPDATE SET last_used_at = excluded.last_used_at \
                     RETURNING blocked_at",
                )
                .bind(kid)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
                if blocked_at.is_some() {
                    return Err(Error::KeyBlocked);
                }
            }

            // Under the keys' locks: neither a revocation nor a rotation can slip in between this look
            // and the insert.
            let before: Option<(Option<i64>, Option<i64>, Option<String>)> = match renews {
                Some(renews) => sqlx::query_as(
                    "SELECT revoked_at, supersede_at, line FROM passports WHERE passport_id = $1",
                )
                .bind(renews)
                .fetch_optional(&mut *tx)
                .await?,
                None => None,
            };
            let line = match before {
                Some((Some(_), ..)) => return Err(Error::Revoked),
                Some((None, Some(_), _)) => return Err(Error::Superseded),
                Some((None, None, line)) => line,
                None => None,
            };

            sqlx::query(
                "INSERT INTO passports (passport_id, tenant, kind, name, version, owner, origin, kid, \
                 trust_level, issued_at, expires_at, to_be_signed, issuer_kid, renews, issued_by, \
                 status_index, most_level, granted_ms, line) VALUES ($1, $2, $3, $4, $5, $6, $7, \
                 $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, COALESCE($19, $1))",
            )
            .bind(new.id.as_str())
            .bind(&binding.tenant)
            .bind(new.kind.as_str())
            .bind(&binding.subject)
            .bind(&new.version)
            .bind(&new.owner)
            .bind(&new.origin)
            .bind(&binding.kid)
            .bind(i16::from(new.trust_level.number()))
            .bind(now)
            .bind(new.expires_at.as_millis())
            .bind(&new.to_be_signed)
            .bind(new.issuer_kid.as_str())
            .bind(renews)
            .bind(&new.issued_by)
            .bind(new.status_index)
            .bind(i16::from(new.most_level.number()))
            .bind(i64::try_from(new.granted.as_millis()).unwrap_or(i64::MAX))
            .bind(line)
            .execute(&mut *tx)
            .await?;

            if let Some(decision) = &new.decision {
                file!(tx, decision, at);
            }
            // L1 rests on the proof alone. Above it, what it rests on may have changed since it was
            // looked at.
            let mut told = Told::default();
            if new.trust_level > TrustLevel::L1 {
                let subject = Subject {
                    tenant: binding.tenant.clone(),
                    kind: new.kind,
                    name: binding.subject.clone(),
                };
                told = reassess!(tx, &subject, policy, at, "passport_issued", true);
                if told.level.is_none_or(|level| level < new.trust_level) {
                    return Err(Error::EvidenceNeeded);
                }
            }
            let issued = new.detail(binding);
            let mut entries = vec![new.entry(&issued)];
            let filed = new.decision.as_ref();
            let filed = filed.map(|decision| (decision.id(), decision.detail(&told)));
            if let Some((id, detail)) = &filed {
                entries.push(Entry {
                    at,
                    by: &new.issued_by,
                    action: "evidence.file",
                    subject: id.as_str(),
                    detail,
                });
            }
            audit_all!(self, tx, &entries);
            told
        }))
    }

    /// The second step: stores the signature. `false` when the passport was signed or revoked
    /// before; then it must not leave.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete(
        &self,
        id: &PassportId,
        signature: &Signature,
    ) -> Result<bool, sqlx::Error> {
        let done = on!(self, pool => {
            sqlx::query(
                "UPDATE passports SET signature = $2 \
                 WHERE passport_id = $1 AND signature IS NULL AND revoked_at IS NULL",
            )
            .bind(id.as_str())
            .bind(signature.to_base64())
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(done == 1)
    }

    /// An issued passport by its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn passport(&self, id: &PassportId) -> Result<Option<Record>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(select_issued!("AND passport_id = $1"))
                .bind(id.as_str())
                .fetch_optional(pool)
                .await?
        });
        row.map(Record::try_from).transpose()
    }

    /// Issued passports of the filter's tenants, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn passports(
        &self,
        filter: &Filter,
        now: Timestamp,
    ) -> Result<Vec<Record>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(concat!(
                select_issued!(
                    "AND ($1 = 'all' OR ($1 = 'revoked' AND revoked_at IS NOT NULL) \
                     OR ($1 = 'live' AND revoked_at IS NULL AND expires_at > $2) \
                     OR ($1 = 'expired' AND revoked_at IS NULL AND expires_at <= $2)) \
                     AND ($3 = '' OR (issued_at, passport_id) < \
                     (SELECT issued_at, passport_id FROM passports WHERE passport_id = $3)) AND "
                ),
                within!("$5"),
                " ORDER BY issued_at DESC, passport_id DESC LIMIT $4",
            ))
            .bind(filter.status)
            .bind(now.as_millis())
            .bind(filter.after.as_ref().map_or("", PassportId::as_str))
            .bind(filter.limit)
            .bind(filter.tenants.filter())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Record::try_from).collect()
    }
}
