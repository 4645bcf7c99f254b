//! What only an operator is told: whether the key is one, and whether this home's server can be raised.

use mcps_client::authority::{AuthorityClient, ServerQuery};
use mcps_client::error::ClientError;
use mcps_client::exit::Exit;
use mcps_core::passport::Kind;
use zeroize::Zeroizing;

use super::super::CliError;
use super::super::output::{items, text_at};
use super::finding::Findings;
use super::kept::Kept;

/// Looks, with the operator's key that was given, or says what is wrong with that.
pub(super) async fn look(
    authority: &AuthorityClient,
    key: Result<Zeroizing<String>, CliError>,
    kept: &Kept,
    found: &mut Findings,
) {
    let key = match key {
        Ok(key) => key,
        Err(error) => {
            let next = "name the file with --operator-key-file FILE, or leave it out";
            found.bad(
                "operator-key-unusable",
                error.exit(),
                error.to_string(),
                next,
            );
            return;
        }
    };
    match authority.operator(&key).passports("all", "?limit=1").await {
        Ok(_) => found.good("operator-key", "the authority knows it"),
        Err(ClientError::Problem { status: 401, .. }) => {
            let words = "the authority does not know the operator's key";
            let next = "it may be another authority's; on its machine: mcps-authority add-operator --name YOU";
            found.bad("operator-key-unknown", Exit::Denied, words, next);
            return;
        }
        Err(error) => {
            let next = "look at the authority's log";
            found.warn("operator-key", error.to_string(), next);
            return;
        }
    }
    server(authority, &key, kept, found).await;
}

async fn server(authority: &AuthorityClient, key: &str, kept: &Kept, found: &mut Findings) {
    let Some(passport) = &kept.passport else {
        return;
    };
    let Some(ext) = passport.ext().filter(|ext| ext.kind == Kind::Server) else {
        return;
    };
    let asked = ServerQuery {
        tenant: Some(ext.tenant.clone()),
        name: Some(passport.agent_name().to_owned()),
        ..ServerQuery::default()
    };
    let Ok(page) = authority.servers(key, &asked).await else {
        return;
    };
    let name = passport.agent_name();
    let Some(server) = items(page.root(), "servers").next() else {
        let words = format!("{name} is not registered, so it stays below L2");
        found.warn("server-not-registered", words, "mcps server add");
        return;
    };
    let (id, state) = (text_at(server, &["server_id"]), text_at(server, &["state"]));
    if state != "active" {
        let words = format!("{name} is {state} in the registry");
        found.warn(
            "server-not-active",
            words,
            format!("mcps server change {id} --state active"),
        );
    } else if text_at(server, &["manifests"]) == "0" {
        let words = format!("{name} has published no manifest, so its tools are not vouched for");
        let next = format!("mcps manifest publish --server {id} --tools tools.json");
        found.warn("server-without-manifest", words, next);
    } else {
        found.good("server-registered", id);
    }
}
