//! TLS, from the client's side.

use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::{Client, ClientLimits, body, post, trusting};
use crate::{
    error::TransportError,
    http::server::{Edge, HttpLimits, Tls, tests::Running},
};

/// Writes a certificate for `name` with its key, and returns where the former is.
fn issue(folder: &Path, name: &str) -> PathBuf {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let file = folder.join("cert.pem");
    std::fs::write(&file, cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    file
}

/// A root that has signed nothing.
pub(super) fn root(folder: &Path) -> PathBuf {
    issue(folder, "root.example")
}

async fn serving(folder: &Path) -> Running {
    let tls = Tls::load(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
    Running::with(HttpLimits::default(), Edge::default(), Some(tls)).await
}

#[tokio::test]
async fn reaches_a_server_whose_root_was_added() {
    let folder = TempDir::new().unwrap();
    let roots = issue(folder.path(), "localhost");
    let mut server = serving(folder.path()).await;
    let client = trusting(server.address, &roots);
    assert!(client.audience().starts_with("https://localhost:"));
    let (response, _) = tokio::join!(post(&client, "{}"), server.echo());
    assert_eq!(body(response), "{}");
}

#[tokio::test]
async fn sends_nothing_to_a_server_it_does_not_trust() {
    let folder = TempDir::new().unwrap();
    issue(folder.path(), "localhost");
    let mut server = serving(folder.path()).await;
    let other = TempDir::new().unwrap();
    let client = trusting(server.address, &root(other.path()));
    let response = post(&client, "{}").await;
    assert!(
        matches!(response, Err(TransportError::Connect { .. })),
        "{response:?}"
    );
    server.untouched();
}

#[tokio::test]
async fn sends_nothing_to_a_server_of_another_name() {
    let folder = TempDir::new().unwrap();
    let roots = issue(folder.path(), "other.example");
    let mut server = serving(folder.path()).await;
    let client = trusting(server.address, &roots);
    let response = post(&client, "{}").await;
    assert!(
        matches!(response, Err(TransportError::Connect { .. })),
        "{response:?}"
    );
    server.untouched();
}

#[test]
fn names_a_file_of_roots_that_is_none() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("roots.pem");
    for content in [
        None,
        Some(""),
        Some("nothing"),
        Some("-----BEGIN CERTIFICATE-----\nx"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let refused = Client::new("https://h/", ClientLimits::default(), Some(&file));
        assert!(
            matches!(refused, Err(TransportError::PemFile { path, .. }) if path == file),
            "{content:?}"
        );
    }
}
