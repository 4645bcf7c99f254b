use rcgen::{CertificateParams, KeyPair};

use super::*;

#[test]
fn a_certificate_or_a_name_says_whose_it_is_and_not_both() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["siem.example".to_owned()]);
    let certificate = certificate.unwrap().self_signed(&key).unwrap();
    let one = ClientProof::new(Some(&certificate.pem()), None).unwrap();
    let named = ClientProof::new(None, Some("siem.example")).unwrap();
    let names = ["siem.example".to_owned()];
    let shown = ShownClient {
        fingerprint: Digest::of(certificate.der()),
        names: &names,
    };
    let other = ShownClient {
        fingerprint: Digest::of(b"another"),
        names: &[],
    };
    for proof in [one, named] {
        assert_eq!(ClientProof::stored(&proof.text()).as_ref(), Some(&proof));
        assert!(proof.is(shown));
        assert!(!proof.is(other));
    }
    // A name is not part of another.
    let longer = ClientProof::new(None, Some("siem.example.org")).unwrap();
    assert!(!longer.is(shown));
    for (pem, name, error) in [
        (None, None, ClientProofError::Which),
        (Some("p"), Some("n"), ClientProofError::Which),
        (Some("p"), None, ClientProofError::Pem),
        (
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            None,
            ClientProofError::Pem,
        ),
        (None, Some(""), ClientProofError::Name),
        (None, Some("a b"), ClientProofError::Name),
    ] {
        assert_eq!(ClientProof::new(pem, name), Err(error));
    }
    assert_eq!(ClientProof::stored("nonsense"), None);
}
