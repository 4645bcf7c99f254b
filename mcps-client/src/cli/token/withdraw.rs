//! `mcps token withdraw`.

use clap::Args;
use mcps_client::authority::Operator;
use mcps_core::json::Value;
use serde_json::json;

use super::super::output::{self, OutputOptions, items};
use super::super::{CliError, Machine};
use super::{Asking, member, name};

/// What `mcps token withdraw` can be told.
#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    /// Id of the token, as listed by: mcps token list.
    #[arg(value_name = "TOKEN_ID", value_parser = token_id)]
    id: String,
    /// Only say what would be withdrawn.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// An id goes into a path, so it is held to its form here.
fn token_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("enr_").unwrap_or_default();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == 32 && digits.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    Err(
        "an id of a token is enr_ and 32 lower-case hex digits, as listed by: mcps token list"
            .to_owned(),
    )
}

impl Withdraw {
    /// Looks it up in the list, page by page.
    async fn foresee(&self, operator: Operator<'_>) -> Result<(), CliError> {
        let mut page = "?limit=200".to_owned();
        loop {
            let listed = operator.tokens(&page).await?;
            let mut tokens = items(listed.root(), "tokens");
            let found = tokens.find(|token| member(*token, "token_id") == self.id);
            let next = member(listed.root(), "next_cursor");
            match found {
                Some(token) => return self.foreseen(token),
                None if next.is_empty() => return Err(CliError::NoSuchToken(self.id.clone())),
                None => page = format!("?limit=200&cursor={next}"),
            }
        }
    }

    fn foreseen(&self, token: Value<'_>) -> Result<(), CliError> {
        let status = member(token, "status");
        let json = json!({ "dry_run": true, "token_id": self.id, "status": status });
        let rows = [
            ("would withdraw", self.id.clone()),
            ("for", format!("{} {}", member(token, "kind"), name(token))),
            ("status", status),
            ("next", "the same without --dry-run".to_owned()),
        ];
        self.output.members(&rows, &json)
    }

    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        if self.dry_run {
            return self.foresee(authority.operator(&key)).await;
        }
        let done = authority.operator(&key).withdraw_token(&self.id).await?;
        if self.output.is_json() {
            return output::print(done.text());
        }
        let root = done.root();
        output::print(&output::members(&[
            ("withdrawn", member(root, "token_id")),
            ("for", format!("{} {}", member(root, "kind"), name(root))),
            ("at", member(root, "withdrawn_at")),
        ]))
    }
}
