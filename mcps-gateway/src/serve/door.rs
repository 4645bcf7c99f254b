//! Where callers come in: the address, the names that it has, and its certificate.

use std::net::SocketAddr;

use mcps_client::error::ClientError;
use mcps_client::listen::Names;
use mcps_transport::error::TransportError;
use mcps_transport::http::server::Tls;
use tokio::net::TcpListener;

use super::{ADDRESS, Options};
use crate::config::Config;
use crate::error::GatewayError;

/// A listener, and what it shows of itself.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) names: Names,
    pub(super) tls: Option<Tls>,
}

impl Door {
    /// As the options say, or else the configuration.
    pub(super) async fn open(options: &Options, config: &Config) -> Result<Self, GatewayError> {
        let tls = match &options.tls {
            Some((certificate, key)) => {
                Some(Tls::load(certificate, key).map_err(ClientError::from)?)
            }
            None => tls(config)?,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (listener, address) = bind(options, config).await?;
        let public = both(&options.public_urls, &config.public_url);
        if address.ip().is_unspecified() && public.is_empty() {
            return Err(ClientError::NoPublicUrl(address).into());
        }
        let origins = both(&options.origins, &config.allow_origin);
        let names = Names::new(&public, &origins, scheme, address)?;
        Ok(Self {
            listener,
            address,
            names,
            tls,
        })
    }
}

/// The certificate that a configuration names, with its key.
pub(crate) fn tls(config: &Config) -> Result<Option<Tls>, GatewayError> {
    let files = config.tls_cert.as_ref().zip(config.tls_key.as_ref());
    let Some((certificate, key)) = files else {
        return Ok(None);
    };
    let loaded = Tls::load(certificate, key).map_err(|error| {
        let named = match &error {
            TransportError::PemFile { path, .. } if path == certificate => "`tls_cert`",
            TransportError::PemFile { .. } => "`tls_key`",
            _ => "`tls_cert` and `tls_key`",
        };
        GatewayError::Named {
            key: named.to_owned(),
            why: error.into(),
        }
    });
    loaded.map(Some)
}

async fn bind(
    options: &Options,
    config: &Config,
) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let wanted = options.listen.or(config.listen).unwrap_or(ADDRESS);
    let bound = async {
        let listener = TcpListener::bind(wanted).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let bound = bound.await.map_err(|source| ClientError::Listen {
        address: wanted,
        source,
    });
    Ok(bound?)
}

fn both(one: &[String], other: &[String]) -> Vec<String> {
    one.iter().chain(other).cloned().collect()
}
