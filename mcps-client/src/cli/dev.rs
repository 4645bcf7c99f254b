//! `mcps dev`.

use std::path::PathBuf;

use clap::Args;

use crate::dev::DevOptions;

/// What `mcps dev` can be told.
#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// Keep everything in this directory [default: a temporary one, removed at the end].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// End after the tour instead of staying up.
    #[arg(long)]
    once: bool,
    /// The MCP server to protect [default: the bundled demo server].
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl From<Dev> for DevOptions {
    fn from(dev: Dev) -> Self {
        Self {
            dir: dev.dir,
            command: dev.command,
            once: dev.once,
        }
    }
}

/// What the tour's dishonest server can be told.
#[derive(Args, Debug)]
pub(crate) struct DevSwap {
    /// The server behind it.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
