//! `mcps dev`: everything on one machine. An authority, identities, a wrapped server, a tour that
//! shows a signed call and every attack refused, and then the lines for an MCP client's settings.

mod filter;
mod gateway;
mod report;
mod stage;
mod tour;
mod wire;

pub(crate) use filter::swap_description;

use std::path::PathBuf;
use std::sync::Arc;

use mcps_core::clock::Clock;
use mcps_core::random::Random;
use mcps_transport::shutdown::Shutdown;

use stage::Stage;

/// What `mcps dev` was asked to do.
#[derive(Clone, Debug)]
pub(crate) struct DevOptions {
    /// Where to keep everything; a temporary directory, removed at the end, if not given.
    pub(crate) dir: Option<PathBuf>,
    /// The server to protect; the bundled demo server if empty.
    pub(crate) command: Vec<String>,
    /// End after the tour.
    pub(crate) once: bool,
}

/// Runs the tour and stays up until it is interrupted. Returns whether every line of the tour came
/// out as it must.
///
/// # Errors
/// What kept the stage from being set: a missing program, a port, a directory.
pub(crate) async fn run(
    options: DevOptions,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> anyhow::Result<bool> {
    let mut stop = Shutdown::listen()?;
    let stage = tokio::select! {
        stage = Stage::set(&options, clock, random) => stage?,
        _ = stop.requested() => return Ok(false),
    };
    report::title(&stage)?;
    let good = tokio::select! {
        good = tour::run(&stage) => good?,
        _ = stop.requested() => return Ok(false),
    };
    report::verdict(good)?;
    if options.once {
        return Ok(good);
    }
    report::settings(&stage)?;
    stop.requested().await;
    Ok(good)
}
