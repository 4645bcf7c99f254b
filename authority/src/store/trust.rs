//! What is known of a subject, and the level that was computed of it last.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Entry, Held, Target};
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;

use super::audit::{Entry as AuditEntry, audit};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::{Assessment, Content, Evidence, Facts, Policy, Proof, Subject, assess};

/// Locks what is said of a subject until the transaction ends. Whoever changes what a level rests on
/// takes this lock before it reads the rest, so that no change is missed.
pub(super) const LOCK_TRUST: &str = "INSERT INTO trust (tenant, kind, name, level) \
     VALUES ($1, $2, $3, 1) ON CONFLICT (tenant, kind, name) DO UPDATE SET level = trust.level \
     RETURNING level, told_at";
pub(super) const SET_TRUST: &str = "UPDATE trust SET level = $4, told_at = $5, next_at = $6 \
     WHERE tenant = $1 AND kind = $2 AND name = $3";
pub(super) const SERVER: &str = "SELECT server_id, origin, state FROM servers WHERE tenant = $1 AND name = $2 \
     ORDER BY CASE WHEN state = 'retired' THEN 1 ELSE 0 END, added_at DESC LIMIT 1";
pub(super) const CURRENT: &str =
    "SELECT digest FROM manifests WHERE server_id = $1 ORDER BY number DESC LIMIT 1";
pub(super) const NEWEST: &str = "SELECT origin, expires_at FROM passports WHERE tenant = $1 AND kind = $2 \
     AND name = $3 AND signature IS NOT NULL AND revoked_at IS NULL \
     ORDER BY expires_at DESC, passport_id DESC LIMIT 1";

/// What a computation of a level said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The level, where it was computed.
    pub level: Option<TrustLevel>,
    /// The position of the event that tells of a change, `EPOCH:SEQ`.
    pub position: Option<String>,
}

impl Told {
    /// For the record of what caused it.
    pub(super) fn detail(&self) -> Vec<(&'static str, String)> {
        let level = self.level.filter(|_| self.position.is_some());
        let level = level.map(|level| ("level", level.number().to_string()));
        let position = self.position.clone().map(|position| ("position", position));
        level.into_iter().chain(position).collect()
    }
}

impl Content {
    /// For the record of its filing. The rest follows from its id.
    pub(super) fn detail(&self, told: &Told) -> Vec<(&'static str, String)> {
        let mut detail = vec![
            ("tenant", self.subject.tenant.clone()),
            ("kind", self.subject.kind.as_str().to_owned()),
            ("name", self.subject.name.clone()),
            ("type", self.kind.as_str().to_owned()),
            ("verdict", self.verdict.as_str().to_owned()),
            ("who", self.who.clone()),
            ("until", self.valid_until.to_string()),
        ];
        detail.extend(self.manifest.map(|digest| ("manifest", digest.to_string())));
        detail.extend(self.origin.clone().map(|origin| ("origin", origin)));
        let reported = self.reported.as_ref();
        detail.extend(reported.map(|of| ("report", of.digest.to_string())));
        detail.extend(self.scanner.clone().map(|scanner| ("scanner", scanner)));
        detail.extend(
            self.waives
                .map(|waived| ("waives", waived.as_str().to_owned())),
        );
        detail.extend(told.detail());
        detail
    }
}

/// What an assessment rests on.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// What is known beside the evidence. The proof is the live passport's.
    pub facts: Facts,
    /// All that is on file.
    pub evidence: Vec<Evidence>,
}

/// A server's id, origin and state.
pub(super) type ServerFacts = (String, Option<String>, String);
/// A passport's origin and end.
pub(super) type PassportFacts = (Option<String>, i64);

pub(super) fn gathered(
    kind: Kind,
    server: Option<ServerFacts>,
    manifest: Option<(String,)>,
    passport: Option<PassportFacts>,
    evidence: Vec<Evidence>,
) -> Inputs {
    let until = passport
        .as_ref()
        .map(|(_, until)| Timestamp::from_millis(*until));
    let (registered, state) = match server {
        Some((_, origin, state)) => (Some(origin), Some(state)),
        None => (None, None),
    };
    // What is registered comes before what a passport says.
    let origin = registered.unwrap_or_else(|| passport.and_then(|(origin, _)| origin));
    Inputs {
        facts: Facts {
            kind,
            proof: until.map_or(Proof::None, Proof::Until),
            accountable: state.is_none_or(|state| state == "active"),
            origin,
            manifest: manifest.and_then(|(digest,)| Digest::from_hex(&digest)),
        },
        evidence,
    }
}

