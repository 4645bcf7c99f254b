//! What time, revocation, level and kind of the sender do to a line.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock as _;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use mcps_core::status::State;

use super::{CALL, INIT, Pair, code, good, message, passport};
use crate::identity::Identity;
use crate::link::{End, Link, LinkParts, Plain, Wire};

#[tokio::test]
async fn refuses_messages_outside_the_window() {
    let pair = Pair::new();
    pair.opened().await;
    let line = pair.client.seal(message(CALL)).unwrap();
    pair.clock.advance(Duration::from_secs(301));
    assert_eq!(code(&pair.server, &line).await, Code::OutOfWindow);
    let late = pair
        .client
        .seal(message(&CALL.replace(r#""id":1"#, r#""id":2"#)))
        .unwrap();
    pair.clock
        .set(pair.clock.now().minus(Duration::from_secs(361)));
    assert_eq!(code(&pair.server, &late).await, Code::OutOfWindow);
}

#[tokio::test]
async fn revocation_and_expiry_bite_between_two_calls() {
    for (state, expected) in [
        (State::Revoked, Code::PassportRevoked),
        (State::Suspended, Code::PassportRevoked),
        (State::Unknown, Code::PassportRevoked),
        (State::Expired, Code::PassportExpired),
    ] {
        let pair = Pair::new();
        pair.opened().await;
        pair.trust
            .preload(&pair.agent, good(&pair.agent, state, pair.clock.now()));
        let line = pair.client.seal(message(CALL)).unwrap();
        assert_eq!(code(&pair.server, &line).await, expected);
    }
    let pair = Pair::new();
    pair.opened().await;
    pair.clock.advance(Duration::from_secs(3601));
    let line = pair.client.seal(message(CALL)).unwrap();
    assert_eq!(code(&pair.server, &line).await, Code::PassportExpired);
}

#[tokio::test]
async fn an_unreachable_authority_is_not_taken_as_good() {
    let pair = Pair::new();
    let stranger = SecretKey::generate(pair.random.as_ref()).unwrap();
    let passport = passport(
        &pair.authority,
        &stranger,
        Kind::Agent,
        "new",
        pair.clock.now(),
        &pair.random,
    );
    let link = Link::new(LinkParts {
        end: End::Client,
        wire: Wire::Stdio,
        identity: Arc::new(Identity::new(Arc::new(stranger), &passport).unwrap()),
        carrier: Carrier::Native,
        verifier: pair.client.verifier,
        clock: pair.clock.clone(),
        random: pair.random.clone(),
        session: Some("cd".repeat(16)),
    });
    let line = link.seal(message(INIT)).unwrap();
    assert_eq!(code(&pair.server, &line).await, Code::AuthorityUnreachable);
}

#[tokio::test]
async fn what_is_known_of_revocations_ages() {
    let pair = Pair::new();
    pair.opened().await;
    // The status is asked for again after two hours here, and L2 allows one.
    pair.clock.advance(Duration::from_secs(3599));
    pair.trust.preload(
        &pair.agent,
        good(
            &pair.agent,
            State::Good,
            pair.clock.now().minus(Duration::from_secs(3601)),
        ),
    );
    let line = pair.client.seal(message(CALL)).unwrap();
    let refused = pair
        .server
        .open(line.into_bytes(), TrustLevel::L2, Plain::Refuse)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal.code(), Code::StatusTooOld);
}

#[tokio::test]
async fn a_level_below_the_required_one_is_refused() {
    let pair = Pair::new();
    let line = pair.client.seal(message(INIT)).unwrap();
    let refused = pair
        .server
        .open(line.into_bytes(), TrustLevel::L3, Plain::Refuse)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal.code(), Code::TrustTooLow);
}

#[tokio::test]
async fn unsigned_lines_are_admitted_only_where_that_is_wanted_and_nobody_signed() {
    let pair = Pair::new();
    assert_eq!(code(&pair.server, INIT).await, Code::SignatureRequired);
    let opened = pair
        .server
        .open(INIT.into(), TrustLevel::L0, Plain::Admit)
        .await
        .unwrap();
    assert!(opened.trust.is_none());
    assert_eq!(
        pair.server
            .seal(message(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#))
            .unwrap(),
        r#"{"jsonrpc":"2.0","id":0,"result":{}}"#
    );
    let pair = Pair::new();
    pair.opened().await;
    let refused = pair
        .server
        .open(CALL.into(), TrustLevel::L0, Plain::Admit)
        .await
        .unwrap_err();
    assert_eq!(refused.refusal.code(), Code::SignatureRequired);
}

#[tokio::test]
async fn a_servers_passport_does_not_speak_as_a_client() {
    let pair = Pair::new();
    let key = SecretKey::generate(pair.random.as_ref()).unwrap();
    let passport = passport(
        &pair.authority,
        &key,
        Kind::Server,
        "posing",
        pair.clock.now(),
        &pair.random,
    );
    pair.trust
        .preload(&passport, good(&passport, State::Good, pair.clock.now()));
    let link = Link::new(LinkParts {
        end: End::Client,
        wire: Wire::Stdio,
        identity: Arc::new(Identity::new(Arc::new(key), &passport).unwrap()),
        carrier: Carrier::Native,
        verifier: pair.client.verifier,
        clock: pair.clock.clone(),
        random: pair.random.clone(),
        session: Some("cd".repeat(16)),
    });
    assert_eq!(
        code(&pair.server, &link.seal(message(INIT)).unwrap()).await,
        Code::InvalidPassport
    );
}
