//! Looks whether an authority could serve with this configuration, without changing anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::trust::{KeyUse, TrustBundle};

use crate::config::{Config, KeyPlace};
use crate::custody::Custody;
use crate::keys::{Keyring, SERVING};
use crate::start::StartError;
use crate::store::{Db, newest_schema};

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// It serves, and should be looked at.
    Warning,
    /// It does not serve.
    Bad,
}

impl Grade {
    /// `good`, `warning` or `bad`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub grade: Grade,
    /// In words, with what to do.
    pub words: String,
}

fn look(what: &'static str, grade: Grade, words: impl Into<String>) -> Look {
    Look {
        what,
        grade,
        words: words.into(),
    }
}

/// Looks at everything; what cannot be looked at is bad, not an error.
pub async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Look> {
    let mut looks = vec![folder(config)];
    match database(config, &mut looks).await {
        Ok(Some((db, bundle))) => {
            let now = clock.now();
            keys(config, &db, &bundle, now, &mut looks).await;
            feed(&db, &mut looks).await;
            trail(&db, &bundle, now, &mut looks).await;
            db.close().await;
        }
        Ok(None) => {}
        Err(error) => looks.push(look("database", Grade::Bad, error.to_string())),
    }
    looks
}

fn folder(config: &Config) -> Look {
    const WHAT: &str = "data directory";
    let path = config.data_dir.display();
    match fs::metadata(&config.data_dir) {
        Err(error) => look(WHAT, Grade::Bad, format!("{path}: {error}")),
        Ok(data) if !data.is_dir() => look(WHAT, Grade::Bad, format!("{path} is no directory")),
        Ok(data) if data.permissions().mode() & 0o077 != 0 => look(
            WHAT,
            Grade::Warning,
            format!("{path} can be read by others; run: chmod 700 {path}"),
        ),
        Ok(_) => look(WHAT, Grade::Good, path.to_string()),
    }
}

async fn database(
    config: &Config,
    looks: &mut Vec<Look>,
) -> Result<Option<(Db, TrustBundle)>, StartError> {
    let db = match config.database_url.as_deref() {
        Some(url) => Db::open_postgres(url).await?,
        None => {
            let file = config.data_dir.join("authority.db");
            if !file.exists() {
                let words = format!(
                    "there is none at {}; `mcps-authority serve` makes it, or name the right --data-dir",
                    file.display()
                );
                looks.push(look("database", Grade::Bad, words));
                return Ok(None);
            }
            Db::open_sqlite(&file).await?
        }
    };
    let (engine, newest) = (db.engine(), newest_schema());
    // A database without our tables says so here.
    let version = db.schema().await.unwrap_or_default();
    let (grade, words) = match version {
        0 => (Grade::Bad, format!("{engine}, and not an authority's")),
        version if version == newest => (Grade::Good, format!("{engine}, tables at {version}")),
        version if version < newest => (
            Grade::Warning,
            format!(
                "{engine}, tables at {version} of {newest}; the next start brings them up to date, and so does `mcps-authority migrate`"
            ),
        ),
        version => (
            Grade::Bad,
            format!(
                "{engine}, tables at {version}: a newer version than this one ({newest}) was here; use that version"
            ),
        ),
    };
    looks.push(look("database", grade, words));
    if version != newest {
        return Ok(None);
    }
    let Some(founding) = db.founding().await? else {
        let words = "nobody has founded an authority here yet; `mcps-authority serve` does";
        looks.push(look("authority", Grade::Bad, words));
        return Ok(None);
    };
    let bundle = TrustBundle::parse(&founding.bundle)?;
    if let Err(error) = bundle.verify(bundle.signer()) {
        let words = format!("its key set does not verify: {error}; restore it from a backup");
        looks.push(look("authority", Grade::Bad, words));
        return Ok(None);
    }
    let (number, root) = (bundle.number(), bundle.signer());
    let words = format!("{}, key set {number}, root key {root}", founding.name);
    looks.push(look("authority", Grade::Good, words));
    Ok(Some((db, bundle)))
}

