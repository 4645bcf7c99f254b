//! The wrapper around one server: two directions, and what is done where a check fails.

mod inward;
mod outward;

use std::sync::Arc;

use mcps_client::connect::SESSION_ENV;
use mcps_client::desk::{Desk, Mode};
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::{End, Link, LinkParts, Wire};
use mcps_client::relay::{self, Ending, Ends, Relay};
use mcps_client::renewal;
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;
use mcps_transport::limits::Limits;
use tokio::sync::{Mutex, watch};

/// What `mcps-wrap` was asked to do.
#[derive(Clone, Debug)]
pub struct WrapOptions {
    /// How envelopes travel.
    pub carrier: Carrier,
    /// Whether refusals bite.
    pub mode: Mode,
    /// The lowest effective level of a caller; at L0 plain clients are admitted.
    pub min_level: TrustLevel,
    /// How far off timestamps may be.
    pub window: Window,
    /// How often the authority is asked.
    pub freshness: Freshness,
    /// The one session that may speak, told by the `mcps connect` that started us.
    pub session: Option<String>,
}

/// Whether this is what `mcps connect` gives as a session: 128 random bits in lower-case hex.
#[must_use]
pub fn is_session(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(hex) && text.bytes().any(|byte| byte != b'0')
}

/// Runs the server, with these words for its command, until the client or the server ends.
///
/// # Errors
/// A home that has not enrolled, a command that cannot be started.
pub async fn run(
    home: &Home,
    options: WrapOptions,
    words: &[String],
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Ending, ClientError> {
    let boot = clock.now();
    let identity = Arc::new(Identity::load(home, End::Server)?);
    let trust = Arc::new(TrustSource::load(
        home,
        options.freshness,
        Arc::clone(&clock),
        Arc::clone(&random),
    )?);
    let limits = Limits::default();
    let command = relay::command(words);
    let replay = options.window.replay_limits();
    let replay = match &options.session {
        // Whoever started us told us the session, and every message names it: none of an earlier
        // process' messages can be of this one, so nothing has to be waited for.
        Some(_) => ReplayGuard::since(replay, mcps_core::clock::Timestamp::from_millis(0)),
        None => ReplayGuard::new(replay, boot),
    };
    let link = Link::new(LinkParts {
        end: End::Server,
        wire: Wire::Stdio,
        carrier: options.carrier,
        identity: Arc::clone(&identity),
        verifier: Verifier {
            trust: Arc::clone(&trust),
            replay: Arc::new(replay),
            clock: Arc::clone(&clock),
            window: options.window,
        },
        clock: Arc::clone(&clock),
        random,
        session: options.session.clone(),
    });
    tracing::info!(
        passport_id = %identity.id()?, carrier = %options.carrier, mode = ?options.mode, min_level = %options.min_level,
        "wrapping as {} ({:?}, callers from {} on): {}",
        identity.passport()?.agent_name(), options.mode, options.min_level, relay::shown(words),
    );
    let enforces = options.mode == Mode::Enforce && options.min_level > TrustLevel::L0;
    if options.session.is_none() && enforces {
        tracing::warn!(
            "{SESSION_ENV} is not in the environment, so what was signed before this process could remember it is refused, \
             the first message of whoever started it too; pass it on: `docker run -i -e {SESSION_ENV} …`, \
             or `mcps connect -- sh -c 'exec ssh HOST {SESSION_ENV}=${SESSION_ENV} mcps-wrap …'`"
        );
    }
    let wrap = Wrap {
        desk: Desk::new(
            options.carrier,
            options.mode,
            options.min_level,
            &identity,
            &clock,
        ),
        link,
        sending: Mutex::new(()),
        met: watch::Sender::new(false),
    };
    let ended = tokio::select! {
        ending = relay::run(&wrap, command, &limits) => ending.map_err(ClientError::from),
        () = renewal::keep(home.clone(), Arc::clone(&identity), clock) => Err(Refusal::Passport("none is loaded").into()),
        never = trust.follow(home, &identity) => match never {},
    };
    trust.store_feed(home);
    ended
}

struct Wrap {
    link: Link,
    desk: Desk,
    /// Held while a message is signed and queued, so that the stream goes out in its order.
    sending: Mutex<()>,
    /// Whether the client has spoken: before that there is nobody to address.
    met: watch::Sender<bool>,
}

impl Relay for Wrap {
    async fn client_wrote(&self, incoming: Incoming, ends: &Ends) -> Result<(), TransportError> {
        let done = self.inward(incoming, ends).await;
        self.met.send_replace(true);
        done
    }

    async fn server_wrote(&self, incoming: Incoming, ends: &Ends) -> Result<(), TransportError> {
        let mut met = self.met.subscribe();
        // The sender is ours, so this ends with the client's first line or with the relay.
        drop(met.wait_for(|met| *met).await);
        self.outward(incoming, ends).await
    }

    async fn server_gone(&self, ends: &Ends) -> Result<(), TransportError> {
        let serving = self.link.serving();
        tracing::error!(
            waiting = serving.len(),
            "the server ended; {} calls were unanswered",
            serving.len()
        );
        self.fail(serving, Code::UpstreamUnavailable, ends).await
    }
}

impl Wrap {
    /// Ends requests that cannot be answered otherwise.
    async fn fail(
        &self,
        ids: Vec<mcps_core::message::Id>,
        code: Code,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        for id in ids {
            let decision_id = self.link.decision_id();
            tracing::warn!(
                code = code.id(),
                decision_id,
                "answered with {}; {}",
                code.id(),
                code.advice()
            );
            let _order = self.sending.lock().await;
            match self.link.seal_failure(&id, code, &decision_id) {
                Ok(text) => relay::send(&ends.client, text).await?,
                Err(refusal) => {
                    tracing::error!(error = %refusal, "an error could not be signed: {refusal}")
                }
            }
        }
        Ok(())
    }
}
