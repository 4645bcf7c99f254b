//! `mcps passport verify`.

use std::path::PathBuf;

use clap::Args;
use mcps_client::home::Home;
use mcps_core::passport::Passport;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;

use super::super::checks::{About, Checks};
use super::super::input;
use super::super::judge::Believed;
use super::super::output::OutputOptions;
use super::super::{CliError, Machine};
use super::{describe, read};

/// Longest file that is read: a passport and what `show` prints around it.
const MAX_FILE: usize = 64 * 1024;

/// What `mcps passport verify` can be told.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// File with the passport; - reads standard input [default: this home's own].
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Ask the authority whether it is revoked, too.
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    output: OutputOptions,
}

impl Verify {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let passport = match &self.file {
            None => Ok(home.passport()?),
            Some(path) => {
                let bytes = input::read(path, MAX_FILE)?;
                std::str::from_utf8(&bytes)
                    .map_err(|_| Refusal::Passport("not UTF-8"))
                    .and_then(read)
            }
        };
        let believed = if self.online {
            Believed::load_online(&home).await?
        } else {
            Believed::load(&home)?
        };
        let mut checks = Checks::default();
        let passport = match passport {
            Ok(passport) => passport,
            Err(refusal) => {
                checks.fails("structure", refusal);
                let about = About {
                    noun: "passport",
                    ..About::default()
                };
                return checks.conclude(&about, self.output);
            }
        };
        checks.holds(
            "structure",
            format!(
                "{} bytes, every member as it must be",
                passport.text().len()
            ),
        );
        let now = machine.clock.now();
        believed.judge(&passport, now, now, &mut checks);
        key(&passport, &home, self.file.is_none(), &mut checks)?;
        if self.online {
            believed.ask(passport.id(), machine, &mut checks).await;
        } else {
            checks.open("revocation", "not asked; ask with --online");
        }
        let about = About {
            noun: "passport",
            rows: describe(&passport, now),
            json: serde_json::from_str(passport.text()).unwrap_or_default(),
        };
        checks.conclude(&about, self.output)
    }
}

/// Our own passport must be for our own key; another's names its key.
fn key(passport: &Passport, home: &Home, own: bool, checks: &mut Checks) -> Result<(), CliError> {
    let kid = passport.public_key().key_id();
    if !own {
        checks.holds("key", format!("{kid}, which the issuer's signature covers"));
    } else if home.key()?.public_key() == passport.public_key() {
        checks.holds("key", format!("{kid}, which is this home's"));
    } else {
        let refusal = Refusal::Passport("it was issued for another key than this home's");
        checks.fails("key", refusal);
    }
    Ok(())
}
