//! `mcps audit verify`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use mcps_client::audit::{Examination, FILE, MAX_LINE, Piece, PieceError, key_set};
use mcps_core::audit::Examined;
use mcps_core::key::KeyId;
use mcps_core::trust::TrustBundle;
use serde_json::json;

use super::super::output::OutputOptions;
use super::super::{CliError, Machine, input};
use super::Whose;

/// Largest file that is read for a checkpoint.
const MAX_CHECKPOINT: usize = 64 * 1024;

/// What `mcps audit verify` can be told.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// An export by `mcps audit export`; `-` is standard input. Needs no network and no operator's key
    /// [default: the trail is fetched from the authority].
    file: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere, to see whether the trail still goes as far [default: the
    /// newest that this home has verified].
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    output: OutputOptions,
}

impl Verify {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let kept = match &self.checkpoint {
            Some(path) => {
                let bytes = input::read(path, MAX_CHECKPOINT)?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            // Of another authority than the one that is named, it would say nothing.
            None if self.whose.authority.is_some() || self.whose.root.is_some() => None,
            None => home.read(FILE)?,
        };
        let (bundle, examined) = match &self.file {
            Some(path) => {
                let root = self.whose.root(&home)?;
                // Whoever names a root means that one.
                let today = home.trust(&root).ok();
                let today = today.filter(|_| self.whose.root.is_none());
                from_file(path, (&root, today.as_ref()), kept.as_deref())?
            }
            None => {
                let (client, bundle) = self.whose.trusted(&home).await?;
                let operator = self.whose.operator.key(machine)?;
                let mut examination = begin(&bundle, kept.as_deref())?;
                let take = |piece: Piece| {
                    let taken = examination.take(&piece);
                    taken.map(drop).map_err(CliError::NoExport)
                };
                client.audit(&operator, take).await?;
                let examined = examination.finish();
                (bundle, examined)
            }
        };
        self.print(&bundle, &examined)?;
        if examined.wrong > 0 {
            let wrong = examined.wrong;
            return Err(CliError::Trail { wrong });
        }
        // What was found good is what later ones are held against.
        let own = self.whose.authority.is_none() && self.whose.root.is_none();
        if let Some((_, text)) = examined.newest.filter(|_| own && self.file.is_none()) {
            home.write(FILE, &text)?;
        }
        Ok(())
    }

    fn print(&self, bundle: &TrustBundle, examined: &Examined) -> Result<(), CliError> {
        let newest = examined.newest.as_ref();
        let newest_text =
            newest.map(|(checkpoint, _)| format!("{} of {}", checkpoint.number, checkpoint.at));
        let faults: Vec<String> = examined.faults.iter().map(ToString::to_string).collect();
        let mut rows = vec![
            ("authority", bundle.authority().to_owned()),
            ("root key", bundle.signer().to_string()),
            ("records", examined.records.to_string()),
            ("checkpoints", examined.checkpoints.to_string()),
            ("newest checkpoint", newest_text.unwrap_or_default()),
            ("wrong", examined.wrong.to_string()),
        ];
        rows.extend(faults.iter().map(|fault| ("", fault.clone())));
        let holds = if examined.wrong == 0 { "yes" } else { "no" };
        rows.push(("holds", holds.to_owned()));
        let json = json!({
            "holds": examined.wrong == 0,
            "authority": bundle.authority(),
            "root_kid": bundle.signer().as_str(),
            "records": examined.records,
            "checkpoints": examined.checkpoints,
            "newest_checkpoint": newest.map(|(checkpoint, _)| checkpoint.number),
            "wrong": examined.wrong,
            "faults": faults,
        });
        self.output.members(&rows, &json)
    }
}

/// An examination that knows the kept checkpoint.
fn begin<'a>(bundle: &'a TrustBundle, kept: Option<&str>) -> Result<Examination<'a>, CliError> {
    let mut examination = Examination::new(bundle);
    if let Some(kept) = kept.filter(|kept| !kept.trim().is_empty()) {
        examination.keep(kept.trim()).map_err(CliError::Kept)?;
    }
    Ok(examination)
}

fn from_file(
    path: &Path,
    (root, today): (&KeyId, Option<&TrustBundle>),
    kept: Option<&str>,
) -> Result<(TrustBundle, Examined), CliError> {
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
    let mut next = || -> Result<Option<Piece>, CliError> {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let read = lines.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(fail)? == 0 {
            return Ok(None);
        }
        let piece = Piece::from_line(String::from_utf8_lossy(&line).trim_end());
        piece.map(Some).map_err(CliError::NoExport)
    };
    let first = next()?.ok_or(CliError::NoExport(PieceError::Trust))?;
    let bundle = key_set(&first, root, today).map_err(CliError::NoExport)?;
    let mut examination = begin(&bundle, kept)?;
    while let Some(piece) = next()? {
        examination.take(&piece).map_err(CliError::NoExport)?;
    }
    let examined = examination.finish();
    Ok((bundle, examined))
}
