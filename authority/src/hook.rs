//! `mcps-authority hook …`: where incidents may be reported from.

use std::fs;
use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use mcps_authority::hooks::adapter::Adapter;
use mcps_authority::hooks::authentication::Authentication;
use mcps_authority::hooks::mapping::Mapping;
use mcps_authority::hooks::secrets::Wish;
use mcps_authority::hooks::{Ceiling, Hook};
use mcps_authority::subject::{Name, Tenant};
use mcps_authority::{COMMAND, open_changing, open_founded};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::random::SystemRandom;

use crate::cli::{CeilingArg, HookAdd, HookCommand};

/// Carries the command out.
///
/// # Errors
/// What is wrong with the arguments, or with the database.
pub(crate) async fn run(command: &HookCommand) -> anyhow::Result<()> {
    match command {
        HookCommand::Add(args) => add(args).await,
        HookCommand::List(args) => {
            let db = open_founded(&args.config()?).await?;
            let mut out = io::stdout().lock();
            for hook in db.hooks().await? {
                let tenant = hook.tenant.as_deref().unwrap_or("all tenants");
                let (name, scheme) = (hook.name, hook.authentication.scheme());
                let (ceiling, adapter) = (hook.ceiling, hook.adapter.as_str());
                let (reach, per_hour) = (hook.reach, hook.per_hour);
                let state = match hook.disabled_at {
                    Some(_) => "\tdisabled",
                    None => "",
                };
                writeln!(
                    out,
                    "{name}\t{adapter}\t{scheme}\tmay {ceiling}\t{tenant}\t{reach} at once, {per_hour} an hour{state}"
                )?;
            }
            Ok(())
        }
        HookCommand::Remove(args) => {
            let (db, _) = open_changing(&args.config()?, &SystemClock).await?;
            let now = SystemClock.now();
            if !db.remove_hook(&args.name, COMMAND, now).await? {
                bail!(
                    "there is no source called {}; `mcps-authority hook list` shows them",
                    args.name
                );
            }
            Ok(())
        }
    }
}

async fn add(args: &HookAdd) -> anyhow::Result<()> {
    let name = Name::try_from(args.name.clone()).map_err(anyhow::Error::msg)?;
    let tenant = args.tenant.clone().map(Tenant::try_from).transpose();
    let tenant = tenant.map_err(anyhow::Error::msg)?;
    let (authentication, secret) = authentication(args)?;
    let mapping = match &args.mapping {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read the mapping {}", path.display()))?;
            let mapping = Mapping::parse(&text);
            Some(mapping.with_context(|| format!("the mapping {}", path.display()))?)
        }
        None => None,
    };
    let hook = Hook {
        name: name.into_string(),
        adapter: Adapter::Generic,
        authentication,
        ceiling: match args.ceiling {
            CeilingArg::Observe => Ceiling::Observe,
            CeilingArg::Propose => Ceiling::Propose,
            CeilingArg::Suspend => Ceiling::Suspend,
            CeilingArg::Revoke => Ceiling::Revoke,
        },
        tenant: tenant.map(Tenant::into_string),
        reach: args.reach,
        per_hour: args.per_hour,
        suspend_for: None,
        mapping,
        poll: None,
        disabled_at: None,
    };
    let (db, _) = open_changing(&args.config()?, &SystemClock).await?;
    db.set_hook(&hook, COMMAND, SystemClock.now()).await?;
    if let Some(secret) = secret {
        writeln!(io::stdout(), "{secret}")?;
        writeln!(
            io::stderr(),
            "This is the secret of {}, shown this once.",
            hook.name
        )?;
    }
    writeln!(
        io::stderr(),
        "Reports go to POST /v1/hooks/{}, signed by Standard Webhooks.",
        hook.name
    )?;
    Ok(())
}

/// How it proves itself, and the secret to be shown if it was made here.
fn authentication(args: &HookAdd) -> anyhow::Result<(Authentication, Option<String>)> {
    let secret = match &args.secret_file {
        Some(path) => {
            let text = fs::read_to_string(path);
            Some(text.with_context(|| format!("cannot read --secret-file {}", path.display()))?)
        }
        None => None,
    };
    let scheme = match (&args.public_key, &secret) {
        (Some(_), _) => "ed25519",
        (None, None) if !args.generate => bail!(
            "say what its signatures are verified with: --public-key, --secret-file or --generate"
        ),
        _ => "hmac",
    };
    let wish = Wish {
        scheme: scheme.to_owned(),
        public_key: args.public_key.clone(),
        secret,
        transmitter: None,
        certificate: None,
        san: None,
    };
    wish.grant(&SystemRandom)
        .context("what its signatures are verified with")
}
