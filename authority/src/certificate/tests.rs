use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

fn files(folder: &TempDir) -> TlsFiles {
    TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
        clients: None,
    }
}

/// Writes a new pair; the key as it was if there is one and it is to be kept.
fn issue(files: &TlsFiles, keep_key: bool) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&files.certificate, cert.pem()).unwrap();
    if !keep_key {
        fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    }
}

#[test]
fn a_new_pair_is_taken_and_a_bad_one_leaves_the_old_in_use() {
    let folder = TempDir::new().unwrap();
    let files = files(&folder);
    issue(&files, false);
    let certificate = Certificate::load(&files).unwrap();
    let first = certificate.current();
    assert!(!certificate.refresh().unwrap(), "nothing has changed");

    issue(&files, true);
    let other = certificate.refresh();
    assert!(
        matches!(other, Err(CertificateError::Unusable(_))),
        "{other:?}"
    );
    assert!(!certificate.refresh().unwrap(), "complained of once");
    fs::write(&files.certificate, "nothing").unwrap();
    let empty = certificate.refresh();
    assert!(
        matches!(empty, Err(CertificateError::Pem { .. })),
        "{empty:?}"
    );
    fs::remove_file(&files.certificate).unwrap();
    let gone = certificate.refresh();
    assert!(
        matches!(gone, Err(CertificateError::File { .. })),
        "{gone:?}"
    );
    assert!(Arc::ptr_eq(&certificate.current(), &first));

    issue(&files, false);
    assert!(certificate.refresh().unwrap());
    assert!(!Arc::ptr_eq(&certificate.current(), &first));
}

#[test]
fn what_is_wrong_names_the_file() {
    let folder = TempDir::new().unwrap();
    let files = files(&folder);
    issue(&files, false);
    fs::copy(&files.certificate, &files.key).unwrap();
    let error = Certificate::load(&files).unwrap_err().to_string();
    assert!(
        error.contains("key.pem") && error.contains("no private key"),
        "{error}"
    );
    fs::remove_file(&files.key).unwrap();
    let error = Certificate::load(&files).unwrap_err().to_string();
    assert!(
        error.contains("cannot read") && error.contains("key.pem"),
        "{error}"
    );
}

#[test]
fn no_key_is_shown() {
    let folder = TempDir::new().unwrap();
    let files = files(&folder);
    issue(&files, false);
    let shown = format!("{:?}", Certificate::load(&files).unwrap());
    assert!(
        shown.contains("key.pem") && !shown.contains("BEGIN"),
        "{shown}"
    );
}
