//! Switching something off, or on again.

use clap::Args;

/// Which one, and whether anything is done.
#[derive(Args, Debug)]
pub(crate) struct Switch<One: Args> {
    /// Only say what would come of it.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) one: One,
}
