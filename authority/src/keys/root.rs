//! The root key's life. Another root takes over by the word of the present one, in the first key set
//! that the other signs.

use mcps_core::clock::Timestamp;
use mcps_core::feed::Epoch;
use mcps_core::key::KeyId;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, Succession, TrustBundle, TrustedKey};

use super::change::{KeyChangeError, Step};
use crate::error::Error;
use crate::store::Db;

/// A root that is prepared. There is one at most: nobody is to wonder which will sign.
pub(super) fn prepared(bundle: &TrustBundle) -> Option<&KeyId> {
    let mut keys = bundle.keys().iter();
    let prepared = |key: &&TrustedKey| key.usage == KeyUse::Root && key.state == KeyState::Prepared;
    keys.find(prepared).map(|key| key.public_key.key_id())
}

/// The state that a step brings a root key to; `None` when it was taken before.
pub(super) fn judge(state: KeyState, step: &Step) -> Result<Option<KeyState>, KeyChangeError> {
    let wrong = |why| Err(KeyChangeError::State { state, why });
    match (step, state) {
        (Step::Activate { .. }, KeyState::Prepared) => Ok(Some(KeyState::Active)),
        (Step::Revoke(_), KeyState::Prepared | KeyState::Tainted) => Ok(Some(KeyState::Revoked)),
        (Step::Taint(_) | Step::Revoke(_), KeyState::Active) => Err(KeyChangeError::Root),
        (Step::Activate { .. }, KeyState::Tainted) => wrong("never signs again; prepare another"),
        (Step::Taint(_), KeyState::Prepared) => wrong("never signed anything; revoke it"),
        (Step::Activate { .. } | Step::Taint(_), KeyState::Revoked) => {
            wrong("that is for good; prepare another")
        }
        (Step::Activate { .. }, KeyState::Active)
        | (Step::Taint(_), KeyState::Tainted)
        | (Step::Revoke(_), KeyState::Revoked)
        | (Step::Prepare(_), _) => Ok(None),
    }
}

/// The first key set of `new`: `keys`, of which the present root signs no more, and the present root's
/// word that `new` follows.
pub(super) fn take_over(
    bundle: &TrustBundle,
    mut keys: Vec<TrustedKey>,
    now: Timestamp,
    old: &dyn Signer,
    new: &dyn Signer,
) -> Result<String, Refusal> {
    for key in &mut keys {
        if key.usage == KeyUse::Root && key.public_key.key_id() == bundle.signer() {
            key.state = KeyState::Tainted;
        }
    }
    let (authority, number) = (bundle.authority(), bundle.number().saturating_add(1));
    let next = new.public_key();
    let succession = Succession::sign(authority, number, now, next, old)?;
    let mut successions = bundle.successions().to_vec();
    successions.push(succession);
    let text =
        TrustBundle::unsigned_after(authority, number, now, next.key_id(), &keys, &successions);
    let text = statement::sign(statement::TRUST, &text, new)?;
    // Whoever follows would refuse anything else for good.
    TrustBundle::parse(&text)?.verify(bundle.signer())?;
    Ok(text)
}

/// The root's statement on the present epoch, said again by the new root: it holds though the old one
/// should be revoked. `None` in the first epoch, which needs none.
pub(super) async fn restate(
    db: &Db,
    bundle: &TrustBundle,
    new: &dyn Signer,
) -> Result<Option<(u64, String)>, Error> {
    let number = db.head().await?.position.epoch;
    let Some(text) = db.epoch(number).await? else {
        return Ok(None);
    };
    // What does not verify is not made good.
    let Ok(epoch) = Epoch::verify(&text, bundle) else {
        return Ok(None);
    };
    let text = epoch.sign(new).map_err(|_| Refusal::Statement {
        what: "epoch",
        why: statement::SIGNER_FAILED,
    });
    Ok(Some((number, text.map_err(KeyChangeError::Set)?)))
}
