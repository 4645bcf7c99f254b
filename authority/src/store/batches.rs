//! The steps of issuing for several passports: what would be a statement for each is one for all of them.

use std::collections::{HashMap, HashSet};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::Target;
use mcps_core::level::TrustLevel;
use mcps_core::passport::PassportId;
use mcps_core::signature::Signature;
use sqlx::QueryBuilder;

use super::audit::{Entry, audit_all};
use super::challenges::OPEN_ALL;
use super::operators::{HeldRow, gathered, select_held};
use super::restrictions::keeps_off;
use super::{Binding, Challenge, Db, NewPassport, OperatorRecord, Pool, on, transaction};
use crate::error::Error;
use crate::levels::Subject;

/// A passport to be prepared, and the challenge that it takes.
#[derive(Clone, Debug)]
pub struct Request {
    /// The passport.
    pub new: NewPassport,
    /// The challenge that was answered.
    pub challenge: String,
    /// What the challenge has to be bound to.
    pub binding: Binding,
}

impl Request {
    /// Whether it is the usual case, a passport that follows from nothing but the proof and the word of
    /// who asked. Only such ones are prepared together.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        let new = &self.new;
        new.trust_level <= TrustLevel::L1
            && new.decision.is_none()
            && new.renews.is_none()
            && new.token.is_none()
            && self.binding.previous_kid.is_none()
    }

    fn subject(&self) -> (&str, &str, &str) {
        let binding = &self.binding;
        (&binding.tenant, self.new.kind.as_str(), &binding.subject)
    }

    /// Whether both want the same name, key or challenge.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.subject() == other.subject()
            || self.binding.kid == other.binding.kid
            || self.challenge == other.challenge
    }
}

/// A row of a redeemed challenge.
type Redeemed = (String, String, String, String, String, String);

fn redeems(request: &Request) -> Redeemed {
    let binding = &request.binding;
    (
        request.challenge.clone(),
        binding.tenant.clone(),
        binding.subject.clone(),
        binding.kid.clone(),
        binding.audience.clone(),
        String::new(),
    )
}

