//! `mcps-authority hook …`: where incidents may be reported from.

use std::fs;
use std::io::{self, Write as _};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_authority::hooks::mapping::Mapping;
use mcps_authority::hooks::signature::Verifier;
use mcps_authority::hooks::{Ceiling, Hook};
use mcps_authority::subject::{Name, Tenant};
use mcps_authority::{COMMAND, open_changing, open_founded};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::random::{Random as _, SystemRandom};

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
                let (name, scheme) = (hook.name, hook.verifier.scheme());
                let (ceiling, per_hour) = (hook.ceiling, hook.per_hour);
                let form = match hook.mapping {
                    Some(_) => "mapped",
                    None => "our own form",
                };
                writeln!(
                    out,
                    "{name}\t{scheme}\tmay {ceiling}\t{tenant}\t{per_hour} an hour\t{form}"
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
    let (verifier, secret) = verifier(args)?;
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
        verifier,
        ceiling: match args.ceiling {
            CeilingArg::Observe => Ceiling::Observe,
            CeilingArg::Suspend => Ceiling::Suspend,
            CeilingArg::Revoke => Ceiling::Revoke,
        },
        tenant: tenant.map(Tenant::into_string),
        per_hour: args.per_hour,
        mapping,
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

/// What signatures are verified with, and the secret to be shown if it was made here.
fn verifier(args: &HookAdd) -> anyhow::Result<(Verifier, Option<String>)> {
    if let Some(key) = &args.public_key {
        return Ok((Verifier::public_key(key).context("--public-key")?, None));
    }
    if let Some(path) = &args.secret_file {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read --secret-file {}", path.display()))?;
        return Ok((
            Verifier::secret(text.trim()).context("--secret-file")?,
            None,
        ));
    }
    if !args.generate {
        bail!(
            "say what its signatures are verified with: --public-key, --secret-file or --generate"
        );
    }
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes)?;
    let secret = format!("whsec_{}", STANDARD.encode(bytes));
    Ok((Verifier::secret(&secret)?, Some(secret)))
}
