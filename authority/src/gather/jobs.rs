//! What is gathered: the steps of issuing a passport.

use std::collections::HashSet;
use std::io;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::passport::PassportId;
use mcps_core::signature::Signature;

use super::{Done, Gather, Job};
use crate::error::Error;
use crate::levels::{Policy, Subject};
use crate::places::Places;
use crate::store::{Challenge, Db, OperatorRecord, Request, Told};

/// Where the steps of issuing are asked for.
#[derive(Clone, Debug)]
pub struct Gathered {
    operators: Gather<Operators>,
    challenges: Gather<Challenges>,
    evidence: Gather<Evidence>,
    preparing: Gather<Preparing>,
    completing: Gather<Completing>,
}

impl Gathered {
    /// For that database. Where one has to be prepared by itself, it takes one of `places`.
    pub(crate) fn new(db: &Db, policy: &Policy, places: &Places) -> Self {
        let (policy, places) = (policy.clone(), places.clone());
        Self {
            operators: Gather::new(Operators(db.clone())),
            challenges: Gather::new(Challenges(db.clone())),
            evidence: Gather::new(Evidence(db.clone())),
            preparing: Gather::new(Preparing {
                db: db.clone(),
                policy,
                places,
            }),
            completing: Gather::new(Completing(db.clone())),
        }
    }

    /// As [`Db::operator_by_key`].
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Busy`].
    pub async fn operator(&self, key_hash: Digest) -> Result<Option<OperatorRecord>, Error> {
        Ok(self.operators.ask(key_hash).await??)
    }

    /// As [`Db::open_challenge`].
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Busy`].
    pub async fn open(
        &self,
        challenge: Challenge,
        now: Timestamp,
        cap: i64,
    ) -> Result<bool, Error> {
        let opening = Opening {
            challenge,
            now,
            cap,
        };
        Ok(self.challenges.ask(opening).await??)
    }

    /// As [`Db::has_evidence`].
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Busy`].
    pub async fn has_evidence(&self, subject: Subject) -> Result<bool, Error> {
        Ok(self.evidence.ask(subject).await??)
    }

    /// As [`Db::prepare`], for a usual one ([`Request::is_usual`]). The request comes back.
    ///
    /// # Errors
    /// As [`Db::prepare`]; [`Error::Busy`].
    pub async fn prepare(&self, request: Request) -> Result<(Request, Told), Error> {
        self.preparing.ask(request).await?
    }

    /// As [`Db::prepare`], by itself, for whoever has one of the places. The request comes back.
    ///
    /// # Errors
    /// As [`Db::prepare`].
    pub async fn prepare_alone(&self, request: Request) -> Result<(Request, Told), Error> {
        self.preparing.job.now(request).await
    }

    /// As [`Db::complete`].
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Busy`].
    pub async fn complete(&self, id: PassportId, signature: Signature) -> Result<bool, Error> {
        Ok(self.completing.ask((id, signature)).await??)
    }
}

#[derive(Clone, Debug)]
struct Operators(Db);

impl Job for Operators {
    type Request = Digest;
    type Answer = Result<Option<OperatorRecord>, sqlx::Error>;

    async fn together(&self, hashes: Vec<Digest>) -> Vec<Done<Self::Answer, Digest>> {
        let Ok(found) = self.0.operators_by_key(&hashes).await else {
            return hashes.into_iter().map(Done::Alone).collect();
        };
        let of = |hash: &Digest| found.get(hash.as_bytes().as_slice()).cloned();
        hashes
            .iter()
            .map(|hash| Done::Answered(Ok(of(hash))))
            .collect()
    }

    async fn alone(&self, hash: Digest) -> Self::Answer {
        self.0.operator_by_key(&hash).await
    }
}

#[derive(Clone, Debug)]
struct Challenges(Db);

#[derive(Debug)]
struct Opening {
    challenge: Challenge,
    now: Timestamp,
    cap: i64,
}

impl Job for Challenges {
    type Request = Opening;
    type Answer = Result<bool, sqlx::Error>;

