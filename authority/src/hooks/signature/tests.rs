use super::*;

// The example of the specification, "Verifying signatures", and of its reference libraries' tests.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn at() -> Timestamp {
    Timestamp::from_millis(1_614_265_330_000)
}

fn headers(signature: &str) -> Headers<'_> {
    Headers {
        id: Some(ID),
        timestamp: Some("1614265330"),
        signature: Some(signature),
    }
}

#[test]
fn verifies_the_published_example() {
    let verifier = Verifier::secret(SECRET).unwrap();
    assert_eq!(verifier.verify(headers(SIGNATURE), BODY, at()), Ok(ID));
    let rolled = format!("v1,AAAA v2,x {SIGNATURE}");
    assert_eq!(verifier.verify(headers(&rolled), BODY, at()), Ok(ID));
}

#[test]
fn refuses_whatever_was_changed() {
    let verifier = Verifier::secret(SECRET).unwrap();
    let refused = Err(Unsigned::Signature);
    let other = br#"{"test": 2432232315}"#;
    assert_eq!(verifier.verify(headers(SIGNATURE), other, at()), refused);
    let id = Headers {
        id: Some("msg_another"),
        ..headers(SIGNATURE)
    };
    assert_eq!(verifier.verify(id, BODY, at()), refused);
    let time = Headers {
        timestamp: Some("1614265331"),
        ..headers(SIGNATURE)
    };
    assert_eq!(verifier.verify(time, BODY, at()), refused);
    // An ed25519 signature is none by a secret, and the other way round.
    let mixed = SIGNATURE.replace("v1,", "v1a,");
    assert_eq!(verifier.verify(headers(&mixed), BODY, at()), refused);
    let another = Verifier::secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert_eq!(another.verify(headers(SIGNATURE), BODY, at()), refused);
    assert_eq!(verifier.verify(headers(""), BODY, at()), refused);
}

#[test]
fn refuses_old_and_future_reports() {
    let verifier = Verifier::secret(SECRET).unwrap();
    for off in [-301, 301] {
        let now = Timestamp::from_millis(at().as_millis() + off * 1000);
        assert_eq!(
            verifier.verify(headers(SIGNATURE), BODY, now),
            Err(Unsigned::Time)
        );
    }
}

#[test]
fn names_the_header_that_is_missing() {
    let verifier = Verifier::secret(SECRET).unwrap();
    let without = [
        (
            "webhook-id",
            Headers {
                id: None,
                ..headers(SIGNATURE)
            },
        ),
        (
            "webhook-id",
            Headers {
                id: Some("a.b"),
                ..headers(SIGNATURE)
            },
        ),
        (
            "webhook-timestamp",
            Headers {
                timestamp: Some("1e9"),
                ..headers(SIGNATURE)
            },
        ),
        (
            "webhook-signature",
            Headers {
                signature: None,
                ..headers(SIGNATURE)
            },
        ),
    ];
    for (name, headers) in without {
        let refused = verifier.verify(headers, BODY, at());
        assert_eq!(refused, Err(Unsigned::Header(name)));
    }
}

#[test]
fn verifies_ed25519() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = format!("whpk_{}", STANDARD.encode(pair.public_key().as_ref()));
    let verifier = Verifier::public_key(&public).unwrap();
    let signed = [ID.as_bytes(), b".1614265330.", BODY].concat();
    let signature = format!("v1a,{}", STANDARD.encode(pair.sign(&signed)));
    assert_eq!(verifier.verify(headers(&signature), BODY, at()), Ok(ID));
    let refused = verifier.verify(headers(&signature), b"{}", at());
    assert_eq!(refused, Err(Unsigned::Signature));
}

#[test]
fn keys_of_another_form_are_refused_and_never_shown() {
    for bad in [
        "",
        "whsec_",
        "whsec_AAAA",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        assert!(
            matches!(Verifier::secret(bad), Err(KeyError::Secret)),
            "{bad}"
        );
        assert!(
            matches!(Verifier::public_key(bad), Err(KeyError::PublicKey)),
            "{bad}"
        );
    }
    assert_eq!(format!("{:?}", Verifier::secret(SECRET).unwrap()), "hmac");
}