impl Db {
    /// Whose API keys have these hashes, by hash: as [`Db::operator_by_key`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn operators_by_key(
        &self,
        hashes: &[Digest],
    ) -> Result<HashMap<Vec<u8>, OperatorRecord>, sqlx::Error> {
        let different: HashSet<&[u8]> = hashes.iter().map(|it| it.as_bytes().as_slice()).collect();
        let found: Vec<HeldRow> = on!(self, pool => {
            let mut query = QueryBuilder::new(concat!(select_held!(), " AND o.key_hash IN ("));
            let mut list = query.separated(", ");
            for hash in &different {
                list.push_bind(*hash);
            }
            list.push_unseparated(")");
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(gathered(found))
    }

    /// Stores them all; `false`, and nothing is stored, where there may be too many open already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_challenges(
        &self,
        challenges: &[&Challenge],
        now: Timestamp,
        cap: i64,
    ) -> Result<bool, sqlx::Error> {
        self.sweep_challenges(now).await?;
        if !self.swept.has_room(challenges.len(), cap) {
            return Ok(false);
        }
        on!(self.light, pool => {
            let mut query = QueryBuilder::new(OPEN_ALL);
            query.push_values(challenges, |mut row, new| {
                let binding = &new.binding;
                row.push_bind(&new.challenge).push_bind(&binding.tenant);
                row.push_bind(&binding.subject).push_bind(&binding.kid);
                row.push_bind(&binding.audience).push_bind(new.expires_at.as_millis());
                row.push_bind(binding.previous_kid.as_deref().unwrap_or_default());
            });
            query.build().execute(pool).await?;
        });
        Ok(true)
    }

    /// Those of them on whom there is evidence, as tenant, kind and name: as [`Db::has_evidence`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn with_evidence(
        &self,
        subjects: &[Subject],
    ) -> Result<Vec<(String, String, String)>, sqlx::Error> {
        Ok(on!(self, pool => {
            let mut query = QueryBuilder::new(
                "SELECT DISTINCT tenant, kind, name FROM evidence WHERE (tenant, kind, name) IN (",
            );
            query.push_values(subjects, |mut row, subject| {
                row.push_bind(&subject.tenant).push_bind(subject.kind.as_str());
                row.push_bind(&subject.name);
            });
            query.push(")");
            query.build_query_as().fetch_all(pool).await?
        }))
    }

    /// Stores the signatures: as [`Db::complete`], for several. Answers the ids of those that were
    /// stored. Where another holds a row it is not waited for, for it may want the next one of these.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete_all(
        &self,
        signed: &[(PassportId, Signature)],
    ) -> Result<HashSet<String>, sqlx::Error> {
        let unheld = match self.pool() {
            Pool::Postgres(_) => " FOR UPDATE SKIP LOCKED",
            Pool::Sqlite(_) => "",
        };
        let done: Vec<(String,)> = on!(self, pool => {
            let mut query =
                QueryBuilder::new("UPDATE passports SET signature = given.column2 FROM (");
            query.push_values(signed, |mut row, (id, signature)| {
                row.push_bind(id.as_str()).push_bind(signature.to_base64());
            });
            query.push(
                ") AS given WHERE passport_id = given.column1 AND passport_id IN \
                 (SELECT passport_id FROM passports WHERE signature IS NULL AND revoked_at IS NULL \
                 AND passport_id IN (",
            );
            let mut list = query.separated(", ");
            for (id, _) in signed {
                list.push_bind(id.as_str());
            }
            list.push_unseparated(")");
            query.push(unheld).push(") RETURNING passport_id");
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(done.into_iter().map(|(id,)| id).collect())
    }

    /// Does for each of those what [`Db::prepare`] does, in one transaction; `false`, and nothing is changed,
    /// where anything stands against any of them. Then each has to be prepared by itself, which says what
    /// it is. They are usual ([`Request::is_usual`]) and no two of them meet.
    ///
    /// # Errors
    /// [`Error::Database`]; nothing is changed.
    pub async fn prepare_all(&self, requests: &[Request]) -> Result<bool, Error> {
        // In the order in which single ones take their locks, and sorted within each kind of lock.
        let mut by_subject: Vec<&Request> = requests.iter().collect();
        by_subject.sort_unstable_by_key(|request| request.subject());
        let mut kids: Vec<&str> = requests.iter().map(|it| it.binding.kid.as_str()).collect();
        kids.sort_unstable();
        let reach: HashSet<String> = requests.iter().flat_map(reach).collect();
        let Some(now) = requests.iter().map(|it| it.new.issued_at.as_millis()).max() else {
            return Ok(true);
        };
        let details: Vec<_> = requests.iter().map(Request::detail).collect();
        let entries: Vec<Entry<'_>> = requests
            .iter()
            .zip(&details)
            .map(|(request, detail)| request.entry(detail))
            .collect();
        Ok(transaction!(self, tx => {
            let mut query = QueryBuilder::new("SELECT target FROM restrictions WHERE target IN (");
            let mut list = query.separated(", ");
            for target in &reach {
                list.push_bind(target);
            }
            list.push_unseparated(") LIMIT 1");
            let held: Option<(String,)> = query.build_query_as().fetch_optional(&mut *tx).await?;
            if held.is_some() {
                return Ok(false);
            }

            let mut query = QueryBuilder::new("DELETE FROM challenges WHERE expires_at > ");
            query.push_bind(now).push(" AND challenge IN (");
            let mut list = query.separated(", ");
            for request in requests {
                list.push_bind(&request.challenge);
            }
            list.push_unseparated(
                ") RETURNING challenge, tenant, subject, kid, audience, previous_kid",
            );
            let redeemed: Vec<Redeemed> = query.build_query_as().fetch_all(&mut *tx).await?;
            let redeemed: HashSet<Redeemed> = redeemed.into_iter().collect();
            if !requests.iter().all(|request| redeemed.contains(&redeems(request))) {
                return Ok(false);
            }

            let mut query =
                QueryBuilder::new("INSERT INTO subjects (tenant, kind, name, owner, since) ");
            query.push_values(&by_subject, |mut row, request| {
                let (tenant, kind, name) = request.subject();
                row.push_bind(tenant).push_bind(kind).push_bind(name);
                row.push_bind(&request.new.owner).push_bind(now);
            });
            query.push(
                " ON CONFLICT (tenant, kind, name) DO UPDATE SET name = excluded.name \
                 RETURNING tenant, kind, name, owner",
            );
            let owned: Vec<(String, String, String, String)> =
                query.build_query_as().fetch_all(&mut *tx).await?;
            let owners: HashMap<(&str, &str, &str), &str> = owned
                .iter()
                .map(|(tenant, kind, name, owner)| ((&**tenant, &**kind, &**name), &**owner))
                .collect();
            let owns = |request: &Request| {
                owners.get(&request.subject()).is_some_and(|owner| *owner == request.new.owner)
            };
            if !requests.iter().all(owns) {
                return Ok(false);
            }

            let mut query = QueryBuilder::new(
                "INSERT INTO subject_keys (kid, first_used_at, last_used_at) ",
            );
            query.push_values(&kids, |mut row, kid| {
                row.push_bind(*kid).push_bind(now).push_bind(now);
            });
            query.push(
                " ON CONFLICT (kid) DO UPDATE SET last_used_at = excluded.last_used_at \
                 RETURNING blocked_at",
            );
            let blocked: Vec<(Option<i64>,)> = query.build_query_as().fetch_all(&mut *tx).await?;
            if blocked.iter().any(|(at,)| at.is_some()) {
                return Ok(false);
            }

            let mut query = QueryBuilder::new(
                "INSERT INTO passports (passport_id, tenant, kind, name, version, owner, origin, kid, \
                 trust_level, issued_at, expires_at, to_be_signed, issuer_kid, issued_by, \
                 status_index, most_level, granted_ms, line) ",
            );
            query.push_values(requests, |mut row, request| {
                let (tenant, kind, name) = request.subject();
                let new = &request.new;
                row.push_bind(new.id.as_str()).push_bind(tenant).push_bind(kind).push_bind(name);
                row.push_bind(&new.version).push_bind(&new.owner).push_bind(&new.origin);
                row.push_bind(&request.binding.kid);
                row.push_bind(i16::from(new.trust_level.number()));
                row.push_bind(new.issued_at.as_millis()).push_bind(new.expires_at.as_millis());
                row.push_bind(&new.to_be_signed).push_bind(new.issuer_kid.as_str());
                row.push_bind(&new.issued_by).push_bind(new.status_index);
                row.push_bind(i16::from(new.most_level.number()));
                row.push_bind(i64::try_from(new.granted.as_millis()).unwrap_or(i64::MAX));
                row.push_bind(new.id.as_str());
            });
            query.build().execute(&mut *tx).await?;
            audit_all!(self, tx, &entries);
            true
        }))
    }
}

fn reach(request: &Request) -> Vec<String> {
    let new = &request.new;
    let targets = keeps_off(new.kind, &new.owner, &request.binding, None);
    targets.iter().map(Target::to_json).collect()
}

impl Request {
    fn detail(&self) -> Vec<(&'static str, String)> {
        self.new.detail(&self.binding)
    }

    fn entry<'a>(&'a self, detail: &'a [(&'static str, String)]) -> Entry<'a> {
        self.new.entry(detail)
    }
}
