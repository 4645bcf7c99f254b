//! `mcps feed verify`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::feed::{Flaw, Proven, Recording};
use mcps_core::feed::{Cursor, MAX_BYTES};
use mcps_core::trust::TrustBundle;
use serde_json::json;

use super::super::output::OutputOptions;
use super::super::{CliError, Machine};

/// Longest line that is read; a longer one is no frame.
const MAX_LINE: u64 = MAX_BYTES as u64 + 1024;

/// What `mcps feed verify` can be told.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The recording, one frame a line; `-` is standard input.
    file: PathBuf,
    /// The authority's key set, as it publishes it at /.well-known/mcps-trust; it is believed as it
    /// stands [default: this home's, which is checked against the pinned root key].
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Verify {
    pub(crate) fn run(self, machine: &Machine) -> Result<(), CliError> {
        let bundle = match &self.trust {
            Some(path) => named(path)?,
            None => {
                let home = machine.home()?;
                home.trust(&home.authority()?.root()?)?
            }
        };
        let mut recording = Recording::new(&bundle);
        let flaw = prove(&self.file, &mut recording)?.err();
        self.print(recording.proven(), flaw, &bundle)?;
        flaw.map_or(Ok(()), |flaw| Err(CliError::Recording(flaw)))
    }

    fn print(
        &self,
        proven: &Proven,
        flaw: Option<Flaw>,
        bundle: &TrustBundle,
    ) -> Result<(), CliError> {
        let text = |at: Option<Cursor>| at.map_or_else(String::new, |at| at.to_string());
        let rows = [
            ("authority", bundle.authority().to_owned()),
            ("root key", bundle.signer().to_string()),
            ("frames", proven.frames.to_string()),
            ("events", proven.events.to_string()),
            ("from", text(proven.from)),
            ("to", text(proven.to)),
            ("epochs", nothing_or(proven.epochs, 0)),
            ("runs", nothing_or(proven.runs, 1)),
            (
                "holds",
                if flaw.is_none() { "yes" } else { "no" }.to_owned(),
            ),
        ];
        let json = json!({
            "holds": flaw.is_none(),
            "authority": bundle.authority(),
            "root_kid": bundle.signer().as_str(),
            "frames": proven.frames,
            "events": proven.events,
            "from": proven.from.map(|at| at.to_string()),
            "to": proven.to.map(|at| at.to_string()),
            "epochs": proven.epochs,
            "runs": proven.runs,
            "line": flaw.map(|flaw| flaw.line),
            "reason": flaw.map(|flaw| flaw.why.to_string()),
        });
        self.output.members(&rows, &json)
    }
}

/// Nothing for what is usual.
fn nothing_or(count: usize, usual: usize) -> String {
    if count == usual {
        String::new()
    } else {
        count.to_string()
    }
}

fn named(path: &Path) -> Result<TrustBundle, CliError> {
    let what = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| CliError::Input { what, source })?;
    let bundle = TrustBundle::parse(text.trim()).map_err(ClientError::from)?;
    bundle.verify(bundle.signer()).map_err(ClientError::from)?;
    Ok(bundle)
}

/// Takes line by line, until one does not fit.
fn prove(path: &Path, recording: &mut Recording<'_>) -> Result<Result<(), Flaw>, CliError> {
    let from_stdin = path.as_os_str() == "-";
    let what = || match from_stdin {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let fail = |source| CliError::Input {
        what: what(),
        source,
    };
    let mut lines: Box<dyn BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(fail)?))
    };
    loop {
        let mut line = Vec::new();
        let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(fail)? == 0 {
            return Ok(Ok(()));
        }
        // What is not UTF-8 is not a frame, and is found not to be one.
        if let Err(flaw) = recording.take(&String::from_utf8_lossy(&line)) {
            return Ok(Err(flaw));
        }
    }
}
