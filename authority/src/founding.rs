//! The first start makes keys, a key set and one operator; every later start finds them again, and
//! refuses to go on with others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use mcps_core::clock::Clock;
use mcps_core::digest::Digest;
use mcps_core::random::Random;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

use crate::access::{Grant, Grants, Role};
use crate::config::Config;
use crate::custody::Custody;
use crate::keys::{Keyring, SERVING};
use crate::operator_key::{OperatorKey, PREFIX};
use crate::start::StartError;
use crate::store::{Db, Founding, NewOperator};

/// The keys of this authority, and the set in which they are published.
#[derive(Debug)]
pub struct Founded {
    /// The verified key set, and who signs by it.
    pub keys: Keyring,
    /// Where other keys will come from.
    pub custody: Custody,
    /// The first operator's key, at the first start only.
    pub operator_key: Option<OperatorKey>,
}

/// Finds the authority that owns the database, or founds it.
///
/// # Errors
/// [`StartError`], above all when the database belongs to an authority with other keys.
pub async fn found_or_find(
    config: &Config,
    db: &Db,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Founded, StartError> {
    let custody = Custody::new(config)?;
    if let Some(founding) = db.founding().await? {
        db.begin_feed(&founding.name).await?;
        let founding = with_every_key(db, &custody, founding, clock, random).await?;
        return find(config, db, custody, &founding, clock).await;
    }
    let operator_key = OperatorKey::generate(random)?;
    let founding = draw_up(config, &custody, clock, random)?;
    let operator = NewOperator::new("first", &operator_key, random)?;
    // Somebody has to be able to do everything, or nobody could ever do anything.
    let operator = operator.holding(Grants::new([Grant::everywhere(Role::Owner)]));
    // On disk before the hash is in the database: a key that nobody has seen is of no use.
    if let Some(path) = &config.operator_key_file {
        let written = write_operator_key(path, &operator_key);
        written.map_err(|source| StartError::OperatorKeyFile {
            path: path.clone(),
            source,
        })?;
    }
    let first = db.found(&founding, &operator, clock.now()).await?;
    if let Some(path) = config.operator_key_file.as_deref().filter(|_| !first) {
        // Another process was first, and this key opens nothing.
        let removed = fs::remove_file(path);
        removed.map_err(|source| StartError::OperatorKeyFile {
            path: path.to_owned(),
            source,
        })?;
    }
    let founding = db.founding().await?.ok_or(StartError::Bundle)?;
    db.begin_feed(&founding.name).await?;
    let found = find(config, db, custody, &founding, clock).await?;
    Ok(Founded {
        operator_key: first.then_some(operator_key),
        ..found
    })
}

/// Makes the keys that are missing and the first key set.
fn draw_up(
    config: &Config,
    custody: &Custody,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Founding, StartError> {
    let key = |usage| -> Result<Arc<dyn Signer>, StartError> {
        match custody.first(usage)? {
            Some(key) => Ok(key),
            None => Ok(custody.create(usage, random)?),
        }
    };
    let root = key(KeyUse::Root)?;
    let mut keys = vec![active(KeyUse::Root, root.as_ref())];
    for usage in SERVING {
        keys.push(active(usage, key(usage)?.as_ref()));
    }
    let name = match &config.issuer {
        Some(name) => checked_name(name)?,
        None => default_name(root.as_ref()),
    };
    let root_id = root.public_key().key_id();
    let unsigned = TrustBundle::unsigned_json(&name, 1, clock.now(), root_id, &keys);
    let bundle = statement::sign(statement::TRUST, &unsigned, root.as_ref())?;
    Ok(Founding { name, bundle })
}

/// Gives an authority that an earlier version founded the keys that there were not then, in its next
/// key set.
async fn with_every_key(
    db: &Db,
    custody: &Custody,
    founding: Founding,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Founding, StartError> {
    let bundle = TrustBundle::parse(&founding.bundle)?;
    bundle.verify(bundle.signer())?;
    // A set that a newer version wrote is not written anew by this one.
    let lacks = |usage: &KeyUse| bundle.usable(*usage).next().is_none();
    let lacking: Vec<KeyUse> = SERVING.into_iter().filter(lacks).collect();
    let Some(usage) = lacking.first().filter(|_| bundle.is_understood()) else {
        return Ok(founding);
    };
    let root = custody.find(KeyUse::Root, bundle.signer())?;
    let root = root.ok_or_else(|| StartError::RootNeeded {
        usage: usage.as_str(),
        whereabouts: custody.whereabouts(KeyUse::Root),
    })?;
    let mut keys = bundle.keys().to_vec();
    for usage in lacking {
        let key = match custody.first(usage)? {
            Some(key) => key,
            None => custody.create(usage, random)?,
        };
        keys.push(active(usage, key.as_ref()));
    }
    let unsigned = bundle.next_json(clock.now(), &keys);
    let next = statement::sign(statement::TRUST, &unsigned, root.as_ref())?;
    // Another replica may have been first; what is stored counts.
    db.replace_bundle(&founding.bundle, &next).await?;
    db.founding().await?.ok_or(StartError::Bundle)
}

fn active(usage: KeyUse, key: &dyn Signer) -> TrustedKey {
    TrustedKey {
        usage,
        state: KeyState::Active,
        public_key: key.public_key().clone(),
    }
}

/// Loads the keys that the database's authority has, and nothing else will do.
async fn find(
    config: &Config,
    db: &Db,
    custody: Custody,
    founding: &Founding,
    clock: &dyn Clock,
) -> Result<Founded, StartError> {
    if let Some(asked) = &config.issuer
        && *asked != founding.name
    {
        return Err(StartError::OtherName {
            asked: asked.clone(),
            is: founding.name.clone(),
        });
    }
    let bundle = TrustBundle::parse(&founding.bundle)?;
    bundle.verify(bundle.signer())?;
    // The root key is not needed to serve and may be kept elsewhere; one that is here must be it, or
    // another that the set has.
    if custody.find(KeyUse::Root, bundle.signer())?.is_none()
        && !has_another_root(&custody, &bundle)?
        && custody.first(KeyUse::Root)?.is_some()
    {
        return Err(other_keys(&custody, &bundle, KeyUse::Root));
    }
    let now = clock.now();
    let keys = Keyring::gather(bundle, &db.key_changes().await?, &custody, now, None);
    for usage in SERVING {
        if keys.signer(usage, now).is_err() {
            // Said more exactly by whoever looks for that key alone.
            if let Some(id) = keys.signing(usage, now) {
                custody.find(usage, id)?;
            }
            return Err(other_keys(&custody, keys.bundle(), usage));
        }
    }
    if let Some(trouble) = keys.trouble() {
        tracing::error!(usage = trouble.usage, "{}", trouble.log);
    }
    Ok(Founded {
        keys,
        custody,
        operator_key: None,
    })
}

/// Whether a root key is here that signed before, or will.
fn has_another_root(custody: &Custody, bundle: &TrustBundle) -> Result<bool, StartError> {
    for key in bundle.keys() {
        let id = key.public_key.key_id();
        if key.usage == KeyUse::Root && custody.find(KeyUse::Root, id)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn other_keys(custody: &Custody, bundle: &TrustBundle, usage: KeyUse) -> StartError {
    StartError::OtherKeys {
        authority: bundle.authority().to_owned(),
        root_kid: bundle.signer().to_string(),
        usage: usage.as_str(),
        whereabouts: custody.whereabouts(usage),
    }
}

/// Two authorities that never chose a name must not share one, so the root key is in it.
fn default_name(root: &dyn Signer) -> String {
    let digest = Digest::of(root.public_key().key_id().as_str().as_bytes()).to_string();
    format!("authority-{}", digest.get(..8).unwrap_or_default())
}

fn checked_name(name: &str) -> Result<String, StartError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    let sound = (1..=128).contains(&name.len()) && name.chars().all(allowed);
    sound
        .then(|| name.to_owned())
        .ok_or_else(|| StartError::Name {
            name: name.to_owned(),
        })
}

/// Writes the key with mode 0600. Only a file that held such a key before is overwritten.
fn write_operator_key(path: &Path, key: &OperatorKey) -> io::Result<()> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() || text.starts_with(PREFIX) => fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "it holds something else",
            ));
        }
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        Err(other) => return Err(other),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", key.reveal())?;
    file.sync_all()
}
