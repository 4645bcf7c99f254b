//! `mcps-authority serve --client-ca`: clients that prove themselves by certificates.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use mcps_authority::certificate::ClientCa;

#[derive(Args, Clone, Debug)]
pub(crate) struct ClientOptions {
    /// Ask clients for certificates of these certificate authorities, PEM. One with the name of an
    /// operator in it stands for that operator's key: mcps operator add --certificate NAME. Read again
    /// when it changes.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    client_ca: Option<PathBuf>,
    /// Speak to nobody who shows no such certificate.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_REQUIRE_CLIENT_CERTIFICATE",
        requires = "client_ca",
        value_parser = FalseyValueParser::new()
    )]
    require_client_certificate: bool,
}

impl ClientOptions {
    /// Who vouches for clients.
    pub(crate) fn config(&self) -> Option<ClientCa> {
        self.client_ca.clone().map(|file| ClientCa {
            file,
            required: self.require_client_certificate,
        })
    }
}
