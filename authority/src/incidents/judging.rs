//! What is to be made of an alert, by its source's ceiling, tenant and radius.

use mcps_core::feed::{Action, Target};
use mcps_core::random::hex16;

use super::{Incident, Made};
use crate::authority::Authority;
use crate::error::Error;
use crate::hooks::mapping::{Alert, MappingError, Said, Wanted};
use crate::hooks::{Ceiling, Hook};

/// An alert before it is written down.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// What is written down.
    pub(super) incident: Incident,
    /// Why it could not be read.
    pub(super) unread: Option<MappingError>,
}

/// The texts by which a delivery and its alert are known.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) event_id: String,
    pub(super) alert_key: String,
}

impl Names {
    /// The id that the sender gave the report counts, where the report is one alert; else that of the
    /// alert; else there is none but what it says.
    pub(super) fn of(report: Option<&str>, alert: &Alert, place: Option<usize>) -> Self {
        let said = || format!("sha256:{}", alert.digest);
        let event_id = match (report, place, &alert.id) {
            (Some(report), None, _) => report.to_owned(),
            (_, _, Some(own)) => own.clone(),
            (Some(report), Some(place), None) => format!("{report}#{place}"),
            (None, _, None) => said(),
        };
        let alert_key = alert.key.clone().unwrap_or_else(|| event_id.clone());
        Self {
            event_id,
            alert_key,
        }
    }
}

/// What is to be made of an alert.
///
/// # Errors
/// [`Error::Database`], [`Error::Random`].
pub(super) async fn judge(
    authority: &Authority,
    hook: &Hook,
    alert: &Alert,
    names: Names,
) -> Result<Judged, Error> {
    let mut incident = Incident {
        id: format!("inc_{}", hex16(authority.random())?),
        source: hook.name.clone(),
        event_id: names.event_id,
        alert_key: names.alert_key,
        body: alert.digest,
        at: authority.now(),
        tenant: hook.tenant.clone(),
        asked: String::new(),
        action: Ceiling::Observe.as_str().to_owned(),
        target: String::new(),
        reason: String::new(),
        note: None,
        suspend_ms: None,
        reach: 0,
        made: Made::Observed,
        why: String::new(),
        order_id: None,
        position: None,
        decided_by: None,
        decided_at: None,
        ended_at: None,
    };
    let mut unread = None;
    match &alert.said {
        Said::Firing(wanted) => firing(authority, hook, wanted, &mut incident).await?,
        Said::Resolved => resolved(authority, hook, &mut incident).await?,
        Said::Unread(error) => {
            (incident.made, incident.why) = (Made::Unread, error.to_string());
            unread = Some(*error);
        }
    }
    Ok(Judged { incident, unread })
}

async fn firing(
    authority: &Authority,
    hook: &Hook,
    wanted: &Wanted,
    incident: &mut Incident,
) -> Result<(), Error> {
    wanted.action.as_str().clone_into(&mut incident.asked);
    incident.target = wanted.target.to_json();
    wanted.reason.as_str().clone_into(&mut incident.reason);
    incident.note.clone_from(&wanted.note);
    let far = matches!(
        wanted.target,
        Target::All | Target::Issuer(_) | Target::Tool { .. }
    );
    if far {
        incident.made = Made::Refused;
        "no source reaches everything, an issuing key or a tool".clone_into(&mut incident.why);
        return Ok(());
    }
    let foreign = |tenant: &str| hook.tenant.as_ref().is_some_and(|own| own != tenant);
    // Before anybody looks who is known: a source learns nothing of other tenants.
    if wanted.target.tenant().is_some_and(foreign) {
        incident.made = Made::Refused;
        "the target is not of its source's tenant".clone_into(&mut incident.why);
        return Ok(());
    }
    let known = authority.db().known_tenant(&wanted.target).await?;
    let Some(tenant) = known.filter(|tenant| !foreign(tenant)) else {
        incident.made = Made::NoMatch;
        "nobody of that name or id is known here".clone_into(&mut incident.why);
        return Ok(());
    };
    // A key may serve several.
    incident.tenant = Some(tenant).filter(|tenant| !tenant.is_empty());
    let (action, made, why) = ceiling(wanted.action, hook.ceiling);
    action.as_str().clone_into(&mut incident.action);
    (incident.made, incident.why) = (made, why);
    if action == Ceiling::Observe {
        return Ok(());
    }
    let order = match action {
        Ceiling::Revoke => Action::Revoke(wanted.target.clone()),
        _ => {
            let length = hook.suspend_for.map(|length| length.as_millis());
            incident.suspend_ms = length.and_then(|ms| i64::try_from(ms).ok());
            let (target, until) = (wanted.target.clone(), None);
            Action::Suspend { target, until }
        }
    };
    let reach = authority.db().reached_subjects(&order, incident.at).await?;
    incident.reach = reach;
    if reach > hook.reach {
        let most = hook.reach;
        incident.made = Made::Proposed;
        incident.why =
            format!("it reaches {reach} subjects, and one alert of its source may reach {most}");
    }
    Ok(())
}

/// What of it is done, and what is made of it: whoever asks for more than it may gets what it may.
fn ceiling(asked: Ceiling, most: Ceiling) -> (Ceiling, Made, String) {
    let least = asked.min(most);
    let why = match asked > most {
        true => format!("its source may at most {most}"),
        false => String::new(),
    };
    match least {
        Ceiling::Observe => (least, Made::Observed, why),
        Ceiling::Propose if asked == Ceiling::Revoke => (Ceiling::Revoke, Made::Proposed, why),
        Ceiling::Propose => (Ceiling::Suspend, Made::Proposed, why),
        Ceiling::Suspend | Ceiling::Revoke => (least, Made::Pending, why),
    }
}

/// An alert that is over takes back what was done for it, where that can be taken back.
async fn resolved(
    authority: &Authority,
    hook: &Hook,
    incident: &mut Incident,
) -> Result<(), Error> {
    "resolve".clone_into(&mut incident.asked);
    let lasting = authority.db().lasting(&hook.name, &incident.alert_key);
    let Some(first) = lasting.await? else {
        incident.made = Made::NoMatch;
        "no alert of that id lasts".clone_into(&mut incident.why);
        return Ok(());
    };
    incident.tenant.clone_from(&first.tenant);
    incident.target.clone_from(&first.target);
    incident.reason.clone_from(&first.reason);
    let why = match (first.made, first.action.as_str()) {
        (made, "suspend") if made.holds() => {
            incident.made = Made::Pending;
            "reinstate".clone_into(&mut incident.action);
            return Ok(());
        }
        (made, "revoke") if made.holds() => "a revocation is for good",
        (Made::Proposed, _) => "its proposal waits for an operator all the same",
        _ => "nothing was done for it",
    };
    incident.made = Made::Unchanged;
    why.clone_into(&mut incident.why);
    Ok(())
}
