//! TLS, and certificates that change.

use std::{path::Path, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Edge, HttpLimits, Raw, Reply, Running, Tls, request};
use crate::{error::TransportError, sse::Event, witness::soon};

/// Writes a certificate for localhost and its key.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

fn load(folder: &TempDir) -> Result<Tls, TransportError> {
    let folder = folder.path();
    Tls::load(&folder.join("cert.pem"), &folder.join("key.pem"))
}

async fn connect(
    server: &Running,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<Raw<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, socket);
    soon("a handshake", connected).await.map(Raw)
}

async fn call(server: &mut Running, raw: &mut Raw<TlsStream<TcpStream>>) {
    raw.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200);
}

#[tokio::test]
async fn a_replaced_certificate_serves_new_connections_and_keeps_the_old() {
    let folder = TempDir::new().unwrap();
    let first = issue(folder.path());
    let tls = load(&folder).unwrap();
    let limits = HttpLimits {
        certificate_check: None,
        ..HttpLimits::default()
    };
    let mut server = Running::with(limits, Edge::default(), Some(tls.clone())).await;
    let mut old = connect(&server, &first).await.unwrap();
    call(&mut server, &mut old).await;

    let second = issue(folder.path());
    assert!(connect(&server, &second).await.is_err(), "not read yet");
    tls.reload().unwrap();
    let mut new = connect(&server, &second).await.unwrap();
    call(&mut server, &mut new).await;
    assert!(connect(&server, &first).await.is_err());
    call(&mut server, &mut old).await;
}

#[tokio::test(start_paused = true)]
async fn follows_the_files() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    let tls = load(&folder).unwrap();
    let server = Running::with(HttpLimits::default(), Edge::default(), Some(tls)).await;
    let second = issue(folder.path());
    let far = std::time::SystemTime::UNIX_EPOCH;
    let file = std::fs::File::options()
        .write(true)
        .open(folder.path().join("cert.pem"))
        .unwrap();
    file.set_modified(far).unwrap(); // a change, however coarse the file system's clock is
    let check = HttpLimits::default().certificate_check.unwrap();
    tokio::time::sleep(2 * check).await;
    connect(&server, &second).await.unwrap();
}

#[test]
fn keeps_the_last_good_certificate() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    assert!(matches!(
        load(&folder),
        Err(TransportError::PemFile { path, .. }) if path == file("cert.pem")
    ));
    issue(folder.path());
    let tls = load(&folder).unwrap();
    let good = tls.current();
    assert!(!tls.refresh().unwrap(), "nothing has changed");

    let key = std::fs::read(file("key.pem")).unwrap();
    issue(folder.path());
    std::fs::write(file("key.pem"), &key).unwrap();
    let other = tls.reload();
    assert!(matches!(other, Err(TransportError::Tls(_))), "{other:?}");
    std::fs::write(file("cert.pem"), "nothing").unwrap();
    let empty = tls.refresh();
    assert!(matches!(empty, Err(TransportError::PemFile { path, .. }) if path == file("cert.pem")));
    assert!(Arc::ptr_eq(&tls.current(), &good));
    assert!(!tls.refresh().unwrap(), "reported once");

    let shown = format!("{tls:?}");
    assert!(shown.contains("key.pem") && !shown.contains("BEGIN"));
}

#[tokio::test]
async fn speaks_no_plain_http_beside_tls() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    let tls = load(&folder).unwrap();
    let mut server = Running::with(HttpLimits::default(), Edge::default(), Some(tls)).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let rest = raw.rest().await;
    assert!(!rest.starts_with(b"HTTP"), "an alert at most: {rest:?}");
    server.untouched();
}

#[tokio::test(start_paused = true)]
async fn closes_a_handshake_that_does_not_come() {
    let folder = TempDir::new().unwrap();
    issue(folder.path());
    let tls = load(&folder).unwrap();
    let limits = HttpLimits::default();
    let mut server = Running::with(limits, Edge::default(), Some(tls)).await;
    let start = tokio::time::Instant::now();
    let mut raw = server.connect().await;
    raw.send(b"\x16\x03\x01").await;
    assert!(raw.rest().await.is_empty());
    assert_eq!(start.elapsed(), limits.header_read);
    server.untouched();
}

#[tokio::test(start_paused = true)]
async fn cuts_off_a_client_that_does_not_read_under_tls() {
    let folder = TempDir::new().unwrap();
    let trusted = issue(folder.path());
    let tls = load(&folder).unwrap();
    let limits = HttpLimits {
        keep_alive: None,
        ..HttpLimits::default()
    };
    let mut server = Running::with(limits, Edge::default(), Some(tls)).await;
    let mut raw = connect(&server, &trusted).await.unwrap();
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    let (send, events) = tokio::sync::mpsc::channel(1);
    let headers = http::HeaderMap::new();
    answer.send(Reply::Events { headers, events }).unwrap();
    let start = tokio::time::Instant::now();
    let event = Event::message(&[b'x'; 256 * 1024]);
    let mut sent = 0;
    while send.send(event.clone()).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "nobody holds this much");
    }
    assert_eq!(start.elapsed(), limits.write, "after {sent} events");
    post.gone.wait().await;
}
