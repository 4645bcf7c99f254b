use super::*;
use crate::hooks::signature::{Headers, Verifier};

fn at() -> Timestamp {
    Timestamp::from_millis(1_614_265_330_000)
}

#[test]
fn signs_the_published_example() {
    let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let key = SigningKey::Hmac(secret);
    let signature = key.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at(),
        r#"{"test": 2432232314}"#,
    );
    assert_eq!(
        signature.unwrap(),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
}

#[test]
fn what_is_signed_is_believed_by_whoever_receives_it() {
    let ed25519 = SigningKey::Ed25519(vec![7; 32]);
    let hmac = SigningKey::Hmac(vec![7; 32]);
    for (key, verifier) in [
        (
            &ed25519,
            Verifier::public_key(&ed25519.public().unwrap()).unwrap(),
        ),
        (&hmac, Verifier::secret(&hmac.secret().unwrap()).unwrap()),
    ] {
        let signature = key.sign("evt_1_1", at(), "{}").unwrap();
        let headers = Headers {
            id: Some("evt_1_1"),
            timestamp: Some("1614265330"),
            signature: Some(&signature),
        };
        assert_eq!(verifier.verify(headers, b"{}", at()), Ok("evt_1_1"));
        assert!(verifier.verify(headers, b"{} ", at()).is_err());
        assert_eq!(format!("{key:?}"), key.scheme());
    }
}

#[test]
fn pauses_grow_and_end_after_a_day() {
    let pauses: Vec<Duration> = (1..).map_while(|attempts| pause(attempts, 0)).collect();
    assert!(pauses.is_sorted() && pauses.len() == PAUSES_S.len());
    let all: Duration = pauses.iter().sum();
    assert!((20..26).contains(&(all.as_secs() / 3600)), "{all:?}");
    assert_eq!(pause(1, 255), Some(Duration::from_millis(6250)));
    assert_eq!(pause(0, 0), None);
}
