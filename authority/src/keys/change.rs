//! How a key of the authority goes from one state to the next: `prepared`, `active`, `tainted`,
//! `revoked`. Each step is a key set of its own, signed by the root, and an event of the feed.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Action, Position};
use mcps_core::key::{KeyId, PublicKey};
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

use super::{begins, root};
use crate::custody::{Custody, CustodyError};
use crate::error::Error;
use crate::store::{Db, Handover, KeyChange};

/// From the activation of a key to its first signature. Verifiers ask for the key set once a minute,
/// and it may be cached for another one.
pub const OVERLAP: Duration = Duration::from_secs(180);

/// Most keys in a set: half of what verifiers read.
const MAX_KEYS: usize = 128;
/// How often a change is tried that others were faster than.
const TRIES: usize = 8;

/// One step of a key. Of the root keys, one signs: another that is activated takes over at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a key and publishes it; it signs nothing yet.
    Prepare(KeyUse),
    /// It signs from [`OVERLAP`] on, or at once.
    Activate {
        /// The key.
        key: KeyId,
        /// Whether at once, though some verifiers do not know yet.
        now: bool,
    },
    /// It signs no more; what it signed stays good.
    Taint(KeyId),
    /// Nothing that it signed is good.
    Revoke(KeyId),
}

/// Who wants a step, and why.
#[derive(Clone, Debug)]
pub struct KeyOrder {
    /// What.
    pub step: Step,
    /// The operator's id, or who ran the command.
    pub by: String,
    /// In the operator's words; kept here, not told.
    pub note: Option<String>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The key.
    pub kid: KeyId,
    /// What it signs.
    pub usage: KeyUse,
    /// Where it stands now.
    pub state: KeyState,
    /// The number of the key set that says so.
    pub number: i64,
    /// From when on it signs, if it is active.
    pub signs_from: Option<Timestamp>,
    /// Where the feed stands after telling it; `None` when it was so already.
    pub position: Option<Position>,
}

