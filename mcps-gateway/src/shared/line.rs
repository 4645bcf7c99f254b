//! The connection: one for all calls, made anew when it breaks or hangs.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, RedisError, RedisResult,
    ScriptInvocation, ServerErrorKind, TlsCertificates, Value,
};
use tokio::time::{Instant, timeout};

use super::{Secret, SharedError};
use crate::config::Shared;

/// How long is waited at most before a broken connection is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// A connection to the store.
pub(super) struct Line {
    client: Client,
    config: ConnectionManagerConfig,
    way: ArcSwap<ConnectionManager>,
    /// How long one answer may take.
    timeout: Duration,
    patience: Duration,
    made: Mutex<Instant>,
    place: String,
    down: AtomicBool,
}

impl Line {
    /// One that is made when it is first used.
    ///
    /// # Errors
    /// [`SharedError`] about the configuration.
    pub(super) fn new(shared: &Shared, secret: Option<&Secret>) -> Result<Self, SharedError> {
        let client = client(shared, secret)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(RETRY)
            // Ours, around each use, ends sooner.
            .set_response_timeout(Some(shared.connect_timeout()))
            .set_connection_timeout(Some(shared.connect_timeout()));
        let way = ConnectionManager::new_lazy_with_config(client.clone(), config.clone());
        let way = way.map_err(|error| SharedError::of(&error))?;
        Ok(Self {
            client,
            config,
            way: ArcSwap::from_pointee(way),
            timeout: shared.timeout(),
            patience: shared.connect_timeout(),
            made: Mutex::new(Instant::now()),
            place: shared.place(),
            down: AtomicBool::new(false),
        })
    }

    /// Host and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// How long one answer may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs a script.
    ///
    /// # Errors
    /// [`SharedError`]: nobody knows then whether it ran.
    pub(super) async fn run(&self, script: &ScriptInvocation<'_>) -> Result<Value, SharedError> {
        let mut way = ConnectionManager::clone(&self.way.load());
        self.within(self.timeout, script.invoke_async(&mut way))
            .await
    }

    /// Runs a script of the start, which may wait for the connection.
    ///
    /// # Errors
    /// As [`Line::run`].
    pub(super) async fn run_first(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<Value, SharedError> {
        let mut way = ConnectionManager::clone(&self.way.load());
        self.within(self.patience, script.invoke_async(&mut way))
            .await
    }

    /// Asks for something else.
    ///
    /// # Errors
    /// As [`Line::run`].
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, SharedError> {
        let mut way = ConnectionManager::clone(&self.way.load());
        self.within(self.patience, command.query_async(&mut way))
            .await
    }

    async fn within(
        &self,
        limit: Duration,
        answer: impl Future<Output = RedisResult<Value>>,
    ) -> Result<Value, SharedError> {
        match timeout(limit, answer).await {
            Ok(Ok(value)) => {
                if self.down.swap(false, Ordering::Relaxed) {
                    tracing::info!(place = self.place, "the shared state is there again");
                }
                Ok(value)
            }
            Ok(Err(error)) => {
                // Its place was taken by another server.
                if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    self.renew();
                }
                Err(self.lost(SharedError::of(&error)))
            }
            Err(_) => {
                self.renew();
                let ms = limit.as_millis();
                Err(self.lost(SharedError::Slow { ms }))
            }
        }
    }

    fn lost(&self, error: SharedError) -> SharedError {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::error!(
                place = self.place, error = %error,
                "the shared state cannot be had, so signed messages and calls are refused: {error}"
            );
        }
        error
    }

    /// Begins with another connection: one whose other end vanished without a word would be waited for
    /// until the system gives it up. Not while that one may still be about to be made.
    fn renew(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.elapsed() < self.patience {
            return;
        }
        *made = Instant::now();
        let way = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone());
        if let Ok(way) = way {
            self.way.store(way.into());
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Whether all that it takes to connect is there.
///
/// # Errors
/// [`SharedError`] about the configuration.
pub(crate) fn check(shared: &Shared) -> Result<(), SharedError> {
    client(shared, None).map(drop)
}

fn client(shared: &Shared, secret: Option<&Secret>) -> Result<Client, SharedError> {
    let of = |error: RedisError| SharedError::of(&error);
    let mut info: ConnectionInfo = shared.url.as_str().into_connection_info().map_err(of)?;
    let file = shared.password_file.as_ref();
    let read = file.map(|path| Secret::read(path));
    if let Some(secret) = read.transpose()?.as_ref().or(secret) {
        let settings = info.redis_settings().clone();
        info = info.set_redis_settings(settings.set_password(secret.expose()));
    }
    let Some(ca) = &shared.ca else {
        return Client::open(info).map_err(of);
    };
    let root = std::fs::read(ca).map_err(|source| SharedError::File {
        key: "ca",
        path: ca.clone(),
        source,
    })?;
    let none = SharedError::Content {
        path: ca.clone(),
        what: "certificates, PEM",
    };
    // The client would do with none, and believe nobody.
    let text = String::from_utf8_lossy(&root);
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(none);
    }
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(root),
    };
    Client::build_with_tls(info, certificates).map_err(|_| none)
}
