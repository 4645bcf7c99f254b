//! A report's way: judged, written down, carried out.

use std::time::Duration;

use mcps_core::feed::{Action, Target};
use mcps_core::json::{Document, Limits};

use super::judging::{Judged, Names, judge};
use super::{Incident, Made};
use crate::api::REPORT_LIMIT;
use crate::authority::Authority;
use crate::error::Error;
use crate::hooks::Hook;
use crate::hooks::mapping::Alert;
use crate::store::{Deed, Reason, Revocation};

/// The time in which a source may reach only so many.
const HOUR: Duration = Duration::from_secs(3600);

/// Reads what was believed, and takes it.
///
/// # Errors
/// [`Error::Json`], [`Error::Unread`], and those of [`take`].
pub async fn read_and_take(
    authority: &Authority,
    hook: &Hook,
    (id, text): (Option<String>, Vec<u8>),
    dry_run: bool,
) -> Result<Vec<Incident>, Error> {
    let limits = Limits {
        bytes: REPORT_LIMIT,
        ..Limits::default()
    };
    let report = Document::parse_with(text, limits)?;
    let alerts = hook.adapter.read(&report, hook.mapping.as_ref())?;
    take(authority, hook, (id.as_deref(), &alerts), dry_run).await
}

/// Takes the alerts of a report that is believed, in their order, and gives what was made of each.
///
/// # Errors
/// [`Error::OtherBody`] and [`Error::Unread`] for a report of one alert; [`Error::OutOfReach`] when the
/// source reaches none of its targets; [`Error::Database`].
pub async fn take(
    authority: &Authority,
    hook: &Hook,
    (id, alerts): (Option<&str>, &[Alert]),
    dry_run: bool,
) -> Result<Vec<Incident>, Error> {
    let alone = alerts.len() == 1;
    let mut taken = Vec::with_capacity(alerts.len());
    let (mut unread, mut refused) = (None, 0);
    for (place, alert) in alerts.iter().enumerate() {
        let names = Names::of(id, alert, (!alone).then_some(place));
        let judged = judge(authority, hook, alert, names).await?;
        if let Some(error) = judged.unread {
            unread = Some(error);
        }
        let incident = match one(authority, hook, judged, dry_run).await {
            Err(Error::OtherBody) if !alone => continue,
            incident => incident?,
        };
        refused += usize::from(incident.made == Made::Refused);
        taken.push(incident);
    }
    match unread {
        Some(error) if taken.iter().all(|incident| incident.made == Made::Unread) => {
            Err(Error::Unread(error))
        }
        _ if taken.is_empty() && !alerts.is_empty() => Err(Error::OtherBody),
        _ if refused == taken.len() && refused > 0 => Err(Error::OutOfReach),
        _ => Ok(taken),
    }
}

async fn one(
    authority: &Authority,
    hook: &Hook,
    judged: Judged,
    dry_run: bool,
) -> Result<Incident, Error> {
    let new = judged.incident;
    let radius = (hook.per_hour, new.at.minus(HOUR));
    let admitted = authority.db().admit(&new, radius, dry_run).await?;
    let mut incident = admitted.incident;
    // Written down by an earlier delivery, and not carried out: now it is.
    if incident.made != Made::Pending || incident.decided_by.is_some() {
        if !admitted.repeated && !dry_run {
            let (id, source) = (&incident.id, &incident.source);
            let (outcome, why) = (incident.made.as_str(), &incident.why);
            tracing::warn!(
                incident_id = id,
                source,
                outcome,
                "an alert was recorded, and nothing was done: {why}"
            );
        }
        return Ok(incident);
    }
    let (giver, key) = (hook.giver(), incident.event_id.clone());
    carry_out(authority, &mut incident, (&giver, &key), dry_run).await?;
    if !dry_run {
        let (id, source, action) = (&incident.id, &incident.source, &incident.action);
        let position = &incident.position;
        tracing::info!(
            incident_id = id,
            source,
            action,
            position,
            "an alert was acted upon"
        );
    }
    Ok(incident)
}

/// Whom it is about, and why.
///
/// # Errors
/// [`Error::Event`] where its target cannot be read.
pub(crate) fn aim(incident: &Incident) -> Result<(Target, Reason), Error> {
    let document = Document::parse(incident.target.as_str());
    let document = document.map_err(mcps_core::feed::FeedError::Json)?;
    let reason = Reason::parse(&incident.reason).unwrap_or_default();
    Ok((Target::read(document.root())?, reason))
}

/// Carries out what an incident says, once, and says what came of it.
///
/// # Errors
/// [`Error::PassportNotFound`], [`Error::Event`], [`Error::Database`].
pub(crate) async fn carry_out(
    authority: &Authority,
    incident: &mut Incident,
    (giver, key): (&str, &str),
    dry_run: bool,
) -> Result<(), Error> {
    let now = authority.now();
    let (target, reason) = aim(incident)?;
    let deed = Deed::new(giver, Some(key), &[], authority.random())?;
    let order = Revocation {
        reason,
        note: incident.note.clone(),
        by: giver.to_owned(),
        at: now,
        deed: Deed {
            body: incident.body,
            ..deed
        },
        dry_run,
    };
    let done = if incident.action == "reinstate" {
        let lifted = authority.lift(incident, &target, &order).await?;
        lifted.why.clone_into(&mut incident.why);
        lifted.done
    } else {
        let length = incident.suspend_ms.and_then(|ms| u64::try_from(ms).ok());
        let until = length.map(|ms| now.plus(Duration::from_millis(ms)));
        let action = match (incident.action.as_str(), &target, reason) {
            ("revoke", Target::Key(key), Reason::KeyCompromise) => Action::KeyBlock(key.clone()),
            ("revoke", ..) => Action::Revoke(target),
            _ => Action::Suspend { target, until },
        };
        authority.order(&action, &order).await?
    };
    incident.made = match done.changed {
        true => Made::Done,
        false => Made::Unchanged,
    };
    incident.order_id = (!dry_run).then_some(done.id);
    incident.position = done.position;
    if !dry_run {
        authority.db().settle(incident).await?;
    }
    Ok(())
}
