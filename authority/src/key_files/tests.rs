use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;
use mcps_core::trust::KeyUse;

use super::{KeyFileError, KeyFiles};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_private_reads_back_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(folder.path().join("keys"), None);
    let random = SeededRandom::new(3);
    assert!(files.load(KeyUse::Root).unwrap().is_none());

    let key = files.create(KeyUse::Root, &random).unwrap();
    assert_eq!(mode(files.folder()), 0o700);
    assert_eq!(mode(&files.folder().join("root.pem")), 0o600);
    let again = files.load(KeyUse::Root).unwrap().unwrap();
    assert_eq!(again.public_key(), key.public_key());

    assert!(matches!(
        files.create(KeyUse::Root, &random),
        Err(KeyFileError::Io { .. })
    ));
    let again = files.load(KeyUse::Root).unwrap().unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 1);
}

#[test]
fn refuses_a_key_that_others_can_read_and_a_file_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let files = KeyFiles::new(folder.path().to_owned(), None);
    files.create(KeyUse::Status, &SeededRandom::new(4)).unwrap();
    let path = folder.path().join("status.pem");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        files.load(KeyUse::Status),
        Err(KeyFileError::Open { .. })
    ));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "no key").unwrap();
    assert!(matches!(
        files.load(KeyUse::Status),
        Err(KeyFileError::Key { .. })
    ));
}
