//! Under which names a listener answers: what callers sign for, and what is let through at all.

use std::net::SocketAddr;

use mcps_transport::http::server::Edge;
use mcps_transport::http::uri::canonical;

use crate::error::ClientError;

/// The path of the endpoint.
pub const PATH: &str = "/mcp";

/// Under which names it answers.
#[derive(Debug)]
pub struct Names {
    /// The canonical URIs of [`PATH`], the first ours to tell.
    pub uris: Vec<String>,
    /// What is let through.
    pub edge: Edge,
}

impl Names {
    /// Of a listener at `address`, by `scheme`, that callers also reach under `public_urls`, and to
    /// which pages of `origins` may speak.
    ///
    /// # Errors
    /// [`ClientError::Option`]: URLs and origins that are none.
    pub fn new(
        public_urls: &[String],
        origins: &[String],
        scheme: &str,
        address: SocketAddr,
    ) -> Result<Self, ClientError> {
        let mut edge = Edge::default().at_path(PATH);
        let mut uris = Vec::new();
        for url in public_urls {
            let wrong = |why| ClientError::Option {
                option: "--public-url",
                why,
            };
            let uri = canonical(url).map_err(wrong)?;
            let host = uri.split_once("://").map(|(_, rest)| rest);
            let host = host.and_then(|rest| rest.split(['/', '?']).next());
            let allowed = edge.allow_host(host.unwrap_or_default());
            edge = allowed.map_err(wrong)?;
            uris.push(uri);
        }
        let mut hosts = Vec::new();
        if !address.ip().is_unspecified() {
            hosts.push(address.to_string());
        }
        if address.ip().is_loopback() {
            let port = address.port();
            hosts.extend([
                format!("127.0.0.1:{port}"),
                format!("localhost:{port}"),
                format!("[::1]:{port}"),
            ]);
        } else if !address.ip().is_unspecified() {
            edge = edge.allow_host(&address.to_string())?;
        }
        for host in hosts {
            let uri = canonical(&format!("{scheme}://{host}{PATH}"))?;
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
        for origin in origins {
            let allowed = edge.allow_origin(origin);
            edge = allowed.map_err(|why| ClientError::Option {
                option: "--allow-origin",
                why,
            })?;
        }
        Ok(Self { uris, edge })
    }
}