/// A step that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// No such key.
    #[error("the key set has no key of that id; GET /v1/authority-keys lists them")]
    Unknown,
    /// The root signs the sets that would say so.
    #[error(
        "it is the root key that signs the key set, and no set could say that of it; prepare and activate another root key, which taints this one (docs/keys.md)"
    )]
    Root,
    /// Another root is prepared.
    #[error("the root key {0} is prepared already; activate it, or revoke it first")]
    RootPrepared(KeyId),
    /// The key is in a state from which this step does not go.
    #[error("the key is {}, and {why}", state.as_str())]
    State {
        /// Where it stands.
        state: KeyState,
        /// Why that is too late or too early.
        why: &'static str,
    },
    /// It is the one that signs now.
    #[error("it is the key that signs now; activate another first, and wait until that one signs")]
    Signs,
    /// Nothing would be left to sign with.
    #[error(
        "it is the only active key of its use, and nothing could be signed without it; prepare and activate another first (at once, if it leaked)"
    )]
    Only,
    /// The set is full.
    #[error("the key set has 128 keys, which is the most")]
    Full,
    /// A newer version wrote the set.
    #[error("the key set has keys that this version does not understand; use the newer version")]
    NotUnderstood,
    /// The root key is not here.
    #[error(
        "a key set is signed by the root key, which is not here; run `mcps-authority keys` where it is"
    )]
    RootAbsent,
    /// Its private half is not here.
    #[error(
        "the private key is not here, and might be nowhere: activate it where it was prepared, or {remedy}"
    )]
    Absent {
        /// How to get it.
        remedy: String,
    },
    /// Others change keys all the time.
    #[error("other changes of the key set were faster; try again")]
    Contended,
    /// The set in the database is missing or damaged.
    #[error("the key set in the database does not verify")]
    Set(#[source] Refusal),
    /// A key cannot be read or made.
    #[error("a key could not be read or made")]
    Custody(#[from] CustodyError),
}

/// Takes a step: makes the next key set, has the root sign it, stores it and tells the feed in one
/// transaction. A step that was taken before changes nothing.
///
/// # Errors
/// [`Error::KeyChange`], [`Error::Database`].
pub async fn carry_out(
    db: &Db,
    custody: &Custody,
    clock: &dyn Clock,
    random: &dyn Random,
    order: &KeyOrder,
) -> Result<Changed, Error> {
    let mut made: Option<PublicKey> = None;
    for _ in 0..TRIES {
        let founding = db.founding().await?;
        let present = founding.map(|founding| founding.bundle).unwrap_or_default();
        let bundle = TrustBundle::parse(&present).map_err(KeyChangeError::Set)?;
        let verified = bundle.verify(bundle.signer());
        verified.map_err(KeyChangeError::Set)?;
        if !bundle.is_understood() {
            return Err(KeyChangeError::NotUnderstood.into());
        }
        let changes = db.key_changes().await?;
        let now = clock.now();
        let root = custody.root(bundle.signer());
        let root = root.map_err(KeyChangeError::Custody)?;
        let next = match &order.step {
            Step::Prepare(usage) => {
                room(&bundle, *usage)?;
                // Before a key is made that nobody could publish.
                let _root = root.as_ref().ok_or(KeyChangeError::RootAbsent)?;
                let key = match made.take() {
                    Some(key) => key,
                    None => {
                        let made = custody.create_another(*usage, random);
                        let made = made.map_err(KeyChangeError::Custody)?;
                        made.public_key().clone()
                    }
                };
                made = Some(key.clone());
                Some(Next {
                    key: TrustedKey {
                        usage: *usage,
                        state: KeyState::Prepared,
                        public_key: key,
                    },
                    signs_from: None,
                })
            }
            step => judge(&bundle, &changes, now, step)?,
        };
        let Some(next) = next else {
            return unchanged(&bundle, &changes, &order.step);
        };
        let root = root.ok_or(KeyChangeError::RootAbsent)?;
        let own = match next.key.state {
            KeyState::Active => Some(own(custody, &next.key)?),
            _ => None,
        };
        let number = bundle.number().saturating_add(1);
        let keys = with(&bundle, &next.key);
        let mut handover = None;
        let text = match own.filter(|_| next.key.usage == KeyUse::Root) {
            Some(new) => {
                handover = Some(Handover {
                    from: bundle.signer().clone(),
                    epoch: root::restate(db, &bundle, new.as_ref()).await?,
                });
                root::take_over(&bundle, keys, now, root.as_ref(), new.as_ref())
            }
            None => {
                let text = bundle.next_json(now, &keys);
                statement::sign(statement::TRUST, &text, root.as_ref())
            }
        };
        let text = text.map_err(KeyChangeError::Set)?;
        let kid = next.key.public_key.key_id().clone();
        let (usage, state) = (next.key.usage, next.key.state);
        let change = KeyChange {
            number,
            kid: kid.clone(),
            usage: usage.as_str().to_owned(),
            state: state.as_str().to_owned(),
            at: now,
            signs_from: next.signs_from,
            by: order.by.clone(),
            note: order.note.clone(),
        };
        let action = Action::AuthorityKey {
            key: kid.clone(),
            usage,
            state,
            number: number.unsigned_abs(),
        };
        let reason = state.as_str();
        let sets = (present.as_str(), text.as_str());
        let told = db.change_key(sets, &change, action, reason, handover.as_ref());
        if let Some(position) = told.await? {
            return Ok(Changed {
                kid,
                usage,
                state,
                number,
                signs_from: next.signs_from,
                position: Some(position),
            });
        }
    }
    Err(KeyChangeError::Contended.into())
}

/// Whoever signs by a key that becomes active: nobody else might.
fn own(custody: &Custody, key: &TrustedKey) -> Result<Arc<dyn Signer>, KeyChangeError> {
    let (usage, id) = (key.usage, key.public_key.key_id());
    let found = match usage {
        KeyUse::Root => custody.root(id)?,
        usage => custody.find(usage, id)?,
    };
    found.ok_or_else(|| KeyChangeError::Absent {
        remedy: custody.remedy(usage, id),
    })
}

/// What a step makes of a key.
#[derive(Debug)]
struct Next {
    key: TrustedKey,
    signs_from: Option<Timestamp>,
}

fn room(bundle: &TrustBundle, usage: KeyUse) -> Result<(), KeyChangeError> {
    if usage == KeyUse::Root
        && let Some(prepared) = root::prepared(bundle)
    {
        return Err(KeyChangeError::RootPrepared(prepared.clone()));
    }
    match bundle.keys().len() < MAX_KEYS {
        true => Ok(()),
        false => Err(KeyChangeError::Full),
    }
}

/// What a step makes of a key that is in the set; `None` when it was taken before.
fn judge(
    bundle: &TrustBundle,
    changes: &[KeyChange],
    now: Timestamp,
    step: &Step,
) -> Result<Option<Next>, KeyChangeError> {
    let (Step::Activate { key: id, .. } | Step::Taint(id) | Step::Revoke(id)) = step else {
        return Ok(None);
    };
    let key = find(bundle, id)?;
    let state = key.state;
    let to = |state, signs_from| {
        let key = TrustedKey {
            state,
            ..key.clone()
        };
        Ok(Some(Next { key, signs_from }))
    };
    if key.usage == KeyUse::Root {
        return match root::judge(state, step)? {
            Some(KeyState::Active) => to(KeyState::Active, Some(now)),
            Some(state) => to(state, None),
            None => Ok(None),
        };
    }
    let from = |id: &KeyId| begins(changes, id).unwrap_or(i64::MIN);
    let active = || {
        let active = bundle.usable(key.usage);
        active.filter(|key| key.state == KeyState::Active)
    };
    let signs = || {
        let begun = active().filter(|key| from(key.public_key.key_id()) <= now.as_millis());
        let latest = begun.max_by_key(|key| from(key.public_key.key_id()));
        latest.is_none_or(|latest| latest.public_key == key.public_key)
    };
    let wrong = |why| Err(KeyChangeError::State { state, why });
    match (step, state) {
        (Step::Activate { now: at_once, .. }, KeyState::Prepared) => {
            let overlap = if *at_once { Duration::ZERO } else { OVERLAP };
            to(KeyState::Active, Some(now.plus(overlap)))
        }
        // Its time has not come, and somebody cannot wait.
        (Step::Activate { now: true, .. }, KeyState::Active) if from(id) > now.as_millis() => {
            to(KeyState::Active, Some(now))
        }
        (Step::Activate { .. }, KeyState::Active)
        | (Step::Taint(_), KeyState::Tainted)
        | (Step::Revoke(_), KeyState::Revoked) => Ok(None),
        (Step::Activate { .. }, KeyState::Tainted) => wrong("never signs again; prepare another"),
        (_, KeyState::Revoked) => wrong("that is for good; prepare another"),
        // What it signs would be good, and nobody has said that it may sign.
        (Step::Taint(_), KeyState::Prepared) => wrong("never signed anything; revoke it"),
        (Step::Taint(_), KeyState::Active) if signs() => Err(KeyChangeError::Signs),
        (Step::Taint(_), KeyState::Active) => to(KeyState::Tainted, None),
        (Step::Revoke(_), KeyState::Active) if active().count() < 2 => Err(KeyChangeError::Only),
        (Step::Revoke(_), _) => to(KeyState::Revoked, None),
        (Step::Prepare(_), _) => Ok(None),
    }
}

fn find<'a>(bundle: &'a TrustBundle, id: &KeyId) -> Result<&'a TrustedKey, KeyChangeError> {
    let mut keys = bundle.keys().iter();
    let key = keys.find(|key| key.public_key.key_id() == id);
    key.ok_or(KeyChangeError::Unknown)
}

/// The keys of the next set: as before, with `key` in its new state.
fn with(bundle: &TrustBundle, key: &TrustedKey) -> Vec<TrustedKey> {
    let mut keys = bundle.keys().to_vec();
    let known = keys.iter_mut();
    match known
        .into_iter()
        .find(|known| known.usage == key.usage && known.public_key == key.public_key)
    {
        Some(known) => known.state = key.state,
        None => keys.push(key.clone()),
    }
    keys
}

fn unchanged(bundle: &TrustBundle, changes: &[KeyChange], step: &Step) -> Result<Changed, Error> {
    let (Step::Activate { key: id, .. } | Step::Taint(id) | Step::Revoke(id)) = step else {
        return Err(KeyChangeError::Unknown.into());
    };
    let key = find(bundle, id)?;
    Ok(Changed {
        kid: id.clone(),
        usage: key.usage,
        state: key.state,
        number: bundle.number(),
        signs_from: begins(changes, id).map(Timestamp::from_millis),
        position: None,
    })
}
