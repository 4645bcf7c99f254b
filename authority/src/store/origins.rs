//! Challenges for origins: one a subject.

use mcps_core::clock::Timestamp;

use super::audit::{Entry, audit};
use super::evidence::file;
use super::trust::{Told, reassess, target};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::origin::OriginChallenge;
use crate::levels::{Content, Policy, Subject};

impl Db {
    /// Gives a challenge out; the one before is void.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn challenge_origin(
        &self,
        new: &OriginChallenge,
        at: Timestamp,
    ) -> Result<(), Error> {
        transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO origin_challenges \
                 (tenant, kind, name, origin, challenge, asked_by, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (tenant, kind, name) DO UPDATE SET origin = excluded.origin, \
                 challenge = excluded.challenge, asked_by = excluded.asked_by, \
                 expires_at = excluded.expires_at",
            )
            .bind(&new.subject.tenant)
            .bind(new.subject.kind.as_str())
            .bind(&new.subject.name)
            .bind(&new.origin)
            .bind(&new.challenge)
            .bind(&new.asked_by)
            .bind(new.expires_at.as_millis())
            .execute(&mut *tx)
            .await?;
            let target = target(&new.subject).to_json();
            audit!(self, tx, Entry {
                at,
                by: &new.asked_by,
                action: "origin.challenge",
                subject: &target,
                detail: &[("origin", new.origin.clone())],
            });
        });
        Ok(())
    }

    /// The open challenge of a subject.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn origin_challenge(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<OriginChallenge>, sqlx::Error> {
        let row: Option<(String, String, String, i64)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT origin, challenge, asked_by, expires_at FROM origin_challenges \
                 WHERE tenant = $1 AND kind = $2 AND name = $3 AND expires_at > $4",
            )
            .bind(&subject.tenant)
            .bind(subject.kind.as_str())
            .bind(&subject.name)
            .bind(now.as_millis())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(
            |(origin, challenge, asked_by, expires_at)| OriginChallenge {
                subject: subject.clone(),
                origin,
                challenge,
                asked_by,
                expires_at: Timestamp::from_millis(expires_at),
            },
        ))
    }

    /// Redeems a challenge that was found where it should be, for the operator `by`: files that, and
    /// tells of what it changes.
    ///
    /// # Errors
    /// [`Error::NoOriginChallenge`] when it was redeemed or replaced meanwhile, [`Error::Database`],
    /// [`Error::Event`].
    pub async fn origin_checked(
        &self,
        asked: &OriginChallenge,
        content: &Content,
        policy: &Policy,
        by: &str,
        at: Timestamp,
    ) -> Result<Told, Error> {
        Ok(transaction!(self, tx => {
            let redeemed = sqlx::query(
                "DELETE FROM origin_challenges \
                 WHERE tenant = $1 AND kind = $2 AND name = $3 AND challenge = $4",
            )
            .bind(&asked.subject.tenant)
            .bind(asked.subject.kind.as_str())
            .bind(&asked.subject.name)
            .bind(&asked.challenge)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if redeemed == 0 {
                return Err(Error::NoOriginChallenge);
            }
            file!(tx, content, at);
            let told = reassess!(tx, &asked.subject, policy, at, "origin_checked", false);
            let id = content.id();
            let detail = content.detail(&told);
            audit!(self, tx, Entry {
                at,
                by,
                action: "evidence.file",
                subject: id.as_str(),
                detail: &detail,
            });
            told
        }))
    }
}
