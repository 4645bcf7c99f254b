//! For whom results are printed.

use clap::{Args, ValueEnum};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For scripts.
    Json,
}

/// `-o`, as `mcps` has it.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct OutputOptions {
    /// How the result is printed.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    /// What `-o json` was called before.
    #[arg(long, hide = true)]
    json: bool,
}

impl OutputOptions {
    /// Whether a script reads it.
    pub(crate) fn is_json(self) -> bool {
        self.json || self.output == Format::Json
    }
}
