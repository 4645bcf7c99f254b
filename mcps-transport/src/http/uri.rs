//! The one spelling of a server's address, which signatures name as audience (PROTOCOL §4.1
//! `aud`).

use std::net::Ipv6Addr;

use http::Uri;

use crate::error::TransportError;

/// The canonical form of an MCP server's URL: scheme and host in lower case, no default port, no
/// fragment, an IPv6 address in its short form (RFC 5952); path and query exactly as written. Two
/// spellings of one address become one text (RFC 3986 §6.2.2.1 and §6.2.3; MCP *Authorization:
/// canonical server URI*).
///
/// An empty path and `/` are one resource (RFC 9110 §4.2.3); the form without the slash is the
/// canonical one, as MCP prefers. Nothing else in a path is touched: `/a/../b` and `/%61` are what
/// they are, since servers may tell them apart. A host name of other scripts must be given in
/// Punycode (`xn--…`, RFC 5890), which passes as it is.
///
/// # Errors
/// [`TransportError::UrlMalformed`], [`TransportError::UrlScheme`] for any scheme but `http` and
/// `https`, [`TransportError::UrlUserinfo`] when it names a user: credentials do not belong into an
/// address that is logged and signed.
pub fn canonical(url: &str) -> Result<String, TransportError> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TransportError::UrlMalformed);
    }
    let url = url.split('#').next().unwrap_or_default();
    let uri: Uri = url.parse().map_err(|_| TransportError::UrlMalformed)?;
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        Some(_) => return Err(TransportError::UrlScheme),
        None => return Err(TransportError::UrlMalformed),
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().ok_or(TransportError::UrlMalformed)?;
    let host = host(authority.as_str())?;
    let port = port(authority.as_str())?.filter(|port| *port != default_port);
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let path = match uri.path() {
        "/" => "",
        path => path,
    };
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    Ok(format!("{scheme}://{host}{port}{path}{query}"))
}

/// The host of `host[:port]`, canonical.
///
/// # Errors
/// [`TransportError::UrlMalformed`] and [`TransportError::UrlUserinfo`].
pub(super) fn host(authority: &str) -> Result<String, TransportError> {
    if authority.contains('@') {
        return Err(TransportError::UrlUserinfo);
    }
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, _) = rest.split_once(']').ok_or(TransportError::UrlMalformed)?;
        let address: Ipv6Addr = address.parse().map_err(|_| TransportError::UrlMalformed)?;
        return Ok(format!("[{address}]"));
    }
    let host = authority.split(':').next().unwrap_or_default();
    let named =
        |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_';
    if host.is_empty() || !host.bytes().all(named) {
        return Err(TransportError::UrlMalformed);
    }
    Ok(host.to_ascii_lowercase())
}

/// The port of `host[:port]`, if one is given.
///
/// # Errors
/// [`TransportError::UrlMalformed`] when it is none.
pub(super) fn port(authority: &str) -> Result<Option<u16>, TransportError> {
    let after_host = match authority.rsplit_once(']') {
        Some((_, rest)) => rest,
        None => authority
            .find(':')
            .map_or("", |at| authority.split_at(at).1),
    };
    match after_host.strip_prefix(':') {
        None if after_host.is_empty() => Ok(None),
        None => Err(TransportError::UrlMalformed),
        Some("") => Ok(None),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = digits.parse().map_err(|_| TransportError::UrlMalformed)?;
            Ok(Some(port))
        }
        Some(_) => Err(TransportError::UrlMalformed),
    }
}

#[cfg(test)]
mod tests;
