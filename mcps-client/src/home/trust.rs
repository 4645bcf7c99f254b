//! The authority's key set as a home keeps it, and the root key that the home has pinned. Both only ever
//! go forward.

use mcps_core::key::KeyId;
use mcps_core::refusal::Refusal;
use mcps_core::trust::TrustBundle;

use super::{AuthorityPin, Home};
use crate::error::ClientError;

/// The file of the key set.
const FILE: &str = "trust.json";

/// What became of a key set that a home was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the one that the home keeps now.
    Taken,
    /// The home has a newer one, and keeps that.
    Older,
}

impl Home {
    /// The authority's key set as last verified, checked again against the pinned root.
    ///
    /// # Errors
    /// [`ClientError::Missing`], [`ClientError::Content`].
    pub fn trust(&self, root: &KeyId) -> Result<TrustBundle, ClientError> {
        let path = self.path(FILE);
        let Some(text) = self.read(FILE)? else {
            return Err(ClientError::Missing {
                path,
                next: "enrol with: mcps passport request --authority URL",
            });
        };
        let bundle = TrustBundle::parse(text.trim());
        let checked = bundle.and_then(|bundle| bundle.verify(root).map(|()| bundle));
        checked.map_err(|error| ClientError::Content {
            path,
            why: error.to_string(),
        })
    }

    /// Keeps a key set of the pinned authority. When another root signed it, to which the pinned one
    /// led, that one is pinned from now on, and what the old one signs is refused.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for a set of another authority or root; [`ClientError::File`].
    pub fn keep_trust(&self, bundle: &TrustBundle) -> Result<Kept, ClientError> {
        let _alone = self.lock()?;
        let pin = self.authority()?;
        bundle.verify(&pin.root()?)?;
        if bundle.authority() != pin.name {
            return Err(Refusal::Statement {
                what: "trust bundle",
                why: "the key set is another authority's",
            }
            .into());
        }
        let known = self.trust(&pin.root()?).ok();
        if let Some(known) = &known
            && known.number() > bundle.number()
        {
            return Ok(Kept::Older);
        }
        // The set first: by the old pin it verifies too, should nothing come of the new one.
        if known.is_none_or(|known| known.text() != bundle.text()) {
            self.write(FILE, bundle.text())?;
        }
        self.pin(pin, bundle)?;
        Ok(Kept::Taken)
    }

    /// Pins the root that signed a set which was verified by the one that is pinned.
    fn pin(&self, pin: AuthorityPin, bundle: &TrustBundle) -> Result<(), ClientError> {
        let root = bundle.signer();
        if pin.root_kid == root.as_str() {
            return Ok(());
        }
        let (was, name) = (pin.root_kid.clone(), pin.name.clone());
        self.write_authority(&AuthorityPin {
            root_kid: root.to_string(),
            ..pin
        })?;
        tracing::warn!(
            %was, %root,
            "the root key of {name} is {root} now, by the word of {was}, which is not believed any more"
        );
        Ok(())
    }

    /// Keeps the key set of an authority that this home enrols at, which was verified, and pins its
    /// root. A root that is known to have given way to another is not gone back to.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::File`].
    pub fn adopt_trust(&self, pin: &AuthorityPin, bundle: &TrustBundle) -> Result<(), ClientError> {
        let _alone = self.lock()?;
        self.check_forward(bundle)?;
        self.write(FILE, bundle.text())?;
        self.write_authority(pin)
    }

    /// Refuses a key set by a root that this home knows to have given way.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn check_forward(&self, bundle: &TrustBundle) -> Result<(), ClientError> {
        let root = self.authority().and_then(|pin| pin.root());
        let known = root.and_then(|root| self.trust(&root)).ok();
        match known.is_some_and(|known| known.has_succeeded(bundle.signer())) {
            true => Err(Refusal::UnknownIssuer.into()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