    async fn together(&self, asked: Vec<Opening>) -> Vec<Done<Self::Answer, Opening>> {
        let now = asked.iter().map(|one| one.now).max();
        let cap = asked.iter().map(|one| one.cap).min();
        let challenges: Vec<&Challenge> = asked.iter().map(|one| &one.challenge).collect();
        let (Some(now), Some(cap)) = (now, cap) else {
            return Vec::new();
        };
        match self.0.open_challenges(&challenges, now, cap).await {
            Ok(true) => asked.iter().map(|_| Done::Answered(Ok(true))).collect(),
            Err(error) if !was_undone(&error) => {
                let told = |_| Done::Answered(Err(same(&error)));
                asked.iter().map(told).collect()
            }
            _ => asked.into_iter().map(Done::Alone).collect(),
        }
    }

    async fn alone(&self, one: Opening) -> Self::Answer {
        self.0
            .open_challenge(&one.challenge, one.now, one.cap)
            .await
    }
}

#[derive(Clone, Debug)]
struct Evidence(Db);

impl Job for Evidence {
    type Request = Subject;
    type Answer = Result<bool, sqlx::Error>;

    async fn together(&self, subjects: Vec<Subject>) -> Vec<Done<Self::Answer, Subject>> {
        let Ok(found) = self.0.with_evidence(&subjects).await else {
            return subjects.into_iter().map(Done::Alone).collect();
        };
        let answers = subjects.iter().map(|subject| {
            let subject = (&subject.tenant, subject.kind.as_str(), &subject.name);
            let has = |(tenant, kind, name): &(String, String, String)| {
                (tenant, kind.as_str(), name) == subject
            };
            Done::Answered(Ok(found.iter().any(has)))
        });
        answers.collect()
    }

    async fn alone(&self, subject: Subject) -> Self::Answer {
        self.0.has_evidence(&subject).await
    }
}

#[derive(Clone, Debug)]
struct Preparing {
    db: Db,
    policy: Policy,
    places: Places,
}

impl Job for Preparing {
    type Request = Request;
    type Answer = Result<(Request, Told), Error>;

    fn meet(one: &Request, other: &Request) -> bool {
        one.meets(other)
    }

    async fn together(&self, requests: Vec<Request>) -> Vec<Done<Self::Answer, Request>> {
        match self.db.prepare_all(&requests).await {
            Ok(true) => {
                let told = |one| Done::Answered(Ok((one, Told::default())));
                requests.into_iter().map(told).collect()
            }
            // Whoever asked on would be told that the challenge was used, which may be so by this.
            Err(Error::Database(error)) if !was_undone(&error) => {
                let told = |_| Done::Answered(Err(same(&error).into()));
                requests.iter().map(told).collect()
            }
            _ => requests.into_iter().map(Done::Alone).collect(),
        }
    }

    async fn alone(&self, request: Request) -> Self::Answer {
        let _place = self.places.take().await?;
        self.now(request).await
    }
}

impl Preparing {
    async fn now(&self, request: Request) -> Result<(Request, Told), Error> {
        let (new, binding) = (&request.new, &request.binding);
        let told = self
            .db
            .prepare(new, &request.challenge, binding, &self.policy);
        told.await.map(|told| (request, told))
    }
}

#[derive(Clone, Debug)]
struct Completing(Db);

impl Job for Completing {
    type Request = (PassportId, Signature);
    type Answer = Result<bool, sqlx::Error>;

    async fn together(&self, signed: Vec<Self::Request>) -> Vec<Done<Self::Answer, Self::Request>> {
        let done = match self.0.complete_all(&signed).await {
            Ok(done) => done,
            Err(error) if !was_undone(&error) => {
                let told = |_| Done::Answered(Err(same(&error)));
                return signed.iter().map(told).collect();
            }
            Err(_) => HashSet::new(),
        };
        let answer = |one: Self::Request| match done.contains(one.0.as_str()) {
            true => Done::Answered(Ok(true)),
            false => Done::Alone(one),
        };
        signed.into_iter().map(answer).collect()
    }

    async fn alone(&self, (id, signature): Self::Request) -> Self::Answer {
        self.0.complete(&id, &signature).await
    }
}

/// Whether it is certain that nothing of it was done: the database says so itself, and is not ending. Where
/// only the answer was lost it may have been done, and must not be asked for again as if it had not.
fn was_undone(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(told) = error else {
        return matches!(error, sqlx::Error::PoolTimedOut);
    };
    // Of SQLSTATE: connection lost, resources, operator's intervention, system error, internal error.
    let code = told.code().unwrap_or_default();
    !["08", "40003", "53", "57", "58", "XX"]
        .iter()
        .any(|class| code.starts_with(class))
}

/// The error of several, for one of them.
fn same(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Io(io::Error::other(error.to_string()))
}
