//! Getting a passport and keeping one: proof of possession, request, renewal.

use mcps_core::json::quote;
use mcps_core::key::KeyId;
use mcps_core::passport::Passport;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::trust::TrustBundle;
use mcps_core::{json, statement};

use crate::authority::{AuthorityClient, Challenge, PassportRequest};
use crate::error::ClientError;
use crate::home::{AuthorityPin, Home};

/// Proves possession of a key: a signature over the challenge and what it was given for.
///
/// # Errors
/// [`ClientError::Refused`] when the signer fails.
pub fn prove(
    challenge: &Challenge,
    tenant: &str,
    subject: &str,
    signer: &dyn Signer,
) -> Result<String, ClientError> {
    let kid = signer.public_key().key_id();
    let mut members = vec![
        ("audience", challenge.audience.as_str()),
        ("challenge", &challenge.challenge),
        ("kid", kid.as_str()),
        ("subject", subject),
        ("tenant", tenant),
    ];
    sign(statement::PROOF, &mut members, signer)
}

/// The signature of `signer` over these members, under `ctx`.
pub(crate) fn sign(
    ctx: &str,
    members: &mut [(&str, &str)],
    signer: &dyn Signer,
) -> Result<String, ClientError> {
    members.sort_unstable();
    let mut json = String::from("{");
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        quote(name, &mut json);
        json.push(':');
        quote(value, &mut json);
    }
    json.push('}');
    let document = json::Document::parse(json).map_err(Refusal::from)?;
    let signature = signer.sign(&statement::digest(ctx, document.root()));
    let failed = Refusal::Statement {
        what: "proof",
        why: "the signer failed",
    };
    Ok(signature.map_err(|_| failed)?.to_base64())
}

/// Fetches an authority's key set and checks it: against `root` when it is known (from an earlier
/// enrolment or `--root`), which may have led to the one that signs it, else it is trusted on first
/// use.
///
/// # Errors
/// The authority's silence, or a key set with another root.
pub async fn meet(
    authority: &AuthorityClient,
    root: Option<&KeyId>,
) -> Result<TrustBundle, ClientError> {
    let bundle = authority.trust().await?;
    bundle.verify(root.unwrap_or(bundle.signer()))?;
    Ok(bundle)
}

/// Requests a passport for the home's key, by an operator's key or an enrolment token, and stores it
/// beside what is now believed.
///
/// # Errors
/// No key yet, the authority's silence or refusal, or a passport that is not signed by it.
pub async fn request(
    home: &Home,
    authority: &AuthorityClient,
    root: Option<&KeyId>,
    credential: &str,
    request: &PassportRequest,
) -> Result<Passport, ClientError> {
    let key = home.key()?;
    let pinned = match home.authority() {
        Ok(pin) if pin.url == authority.url() => Some(pin.root()?),
        _ => None,
    };
    let bundle = meet(authority, root.or(pinned.as_ref())).await?;
    // Whatever root is named here: this home may know better.
    home.check_forward(&bundle)?;
    let kid = key.public_key().key_id().clone();
    let challenge = authority
        .challenge(
            &request.tenant,
            &request.name,
            (&kid, None),
            bundle.authority(),
        )
        .await?;
    let proof = prove(&challenge, &request.tenant, &request.name, &key)?;
    let passport = authority
        .issue(
            credential,
            request,
            key.public_key(),
            &challenge.challenge,
            &proof,
        )
        .await?;
    check_issued(&passport, &bundle, &key)?;
    let pin = AuthorityPin {
        url: authority.url().to_owned(),
        name: bundle.authority().to_owned(),
        root_kid: bundle.signer().to_string(),
        tenant: request.tenant.clone(),
    };
    home.adopt_trust(&pin, &bundle)?;
    home.write("passport.json", passport.text())?;
    Ok(passport)
}

/// Renews the home's passport by its own key and stores the new one.
///
/// # Errors
/// As [`request`].
pub async fn renew(
    home: &Home,
    signer: &dyn Signer,
    old: &Passport,
    ttl_s: Option<u64>,
) -> Result<Passport, ClientError> {
    let pin = home.authority()?;
    let authority = AuthorityClient::of_home(&pin.url, home)?;
    let bundle = meet(&authority, Some(&pin.root()?)).await?;
    let kid = signer.public_key().key_id().clone();
    let challenge = authority
        .challenge(
            &pin.tenant,
            old.agent_name(),
            (&kid, None),
            bundle.authority(),
        )
        .await?;
    let proof = prove(&challenge, &pin.tenant, old.agent_name(), signer)?;
    let passport = authority
        .renew(old.id(), &challenge.challenge, &proof, ttl_s)
        .await?;
    check_issued(&passport, &bundle, signer)?;
    // The passport may be signed by a key that the authority took up since.
    home.keep_trust(&bundle)?;
    home.keep_renewed(&passport)?;
    Ok(passport)
}

pub(crate) fn check_issued(
    passport: &Passport,
    bundle: &TrustBundle,
    signer: &dyn Signer,
) -> Result<(), ClientError> {
    if passport.public_key() != signer.public_key() || passport.issuer() != bundle.authority() {
        return Err(Refusal::Passport(
            "the authority issued it for another key or in another name",
        )
        .into());
    }
    let signed =
        |key: &mcps_core::trust::TrustedKey| passport.verify_signature(&key.public_key).is_ok();
    if !bundle
        .usable(mcps_core::trust::KeyUse::Passport)
        .any(signed)
    {
        return Err(Refusal::BadSignature.into());
    }
    Ok(())
}
