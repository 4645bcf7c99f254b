//! What renewing and rotating would do, for `--dry-run`.

use std::time::Duration;

use mcps_client::authority::AuthorityClient;
use mcps_client::enrol;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::json::Document;
use mcps_core::passport::Passport;
use serde_json::json;

use super::super::CliError;
use super::super::output::{OutputOptions, text_at};
use super::request::other_root;

/// What is asked of the authority, and what it says of the passport now. Nothing is changed anywhere;
/// the authority has to answer, and to be the one that this home has pinned.
pub(super) async fn foresee(
    verb: &'static str,
    ttl: Option<Duration>,
    home: &Home,
    output: OutputOptions,
) -> Result<(), CliError> {
    let (passport, pin) = (home.passport()?, home.authority()?);
    let authority = AuthorityClient::new(&pin.url)?;
    let met = enrol::meet(&authority, Some(&pin.root()?)).await;
    met.map_err(|error| other_root(error, &authority))?;
    let shown = Document::parse(authority.show(passport.id()).await?);
    let shown = shown.map_err(|error| ClientError::Answer {
        url: authority.url().to_owned(),
        why: error.to_string(),
    })?;
    let state = text_at(shown.root(), &["status", "state"]);
    let life = ttl.map_or_else(|| life(&passport), |ttl| ttl.as_secs());
    let json = json!({
        "dry_run": true, "passport_id": passport.id().as_str(), "name": passport.agent_name(),
        "authority": authority.url(), "status": state, "ttl_s": life,
    });
    let rows = [
        (verb, passport.id().to_string()),
        ("name", passport.agent_name().to_owned()),
        ("at", authority.url().to_owned()),
        ("status", state.clone()),
        ("for", format!("{life} s")),
        ("next", "the same without --dry-run".to_owned()),
    ];
    output.members(&rows, &json)?;
    match state.as_str() {
        "good" => Ok(()),
        _ => Err(CliError::WouldRefuse(state)),
    }
}

fn life(passport: &Passport) -> u64 {
    let life = passport.expires_at().since(passport.issued_at());
    u64::try_from(life / 1000).unwrap_or_default()
}
