//! `mcps passport`.

mod ca;
mod foreseen;
mod list;
mod renew;
mod report;
mod request;
mod revoke;
mod rotate;
mod show;
mod verify;

use clap::Subcommand;
use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::exit;
use mcps_client::home::Home;
use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::passport::{Passport as Subject, PassportId};
use mcps_core::refusal::Refusal;

use super::output::instant;
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Passport {
    /// Get a passport for this home's key, with an enrolment token or an operator's key of the authority.
    #[command(visible_alias = "issue")]
    Request(Box<request::Request>),
    /// List the passports that the authority issued, newest first, with an operator's key.
    List(list::List),
    /// Print a passport: this home's, or one that the authority issued.
    Show(show::Show),
    /// Check a passport against the authority that this home believes.
    Verify(verify::Verify),
    /// Get a new passport for the same key, which proves itself; no operator is needed.
    Renew(renew::Renew),
    /// Exchange this home's key for a new one, which both sign; no operator is needed.
    Rotate(rotate::Rotate),
    /// Have this home's key blocked everywhere, because somebody else has it too; the key says so
    /// itself, and no operator is needed.
    ReportCompromise(report::Report),
    /// End a passport for good, with an operator's key of the authority.
    Revoke(revoke::Revoke),
}

impl Passport {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Request(request) => request.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(show) => show.run(machine).await,
            Self::Verify(verify) => verify.run(machine).await,
            Self::Renew(renew) => renew.run(machine).await,
            Self::Rotate(rotate) => rotate.run(machine).await,
            Self::ReportCompromise(report) => report.run(machine).await,
            Self::Revoke(revoke) => revoke.run(machine).await,
        }
    }
}

/// What a passport says, for people.
fn describe(passport: &Subject, now: Timestamp) -> Vec<(&'static str, String)> {
    let ext = passport.ext();
    let level = passport.trust_level();
    let chain = passport
        .issuer_chain()
        .iter()
        .map(Subject::agent_name)
        .collect::<Vec<_>>();
    vec![
        ("passport id", passport.id().to_string()),
        ("name", passport.agent_name().to_owned()),
        ("version", passport.agent_version().to_owned()),
        (
            "kind",
            ext.map(|ext| ext.kind.to_string()).unwrap_or_default(),
        ),
        (
            "owner",
            ext.map(|ext| ext.owner.clone()).unwrap_or_default(),
        ),
        (
            "tenant",
            ext.map(|ext| ext.tenant.clone()).unwrap_or_default(),
        ),
        ("origin", passport.origin().unwrap_or_default().to_owned()),
        ("capabilities", passport.capabilities().join(", ")),
        ("level", format!("{level} {}", level.name())),
        ("issuer", passport.issuer().to_owned()),
        ("through", chain.join(", ")),
        ("issued", instant(passport.issued_at(), now)),
        ("expires", instant(passport.expires_at(), now)),
        ("key id", passport.public_key().key_id().to_string()),
    ]
}

/// Reads a passport: by itself, or as the member `passport` of what `mcps passport show` and the
/// authority print.
pub(super) fn read(text: &str) -> Result<Subject, Refusal> {
    let document = Document::parse(text)?;
    match document.root().get("passport") {
        Some(inner) if document.root().get("passport_id").is_none() => Subject::from_value(inner),
        _ => Subject::parse(text.trim()),
    }
}

/// The authority that was named, else the one of this home.
pub(super) fn authority(named: Option<&str>, home: &Home) -> Result<AuthorityClient, ClientError> {
    match named {
        Some(url) => AuthorityClient::of_home(url, home),
        None => AuthorityClient::of_home(&home.authority()?.url, home),
    }
}

/// The id that was named, else that of this home's passport.
fn id(named: Option<String>, home: &Home) -> Result<PassportId, CliError> {
    match named {
        Some(text) => PassportId::parse(&text).ok_or(CliError::NotAnId(text)),
        None => Ok(home.passport()?.id().clone()),
    }
}
