//! The servers behind: a command, a URL, a `mcps-wrap` that signs. Each caller's session has a way
//! of its own to each, with ids of ours on it.

mod bridge;
mod command;
mod mint;
mod signed;

pub use mint::Strays;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use mcps_client::connect::Address;
use mcps_client::identity::Identity;
use mcps_client::link::Link;
use mcps_client::listen::{Horizon, Network, Opens, Reach, client};
use mcps_client::verify::Verifier;
use mcps_core::level::TrustLevel;
use mcps_core::random::Random;
use mcps_transport::http::client::Client;
use mcps_transport::limits::Limits;

use crate::config;
use crate::error::GatewayError;
use crate::quarantine::Evidence;
use bridge::Bridge;
use command::Command;
use mint::Minted;
use signed::Signed;

/// What all ways to servers are made of.
#[derive(Clone)]
pub struct Means {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// How what comes back signed is verified.
    pub verifier: Verifier,
    /// Ids and nonces.
    pub random: Arc<dyn Random>,
    /// What a restart must not forget.
    pub horizon: Arc<Horizon>,
    /// Of server processes.
    pub limits: Limits,
    /// The most sessions with one server.
    pub max_sessions: usize,
    /// The most of them of one caller.
    pub max_sessions_each: usize,
    /// Answers to nothing that was asked.
    pub strays: Arc<Strays>,
    /// What is to know which passports servers show.
    pub evidence: Arc<Evidence>,
}

/// The level that the passport of a server that signs must be worth, unless said otherwise.
const PASSPORT_LEVEL: TrustLevel = TrustLevel::L2;

/// What asks a server over HTTP.
///
/// # Errors
/// Certificates that cannot be read.
pub(crate) fn client_of(server: &config::Server, url: &str) -> Result<Client, GatewayError> {
    let name = &server.name;
    let wrong = |key: &str, why| GatewayError::Named {
        key: format!("server `{name}`{key}"),
        why,
    };
    let address = Address::parse(url, server.allow_insecure_http);
    // What is none was refused when the configuration was read.
    let address = address.map_err(|why| wrong(": `url`", why))?;
    let answer = server.answer_s.map(Duration::from_secs);
    let client = client(&address, server.ca_cert.as_deref(), answer);
    client.map_err(|why| match server.ca_cert {
        Some(_) => wrong(": `ca_cert`", why),
        None => wrong("", why),
    })
}

/// The way to one server.
///
/// # Errors
/// As [`client_of`].
pub(crate) fn way(server: &config::Server, means: &Means) -> Result<Arc<dyn Opens>, GatewayError> {
    let inner: Arc<dyn Opens> = match (&server.command, &server.url) {
        (Some(words), _) => Arc::new(Command::new(words.clone(), server.shared, means.clone())),
        (None, url) => {
            let http = Arc::new(client_of(server, url.as_deref().unwrap_or_default())?);
            if server.signed {
                let need = server
                    .passport_level
                    .map_or(PASSPORT_LEVEL, |level| level.0);
                Arc::new(Signed::new(server, http, need, means.clone()))
            } else {
                Arc::new(Network(http))
            }
        }
    };
    let minted: Arc<dyn Opens> = Arc::new(Mint {
        inner,
        random: Arc::clone(&means.random),
        strays: Arc::clone(&means.strays),
    });
    Ok(match server.era {
        None => minted,
        Some(era) => Arc::new(Bridge::new(minted, era.into(), &server.name, means)),
    })
}

/// The headers of callers that a server is to have.
pub(crate) fn headers(server: &config::Server) -> Vec<HeaderName> {
    let headers = server.forward_headers.iter();
    // What is no header was refused when the configuration was read.
    let headers = headers.filter_map(|name| HeaderName::try_from(name.as_str()).ok());
    headers.collect()
}

/// Gives each way ids of its own.
struct Mint {
    inner: Arc<dyn Opens>,
    random: Arc<dyn Random>,
    strays: Arc<Strays>,
}

impl Opens for Mint {
    fn open(&self, link: &Link, stays: bool) -> Arc<dyn Reach> {
        let inner = self.inner.open(link, stays);
        let strays = Arc::clone(&self.strays);
        Arc::new(Minted::new(inner, self.random.as_ref(), strays))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.close()
    }
}
