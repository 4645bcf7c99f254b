use std::collections::HashMap;

use super::*;

#[derive(Debug, Default)]
struct Sent(HashMap<&'static str, String>);

impl HeaderLookup for Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

const BODY: &[u8] = br#"{"event":{"id":"1"}}"#;
const SECRET: &[u8] = b"a secret that PagerDuty made";

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn believe(
    authentication: &Authentication,
    headers: &[(&'static str, String)],
    address: Option<&str>,
) -> Result<Believed, Disbelieved> {
    let headers = Sent(headers.iter().cloned().collect());
    let report = Incoming {
        address,
        headers: &headers,
        client: None,
        body: BODY,
    };
    authentication.believe(report, now())
}

fn hex(message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, message);
    signature
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const REFUSED: Result<Believed, Disbelieved> = Err(Disbelieved::Unsigned(Unsigned::Signature));

#[test]
fn verifies_what_pagerduty_signs_with_one_of_two_secrets() {
    let pagerduty = Authentication::PagerDuty(SECRET.to_vec());
    let name = "x-pagerduty-signature";
    let good = format!("v1={},v1={}", "0".repeat(64), hex(BODY));
    assert!(believe(&pagerduty, &[(name, good)], None).is_ok());
    for bad in [
        String::new(),
        hex(BODY),
        format!("v2={}", hex(BODY)),
        format!("v1={}", hex(b"{}")),
    ] {
        assert_eq!(believe(&pagerduty, &[(name, bad)], None), REFUSED);
    }
    let missing = Err(Unsigned::Header(name).into());
    assert_eq!(believe(&pagerduty, &[], None), missing);
}

#[test]
fn verifies_what_grafana_signs_just_now() {
    let grafana = Authentication::Grafana(SECRET.to_vec());
    let send = |at: i64, signed: i64| {
        let message = [format!("{signed}:").as_bytes(), BODY].concat();
        let headers = [
            ("x-grafana-alerting-signature", hex(&message)),
            ("x-grafana-alerting-timestamp", at.to_string()),
        ];
        believe(&grafana, &headers, None)
    };
    assert!(send(1_800_000_000, 1_800_000_000).is_ok());
    assert_eq!(send(1_800_000_001, 1_800_000_000), REFUSED);
    let stale = Err(Unsigned::Time.into());
    assert_eq!(send(1_799_999_699, 1_799_999_699), stale);
    // Without its timestamp anything could be sent again.
    let bare = [("x-grafana-alerting-signature", hex(BODY))];
    let missing = Err(Unsigned::Header("x-grafana-alerting-timestamp").into());
    assert_eq!(believe(&grafana, &bare, None), missing);
}

#[test]
fn a_token_and_an_address_are_known_by_their_digest() {
    let bearer = Authentication::Bearer(Digest::of(b"token"));
    let sent = |value: &str| [("authorization", value.to_owned())];
    assert!(believe(&bearer, &sent("bearer token"), None).is_ok());
    for bad in ["token", "Basic token", "Bearer Token", "Bearer"] {
        assert_eq!(believe(&bearer, &sent(bad), None), REFUSED, "{bad}");
    }
    let address = Authentication::Address(Digest::of(b"unguessed"));
    assert!(believe(&address, &[], Some("unguessed")).is_ok());
    for bad in [None, Some(""), Some("guessed")] {
        assert_eq!(believe(&address, &[], bad), REFUSED);
    }
    // An address proves nothing for a source that has another proof.
    assert_eq!(believe(&bearer, &sent("Bearer token"), Some("x")), REFUSED);
}

#[test]
fn what_is_stored_is_what_was_there_and_no_secret_is_shown() {
    for authentication in [
        Authentication::Signature(Verifier::Hmac(vec![7; 32])),
        Authentication::PagerDuty(SECRET.to_vec()),
        Authentication::Grafana(SECRET.to_vec()),
        Authentication::Bearer(Digest::of(b"token")),
        Authentication::Address(Digest::of(b"address")),
    ] {
        let (scheme, bytes) = (authentication.scheme(), authentication.bytes());
        let stored = Authentication::stored(scheme, bytes.clone()).unwrap();
        assert_eq!((stored.scheme(), stored.bytes()), (scheme, bytes));
        assert_eq!(format!("{authentication:?}"), scheme);
    }
    assert!(Authentication::stored("bearer", vec![1]).is_none());
    assert!(Authentication::stored("password", vec![1]).is_none());
}
