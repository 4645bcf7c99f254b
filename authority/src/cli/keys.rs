//! `mcps-authority keys`: the life of the authority's own keys. It works on the database and where
//! the keys are, whether or not the authority runs; what changes something needs the root key.

use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use mcps_authority::custody::Custody;
use mcps_authority::keys::{Changed, KeyOrder, Step, carry_out};
use mcps_authority::store::{Db, KeyChange};
use mcps_authority::{COMMAND, open_changing, open_founded};
use mcps_core::clock::Clock;
use mcps_core::key::KeyId;
use mcps_core::random::Random;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

use super::{OutputOptions, Place};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List every key, where it stands, and whether its private half is here.
    List {
        #[command(flatten)]
        place: Box<Place>,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Make a key and publish it. It signs nothing yet: bring it to every replica first.
    Prepare {
        #[command(flatten)]
        place: Box<Place>,
        /// What it will sign.
        #[arg(long = "use", value_name = "USE")]
        usage: Use,
    },
    /// Have a prepared key sign, three minutes later, when every verifier knows of it. A root key takes
    /// over from the present one at once; both must be in reach.
    Activate {
        #[command(flatten)]
        place: Box<Place>,
        #[command(flatten)]
        which: Which,
        /// At once. Verifiers that have not fetched the key set yet refuse what it signs, for up to
        /// two minutes.
        #[arg(long)]
        now: bool,
    },
    /// End a key that signs no more. What it signed stays good.
    Taint {
        #[command(flatten)]
        place: Box<Place>,
        #[command(flatten)]
        which: Which,
    },
    /// Take a key's word back: nothing that it signed is good any more.
    Revoke {
        #[command(flatten)]
        place: Box<Place>,
        /// The key's id, as `list` prints it.
        #[arg(long, value_name = "KID", allow_hyphen_values = true)]
        kid: String,
    },
}

/// One key, by its id or as the only one that it can be.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The key's id, as `list` prints it.
    #[arg(
        long,
        value_name = "KID",
        allow_hyphen_values = true,
        required_unless_present = "usage"
    )]
    kid: Option<String>,
    /// Instead of the id: the only key of that use that this can be done to.
    #[arg(long = "use", value_name = "USE", conflicts_with = "kid")]
    usage: Option<Use>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Use {
    /// The key set.
    Root,
    /// Passports.
    Passport,
    /// Status answers.
    Status,
    /// The revocation feed.
    Feed,
    /// Records of what is changed.
    Audit,
}

impl From<Use> for KeyUse {
    fn from(usage: Use) -> Self {
        match usage {
            Use::Root => Self::Root,
            Use::Passport => Self::Passport,
            Use::Status => Self::Status,
            Use::Feed => Self::Feed,
            Use::Audit => Self::Audit,
        }
    }
}

impl KeysCommand {
    /// Does what was asked, and says what to do next.
    ///
    /// # Errors
    /// What keeps it from being done.
    pub(crate) async fn run(&self, clock: &dyn Clock, random: &dyn Random) -> anyhow::Result<()> {
        let place = match self {
            Self::List { place, .. }
            | Self::Prepare { place, .. }
            | Self::Activate { place, .. }
            | Self::Taint { place, .. }
            | Self::Revoke { place, .. } => place,
        };
        let config = place.config()?;
        if let Self::List { output, .. } = self {
            let (db, custody) = (open_founded(&config).await?, Custody::new(&config)?);
            let bundle = bundle(&db).await?;
            return list(&db, &custody, &bundle, output.is_json()).await;
        }
        let (db, custody) = open_changing(&config, clock).await?;
        let bundle = bundle(&db).await?;
        let step = match self {
            Self::List { .. } => return Ok(()),
            Self::Prepare { usage, .. } => Step::Prepare((*usage).into()),
            Self::Activate { which, now, .. } => Step::Activate {
                key: which.key(&bundle, &[KeyState::Prepared])?,
                now: *now,
            },
            Self::Taint { which, .. } => {
                let changes = db.key_changes().await?;
                Step::Taint(which.before(&bundle, &changes)?)
            }
            Self::Revoke { kid, .. } => Step::Revoke(parse(kid)?),
        };
        let order = KeyOrder {
            step,
            by: COMMAND.to_owned(),
            note: None,
        };
        let changed = carry_out(&db, &custody, clock, random, &order).await;
        let changed = changed.with_context(|| {
            let root = custody.whereabouts(KeyUse::Root);
            format!("nothing was changed (the root key was looked for in {root})")
        })?;
        // Replicas on SQLite look by themselves once a second.
        if let Err(error) = db.wake_replicas().await {
            tracing::debug!(error = %error, "replicas were not woken: {error}");
        }
        db.close().await;
        if changed.usage == KeyUse::Root {
            return Ok(say_root(&changed, bundle.signer(), &custody)?);
        }
        say(&changed, &custody)?;
        Ok(())
    }
}

