//! How a resolver of DNS is named on the command line.

use std::net::SocketAddr;

/// An address, with the port of DNS unless one is stated.
pub(super) fn read(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse::<std::net::IpAddr>();
    let read = address.map(|address| (address, 53).into());
    read.or_else(|_| text.parse())
        .map_err(|_| "write an address, as 9.9.9.9, [2620:fe::fe]:53 or 10.0.0.2:5353")
}
