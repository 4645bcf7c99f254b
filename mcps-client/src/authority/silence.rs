//! Why an authority did not answer.

use std::error::Error as _;

/// What a client is told by TLS whose certificate is missing, by somebody else, or over.
const ALERTS: [&str; 8] = [
    "CertificateRequired",
    "CertificateExpired",
    "CertificateUnknown",
    "CertificateRevoked",
    "BadCertificate",
    "UnsupportedCertificate",
    "UnknownCA",
    // By somebody of the same name as one that is trusted.
    "DecryptError",
];

/// Why there was no answer.
pub(crate) fn silence(error: &reqwest::Error) -> &'static str {
    let mut cause = error.source();
    let (mut untrusted, mut refused) = (false, false);
    while let Some(one) = cause {
        let said = one.to_string();
        untrusted |= said.contains("certificate");
        // In rustls' words the alerts by which TLS refuses a client's certificate, or asks for one.
        refused |= ALERTS
            .iter()
            .any(|alert| said.ends_with(&format!("fatal alert: {alert}")));
        cause = one.source();
    }
    if refused {
        "it does not take this home's client certificate, or wants one: put certificate and key, of whom it trusts and not expired, into client.pem in the home"
    } else if untrusted {
        "its TLS certificate is not one that is trusted here; name the file of who certified it in SSL_CERT_FILE"
    } else if error.is_timeout() {
        "it timed out"
    } else if error.is_connect() {
        "connection failed"
    } else {
        "the exchange broke off"
    }
}
