use std::time::Duration;

use serde_json::{Value, json};

use super::{State, Status};
use crate::code::Code;
use crate::fixture::{AUTHORITY, NOW, id_of, key};
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const NONCE: &str = "00112233445566778899aabbccddeeff";
const STATUS: u64 = 104;

fn bundle_of(authority: &str, state: KeyState) -> TrustBundle {
    let keys = [
        (100, KeyUse::Root, KeyState::Active),
        (102, KeyUse::Passport, KeyState::Active),
        (STATUS, KeyUse::Status, state),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(100);
    let text = TrustBundle::unsigned_json(authority, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn status(state: State) -> Status {
    Status {
        authority: AUTHORITY.to_owned(),
        passport_id: id_of("agent"),
        state,
        trust_level: Some(TrustLevel::L2),
        reason: None,
        revoked_at: None,
        nonce: NONCE.to_owned(),
        produced_at: NOW,
        fresh_until: NOW.plus(Duration::from_secs(30)),
    }
}

fn signed_by(status: &Status, seed: u64) -> String {
    let unsigned = status.unsigned_json(key(seed).public_key().key_id());
    statement::sign(statement::STATUS, &unsigned, &key(seed)).unwrap()
}

fn verify(text: &str) -> Result<Status, Refusal> {
    Status::verify(
        text,
        &bundle_of(AUTHORITY, KeyState::Active),
        &id_of("agent"),
        NONCE,
        NOW,
    )
}

#[test]
fn a_fresh_answer_to_the_very_question_is_believed() {
    for state in State::ALL {
        let mut status = status(state);
        assert_eq!(verify(&signed_by(&status, STATUS)).unwrap(), status);
        status.trust_level = None;
        status.reason = Some("key_compromise \"é\"".to_owned());
        status.revoked_at = Some(NOW);
        assert_eq!(verify(&signed_by(&status, STATUS)).unwrap(), status);
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
}

/// Unknown means revoked: only `good` lets a call go on.
#[test]
fn only_good_admits() {
    for (state, code) in [
        (State::Revoked, Code::PassportRevoked),
        (State::Suspended, Code::PassportRevoked),
        (State::Unknown, Code::PassportRevoked),
        (State::Expired, Code::PassportExpired),
    ] {
        assert_eq!(status(state).admits().unwrap_err().code(), code);
    }
    status(State::Good).admits().unwrap();
}

#[test]
fn a_bad_signature_is_refused() {
    let text = signed_by(&status(State::Good), STATUS);
    for (from, to) in [
        ("\"good\"", "\"Good\""),
        ("\"trust_level\":2", "\"trust_level\":4"),
        ("12:00:30.000Z", "12:00:31.000Z"),
        ("12:00:00.000Z", "12:00:00.001Z"),
        ("\"authority\"", "\"x\":1,\"authority\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(verify(&changed).unwrap_err(), Refusal::BadSignature, "{to}");
    }
    let revoked = signed_by(&status(State::Revoked), STATUS).replacen("\"revoked\"", "\"good\"", 1);
    assert_eq!(verify(&revoked).unwrap_err(), Refusal::BadSignature);
    let mut without: Value = serde_json::from_str(&text).unwrap();
    without.as_object_mut().unwrap().remove("signature");
    assert_eq!(
        verify(&without.to_string()).unwrap_err(),
        Refusal::BadSignature
    );
}

#[test]
fn a_key_that_is_not_the_authority_s_for_status_is_refused() {
    for seed in [100, 102, 999] {
        assert_eq!(
            verify(&signed_by(&status(State::Good), seed)).unwrap_err(),
            Refusal::UnknownIssuer
        );
    }
    let revoked = bundle_of(AUTHORITY, KeyState::Revoked);
    let text = signed_by(&status(State::Good), STATUS);
    let refusal = Status::verify(&text, &revoked, &id_of("agent"), NONCE, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownIssuer);
}

#[test]
fn a_statement_of_another_kind_is_no_status() {
    let unsigned = status(State::Good).unsigned_json(key(STATUS).public_key().key_id());
    for ctx in [statement::TRUST, statement::TOOL, statement::MESSAGE] {
        let text = statement::sign(ctx, &unsigned, &key(STATUS)).unwrap();
        assert_eq!(verify(&text).unwrap_err(), Refusal::BadSignature, "{ctx}");
    }
}

/// An old good answer, replayed, has another nonce.
#[test]
fn an_answer_to_another_nonce_is_refused() {
    let other = Status {
        nonce: "f".repeat(32),
        ..status(State::Good)
    };
    assert_eq!(
        verify(&signed_by(&other, STATUS)).unwrap_err().code(),
        Code::Malformed
    );
    let empty = Status {
        nonce: String::new(),
        ..status(State::Good)
    };
    assert_eq!(
        verify(&signed_by(&empty, STATUS)).unwrap_err().code(),
        Code::Malformed
    );
}

#[test]
fn an_answer_about_another_passport_is_refused() {
    let other = Status {
        passport_id: id_of("other"),
        ..status(State::Good)
    };
    assert_eq!(
        verify(&signed_by(&other, STATUS)).unwrap_err().code(),
        Code::Malformed
    );
}

#[test]
fn an_answer_of_another_authority_is_refused() {
    let other = Status {
        authority: "other.example".to_owned(),
        ..status(State::Good)
    };
    assert_eq!(
        verify(&signed_by(&other, STATUS)).unwrap_err().code(),
        Code::Malformed
    );
    let bundle = bundle_of("other.example", KeyState::Active);
    let text = signed_by(&status(State::Good), STATUS);
    assert!(Status::verify(&text, &bundle, &id_of("agent"), NONCE, NOW).is_err());
}

#[test]
fn a_stale_answer_is_refused() {
    let text = signed_by(&status(State::Good), STATUS);
    let at = |now| {
        Status::verify(
            &text,
            &bundle_of(AUTHORITY, KeyState::Active),
            &id_of("agent"),
            NONCE,
            now,
        )
    };
    assert!(at(NOW.plus(Duration::from_millis(29_999))).is_ok());
    for late in [30_000, 30_001, 86_400_000] {
        let refusal = at(NOW.plus(Duration::from_millis(late))).unwrap_err();
        assert_eq!(refusal.code(), Code::StatusTooOld);
    }
    assert!(
        at(NOW.minus(Duration::from_secs(60))).is_ok(),
        "within the skew"
    );
    assert!(
        at(NOW.minus(Duration::from_millis(60_001))).is_err(),
        "from the future"
    );
}

#[test]
fn refuses_missing_and_mistyped_members_with_a_code() {
    let whole = Status {
        reason: Some("policy".to_owned()),
        revoked_at: Some(NOW),
        ..status(State::Revoked)
    };
    let unsigned: Value =
        serde_json::from_str(&whole.unsigned_json(key(STATUS).public_key().key_id())).unwrap();
    let sign =
        |tree: &Value| statement::sign(statement::STATUS, &tree.to_string(), &key(STATUS)).unwrap();
    assert!(verify(&sign(&unsigned)).is_ok());
    let optional = ["trust_level", "reason", "revoked_at"];
    for name in unsigned.as_object().unwrap().keys() {
        let mut changed = unsigned.clone();
        changed.as_object_mut().unwrap().remove(name);
        let result = verify(&sign(&changed));
        assert_eq!(result.is_ok(), optional.contains(&name.as_str()), "{name}");
        for value in [
            json!(null),
            json!(true),
            json!(1.5),
            json!(9),
            json!([]),
            json!({}),
            json!("x"),
        ] {
            if name == "reason" && value.is_string() {
                continue;
            }
            let mut changed = unsigned.clone();
            changed[name] = value.clone();
            let code = verify(&sign(&changed)).unwrap_err().code();
            assert!(
                [Code::Malformed, Code::InvalidPassport].contains(&code),
                "{name} = {value}"
            );
        }
    }
    for text in ["", "1", "[]", "{}", "{\"kid\":1}"] {
        assert!(verify(text).is_err());
    }
}
