//! `mcps-gateway stdio`: all of the gateway on our standard input and output, for a client that starts
//! its servers itself. The client's word is signed by an agent's home beside ours, so that it is judged
//! as any other call of that agent's.

use std::path::Path;
use std::sync::Arc;

use mcps_client::connect::{self, Address, ConnectOptions, Place, Terms};
use mcps_client::home::Home;
use mcps_client::relay::Ending;
use mcps_core::clock::Clock;
use mcps_core::passport::Kind;
use mcps_core::random::Random;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::GatewayError;
use crate::serve::{self, Options};

/// Whose client it is, and what it may reach.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The home of the agent that calls.
    pub home: Home,
    /// The one server that it reaches; absent for all of them.
    pub server: Option<String>,
    /// On what terms it believes the gateway.
    pub terms: Terms,
}

/// Runs until the client closes our standard input, or a signal asks to stop.
///
/// # Errors
/// As [`serve::run`] and [`connect::run`]: an agent that has not enrolled, or is of another authority.
pub async fn run(
    home: &Home,
    options: Options,
    caller: Caller,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Ending, GatewayError> {
    if let Some(name) = &caller.server {
        let servers = Config::load(&options.config)?.server;
        let known = servers.iter().map(|server| server.name.as_str());
        if !known.clone().any(|known| known == name) {
            return Err(GatewayError::NoServer {
                path: options.config,
                name: name.clone(),
                known: known.collect::<Vec<_>>().join(", "),
            });
        }
    }
    // Standard output is the client's.
    let record = options.record.clone();
    let options = Options {
        record: Some(record.unwrap_or_else(|| Path::new("/dev/null").to_owned())),
        ..options
    };
    let (ready, is_ready) = oneshot::channel();
    let (leave, left) = oneshot::channel::<()>();
    let ready = |url: &str| drop(ready.send(url.to_owned()));
    let until = async { drop(left.await) };
    let serving = serve::run_until(
        home,
        options,
        (Arc::clone(&clock), Arc::clone(&random)),
        ready,
        until,
    );
    let calling = async {
        let _leave = leave;
        // Where it does not come up it says why itself.
        let Ok(url) = is_ready.await else {
            return Ok(None);
        };
        let url = match &caller.server {
            Some(server) => format!("{url}/{server}"),
            None => url,
        };
        let place = Place::Url {
            address: Address::parse(&url, false)?,
            extra_roots: None,
            token: None,
        };
        let options = ConnectOptions {
            server: place,
            terms: caller.terms,
        };
        let ending = connect::run(&caller.home, options, clock, random).await;
        ending
            .map(Some)
            .map_err(|error| GatewayError::of_home(&caller.home, Kind::Agent, error))
    };
    let (served, called) = tokio::join!(serving, calling);
    let cause = served?;
    Ok(called?.unwrap_or(Ending::Signal(cause)))
}