impl Which {
    fn key(&self, bundle: &TrustBundle, states: &[KeyState]) -> anyhow::Result<KeyId> {
        if let Some(kid) = &self.kid {
            return parse(kid);
        }
        let usage: KeyUse = self.usage.context("name a key with --kid KID")?.into();
        let fits = |key: &&TrustedKey| key.usage == usage && states.contains(&key.state);
        let mut found = bundle.keys().iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key.public_key.key_id().clone()),
            (None, _) => bail!(
                "no {} key is {}; see: mcps-authority keys list",
                usage.as_str(),
                states.first().map_or("so", |state| state.as_str())
            ),
            (Some(_), Some(_)) => bail!(
                "several {} keys can be meant; name one with --kid KID, see: mcps-authority keys list",
                usage.as_str()
            ),
        }
    }

    /// The active key that another active one took over from.
    fn before(&self, bundle: &TrustBundle, changes: &[KeyChange]) -> anyhow::Result<KeyId> {
        if let Some(kid) = &self.kid {
            return parse(kid);
        }
        let usage: KeyUse = self.usage.context("name a key with --kid KID")?.into();
        let from = |key: &TrustedKey| {
            let id = key.public_key.key_id();
            let mut own = changes.iter().rev().filter(|change| change.kid == *id);
            own.find_map(|change| change.signs_from)
        };
        let active = |key: &&TrustedKey| key.usage == usage && key.state == KeyState::Active;
        let mut active: Vec<_> = bundle.keys().iter().filter(active).collect();
        active.sort_by_key(|key| from(key));
        match active.as_slice() {
            [old, _] => Ok(old.public_key.key_id().clone()),
            [] | [_] => bail!("there is no second active {} key", usage.as_str()),
            _ => bail!("several keys can be meant; name one with --kid KID"),
        }
    }
}

fn parse(kid: &str) -> anyhow::Result<KeyId> {
    KeyId::parse(kid).with_context(|| {
        format!("{kid:?} is no key id: 43 characters, as `mcps-authority keys list` prints them")
    })
}

async fn bundle(db: &Db) -> anyhow::Result<TrustBundle> {
    let founding = db.founding().await?;
    let text = founding.map(|founding| founding.bundle).unwrap_or_default();
    let bundle = TrustBundle::parse(&text).context("the key set in the database")?;
    bundle
        .verify(bundle.signer())
        .context("the key set in the database")?;
    Ok(bundle)
}

