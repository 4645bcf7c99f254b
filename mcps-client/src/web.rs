//! Documents that somebody else than the trust authority publishes, such as the keys of an issuer of
//! access tokens.

use std::time::Duration;

use mcps_core::json::{Document, JsonError, Limits};

use crate::authority::silence;
use crate::connect::Address;
use crate::error::ClientError;

/// How long a connection may take, and all of a document.
const CONNECT: Duration = Duration::from_secs(2);
const WHOLE: Duration = Duration::from_secs(5);
/// How deep a document may nest.
const DEPTH: usize = 16;

/// Why there is no document. Nothing of what was received is in it.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody answered.
    #[error("{host} did not answer: {why}")]
    Unreachable {
        /// Scheme, host and port.
        host: String,
        /// Why.
        why: &'static str,
    },
    /// The answer is another than the document.
    #[error("{host} answered with HTTP status {status}")]
    Status {
        /// Scheme, host and port.
        host: String,
        /// Its status; of a redirect too, since none is followed.
        status: u16,
    },
    /// The document is longer than it may be.
    #[error("the document of {host} is longer than {limit} bytes")]
    TooLong {
        /// Scheme, host and port.
        host: String,
        /// So long it may be.
        limit: usize,
    },
    /// It is not strict JSON.
    #[error("the document of {host} is not strict JSON: {source}")]
    Form {
        /// Scheme, host and port.
        host: String,
        /// What is wrong with it.
        source: JsonError,
    },
}

/// Fetches documents. Follows no redirect, asks no proxy, and sends nothing but the request.
#[derive(Clone, Debug)]
pub struct Web {
    http: reqwest::Client,
}

impl Web {
    /// Connects on first use.
    ///
    /// # Errors
    /// [`ClientError::Web`] where the machine has no certificates to trust.
    pub fn new() -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Web(silence(&error)))?;
        Ok(Self { http })
    }

    /// The JSON document at an address, of so many bytes at most.
    ///
    /// # Errors
    /// [`WebError`].
    pub async fn get(&self, address: &Address, limit: usize) -> Result<Document, WebError> {
        let host = address.shown();
        let unreachable = |error: reqwest::Error| WebError::Unreachable {
            host: host.clone(),
            why: silence(&error),
        };
        let request = self.http.get(address.as_str());
        let request = request.header("accept", "application/json, application/jwk-set+json");
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(WebError::Status { host, status });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if chunk.len() > limit.saturating_sub(bytes.len()) {
                return Err(WebError::TooLong { host, limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        let limits = Limits {
            bytes: limit,
            depth: DEPTH,
        };
        Document::parse_with(bytes, limits).map_err(|source| WebError::Form { host, source })
    }
}
