//! Modules that are loaded. A module is initialised once in a process (PKCS #11 v2.40 §5.4), so this
//! is the one thing here that is kept for the whole process, and never unloaded.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use super::TokenError;

static LOADED: Mutex<Vec<(PathBuf, Pkcs11)>> = Mutex::new(Vec::new());

/// The module of that file, ready for use from several threads.
pub(super) fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let failed = |source| TokenError::Module {
        path: path.to_owned(),
        source,
    };
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, module)) = loaded.iter().find(|(known, _)| known == path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path).map_err(failed)?;
    initialise(&module).map_err(failed)?;
    loaded.push((path.to_owned(), module.clone()));
    Ok(module)
}

/// Initialises the module, unless it is.
pub(super) fn initialise(module: &Pkcs11) -> Result<(), Error> {
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    match module.initialize(arguments) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}
