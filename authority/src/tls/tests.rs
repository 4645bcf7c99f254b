use rustls::{CertificateError, Error};

use super::{io, uncertified};

fn said(error: Error) -> Option<String> {
    uncertified(&io::Error::new(io::ErrorKind::InvalidData, error))
}

#[test]
fn whoever_is_refused_for_a_certificate_is_said_to_be() {
    let none = said(Error::NoCertificatesPresented).unwrap_or_default();
    assert!(none.contains("shows no client certificate"), "{none}");
    let over = said(Error::InvalidCertificate(CertificateError::Expired));
    let over = over.unwrap_or_default().to_lowercase();
    assert!(over.contains("expired"), "{over}");
    // What else goes wrong in a handshake is for nobody's log.
    assert_eq!(said(Error::HandshakeNotComplete), None);
    assert_eq!(uncertified(&io::ErrorKind::UnexpectedEof.into()), None);
}
