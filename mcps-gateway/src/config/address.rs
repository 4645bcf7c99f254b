//! Addresses that a configuration has, and what messages may show of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::slice::from_ref;

use mcps_client::connect::Address;
use mcps_client::error::ClientError;
use mcps_client::listen::Names;

/// Where messages may be sent to.
pub(super) fn to_send_to(url: &str, insecure: bool) -> Result<Address, String> {
    Address::parse(url, insecure).map_err(|error| match error {
        ClientError::Insecure { .. } => format!(
            "{error}; write https://, or add `allow_insecure_http = true` where the network itself is protected"
        ),
        error => error.to_string(),
    })
}

/// Whether callers can reach us under that URL.
pub(super) fn check_public(url: &String) -> Result<(), String> {
    let checked = names(from_ref(url), &[]);
    checked.map_err(|why| format!("`{}` in `public_url`: {why}", shown(url)))
}

/// Whether pages can be of that origin.
pub(super) fn check_origin(origin: &String) -> Result<(), String> {
    let rest = origin.split_once("://").map(|(_, rest)| rest);
    let is_bare = rest.is_some_and(|rest| !rest.trim_end_matches('/').contains(['/', '?', '#']));
    match is_bare && names(&[], from_ref(origin)).is_ok() {
        true => Ok(()),
        false => Err(format!(
            "`{}` in `allow_origin`: an origin is scheme, host and, unless it is the usual one, port: https://app.example.com",
            shown(origin)
        )),
    }
}

/// What a listener makes of them.
fn names(urls: &[String], origins: &[String]) -> Result<(), String> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
    match Names::new(urls, origins, "https", anywhere) {
        Ok(_) => Ok(()),
        // There it is an option that is wrong.
        Err(ClientError::Option { why, .. }) => Err(why.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// An address without what nobody else may know: who logs in there, and what is asked.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    // A password may have slashes in it that nobody escaped.
    let rest = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}{rest}").escape_debug().to_string()
}