/// Reads what the level of a subject rests on, by a transaction or a connection.
macro_rules! inputs {
    ($tx:ident, $subject:expr) => {{
        let subject: &$crate::levels::Subject = $subject;
        let (tenant, kind, name) = (&subject.tenant, subject.kind.as_str(), &subject.name);
        let server: Option<$crate::store::trust::ServerFacts> = match subject.kind {
            mcps_core::passport::Kind::Server => {
                sqlx::query_as($crate::store::trust::SERVER)
                    .bind(tenant)
                    .bind(name)
                    .fetch_optional(&mut *$tx)
                    .await?
            }
            _ => None,
        };
        let manifest: Option<(String,)> = match &server {
            Some((id, _, _)) => {
                sqlx::query_as($crate::store::trust::CURRENT)
                    .bind(id)
                    .fetch_optional(&mut *$tx)
                    .await?
            }
            None => None,
        };
        let passport: Option<$crate::store::trust::PassportFacts> =
            sqlx::query_as($crate::store::trust::NEWEST)
                .bind(tenant)
                .bind(kind)
                .bind(name)
                .fetch_optional(&mut *$tx)
                .await?;
        let rows: Vec<$crate::store::evidence::Row> =
            sqlx::query_as($crate::store::evidence::OF_SUBJECT)
                .bind(tenant)
                .bind(kind)
                .bind(name)
                .fetch_all(&mut *$tx)
                .await?;
        let approvals: Vec<$crate::store::evidence::ApprovalRow> =
            sqlx::query_as($crate::store::evidence::APPROVALS_OF_SUBJECT)
                .bind(tenant)
                .bind(kind)
                .bind(name)
                .fetch_all(&mut *$tx)
                .await?;
        let evidence = $crate::store::evidence::join(rows, approvals)?;
        $crate::store::trust::gathered(subject.kind, server, manifest, passport, evidence)
    }};
}

/// Computes the level of a subject anew, inside the transaction that changes what it rests on, and
/// writes a change into the feed. `$quietly`: at the first passport there is nobody to be told that
/// the level is more than nothing.
macro_rules! reassess {
    ($tx:ident, $subject:expr, $policy:expr, $at:expr, $reason:expr, $quietly:expr) => {{
        let subject: &$crate::levels::Subject = $subject;
        let (tenant, kind, name) = (&subject.tenant, subject.kind.as_str(), &subject.name);
        let (before, told_at): (i16, Option<String>) =
            sqlx::query_as($crate::store::trust::LOCK_TRUST)
                .bind(tenant)
                .bind(kind)
                .bind(name)
                .fetch_one(&mut *$tx)
                .await?;
        let inputs = $crate::store::trust::inputs!($tx, subject);
        let judged = $crate::store::trust::judge(&inputs, $policy, $at);
        let quiet = $quietly && told_at.is_none() && judged.level > before;
        let position = match $crate::store::trust::change(subject, before, &judged) {
            Some(action) if !quiet => {
                let after =
                    $crate::store::feed::append!($tx, $at, std::slice::from_ref(&action), $reason);
                Some(after.cursor().to_string())
            }
            _ => None,
        };
        sqlx::query($crate::store::trust::SET_TRUST)
            .bind(tenant)
            .bind(kind)
            .bind(name)
            .bind(judged.level)
            .bind(position.clone().or(told_at))
            .bind(judged.next_at)
            .execute(&mut *$tx)
            .await?;
        $crate::store::trust::Told {
            level: Some(judged.trust),
            position,
        }
    }};
}

pub(super) use {inputs, reassess};

/// What is to be stored of an assessment.
pub(super) struct Judged {
    pub(super) trust: TrustLevel,
    pub(super) level: i16,
    pub(super) next_at: Option<i64>,
}

/// What is to be said of a subject to others: whoever shows its passport brings the proof along.
pub(super) fn judge(inputs: &Inputs, policy: &Policy, now: Timestamp) -> Judged {
    let facts = Facts {
        proof: Proof::Carried,
        ..inputs.facts.clone()
    };
    let found = assess(&facts, &inputs.evidence, policy, now);
    // A clock that is a little behind may see evidence of a moment to come.
    let seen = inputs.evidence.iter().map(|one| one.content.observed_at);
    let to_come = seen.filter(|at| *at > now).min();
    let lapse = found.lapses_at(found.level);
    Judged {
        trust: found.level,
        level: i16::from(found.level.number()),
        next_at: lapse
            .into_iter()
            .chain(to_come)
            .min()
            .map(Timestamp::as_millis),
    }
}

pub(super) fn change(subject: &Subject, before: i16, judged: &Judged) -> Option<Action> {
    let (target, level) = (target(subject), judged.trust);
    (judged.level != before).then_some(Action::TrustChange { target, level })
}

pub(super) fn target(subject: &Subject) -> Target {
    Target::subject(subject.kind, subject.tenant.clone(), subject.name.clone())
}

