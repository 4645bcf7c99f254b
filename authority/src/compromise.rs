//! The word of a key that it is compromised: whoever has the private key can have it blocked, and
//! nobody else can.

use mcps_core::feed::{Action, Target};
use mcps_core::json::{Document, quote};
use mcps_core::key::{KeyId, PublicKey};
use mcps_core::statement;

use crate::authority::Authority;
use crate::error::Error;
use crate::store::{Deed, Done, Reason, Revocation};

/// A key that said of itself, to this authority, that it is compromised.
#[derive(Debug)]
pub struct Compromise {
    key: KeyId,
}

impl Compromise {
    /// Verifies the statement `{audience, public_key}`, signed by the key itself under
    /// [`statement::COMPROMISE`]. It may have been made long before; it stays true.
    ///
    /// # Errors
    /// [`Error::WrongAudience`] for a statement to another authority, [`Error::ProofRefused`].
    pub fn verify(
        authority: &str,
        audience: &str,
        (key, jwk): (&PublicKey, &str),
        signature: &str,
    ) -> Result<Self, Error> {
        if audience != authority {
            return Err(Error::WrongAudience);
        }
        let mut json = String::from(r#"{"audience":"#);
        quote(audience, &mut json);
        json.push_str(r#","public_key":"#);
        json.push_str(jwk);
        json.push_str(r#","signature":"#);
        quote(signature, &mut json);
        json.push('}');
        let document = Document::parse(json)?;
        statement::verify(statement::COMPROMISE, document.root(), key)
            .map_err(Error::ProofRefused)?;
        Ok(Self {
            key: key.key_id().clone(),
        })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &KeyId {
        &self.key
    }
}

impl Authority {
    /// Blocks a key that proved itself compromised, with all that came of it, and tells the feed.
    ///
    /// # Errors
    /// [`Error::KeyNotFound`] for a key that nobody here has relied upon: anybody can make such keys,
    /// and each would stay in the feed for good. [`Error::OwnKey`] for a key of the authority itself.
    /// [`Error::Database`].
    pub async fn compromised(&self, proven: &Compromise) -> Result<Done, Error> {
        let key = proven.key();
        let ring = self.keys().ring();
        if ring
            .bundle()
            .keys()
            .iter()
            .any(|own| own.public_key.key_id() == key)
        {
            tracing::error!(
                kid = key.as_str(),
                "somebody else has this key of the authority, and proved it; revoke it: mcps-authority keys revoke {key}"
            );
            return Err(Error::OwnKey);
        }
        if !self.db().knows_key(key).await? {
            return Err(Error::KeyNotFound);
        }
        let (by, at) = (format!("key:{key}"), self.now());
        let order = Revocation {
            reason: Reason::KeyCompromise,
            note: None,
            deed: Deed::new(&by, None, b"", self.random())?,
            by,
            at,
            dry_run: false,
        };
        let done = self.db().block_key(key, &order).await?;
        if done.changed {
            self.feed().wake();
            let (kind, target) = (Action::KeyBlock(key.clone()), Target::Key(key.clone()));
            let (kind, target) = (kind.as_str(), target.to_json());
            self.db()
                .note_action(
                    &order.deed,
                    at,
                    kind,
                    &target,
                    done.outcome(),
                    done.position.as_deref(),
                )
                .await?;
        }
        Ok(done)
    }
}
