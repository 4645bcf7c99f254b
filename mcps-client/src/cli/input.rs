//! Reading a file or standard input, within bounds.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::CliError;

/// Reads all of `path`, where `-` is standard input.
///
/// # Errors
/// [`CliError::Input`], or [`CliError::TooLong`] above `limit` bytes.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, CliError> {
    let from_stdin = path.as_os_str() == "-";
    let what = if from_stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let done = if from_stdin {
        io::stdin().lock().take(bound).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(bound).read_to_end(&mut bytes))
    };
    match done {
        Ok(_) if bytes.len() > limit => Err(CliError::TooLong { what, limit }),
        Ok(_) => Ok(bytes),
        Err(source) => Err(CliError::Input { what, source }),
    }
}
