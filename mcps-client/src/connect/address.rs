//! Where a signed server over HTTP is.

use std::net::IpAddr;

use mcps_transport::http::uri;

use crate::error::ClientError;

/// The canonical URI of a server, to which messages may be sent: over TLS, or within this machine,
/// or as somebody decided otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads a URL. `insecure` admits `http://` to other machines.
    ///
    /// # Errors
    /// [`ClientError::Transport`] for what is no URL of a server; [`ClientError::Insecure`].
    pub fn parse(url: &str, insecure: bool) -> Result<Self, ClientError> {
        let address = Self(uri::canonical(url)?);
        if !address.is_confidential() && !insecure {
            let host = address.host().to_owned();
            return Err(ClientError::Insecure { host });
        }
        Ok(address)
    }

    /// Whether nobody on the way reads what goes there. That somebody decided to be read
    /// (`insecure`) is no reason to give away a token, which opens more than it was sent with.
    ///
    /// # Errors
    /// [`ClientError::TokenInClear`].
    pub fn keeps_tokens(&self) -> Result<(), ClientError> {
        if self.is_confidential() {
            return Ok(());
        }
        let host = self.host().to_owned();
        Err(ClientError::TokenInClear { host })
    }

    fn is_confidential(&self) -> bool {
        !self.0.starts_with("http://") || is_loopback(self.host())
    }

    /// What messages for the server name as their audience.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for the log: without path and query, which may hold tokens.
    #[must_use]
    pub fn shown(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        format!("{scheme}://{authority}")
    }

    fn host(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match authority
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((address, _)) => address,
            None => authority.split(':').next().unwrap_or_default(),
        }
    }
}

/// A name that resolvers keep within the machine (RFC 6761 §6.3), or an address that is.
fn is_loopback(host: &str) -> bool {
    let named = host == "localhost" || host.ends_with(".localhost");
    named || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
