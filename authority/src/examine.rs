//! Reads everything again that was ever recorded, issued and told, and says what does not fit. Whoever
//! had the database could change any of it; none of it can be changed unseen without the keys.

mod operators;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt;

use mcps_core::audit::{Examined, Examiner, Fault, LANES};
use mcps_core::digest::Digest;
use mcps_core::feed::{Event, link};
use mcps_core::passport::Passport;
use mcps_core::signature::Signature;
use mcps_core::trust::{KeyUse, TrustBundle};

use crate::error::Error;
use crate::store::{AuditRow, Db, Disagreement, IssuedRow, PAGE};

/// Most findings that are listed; further ones are counted.
const MAX_FINDINGS: usize = 1000;

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// In the trail itself.
    Trail(Fault),
    /// A row's columns are not what its record says.
    Columns {
        /// Which chain.
        lane: i64,
        /// The number that the row claims.
        seq: i64,
    },
    /// A passport is not what was issued.
    Passport {
        /// Its id.
        id: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A version of a tenant's policy is not what was pushed.
    Policy {
        /// The tenant.
        tenant: String,
        /// Which version.
        version: i64,
        /// What is wrong.
        why: &'static str,
    },
    /// An order about a tenant's tools is not what was ordered.
    Verdict {
        /// The tenant.
        tenant: String,
        /// Which order.
        version: i64,
        /// What is wrong.
        why: &'static str,
    },
    /// An operator holds other roles than it was given.
    Roles {
        /// Its id.
        id: String,
    },
    /// Between trail and tables.
    Disagreement(Disagreement),
    /// An event of the feed does not continue the one before.
    Event {
        /// The epoch.
        epoch: u64,
        /// The number where it does not go on.
        seq: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Disagreement::{Operator, PassportGone, Unblocked, Unrevoked};
        match self {
            Self::Trail(fault) => fault.fmt(f),
            Self::Columns { lane, seq } => {
                write!(
                    f,
                    "row {lane}:{seq}: its columns are not what its record says"
                )
            }
            Self::Passport { id, why } => write!(f, "passport {id}: {why}"),
            Self::Policy {
                tenant,
                version,
                why,
            } => write!(f, "policy {version} of tenant {tenant}: {why}"),
            Self::Verdict {
                tenant,
                version,
                why,
            } => write!(f, "verdict {version} of tenant {tenant}: {why}"),
            Self::Roles { id } => {
                write!(
                    f,
                    "operator {id}: does not hold what its record says it was given"
                )
            }
            Self::Disagreement(PassportGone(id)) => {
                write!(f, "passport {id}: was issued, and is gone")
            }
            Self::Disagreement(Unrevoked(id)) => {
                write!(f, "passport {id}: was revoked, and is not any more")
            }
            Self::Disagreement(Unblocked(key)) => {
                write!(f, "key {key}: was blocked, and is not any more")
            }
            Self::Disagreement(Operator(id)) => write!(f, "operator {id}: nobody added it"),
            Self::Event { epoch, seq } => {
                write!(f, "event {epoch}:{seq}: does not continue the feed")
            }
        }
    }
}

/// What an examination found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records that are as they were written.
    pub records: u64,
    /// Checkpoints that verify.
    pub checkpoints: u64,
    /// Passports that are what was issued.
    pub passports: u64,
    /// Events that continue the feed.
    pub events: u64,
    /// What does not fit, at most 1000.
    pub findings: Vec<Finding>,
    /// How much does not fit.
    pub wrong: u64,
}

