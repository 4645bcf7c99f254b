use super::*;
use crate::key::SecretKey;
use crate::random::SystemRandom;

fn key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

fn ack() -> Ack {
    Ack {
        authority: "authority.example".to_owned(),
        passport_id: PassportId::generate(&SystemRandom).unwrap(),
        instance: "0123456789abcdef0123456789abcdef".to_owned(),
        position: Cursor { epoch: 1, seq: 41 },
        enforced_at: Timestamp::from_millis(1_800_000_000_000),
        at: Timestamp::from_millis(1_800_000_000_007),
    }
}

#[test]
fn what_was_signed_is_what_is_read() {
    let (key, ack) = (key(), ack());
    let text = ack.sign(&key).unwrap();
    let read = UnprovenAck::read(text).unwrap();
    assert_eq!(read.claim(), &ack);
    assert_eq!(read.verify(key.public_key()), Ok(ack));
}

#[test]
fn one_that_was_edited_or_is_by_another_key_is_not_believed() {
    let (key, ack) = (key(), ack());
    let text = ack.sign(&key).unwrap();
    let stranger = UnprovenAck::read(text.as_str()).unwrap();
    assert_eq!(
        stranger.verify(self::key().public_key()),
        Err(FeedError::BadSignature)
    );
    let further = text.replace(r#""seq":41"#, r#""seq":42"#);
    let further = UnprovenAck::read(further).unwrap();
    assert_eq!(
        further.verify(key.public_key()),
        Err(FeedError::BadSignature)
    );
}

#[test]
fn a_statement_of_another_kind_is_none() {
    let (key, ack) = (key(), ack());
    let text = ack.sign(&key).unwrap();
    let (unsigned, _) = text.split_once(r#","signature""#).unwrap();
    let signed = statement::sign(statement::PROOF, &format!("{unsigned}}}"), &key).unwrap();
    let other = UnprovenAck::read(signed).unwrap();
    assert_eq!(other.verify(key.public_key()), Err(FeedError::BadSignature));
}

#[test]
fn only_its_one_form_is_read() {
    let text = ack().sign(&key()).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        UnprovenAck::read(text.replace(from, to)).unwrap_err()
    };
    let more = r#""seq":41,"more":1"#;
    assert_eq!(refused(r#""seq":41"#, more), FeedError::UnknownMember);
    for (from, to, member) in [
        (r#""seq":41"#, r#""seq":-1"#, "seq"),
        (r#""epoch":1"#, r#""epoch":0"#, "epoch"),
        ("asp_", "ASP_", "passport_id"),
        ("0123456789abcdef\"", "0123456789ABCDEF\"", "instance"),
        ("0123456789abcdef\"", "\"", "instance"),
        (".007Z", ".0070Z", "at"),
        (".007Z", ".007+00:00", "at"),
        (".000Z", ".008Z", "enforced_at"),
    ] {
        assert_eq!(refused(from, to), FeedError::Member(member), "{to}");
    }
    assert!(matches!(
        UnprovenAck::read(" ".repeat(2049)),
        Err(FeedError::TooLarge { .. })
    ));
    assert_eq!(
        UnprovenAck::read("[]").unwrap_err(),
        FeedError::Member("acknowledgement")
    );
}
