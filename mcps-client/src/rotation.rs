//! Exchanging the key of a home for a new one, which both sign; and the word of a key that it is
//! compromised.

use mcps_core::json::quote;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::random::Random;
use mcps_core::signer::Signer as _;
use mcps_core::statement;

use crate::authority::{AuthorityClient, Challenge};
use crate::enrol::{check_issued, meet, sign};
use crate::error::ClientError;
use crate::home::Home;

/// A key that was exchanged.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The passport whose key was replaced.
    pub old: PassportId,
    /// The passport of the new key, which is this home's now.
    pub passport: Passport,
}

/// Exchanges the home's key for a new one. An exchange that was interrupted is finished with the key
/// that was made for it.
///
/// # Errors
/// As [`crate::enrol::renew`]; the home is as before, but for the key that is to be the next.
pub async fn rotate(
    home: &Home,
    random: &dyn Random,
    ttl_s: Option<u64>,
    overlap_s: Option<u64>,
) -> Result<Rotated, ClientError> {
    let _alone = home.rotating()?;
    home.settle()?;
    let (key, old, pin) = (home.key()?, home.passport()?, home.authority()?);
    let authority = AuthorityClient::of_home(&pin.url, home)?;
    let bundle = meet(&authority, Some(&pin.root()?)).await?;
    let next = home.next_key(random)?;
    let (kid, previous) = (next.public_key().key_id(), key.public_key().key_id());
    let challenge = authority
        .challenge(
            &pin.tenant,
            old.agent_name(),
            (kid, Some(previous)),
            bundle.authority(),
        )
        .await?;
    let sign = |signer: &SecretKey| {
        prove(
            &challenge,
            (&pin.tenant, old.agent_name()),
            (&next, &key),
            signer,
        )
    };
    let (proof, previous_proof) = (sign(&next)?, sign(&key)?);
    let passport = authority
        .rotate(
            old.id(),
            next.public_key(),
            &challenge.challenge,
            (&proof, &previous_proof),
            (ttl_s, overlap_s),
        )
        .await?;
    check_issued(&passport, &bundle, &next)?;
    home.keep_trust(&bundle)?;
    home.take_next(&passport)?;
    Ok(Rotated {
        old: old.id().clone(),
        passport,
    })
}

/// The signature of one of the two keys over the exchange.
fn prove(
    challenge: &Challenge,
    (tenant, subject): (&str, &str),
    (key, previous): (&SecretKey, &SecretKey),
    signer: &SecretKey,
) -> Result<String, ClientError> {
    let mut members = [
        ("audience", challenge.audience.as_str()),
        ("challenge", &challenge.challenge),
        ("kid", key.public_key().key_id().as_str()),
        ("previous_kid", previous.public_key().key_id().as_str()),
        ("subject", subject),
        ("tenant", tenant),
    ];
    sign(statement::ROTATION, &mut members, signer)
}

/// The word of a key to the authority of that name that it is compromised. It stays true, so it may be
/// made beforehand and kept apart.
///
/// # Errors
/// [`ClientError::Refused`] when the key does not sign.
pub fn compromised(authority: &str, key: &SecretKey) -> Result<String, ClientError> {
    let mut json = String::from(r#"{"audience":"#);
    quote(authority, &mut json);
    json.push_str(&format!(r#","public_key":{}}}"#, key.public_key().to_jwk()));
    Ok(statement::sign(statement::COMPROMISE, &json, key)?)
}
