//! Issuer chains: from a passport through issuing passports to an authority that is believed.

use crate::clock::Timestamp;
use crate::level::TrustLevel;
use crate::passport::{Ca, MAX_CHAIN, Passport};
use crate::refusal::Refusal;
use crate::trust::{Anchor, ISSUE_SKEW, Standing, TrustStore};

/// Follows `passport.issuer_chain` to an anchor and returns what the chain supports.
///
/// # Errors
/// As [`TrustStore::verify`].
pub fn verify(
    store: &TrustStore,
    passport: &Passport,
    now: Timestamp,
) -> Result<Standing, Refusal> {
    let parents = passport.issuer_chain();
    if parents.len() > MAX_CHAIN {
        return Err(Refusal::ChainTooDeep);
    }
    let mut cap = TrustLevel::L4;
    let mut child = passport;
    within_time(child, now)?;
    for (below, parent) in parents.iter().enumerate() {
        // A chain that carries more than is needed ends at the first anchor.
        if let Some(anchor) = store.anchor(child.issuer()) {
            return anchored(child, anchor, cap);
        }
        within_time(parent, now)?;
        let ca = issued(parent, child, below)?;
        cap = cap.min(ca.max_level).min(parent.trust_level());
        child = parent;
    }
    match store.anchor(child.issuer()) {
        Some(anchor) => anchored(child, anchor, cap),
        None => Ok(Standing {
            cap: TrustLevel::L0,
            recognised: false,
        }),
    }
}

fn within_time(passport: &Passport, now: Timestamp) -> Result<(), Refusal> {
    if passport.issued_at() > now.plus(ISSUE_SKEW) {
        return Err(Refusal::NotYetValid);
    }
    if passport.expires_at() <= now {
        return Err(Refusal::Expired);
    }
    Ok(())
}

fn anchored(passport: &Passport, anchor: &Anchor, cap: TrustLevel) -> Result<Standing, Refusal> {
    let signed = |key| passport.verify_signature(key).is_ok();
    if !anchor.keys.iter().any(signed) {
        return Err(Refusal::Passport("not signed by the authority it names"));
    }
    Ok(Standing {
        cap: cap.min(anchor.cap),
        recognised: true,
    })
}

/// Whether `parent` was entitled to issue `child`, with `below` issuing passports under it.
fn issued<'p>(parent: &'p Passport, child: &Passport, below: usize) -> Result<&'p Ca, Refusal> {
    if parent.agent_name() != child.issuer() {
        return Err(Refusal::Chain(
            "the next member is not the issuer that is named",
        ));
    }
    let ca = parent.ext().and_then(|ext| ext.ca.as_ref());
    let ca = ca.ok_or(Refusal::Chain("a member has no right to issue"))?;
    if below > usize::from(ca.max_path) {
        return Err(Refusal::ChainTooDeep);
    }
    child
        .verify_signature(parent.public_key())
        .map_err(|_| Refusal::Chain("a member was not signed by its issuer"))?;
    if child.trust_level() > ca.max_level {
        return Err(Refusal::Chain("a level above the issuer's was passed on"));
    }
    let allowed = |origin: &str| ca.origins.iter().any(|own| own == origin);
    if child.origin().is_some_and(|origin| !allowed(origin)) {
        return Err(Refusal::Chain(
            "an origin beyond the issuer's was passed on",
        ));
    }
    if let Some(below) = child.ext().and_then(|ext| ext.ca.as_ref())
        && (below.max_level > ca.max_level || !below.origins.iter().all(|origin| allowed(origin)))
    {
        return Err(Refusal::Chain(
            "a right to issue beyond the issuer's own was passed on",
        ));
    }
    Ok(ca)
}

#[cfg(test)]
mod tests;
