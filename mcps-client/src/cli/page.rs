//! One page of a list that the authority gives.

use clap::Args;
use mcps_core::json::Value;

use super::output;

/// Which page.
#[derive(Args, Clone, Debug)]
pub(crate) struct PageOptions {
    /// At most so many, up to 200.
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = clap::value_parser!(u8).range(1..=200))]
    limit: u8,
    /// Go on where the page before ended: its next_cursor.
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    cursor: Option<String>,
}

fn cursor(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("a cursor is what the page before gave as next_cursor, all of it".to_owned())
}

impl PageOptions {
    /// As the authority takes it.
    pub(crate) fn query(&self) -> String {
        let cursor = self.cursor.as_ref();
        let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        format!("?limit={}{cursor}", self.limit)
    }

    /// Says so if there is another page.
    pub(crate) fn note_next(list: Value<'_>) {
        if let Some(next) = list.get("next_cursor").and_then(Value::as_str) {
            output::note(&format!("There are more; go on with: --cursor {next}"));
        }
    }
}