async fn keys(
    config: &Config,
    db: &Db,
    bundle: &TrustBundle,
    now: Timestamp,
    looks: &mut Vec<Look>,
) {
    /// No JSON object, so a signature over it passes for nothing else.
    const PROBE: &[u8] = b"mcps-authority doctor probe";
    let custody = match Custody::new(config) {
        Ok(custody) => custody,
        Err(error) => {
            looks.push(look("keys", Grade::Bad, error.to_string()));
            return;
        }
    };
    let changes = match db.key_changes().await {
        Ok(changes) => changes,
        Err(error) => {
            looks.push(look("keys", Grade::Bad, error.to_string()));
            return;
        }
    };
    let ring = Keyring::gather(bundle.clone(), &changes, &custody, now, None);
    for usage in SERVING {
        let what = match usage {
            KeyUse::Passport => "passport key",
            KeyUse::Status => "status key",
            KeyUse::Feed => "feed key",
            KeyUse::Audit => "audit key",
            KeyUse::Root => "root key",
        };
        let signed = ring.signer(usage, now).map_err(|error| error.to_string());
        let signed = signed.and_then(|signer| {
            let digest = Digest::of(PROBE);
            let signature = signer.sign(&digest).map_err(|error| error.to_string())?;
            let checked = signer.public_key().verify(&digest, &signature);
            checked.map_err(|error| error.to_string())?;
            Ok(signer.public_key().key_id().to_string())
        });
        looks.push(match signed {
            Ok(id) => look(what, Grade::Good, format!("{id} signs")),
            Err(error) => look(what, Grade::Bad, error),
        });
    }
    looks.push(root(config, &custody, bundle));
    let old = bundle.keys().iter().filter(|key| {
        let gave_way = bundle.has_succeeded(key.public_key.key_id());
        key.usage == KeyUse::Root && gave_way
    });
    for key in old {
        let id = key.public_key.key_id();
        if let Ok(Some(_)) = custody.root(id) {
            let words = format!(
                "{id} is still here and not needed any more: destroy it once every client has fetched key set {}",
                bundle.number()
            );
            looks.push(look("old root key", Grade::Warning, words));
        }
    }
}

fn root(config: &Config, custody: &Custody, bundle: &TrustBundle) -> Look {
    const WHAT: &str = "root key";
    let place = custody.whereabouts(KeyUse::Root);
    match custody.find(KeyUse::Root, bundle.signer()) {
        Err(error) => look(WHAT, Grade::Warning, error.to_string()),
        Ok(None) => look(
            WHAT,
            Grade::Good,
            format!("not in {place}, which is as it should be while nothing about keys changes"),
        ),
        Ok(Some(_)) if config.root_keys.is_none() && matches!(config.keys, KeyPlace::Files) => {
            look(
                WHAT,
                Grade::Warning,
                format!(
                    "in {place}, beside the keys that serve: whoever takes one takes all. Keep it elsewhere (docs/keys.md)"
                ),
            )
        }
        Ok(Some(_)) => look(WHAT, Grade::Good, format!("in {place}")),
    }
}

async fn feed(db: &Db, looks: &mut Vec<Look>) {
    looks.push(match db.head().await {
        Ok(head) => {
            let at = head.position.cursor();
            look(
                "feed",
                Grade::Good,
                format!("at {at}, kept from event {}", head.pruned),
            )
        }
        Err(error) => look("feed", Grade::Bad, error.to_string()),
    });
}

async fn trail(db: &Db, bundle: &TrustBundle, now: Timestamp, looks: &mut Vec<Look>) {
    const WHAT: &str = "audit trail";
    /// Checkpoints come every ten minutes where something changes.
    const OLD_MS: i64 = 2 * 3600 * 1000;
    let found = async {
        let heads = db.audit_heads().await?;
        let records: u64 = heads.iter().map(|(seq, _)| *seq).sum();
        let Some((number, text)) = db.newest_checkpoint().await? else {
            return Ok(look(
                WHAT,
                Grade::Good,
                format!("{records} records, no checkpoint yet"),
            ));
        };
        let checkpoint = mcps_core::audit::Checkpoint::verify(&text, bundle)?;
        let covered: u64 = checkpoint.lanes.iter().map(|(seq, _)| *seq).sum();
        let words = format!("{records} records, checkpoint {number} covers {covered}");
        let behind = records > covered && now.since(checkpoint.at) > OLD_MS;
        Ok(match behind {
            true => look(
                WHAT,
                Grade::Warning,
                format!("{words} and is hours old; is the authority running?"),
            ),
            false => look(WHAT, Grade::Good, words),
        })
    };
    let found: Result<Look, crate::error::Error> = found.await;
    looks.push(found.unwrap_or_else(|error| look(WHAT, Grade::Bad, error.to_string())));
}