impl Report {
    fn add(&mut self, finding: Finding) {
        self.wrong = self.wrong.saturating_add(1);
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

/// Examines everything in the database by the key set, which must have been verified.
///
/// # Errors
/// [`Error::Database`]; what does not fit is no error but in the report.
pub async fn examine(db: &Db, bundle: &TrustBundle) -> Result<Report, Error> {
    let mut report = Report::default();
    // Before the trail: what is pushed meanwhile has its record there, and need not have its row here.
    let versions = db.all_policies().await?;
    let orders = verdicts::all(db).await?;
    let held = db.held_roles().await?;
    let Trail {
        begun,
        blocked,
        pushed,
        ordered,
        given,
    } = trail(db, bundle, &mut report).await?;
    passports(db, bundle, begun, &mut report).await?;
    for key in blocked {
        if !db.is_blocked(&key).await? {
            report.add(Finding::Disagreement(Disagreement::Unblocked(key)));
        }
    }
    policies(db, versions, pushed, &mut report).await?;
    verdicts::compare(db, orders, ordered, &mut report).await?;
    operators::compare(db, held, given, &mut report).await?;
    for disagreement in db.disagreements(begun).await? {
        report.add(Finding::Disagreement(disagreement));
    }
    feed(db, bundle, &mut report).await?;
    Ok(report)
}

/// What the trail says that the tables must say too.
struct Trail {
    /// Since when there is one, in milliseconds.
    begun: i64,
    /// Keys that were blocked together with a passport.
    blocked: Vec<String>,
    /// Versions of policies, and their digests.
    pushed: BTreeMap<(String, i64), String>,
    /// Orders about tenants' tools.
    ordered: verdicts::Recorded,
    /// What operators were given.
    given: operators::Recorded,
}

async fn trail(db: &Db, bundle: &TrustBundle, report: &mut Report) -> Result<Trail, Error> {
    let (mut begun, mut blocked) = (i64::MAX, Vec::new());
    let mut pushed = BTreeMap::new();
    let mut ordered = verdicts::Recorded::default();
    let mut given = operators::Recorded::default();
    let mut examiner = Examiner::new(bundle);
    let mut last = 0;
    loop {
        let page = db.checkpoints(last, PAGE).await?;
        let Some((number, _)) = page.last() else {
            break;
        };
        last = *number;
        for (number, text) in &page {
            examiner.checkpoint(number.unsigned_abs(), text);
        }
    }
    for lane in 0..LANES {
        let lane = i64::try_from(lane).unwrap_or_default();
        let mut last = 0;
        loop {
            // Before the rows: what comes in between is on the next page.
            let head = db.audit_heads().await?;
            let page = db.audit_rows(lane, last, PAGE).await?;
            let Some(row) = page.last() else {
                let head = usize::try_from(lane).ok().and_then(|at| head.get(at));
                examiner.end(head.copied());
                break;
            };
            last = row.seq;
            for row in &page {
                let record = examiner.row(row.seq.unsigned_abs(), &row.record);
                let Some(record) = record else { continue };
                if record.action == "trail.begin" {
                    begun = begun.min(record.at.as_millis());
                }
                blocked.extend(record.detail("key_blocked").map(str::to_owned));
                if record.action == "policy.push" {
                    let version = record.detail("version").and_then(|text| text.parse().ok());
                    let digest = record.detail("digest").unwrap_or_default();
                    let name = (record.subject.clone(), version.unwrap_or_default());
                    pushed.insert(name, digest.to_owned());
                }
                verdicts::note(&mut ordered, &record);
                operators::note(&mut given, &record);
                let AuditRow { lane, seq, .. } = *row;
                if record.action != row.action || record.subject != row.subject {
                    report.add(Finding::Columns { lane, seq });
                }
            }
        }
    }
    let Examined {
        records,
        checkpoints,
        faults,
        wrong,
        ..
    } = examiner.finish();
    (report.records, report.checkpoints) = (records, checkpoints);
    report.wrong = report.wrong.saturating_add(wrong);
    let room = MAX_FINDINGS.saturating_sub(report.findings.len());
    let faults = faults.into_iter().take(room);
    report.findings.extend(faults.map(Finding::Trail));
    Ok(Trail {
        begun,
        blocked,
        pushed,
        ordered,
        given,
    })
}

/// Every version says what its record says, and there are no others.
async fn policies(
    db: &Db,
    versions: Vec<(String, i64)>,
    mut pushed: BTreeMap<(String, i64), String>,
    report: &mut Report,
) -> Result<(), Error> {
    for (tenant, version) in versions {
        let recorded = pushed.remove(&(tenant.clone(), version));
        let stored = db.policy(&tenant, Some(version)).await?;
        let same = stored
            .zip(recorded.as_ref())
            .is_some_and(|(stored, recorded)| {
                let (row, document) = stored;
                row.digest == *recorded && Digest::of(document.as_bytes()).to_string() == *recorded
            });
        let why = match recorded {
            Some(_) if same => continue,
            Some(_) => "not what its record says was pushed",
            None => "there is no record of its push",
        };
        report.add(Finding::Policy {
            tenant,
            version,
            why,
        });
    }
    for (tenant, version) in pushed.into_keys() {
        if db.policy(&tenant, Some(version)).await?.is_some() {
            continue;
        }
        let why = "was pushed, and is gone";
        report.add(Finding::Policy {
            tenant,
            version,
            why,
        });
    }
    Ok(())
}

async fn passports(
    db: &Db,
    bundle: &TrustBundle,
    begun: i64,
    report: &mut Report,
) -> Result<(), Error> {
    let mut last = String::new();
    loop {
        let page = db.issued_with_records(&last).await?;
        let Some(row) = page.last() else {
            return Ok(());
        };
        last.clone_from(&row.passport_id);
        for row in page {
            match judge(&row, bundle, begun) {
                Ok(()) => report.passports += 1,
                Err(why) => report.add(Finding::Passport {
                    id: row.passport_id,
                    why,
                }),
            }
        }
        // It has no hurry, and others wait.
        tokio::task::yield_now().await;
    }
}

fn judge(row: &IssuedRow, bundle: &TrustBundle, begun: i64) -> Result<(), &'static str> {
    let digest = Digest::of(row.to_be_signed.as_bytes());
    match &row.record {
        Some(text) => {
            let record = mcps_core::audit::Record::verify(text, bundle);
            let record = record.map_err(|_| "the record of its issuing does not verify")?;
            if record.detail("digest") != Some(&digest.to_string()) {
                return Err("not what its record says was issued");
            }
        }
        None if row.issued_at < begun => {}
        None => return Err("there is no record of its issuing"),
    }
    let Some(signature) = &row.signature else {
        // Prepared, and never signed.
        return Ok(());
    };
    let signature = Signature::from_base64(signature).map_err(|_| "its signature is none")?;
    let passport = Passport::assemble(&row.to_be_signed, &signature);
    let passport = passport.map_err(|_| "what was signed is no passport")?;
    let mut keys = bundle.keys().iter();
    let issuer = keys.find(|key| {
        key.usage == KeyUse::Passport && key.public_key.key_id().as_str() == row.issuer_kid
    });
    let issuer = issuer.ok_or("no key of this authority issued it")?;
    passport
        .verify_signature(&issuer.public_key)
        .map_err(|_| "not signed by the key that issued it")?;
    let ext = passport.ext().ok_or("it names no tenant")?;
    let repeated = passport.id().as_str() == row.passport_id
        && passport.agent_name() == row.name
        && passport.public_key().key_id().as_str() == row.kid
        && passport.expires_at().as_millis() == row.expires_at
        && ext.tenant == row.tenant
        && ext.kind.as_str() == row.kind
        && ext.owner == row.owner
        && i16::from(passport.trust_level().number()) == row.trust_level;
    match repeated {
        true => Ok(()),
        false => Err("its columns are not what was signed"),
    }
}

async fn feed(db: &Db, bundle: &TrustBundle, report: &mut Report) -> Result<(), Error> {
    let head = db.head().await?;
    let epoch = head.position.epoch;
    let mut seq = head.pruned;
    let broken = |seq: u64| Finding::Event {
        epoch,
        seq: seq.saturating_add(1),
    };
    let start = db.chain_at(bundle.authority(), epoch, seq).await?;
    let Some(mut chain) = start else {
        report.add(broken(seq));
        return Ok(());
    };
    loop {
        let page = db.events_after(epoch, seq).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            let event = Event::parse(&stored.event).ok();
            let event = event.filter(|event| event.seq() == seq.saturating_add(1));
            let after = event.map(|event| link(&chain, &event));
            if after != Some(stored.chain) {
                // What comes after it rests on it.
                report.add(broken(seq));
                return Ok(());
            }
            (seq, chain) = (seq.saturating_add(1), stored.chain);
            report.events += 1;
        }
    }
    if seq < head.position.seq || (seq == head.position.seq && chain != head.position.chain) {
        report.add(broken(seq));
    }
    Ok(())
}
