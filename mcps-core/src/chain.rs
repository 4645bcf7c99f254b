//! Issuer chains: from a passport through issuing passports to an authority that is believed.

use crate::clock::Timestamp;
use crate::key::KeyId;
use crate::level::TrustLevel;
use crate::passport::{MAX_CHAIN, Passport};
use crate::refusal::Refusal;
use crate::trust::{ISSUE_SKEW, Standing, TrustStore};

/// Follows `passport.issuer_chain` to an anchor and returns what the chain supports, and by which of
/// the anchor's keys.
///
/// # Errors
/// As [`TrustStore::verify`].
pub fn verify(
    store: &TrustStore,
    passport: &Passport,
    now: Timestamp,
) -> Result<(Standing, Option<KeyId>), Refusal> {
    let parents = passport.issuer_chain();
    if parents.len() > MAX_CHAIN {
        return Err(Refusal::ChainTooDeep);
    }
    within_time(passport, now)?;
    // The chain ends at the first anchor; what it carries beyond that has nothing to say. Without
    // one it is worth nothing, and no signature need be checked to know.
    let path = std::iter::once(passport).chain(parents);
    let Some((relied, anchor)) = path
        .enumerate()
        .find_map(|(at, member)| Some((at, store.anchor(member.issuer())?)))
    else {
        let nobody = Standing {
            cap: TrustLevel::L0,
            recognised: false,
            relied: 0,
        };
        return Ok((nobody, None));
    };
    let mut cap = anchor.cap;
    let mut child = passport;
    for (below, parent) in parents.iter().take(relied).enumerate() {
        within_time(parent, now)?;
        cap = cap.min(issued(parent, child, below)?);
        child = parent;
    }
    let mut keys = anchor.keys.iter();
    let signer = keys.find(|key| child.verify_signature(key).is_ok());
    let signer = signer.ok_or(Refusal::Passport("not signed by the authority it names"))?;
    let standing = Standing {
        cap,
        recognised: true,
        relied,
    };
    Ok((standing, Some(signer.key_id().clone())))
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

/// Whether `parent` was entitled to issue `child`, with `below` issuing passports under it; gives
/// the highest level it may pass on.
fn issued(parent: &Passport, child: &Passport, below: usize) -> Result<TrustLevel, Refusal> {
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
    ca.permits(parent, child)?;
    Ok(ca.max_level.min(parent.trust_level()))
}

#[cfg(test)]
mod tests;
