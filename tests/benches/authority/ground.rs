//! One `mcps-authority` process on PostgreSQL, with or without TLS.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use mcps_core::feed::Target;
use mcps_core::random::{SystemRandom, hex16};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::it::world::Authority;

/// A connection, with TLS or without.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Where it is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    tls: Option<TlsConnector>,
}

impl Address {
    pub(crate) async fn connect(&self) -> Option<Box<dyn Line>> {
        let tcp = TcpStream::connect(&self.host).await.ok()?;
        tcp.set_nodelay(true).ok()?;
        let Some(tls) = &self.tls else {
            return Some(Box::new(tcp));
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Some(Box::new(tls.connect(name, tcp).await.ok()?))
    }
}

pub(crate) struct Ground {
    authority: Option<Authority>,
    pub(crate) url: String,
    pub(crate) at: Address,
    pub(crate) database: String,
    folder: tempfile::TempDir,
    pub(crate) operator: String,
    pub(crate) http: reqwest::Client,
    next: AtomicU64,
}

/// Writes `cert.pem` and `key.pem`, and gives the certificate of who certified them.
fn certify(folder: &Path) -> String {
    let authority = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&authority).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let named = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let issuer = Issuer::new(params, authority);
    let certificate = named.signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    ca
}

fn connector(ca: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What the process is started with.
fn arguments(database: &str, folder: &Path, tls: bool) -> Vec<String> {
    let mut more = vec![
        format!("--database-url={database}"),
        "--issue-quota=1000000/1".to_owned(),
        "--order-quota=1000000/1".to_owned(),
    ];
    if tls {
        more.push(format!("--tls-cert={}", folder.join("cert.pem").display()));
        more.push(format!("--tls-key={}", folder.join("key.pem").display()));
    }
    more
}

fn start(listen: &str, database: &str, folder: &Path, tls: bool) -> Authority {
    let more = arguments(database, folder, tls);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let (data, key) = (folder.join("data"), folder.join("operator"));
    Authority::start_at(listen, &data, &key, &more)
}

impl Ground {
    pub(crate) async fn new(tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = fresh_database().await;
        let mut http = reqwest::Client::builder().no_proxy();
        let mut connect = None;
        if tls {
            let ca = certify(folder.path());
            let certificate = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
            http = http.tls_certs_only([certificate]);
            connect = Some(connector(&ca));
        }
        let authority = start("127.0.0.1:0", &database, folder.path(), tls);
        let url = authority.url().to_owned();
        let (_, host) = url.split_once("://").unwrap();
        let operator = fs::read_to_string(folder.path().join("operator")).unwrap();
        Self {
            at: Address {
                host: host.to_owned(),
                tls: connect,
            },
            url,
            authority: Some(authority),
            database,
            operator: operator.trim().to_owned(),
            folder,
            http: http.build().unwrap(),
            next: 1.into(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        answer.unwrap().text().await.unwrap()
    }

    /// Sends JSON as the operator; the answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.operator).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Revokes the next agent: its number in the feed, when it was asked for and when granted.
    pub(crate) async fn revoke(&self) -> Order {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let target = Target::Agent {
            tenant: "bench".into(),
            name: format!("agent-{n}"),
        };
        let target: Value = serde_json::from_str(&target.to_json()).unwrap();
        let sent = Instant::now();
        let body = json!({"target": target, "reason": "policy"});
        let answer = self.post("/v1/revocations", &body).await;
        Order::read(&answer, sent)
    }

    pub(crate) fn process(&self) -> u32 {
        self.authority.as_ref().unwrap().id()
    }

    pub(crate) fn resident_mib(&self) -> u64 {
        let id = self.process();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Ends the process at once and starts it at the same address.
    pub(crate) fn restart(&mut self) {
        drop(self.authority.take());
        let tls = self.at.tls.is_some();
        let authority = start(&self.at.host, &self.database, self.folder.path(), tls);
        self.authority = Some(authority);
    }
}

/// An order that was granted.
pub(crate) struct Order {
    pub(crate) seq: u64,
    pub(crate) sent: Instant,
    pub(crate) granted: Instant,
}

impl Order {
    /// Of the answer that has just come.
    pub(crate) fn read(answer: &Value, sent: Instant) -> Self {
        let granted = Instant::now();
        let position = answer["position"].as_str().expect("a position");
        let (_, seq) = position.split_once(':').unwrap();
        Self {
            seq: seq.parse().unwrap(),
            sent,
            granted,
        }
    }
}

async fn fresh_database() -> String {
    #[expect(clippy::disallowed_methods, reason = "where the test server is")]
    let server = std::env::var("MCPS_TEST_POSTGRES_URL").expect("run it by `make bench`");
    let name = format!("bench_{}", hex16(&SystemRandom).unwrap());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    let (base, options) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').unwrap();
    format!("{host}/{name}?{options}")
}
