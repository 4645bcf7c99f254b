//! `mcps passport revoke`.

use std::borrow::Cow;

use clap::Args;
use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_core::json::{Document, JsonError, Value};
use mcps_core::passport::PassportId;
use serde_json::json;

use super::super::operator::OperatorOptions;
use super::super::output::{self, OutputOptions};
use super::super::reason::Reason;
use super::super::{CliError, Machine};
use super::{authority, id};

/// What `mcps passport revoke` can be told.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Id of the passport [default: this home's own].
    id: Option<String>,
    /// Why.
    #[arg(long)]
    reason: Reason,
    /// A word for whoever looks at it later.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Only say what would be revoked; needs no operator's key.
    #[arg(long)]
    dry_run: bool,
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(flatten)]
    output: OutputOptions,
}

impl Revoke {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let id = id(self.id.clone(), &home)?;
        let authority = authority(self.authority.as_deref(), &home)?;
        if self.dry_run {
            return self.foresee(&id, &authority).await;
        }
        let operator = self.operator.key(machine)?;
        let text = authority
            .revoke(&operator, &id, self.reason.as_str(), self.note.as_deref())
            .await?;
        if self.output.is_json() {
            return output::print(&text);
        }
        let document = answer(text, &authority)?;
        let root = document.root();
        let with_it = root
            .get("revoked_with_it")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let with_it: Vec<String> = with_it
            .filter_map(Value::as_str)
            .map(Cow::into_owned)
            .collect();
        let blocked = root.get("key_blocked").and_then(Value::as_bool) == Some(true);
        let position = text_at(root, &["position"]);
        output::print(&output::members(&[
            ("revoked", text_at(root, &["passport_id"])),
            ("reason", text_at(root, &["reason"])),
            ("at", text_at(root, &["revoked_at"])),
            (
                "key",
                if blocked {
                    "blocked: no passport is issued for it again".to_owned()
                } else {
                    String::new()
                },
            ),
            ("with it", with_it.join(", ")),
            ("position", position.clone()),
            (
                "next",
                match position.is_empty() {
                    // It had expired, so nobody had to be told.
                    true => String::new(),
                    false => {
                        format!("see who enforces it: mcps feed enforcement {position} --wait 5s")
                    }
                },
            ),
        ]))
    }

    /// Says what would be revoked.
    async fn foresee(&self, id: &PassportId, authority: &AuthorityClient) -> Result<(), CliError> {
        let document = answer(authority.show(id).await?, authority)?;
        let root = document.root();
        let name = text_at(root, &["passport", "agent", "name"]);
        let (state, reason) = (text_at(root, &["status", "state"]), self.reason.as_str());
        let json = json!({ "dry_run": true, "passport_id": id.as_str(), "name": name, "status": state, "reason": reason });
        let rows = [
            ("would revoke", id.to_string()),
            ("name", name),
            ("expires", text_at(root, &["passport", "expires_at"])),
            ("status", state),
            ("reason", reason.to_owned()),
            ("next", "the same without --dry-run".to_owned()),
        ];
        self.output.members(&rows, &json)
    }
}

fn answer(text: String, authority: &AuthorityClient) -> Result<Document, ClientError> {
    let unexpected = |error: JsonError| ClientError::Answer {
        url: authority.url().to_owned(),
        why: error.to_string(),
    };
    Document::parse(text).map_err(unexpected)
}

/// The string at the end of a path of members, or nothing.
fn text_at(root: Value<'_>, path: &[&str]) -> String {
    let found = path.iter().try_fold(root, |value, name| value.get(name));
    found
        .and_then(Value::as_str)
        .unwrap_or_default()
        .into_owned()
}
