//! Connections to the server: the only host they lead to is the one of its address. No proxy of the
//! environment is asked.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::ClientConfig;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tower_service::Service;

type Refused = Box<dyn std::error::Error + Send + Sync>;

/// Connects within a time that holds for name, TCP and TLS together.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    within: Duration,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig, within: Duration) -> Self {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        plain.set_nodelay(true);
        // Finds out that the other end of a silent stream is gone.
        plain.set_keepalive(Some(Duration::from_secs(60)));
        Self {
            inner: HttpsConnector::from((plain, tls)),
            within,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut inner = self.inner.clone();
        let within = self.within;
        Box::pin(async move {
            let connect = async {
                poll_fn(|cx| inner.poll_ready(cx)).await?;
                inner.call(to).await
            };
            match timeout(within, connect).await {
                Ok(connected) => connected,
                Err(_) => Err(Refused::from(io::Error::from(io::ErrorKind::TimedOut))),
            }
        })
    }
}

/// The tasks that drive connections. They end with the last of the client and its event streams.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
