//! `mcps-gateway check`: what would keep the gateway from starting with a configuration, as far as this
//! machine can tell without listening, connecting or writing anything.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, beside};
use crate::error::GatewayError;
use crate::judge::Sets;
use crate::serve;
use crate::shared;
use crate::tenants::Told;
use crate::upstream;

/// Reads a configuration and every file that it names, by what the start reads them by.
///
/// # Errors
/// What is wrong, where it stands, and what to write instead.
pub fn check(file: &Path) -> Result<Arc<Config>, GatewayError> {
    let config = Arc::new(Config::load(file)?);
    Sets::load(&config, beside(file), Told::none())?;
    serve::tls(&config)?;
    for server in &config.server {
        if let Some(url) = &server.url {
            upstream::client_of(server, url)?;
        }
    }
    if let Some(shared) = &config.shared {
        shared::check(shared).map_err(|source| GatewayError::Shared {
            place: shared.place(),
            source,
        })?;
    }
    if let Some(record) = &config.record {
        let folder = beside(record);
        // What has no folder of its own is in the working directory, which is there.
        if !folder.as_os_str().is_empty() && !folder.is_dir() {
            return Err(GatewayError::Record {
                path: record.clone(),
                source: io::ErrorKind::NotFound.into(),
            });
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests;