impl Db {
    /// What the level of a subject rests on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trust_inputs(&self, subject: &Subject) -> Result<Inputs, Error> {
        Ok(on!(self, connection => inputs!(connection, subject)))
    }

    /// Where a subject stands, for others. Nothing is read for one of which it is known that there is no
    /// evidence.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn standing(
        &self,
        subject: &Subject,
        has_evidence: bool,
        origin: Option<&str>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Assessment, Error> {
        let inputs = match subject.kind {
            // Whether a server is disabled stands in the registry.
            Kind::Server => self.trust_inputs(subject).await?,
            _ if has_evidence => self.trust_inputs(subject).await?,
            kind => gathered(kind, None, None, None, Vec::new()),
        };
        let facts = Facts {
            proof: Proof::Carried,
            // What was checked is the origin that is on file, and no other.
            origin: inputs
                .facts
                .origin
                .filter(|own| Some(own.as_str()) == origin),
            ..inputs.facts
        };
        Ok(assess(&facts, &inputs.evidence, policy, now))
    }

    /// Whether there is evidence on a subject. Most have none, and are given passports often.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_evidence(&self, subject: &Subject) -> Result<bool, sqlx::Error> {
        let found: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT name FROM evidence WHERE tenant = $1 AND kind = $2 AND name = $3 LIMIT 1",
            )
            .bind(&subject.tenant)
            .bind(subject.kind.as_str())
            .bind(&subject.name)
            .fetch_optional(pool)
            .await?
        });
        Ok(found.is_some())
    }

    /// Whether anybody of that kind and name is known in the tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn knows(&self, subject: &Subject) -> Result<bool, sqlx::Error> {
        let found: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT name FROM subjects WHERE tenant = $1 AND kind = $2 AND name = $3 \
                 UNION SELECT name FROM servers WHERE tenant = $1 AND name = $3 AND $2 = 'server'",
            )
            .bind(&subject.tenant)
            .bind(subject.kind.as_str())
            .bind(&subject.name)
            .fetch_optional(pool)
            .await?
        });
        Ok(found.is_some())
    }

    /// The level that the feed told of a subject last; `None` when it told nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn told_level(
        &self,
        tenant: &str,
        kind: Kind,
        name: &str,
    ) -> Result<Option<TrustLevel>, sqlx::Error> {
        let row: Option<(i16,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT level FROM trust WHERE tenant = $1 AND kind = $2 AND name = $3 \
                 AND told_at IS NOT NULL",
            )
            .bind(tenant)
            .bind(kind.as_str())
            .bind(name)
            .fetch_optional(pool)
            .await?
        });
        // A level that this version does not know is none.
        let read = |(level,)| TrustLevel::from_number(i64::from(level)).unwrap_or(TrustLevel::L0);
        Ok(row.map(read))
    }

    /// The levels that were told, for snapshots.
    pub(super) async fn told_levels(&self) -> Result<Vec<Entry>, Error> {
        let rows: Vec<(String, String, String, i16)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT tenant, kind, name, level FROM trust WHERE told_at IS NOT NULL \
                 ORDER BY tenant, kind, name",
            )
            .fetch_all(pool)
            .await?
        });
        let entries = rows.into_iter().map(|(tenant, kind, name, level)| {
            let kind: Kind = kind.parse().map_err(|_| damaged())?;
            let level = TrustLevel::from_number(i64::from(level)).unwrap_or(TrustLevel::L0);
            Ok(Entry {
                target: Target::subject(kind, tenant, name),
                held: Held::Level(level),
            })
        });
        entries.collect()
    }

    /// Subjects whose level may have lapsed at `now`, the longest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lapsed(&self, now: Timestamp, limit: i64) -> Result<Vec<Subject>, Error> {
        let rows: Vec<(String, String, String)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT tenant, kind, name FROM trust WHERE next_at IS NOT NULL AND next_at <= $1 \
                 ORDER BY next_at, tenant, kind, name LIMIT $2",
            )
            .bind(now.as_millis())
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        let subjects = rows.into_iter().map(|(tenant, kind, name)| {
            let kind = kind.parse().map_err(|_| damaged())?;
            Ok(Subject { tenant, kind, name })
        });
        subjects.collect()
    }

    /// Computes the level of a subject anew because time has passed.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Event`].
    pub async fn reassess(
        &self,
        subject: &Subject,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<Told, Error> {
        Ok(transaction!(self, tx => {
            let told = reassess!(tx, subject, policy, at, "evidence_lapsed", false);
            if told.position.is_some() {
                let target = target(subject).to_json();
                let detail = told.detail();
                audit!(self, tx, AuditEntry {
                    at,
                    by: "authority",
                    action: "trust.lapse",
                    subject: &target,
                    detail: &detail,
                });
            }
            told
        }))
    }
}

fn damaged() -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: "kind".to_owned(),
        source: "not a value of this column".into(),
    }
}
