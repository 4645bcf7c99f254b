//! New files that nobody else may read, for what is shown once.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use mcps_client::error::ClientError;

/// Makes a file, mode 0600; one that is there stays as it is.
///
/// # Errors
/// [`ClientError::File`].
pub(crate) fn create(path: &Path) -> Result<File, ClientError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|source| failed(path, source))
}

/// Puts a line into a file that [`create`] made.
///
/// # Errors
/// [`ClientError::File`].
pub(crate) fn fill(mut file: File, path: &Path, line: &str) -> Result<(), ClientError> {
    let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
    written.map_err(|source| failed(path, source))
}

/// Both at once.
///
/// # Errors
/// [`ClientError::File`].
pub(crate) fn write(path: &Path, line: &str) -> Result<(), ClientError> {
    fill(create(path)?, path, line)
}

fn failed(path: &Path, source: io::Error) -> ClientError {
    ClientError::File {
        action: "write",
        path: path.to_owned(),
        source,
    }
}
