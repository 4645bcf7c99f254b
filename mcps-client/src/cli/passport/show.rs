//! `mcps passport show`.

use clap::Args;
use mcps_client::error::ClientError;
use mcps_core::json::{Document, Value};
use mcps_core::passport::Passport;

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine};
use super::{authority, describe, id};

/// What `mcps passport show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Id of the passport, which the authority is asked for [default: this home's own].
    id: Option<String>,
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

/// The home's own passport as the authority would show it: byte for byte as it was issued.
pub(super) fn own_json(passport: &Passport) -> String {
    format!(r#"{{"passport":{}}}"#, passport.text())
}

impl Show {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let now = machine.clock.now();
        if self.id.is_none() {
            let passport = home.passport()?;
            let text = if self.output.is_json() {
                own_json(&passport)
            } else {
                output::members(&describe(&passport, now))
            };
            return output::print(&text);
        }
        let id = id(self.id, &home)?;
        let authority = authority(self.authority.as_deref(), &home)?;
        let text = authority.show(&id).await?;
        if self.output.is_json() {
            return output::print(&text);
        }
        let unexpected = |why: &str| ClientError::Answer {
            url: authority.url().to_owned(),
            why: why.to_owned(),
        };
        let document = Document::parse(text).map_err(|error| unexpected(&error.to_string()))?;
        let passport = document
            .root()
            .get("passport")
            .ok_or_else(|| unexpected("no `passport`"))?;
        let mut rows = describe(
            &Passport::from_value(passport).map_err(ClientError::from)?,
            now,
        );
        let status = document.root().get("status");
        for (title, name) in [
            ("status", "state"),
            ("reason", "reason"),
            ("revoked", "revoked_at"),
        ] {
            let value = status
                .and_then(|status| status.get(name))
                .and_then(Value::as_str);
            rows.push((title, value.unwrap_or_default().into_owned()));
        }
        output::print(&output::members(&rows))
    }
}
