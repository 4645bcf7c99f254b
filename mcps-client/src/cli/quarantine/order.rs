//! `mcps quarantine promote|reject|block|unblock --authority URL`.

use clap::Args;
use mcps_client::authority::VerdictOrder;
use mcps_client::error::ClientError;
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::random::hex16;
use mcps_core::verdict::Verb;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::policy::tenant;
use super::super::server::Asking;
use super::super::{CliError, Machine};

/// Which tool, and why.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The server, as gateways' configurations name it.
    server: String,
    /// The tool, as its server calls it.
    tool: String,
    /// The tenant whose callers it is for.
    #[arg(long, value_name = "TENANT", value_parser = tenant)]
    tenant: String,
    /// Why, for whoever looks at it later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// Which definition.
#[derive(Args, Debug)]
pub(crate) struct Exactly {
    #[command(flatten)]
    named: Named,
    /// Hash of the definition that you looked at, as shown at a gateway by: mcps quarantine show
    #[arg(long, value_name = "HASH", value_parser = digest)]
    hash: Digest,
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| {
        "a hash is 64 lower-case hex digits, as shown by: mcps quarantine show".to_owned()
    })
}

impl Exactly {
    pub(super) async fn promote(self, machine: &Machine) -> Result<(), CliError> {
        self.named.order(Verb::Promote(self.hash), machine).await
    }

    pub(super) async fn reject(self, machine: &Machine) -> Result<(), CliError> {
        self.named.order(Verb::Reject(self.hash), machine).await
    }
}

impl Named {
    pub(super) async fn block(self, machine: &Machine) -> Result<(), CliError> {
        self.order(Verb::Block, machine).await
    }

    pub(super) async fn unblock(self, machine: &Machine) -> Result<(), CliError> {
        self.order(Verb::Unblock, machine).await
    }

    async fn order(&self, verb: Verb, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        // A gateway's list writes something before the name.
        let server = &self.server;
        let server = server.strip_prefix("gateway:").unwrap_or(server);
        let order = VerdictOrder {
            verb,
            server: server.to_owned(),
            tool: self.tool.clone(),
            reason: self.reason.clone(),
            dry_run: self.dry_run,
            once: hex16(machine.random.as_ref()).map_err(ClientError::from)?,
        };
        let done = authority.order_verdict(&operator, &self.tenant, &order);
        let done = done.await?;
        if done.root().get("new_tenant").and_then(Value::as_bool) == Some(true) {
            let tenant = &self.tenant;
            output::note(&format!(
                "warning: until now there was no tenant `{tenant}`; check the name: mcps tenant list"
            ));
        }
        if self.output.is_json() {
            return print_json(done.text());
        }
        output::print(&output::members(&self.rows(verb, done.root())))
    }

    fn rows(&self, verb: Verb, done: Value<'_>) -> Vec<(&'static str, String)> {
        let is = |name| done.get(name).and_then(Value::as_bool) == Some(true);
        let member = |name| text_at(done, &["verdict", name]);
        let (word, position) = (verb.as_str(), member("position"));
        let (server, tool, tenant) = (&self.server, &self.tool, &self.tenant);
        let what = format!("{word} {tool} of {server} for tenant {tenant}");
        let changes = match is("changed") {
            true => String::new(),
            false => "nothing; it is so already".to_owned(),
        };
        if is("dry_run") {
            return vec![
                ("would order", what),
                ("hash", member("hash")),
                ("changes", changes),
                ("next", "the same without --dry-run".to_owned()),
            ];
        }
        let next = match position.is_empty() {
            true => String::new(),
            false => {
                format!("see who has heard of it: mcps feed enforcement {position} --wait 5s")
            }
        };
        vec![
            ("ordered", what),
            ("order", member("version")),
            ("hash", member("hash")),
            ("changes", changes),
            ("feed position", position),
            ("next", next),
        ]
    }
}