async fn list(db: &Db, custody: &Custody, bundle: &TrustBundle, json: bool) -> anyhow::Result<()> {
    let changes = db.key_changes().await?;
    let mut rows = Vec::new();
    for key in bundle.keys() {
        let id = key.public_key.key_id();
        let last = changes.iter().rev().find(|change| change.kid == *id);
        let found = match key.usage {
            KeyUse::Root => custody.root(id),
            usage => custody.find(usage, id),
        };
        let here = match found {
            Ok(Some(_)) => "yes",
            Ok(None) => "no",
            Err(_) => "unreadable",
        };
        let from = last.and_then(|change| change.signs_from);
        rows.push((key, here, last.map(|change| change.at), from));
    }
    let mut out = io::stdout().lock();
    if json {
        let keys = rows.iter().map(|(key, here, since, from)| {
            serde_json::json!({
                "kid": key.public_key.key_id().to_string(),
                "use": key.usage.as_str(),
                "state": key.state.as_str(),
                "here": here,
                "since": since.map(|at| at.to_string()),
                "signs_from": from.map(|at| at.to_string()),
            })
        });
        let keys: Vec<_> = keys.collect();
        let object = serde_json::json!({"number": bundle.number(), "keys": keys});
        writeln!(out, "{object}")?;
        return Ok(());
    }
    writeln!(out, "key set {} of {}", bundle.number(), bundle.authority())?;
    for (key, here, _, from) in rows {
        let (kid, usage, state) = (
            key.public_key.key_id(),
            key.usage.as_str(),
            key.state.as_str(),
        );
        let from = from.map_or(String::new(), |from| format!(", signs from {from}"));
        writeln!(out, "{kid}  {usage:<9} {state:<9} here: {here}{from}")?;
    }
    Ok(())
}

/// The same of a root key, where `before` was the one that signed.
fn say_root(changed: &Changed, before: &KeyId, custody: &Custody) -> io::Result<()> {
    let (kid, state, number) = (&changed.kid, changed.state.as_str(), changed.number);
    writeln!(io::stdout(), "{kid}")?;
    let mut told = io::stderr();
    if changed.position.is_none() {
        return writeln!(told, "It was {state} already, by key set {number}.");
    }
    writeln!(told, "The root key is {state}, by key set {number}.")?;
    match changed.state {
        KeyState::Prepared => {
            let place = custody.whereabouts(KeyUse::Root);
            writeln!(
                told,
                "It is in {place}. Keep a second copy of it elsewhere."
            )?;
            writeln!(
                told,
                "Then, with both root keys in reach: mcps-authority keys activate --kid={kid}"
            )
        }
        KeyState::Active => {
            writeln!(
                told,
                "It signs the key set. The root key {before} is not needed any more: destroy it once every client has fetched the set. Clients that are offline until later follow its word to the new one, which needs no old key."
            )?;
            writeln!(
                told,
                "Make a backup now: one from before needs the old root key to be restored. Tell whoever enrols by hand the new id."
            )
        }
        KeyState::Tainted => Ok(()),
        KeyState::Revoked => writeln!(
            told,
            "It never signs anything that is good again; its word on the root after it stays good."
        ),
    }
}

fn say(changed: &Changed, custody: &Custody) -> io::Result<()> {
    let (kid, usage, state) = (&changed.kid, changed.usage.as_str(), changed.state.as_str());
    let number = changed.number;
    writeln!(io::stdout(), "{kid}")?;
    let mut told = io::stderr();
    if changed.position.is_none() {
        return writeln!(told, "It was {state} already, by key set {number}.");
    }
    writeln!(told, "The {usage} key is {state}, by key set {number}.")?;
    match changed.state {
        KeyState::Prepared => {
            let remedy = custody.remedy(changed.usage, kid);
            writeln!(told, "For every other replica: {remedy}.")?;
            writeln!(told, "Then: mcps-authority keys activate --kid {kid}")
        }
        KeyState::Active => match changed.signs_from {
            Some(from) => writeln!(
                told,
                "It signs from {from}. After that: mcps-authority keys taint --use {usage}"
            ),
            None => Ok(()),
        },
        KeyState::Tainted => writeln!(told, "Its private half is not needed any more: destroy it."),
        KeyState::Revoked => writeln!(
            told,
            "Nothing it signed is good. Whoever follows the feed knows at once, the others within two minutes."
        ),
    }
}
