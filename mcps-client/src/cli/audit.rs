//! `mcps audit`.

mod export;
mod list;
mod verify;

use clap::{Args, Subcommand};
use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::exit;
use mcps_client::home::{AuthorityPin, Home};
use mcps_core::key::KeyId;
use mcps_core::trust::TrustBundle;

use super::operator::OperatorOptions;
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Audit {
    /// Print what was changed at the authority, newest first.
    List(list::List),
    /// Prove that nothing in the audit trail was edited, cut, inserted or re-ordered, at the authority
    /// or in an export.
    Verify(verify::Verify),
    /// Print the whole trail, one piece a line, to be kept and verified elsewhere.
    Export(export::Export),
}

impl Audit {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(machine).await,
            Self::Verify(verify) => verify.run(machine).await,
            Self::Export(export) => export.run(machine).await,
        }
    }
}

/// Which authority, and by whose key.
#[derive(Args, Debug)]
pub(crate) struct Whose {
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    /// The id of its root key [default: the one that this home has pinned].
    #[arg(long, value_name = "KEYID", value_parser = key_id, allow_hyphen_values = true)]
    root: Option<KeyId>,
    #[command(flatten)]
    operator: OperatorOptions,
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a key id is 43 characters of base64url".to_owned())
}

/// The authority of a home that has enrolled. Whoever has none may name what is needed of it.
fn pinned(home: &Home) -> Result<AuthorityPin, ClientError> {
    home.authority().map_err(|error| match error {
        ClientError::Missing { path, .. } => ClientError::Missing {
            path,
            next: "name the authority with --authority URL and its root key with --root KEYID (mcps-authority keys list shows it), or enrol with: mcps passport request",
        },
        error => error,
    })
}

impl Whose {
    /// The root key that is believed.
    fn root(&self, home: &Home) -> Result<KeyId, ClientError> {
        match &self.root {
            Some(root) => Ok(root.clone()),
            None => pinned(home)?.root(),
        }
    }

    /// The authority and its present key set, verified.
    async fn trusted(&self, home: &Home) -> Result<(AuthorityClient, TrustBundle), CliError> {
        let url = match &self.authority {
            Some(url) => url.clone(),
            None => pinned(home)?.url,
        };
        let root = self.root(home)?;
        let client = AuthorityClient::of_home(&url, home)?;
        let bundle = client.trust().await?;
        if bundle.verify(&root).is_err() {
            return Err(CliError::OtherRoot { url });
        }
        if self.authority.is_none() && self.root.is_none() {
            home.keep_trust(&bundle)?;
        }
        Ok((client, bundle))
    }
}
