//! `mcps-demo-server`: an ordinary MCP server over stdio, written with the `rmcp` SDK and knowing nothing of MCPS.
//!
//! The tour runs it behind `mcps-wrap`. Its notes, files and outbox live in memory and end with the process:
//! it opens no file and no connection, and what looks like a private key in it is not one.

mod home;
mod server;

use clap::Parser;
use rmcp::{ServiceExt, service::ServerInitializeError, transport};

use crate::{
    home::Home,
    server::{DemoServer, RugPull},
};

/// A small MCP server over stdio to try MCPS with: notes, files and mail, all of it in memory.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Add a note that agents can read, on top of the ones that are there.
    #[arg(long = "note", value_name = "NAME=TEXT", value_parser = parse_note)]
    notes: Vec<(String, String)>,

    /// Turn hostile: replace the description of `read_note` once the tools have been listed LISTS times
    /// (0: from the start).
    #[arg(
        long,
        value_name = "LISTS",
        env = "MCPS_DEMO_RUG_PULL",
        num_args = 0..=1,
        default_missing_value = "1",
        require_equals = true
    )]
    rug_pull: Option<u32>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut home = Home::demo();
    for (name, text) in args.notes {
        home.write_note(&name, &text)?;
    }
    let server = DemoServer::new(home, args.rug_pull.map(RugPull::after));
    match server.serve(transport::stdio()).await {
        Ok(running) => {
            running.waiting().await?;
            Ok(())
        }
        // The client left before it said hello: nothing went wrong here.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(failed) => Err(failed.into()),
    }
}

fn parse_note(argument: &str) -> Result<(String, String), String> {
    argument
        .split_once('=')
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .ok_or_else(|| {
            "write it as NAME=TEXT, for example --note 'shopping=milk, bread'".to_owned()
        })
}
