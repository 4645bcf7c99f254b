//! Proof of possession: the key to be certified signs a challenge that is bound to tenant,
//! subject, key and audience.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::json::{Document, quote};
use mcps_core::key::PublicKey;
use mcps_core::random::{Random, RandomError};
use mcps_core::statement;

use crate::error::Error;
use crate::store::Binding;

/// A new challenge: 256 random bits, 43 characters of base64url.
///
/// # Errors
/// [`RandomError`] when the source fails.
pub fn new_challenge(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A key that has signed a challenge. The challenge is not redeemed yet: that happens together
/// with what it is redeemed for ([`crate::store::Db::prepare`]), and never before the proof stands,
/// or anybody could burn another's challenge.
#[derive(Debug)]
pub struct Proven {
    key: PublicKey,
    challenge: String,
    binding: Binding,
}

impl Proven {
    /// Verifies `proof`, the signature over `binding` and `challenge` under
    /// [`statement::PROOF`], by `key`.
    ///
    /// # Errors
    /// [`Error::ProofRefused`].
    pub fn verify(
        key: PublicKey,
        challenge: String,
        binding: Binding,
        proof: &str,
    ) -> Result<Self, Error> {
        let statement = statement_json(&challenge, &binding, proof);
        let document = Document::parse(statement)?;
        statement::verify(statement::PROOF, document.root(), &key).map_err(Error::ProofRefused)?;
        Ok(Self {
            key,
            challenge,
            binding,
        })
    }

    /// Verifies both signatures over the exchange of `previous` for `key` under
    /// [`statement::ROTATION`]: `proof` by the new one, `previous_proof` by the old one.
    ///
    /// # Errors
    /// [`Error::ProofRefused`].
    pub fn verify_rotation(
        key: PublicKey,
        previous: &PublicKey,
        (challenge, binding): (String, Binding),
        (proof, previous_proof): (&str, &str),
    ) -> Result<Self, Error> {
        for (key, proof) in [(&key, proof), (previous, previous_proof)] {
            let statement = statement_json(&challenge, &binding, proof);
            let document = Document::parse(statement)?;
            statement::verify(statement::ROTATION, document.root(), key)
                .map_err(Error::ProofRefused)?;
        }
        Ok(Self {
            key,
            challenge,
            binding,
        })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The challenge that was signed.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// What the challenge has to be bound to.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }
}

fn statement_json(challenge: &str, binding: &Binding, proof: &str) -> String {
    let mut members = vec![
        ("audience", binding.audience.as_str()),
        ("challenge", challenge),
        ("kid", &binding.kid),
        ("subject", &binding.subject),
        ("tenant", &binding.tenant),
        ("signature", proof),
    ];
    members.extend(
        binding
            .previous_kid
            .as_deref()
            .map(|kid| ("previous_kid", kid)),
    );
    let mut json = String::from("{");
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        quote(name, &mut json);
        json.push(':');
        quote(value, &mut json);
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests;
