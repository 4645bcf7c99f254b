//! `mcps audit export`.

use std::io::{self, Write as _};

use clap::Args;
use mcps_client::audit::Piece;

use super::super::{CliError, Machine};
use super::Whose;

/// What `mcps audit export` can be told.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    whose: Whose,
}

impl Export {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let (client, bundle) = self.whose.trusted(&home).await?;
        let operator = self.whose.operator.key(machine)?;
        let mut out = io::stdout().lock();
        let mut print = |piece: &Piece| writeln!(out, "{}", piece.to_line());
        print(&Piece::Trust(bundle.text().to_owned())).map_err(CliError::Output)?;
        client
            .audit(&operator, |piece| print(&piece).map_err(CliError::Output))
            .await?;
        out.flush().map_err(CliError::Output)
    }
}
