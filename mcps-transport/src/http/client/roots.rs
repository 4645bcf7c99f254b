//! What a client trusts.

use std::{path::Path, sync::Arc};

use rustls::ClientConfig;
use rustls_platform_verifier::Verifier;

use crate::{
    error::TransportError,
    http::tls::{certificates, provider},
};

/// Trusts the roots of this machine, and those in the file.
///
/// # Errors
/// [`TransportError::PemFile`] when the file is unreadable or holds no certificate;
/// [`TransportError::Tls`] when there are no roots at all.
pub(super) fn trusting(extra_roots: Option<&Path>) -> Result<ClientConfig, TransportError> {
    let extra = extra_roots.map_or(Ok(Vec::new()), certificates)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TransportError::tls)?;
    let verifier =
        Verifier::new_with_extra_roots(extra, provider()).map_err(TransportError::tls)?;
    // In rustls every verifier of one's own is set in this way; this one asks the platform.
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}
