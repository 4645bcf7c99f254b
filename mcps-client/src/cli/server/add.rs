//! `mcps server add`.

use std::path::PathBuf;

use clap::Args;
use mcps_client::authority::ServerRequest;
use mcps_core::passport::Passport;
use serde_json::json;

use super::super::manifest::release::Release;
use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::{CliError, Machine};
use super::{Asking, describe};

/// What `mcps server add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its name, as in its passports [default: that of this home's passport].
    #[arg(long)]
    name: Option<String>,
    /// Who answers for it, as in its passports [default: that of this home's passport].
    #[arg(long)]
    owner: Option<String>,
    /// Where it lives, as in its passports [default: that of this home's passport].
    #[arg(long, value_name = "URI")]
    origin: Option<String>,
    /// Its tenant [default: that of this home's passport, or `default`].
    #[arg(long)]
    tenant: Option<String>,
    /// Publish these tools at once, signed by this home: the file with what the server answers to
    /// tools/list; `-` is standard input. See: mcps manifest publish --help.
    #[arg(long, value_name = "FILE")]
    tools: Option<PathBuf>,
    /// As which version [default: the one in this home's passport].
    #[arg(long, value_name = "VERSION", requires = "tools")]
    version: Option<String>,
    /// Only say what would be registered.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Add {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let request = self.request(machine)?;
        // Before there is a server without what it is registered for.
        let release = self.release(machine)?;
        let count = release.as_ref().map(Release::count);
        if self.dry_run {
            let json = json!({
                "dry_run": true, "tenant": request.tenant, "name": request.name,
                "origin": request.origin, "owner": request.owner,
                "version": release.as_ref().map(Release::version), "tools": count,
            });
            let rows = [
                ("would register", request.name),
                ("tenant", request.tenant),
                ("origin", request.origin.unwrap_or_default()),
                ("owner", request.owner),
                (
                    "would publish",
                    release
                        .map(|release| release.version().to_owned())
                        .unwrap_or_default(),
                ),
                (
                    "tools",
                    count.map(|count| count.to_string()).unwrap_or_default(),
                ),
                ("next", "the same without --dry-run".to_owned()),
            ];
            return self.output.members(&rows, &json);
        }
        let (authority, operator) = self.asking.open(machine)?;
        let answer = authority.add_server(&operator, &request).await?;
        let id = text_at(answer.root(), &["server_id"]);
        let published = match &release {
            Some(release) => Some(release.publish(&authority, &id).await?),
            None => None,
        };
        if self.output.is_json() {
            let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
            let mut json: serde_json::Value = read(answer.text());
            if let (Some(members), Some(published)) = (json.as_object_mut(), &published) {
                members.insert("published".to_owned(), read(published.text()));
            }
            return print_json(&json.to_string());
        }
        let mut rows = describe(answer.root());
        match &published {
            Some(published) => {
                let member = |name| text_at(published.root(), &[name]);
                rows.push(("published", member("version")));
                rows.push(("tools", member("tools")));
                rows.push(("digest", member("digest")));
            }
            None => rows.push((
                "next",
                format!("mcps manifest publish --server {id} --tools tools.json, with the server's own --home"),
            )),
        }
        output::print(&output::members(&rows))
    }

    fn release(&self, machine: &Machine) -> Result<Option<Release>, CliError> {
        let Some(file) = &self.tools else {
            return Ok(None);
        };
        let (home, now) = (machine.home()?, machine.clock.now());
        Release::sign(&home, file, self.version.as_deref(), now).map(Some)
    }

    /// What was named, and else what the passport of this home says, if it is a server's.
    fn request(&self, machine: &Machine) -> Result<ServerRequest, CliError> {
        let passport = match &self.name {
            Some(_) => None,
            None => machine.home()?.passport().ok(),
        };
        let own = passport.as_ref();
        let ext = own.and_then(Passport::ext);
        let named = |given: &Option<String>, own: Option<&str>| {
            given.clone().or_else(|| own.map(str::to_owned))
        };
        Ok(ServerRequest {
            tenant: named(&self.tenant, ext.map(|ext| ext.tenant.as_str()))
                .unwrap_or_else(|| "default".to_owned()),
            name: named(&self.name, own.map(Passport::agent_name)).ok_or(CliError::Needed(
                "there is no passport in this home to take the name from; say --name NAME --owner OWNER",
            ))?,
            origin: named(&self.origin, own.and_then(Passport::origin)),
            owner: named(&self.owner, ext.map(|ext| ext.owner.as_str())).ok_or(
                CliError::Needed("say who answers for the server: --owner OWNER"),
            )?,
        })
    }
}
