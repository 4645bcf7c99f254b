//! `mcps token withdraw`.

use clap::Args;

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine};
use super::{Asking, member, name};

/// What `mcps token withdraw` can be told.
#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    /// Id of the token, as listed by: mcps token list.
    #[arg(value_name = "TOKEN_ID", value_parser = token_id)]
    id: String,
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
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
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
