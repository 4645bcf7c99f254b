//! Where the access token comes from that goes with what is posted.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{AccessToken, MAX_BYTES};
use crate::error::ClientError;

/// A place that holds the token of the moment.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// One token for as long as we run.
    Fixed(AccessToken),
    /// A file that something else may replace whenever it likes.
    File(PathBuf),
}

impl TokenSource {
    /// The text of a variable of the environment, which is called `name`.
    ///
    /// # Errors
    /// [`ClientError::AccessToken`], which names the variable and never its value.
    pub fn from_variable(name: &str, text: &str) -> Result<Self, ClientError> {
        let token = AccessToken::parse(text.as_bytes());
        let place = name.to_owned();
        let token = token.ok_or(ClientError::AccessToken { place });
        token.map(Self::Fixed)
    }

    /// A file, which must hold a token already.
    ///
    /// # Errors
    /// As [`TokenSource::token`].
    pub fn from_file(path: PathBuf) -> Result<Self, ClientError> {
        read(&path)?;
        warn_if_shared(&path);
        Ok(Self::File(path))
    }

    /// The token to send now. A file is read each time: looking only whether it changed could miss
    /// a token that was replaced within one tick of the file system's clock.
    ///
    /// # Errors
    /// [`ClientError::File`], or [`ClientError::AccessToken`] when there is something else in it.
    pub fn token(&self) -> Result<AccessToken, ClientError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::File(path) => read(path),
        }
    }
}

fn read(path: &Path) -> Result<AccessToken, ClientError> {
    let failed = |source| ClientError::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    // A pipe could be read but once, and opening one may wait for ever.
    if !path.metadata().map_err(failed)?.is_file() {
        let why = "it is not a regular file, and it is read for each message";
        return Err(failed(io::Error::other(why)));
    }
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    // Room for a line end, and for one byte too many.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 3));
    let file = File::open(path).map_err(failed)?;
    let read = file.take(most + 3).read_to_end(&mut bytes);
    read.map_err(failed)?;
    let place = path.display().to_string();
    AccessToken::parse(&bytes).ok_or(ClientError::AccessToken { place })
}

/// Mounted secrets are often readable by all of a container, so this is a word, not a refusal.
fn warn_if_shared(path: &Path) {
    let mode = path.metadata().map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        let (mode, path) = (mode & 0o777, path.display());
        tracing::warn!(
            "{path} holds an access token and can be read by others (mode {mode:o}); run: chmod 600 {path}"
        );
    }
}
