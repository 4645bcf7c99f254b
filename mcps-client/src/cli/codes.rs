//! `mcps codes`: the one table of refusal codes, from which `docs/codes.md` is made.

use clap::{Args, ValueEnum};
use mcps_core::code::Code;
use serde_json::json;

use super::CliError;
use super::output;

/// What `mcps codes` can be told.
#[derive(Args, Debug)]
pub(crate) struct Codes {
    /// How the table is printed.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: CodesFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CodesFormat {
    /// For people.
    Table,
    /// For scripts.
    Json,
    /// For the documentation.
    Markdown,
}

impl Codes {
    pub(crate) fn run(self) -> Result<(), CliError> {
        output::print(&match self.output {
            CodesFormat::Table => table(),
            CodesFormat::Json => json_text(),
            CodesFormat::Markdown => markdown(),
        })
    }
}

fn table() -> String {
    let row = |code: Code| {
        let (jsonrpc, http) = (code.jsonrpc().to_string(), code.http_status().to_string());
        vec![
            code.id().to_owned(),
            jsonrpc,
            http,
            code.title().to_owned(),
            code.advice().to_owned(),
        ]
    };
    output::table(
        &["CODE", "JSON-RPC", "HTTP", "TITLE", "WHAT TO DO"],
        Code::ALL.into_iter().map(row).collect(),
    )
}

fn json_text() -> String {
    let entry = |code: Code| {
        json!({
            "code": code.id(),
            "jsonrpc": code.jsonrpc(),
            "http_status": code.http_status(),
            "title": code.title(),
            "advice": code.advice(),
        })
    };
    output::pretty(&Code::ALL.into_iter().map(entry).collect())
}

fn markdown() -> String {
    let mut text = String::from(
        "# Codes\n\n\
         Why a call was refused, as far as the caller is told. The reason itself stays in the log of whoever refused, \
         under the decision id that the caller got. Over JSON-RPC a refusal is\n\n\
         ```json\n\
         {\"code\": -33009, \"message\": \"Insufficient trust level\", \"data\": {\"code\": \"MCPS-009\", \"advice\": \"Raise the passport's level …\", \"decision_id\": \"…\"}}\n\
         ```\n\n\
         001–015 are those of draft-sharif-mcps-secure-mcp-00, 016 and up are ours. \
         This page is generated: `mcps codes -o markdown > docs/codes.md`.\n\n\
         | Code | JSON-RPC | HTTP | Title | What to do |\n\
         |---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let (id, title, advice) = (code.id(), code.title(), code.advice());
        // Angle brackets would be taken for HTML.
        let advice = advice.replace('<', "&lt;").replace('>', "&gt;");
        text.push_str(&format!(
            "| {id} | {} | {} | {title} | {advice} |\n",
            code.jsonrpc(),
            code.http_status()
        ));
    }
    text
}

#[cfg(test)]
mod tests;
