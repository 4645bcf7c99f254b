//! What a refusal leaves behind: a line that was refused stays refused, the next one still counts,
//! and nobody is told that a request was refused which may yet be served.

use std::sync::Arc;

use mcps_core::code::Code;
use mcps_core::envelope::{self, Carrier};
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::passport::{Ext, Kind, Passport, Unsigned};
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::status::State;

use super::{CALL, INIT, Pair, RESULT, at, code, good, message, passport};
use crate::identity::Identity;
use crate::link::Plain;

fn call(id: u32) -> Message {
    message(&CALL.replace(r#""id":1"#, &format!(r#""id":{id}"#)))
}

/// A passport that `owner` signed for itself, under the id and in the name of another.
fn posing_as(other: &Passport, owner: &SecretKey) -> Passport {
    Unsigned {
        id: other.id().clone(),
        agent_name: other.agent_name().to_owned(),
        agent_version: "1".to_owned(),
        capabilities: vec![],
        public_key: owner.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at: other.issued_at(),
        expires_at: other.expires_at(),
        issuer: "nobody".to_owned(),
        issuer_chain: vec![],
        key_rotation: None,
        ext: Some(Ext {
            tenant: "t".to_owned(),
            kind: Kind::Agent,
            owner: "o".to_owned(),
            ca: None,
            status: None,
        }),
    }
    .sign(owner)
    .unwrap()
}

#[tokio::test]
async fn a_refused_line_takes_its_place_so_that_the_next_one_is_served() {
    let pair = Pair::new();
    pair.opened().await;
    let now = mcps_core::clock::Clock::now(pair.clock.as_ref());
    let set = |state| {
        pair.trust
            .preload(&pair.agent, good(&pair.agent, state, now))
    };
    set(State::Suspended);
    let line = pair.client.seal(call(1)).unwrap();
    let refused = at(&pair.server, &line).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::PassportRevoked);
    assert!(refused.authentic);
    set(State::Good);
    at(&pair.server, &pair.client.seal(call(2)).unwrap())
        .await
        .unwrap();
    // Refused once, it is not served when times are better, and does no harm either.
    assert_eq!(code(&pair.server, &line).await, Code::Replayed);
    at(&pair.server, &pair.client.seal(call(3)).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_first_line_that_was_refused_does_not_end_the_connection() {
    let pair = Pair::new();
    let now = mcps_core::clock::Clock::now(pair.clock.as_ref());
    pair.trust
        .preload(&pair.agent, good(&pair.agent, State::Suspended, now));
    let line = pair.client.seal(message(INIT)).unwrap();
    let refused = at(&pair.server, &line).await.unwrap_err();
    let told = pair.server.seal_refused(&refused, "d").unwrap();
    let told = at(&pair.client, &told).await.unwrap();
    assert!(told.message.text().contains("MCPS-003"));
    pair.trust
        .preload(&pair.agent, good(&pair.agent, State::Good, now));
    let again = INIT.replace(r#""id":0"#, r#""id":9"#);
    at(&pair.server, &pair.client.seal(message(&again)).unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refused_line_of_an_earlier_session_does_not_take_the_place_of_ours() {
    let pair = Pair::new();
    let other = pair.link_of(Arc::clone(pair.client.identity()));
    let now = mcps_core::clock::Clock::now(pair.clock.as_ref());
    pair.trust
        .preload(&pair.agent, good(&pair.agent, State::Suspended, now));
    let early = other.seal(message(INIT)).unwrap();
    assert_eq!(code(&pair.server, &early).await, Code::PassportRevoked);
    pair.trust
        .preload(&pair.agent, good(&pair.agent, State::Good, now));
    pair.opened().await;
}

#[tokio::test]
async fn a_refusal_of_what_nobody_signed_names_no_request() {
    let pair = Pair::new();
    pair.opened().await;
    let line = pair.client.seal(call(1)).unwrap();
    let forged = line.replace("1.5", "1.6");
    let refused = at(&pair.server, &forged).await.unwrap_err();
    assert!(!refused.authentic);
    let told = pair.server.seal_refused(&refused, "d").unwrap();
    assert!(told.contains("MCPS-004") && !told.contains(r#""req":{"#));
    // The client must not take the call for refused: the real line is still on its way.
    let unbound = at(&pair.client, &told).await.unwrap_err();
    assert!(
        matches!(unbound.refusal, Refusal::NotBound(_)),
        "{unbound:?}"
    );
    at(&pair.server, &line).await.unwrap();
    let answer = pair.server.seal(message(RESULT)).unwrap();
    at(&pair.client, &answer).await.unwrap();
}

#[tokio::test]
async fn the_first_exchange_may_fail_with_an_error_that_names_no_request() {
    let pair = Pair::new();
    let line = pair.client.seal(message(INIT)).unwrap();
    let refused = at(&pair.server, &line.replace(r#""1.0""#, r#""9.0""#))
        .await
        .unwrap_err();
    assert_eq!(refused.refusal.code(), Code::NoMutualVersion);
    let told = pair.server.seal_refused(&refused, "d").unwrap();
    let told = at(&pair.client, &told).await.unwrap();
    assert!(told.message.text().contains("MCPS-015"));
}

#[tokio::test]
async fn a_passport_under_somebody_elses_id_neither_speaks_for_them_nor_breaks_their_stream() {
    let pair = Pair::new();
    pair.opened().await;
    let own = SecretKey::generate(pair.random.as_ref()).unwrap();
    let posing = posing_as(&pair.agent, &own);
    // Everything but the passport and its key is as the next line of the real agent has it.
    let mut fields = envelope::Sealed::read(
        message(&pair.client.seal(call(1)).unwrap()),
        Carrier::Native,
    )
    .unwrap()
    .fields()
    .clone();
    fields.nonce = "ee".repeat(16);
    fields.passport = Some(Box::new(posing));
    let line = envelope::seal(call(1), Carrier::Native, &fields, &own).unwrap();
    for need in [TrustLevel::L0, TrustLevel::L1] {
        let opened = pair
            .server
            .open(line.text.clone().into_bytes(), need, Plain::Refuse)
            .await;
        assert_eq!(
            opened.unwrap_err().refusal.code(),
            Code::InvalidPassport,
            "{need}"
        );
    }
    assert_eq!(
        pair.server.peer().unwrap().passport.text(),
        pair.agent.text()
    );
}

#[tokio::test]
async fn two_passports_that_nobody_vouches_for_are_two_subjects() {
    let pair = Pair::new();
    let keys = [0; 3].map(|_| SecretKey::generate(pair.random.as_ref()).unwrap());
    let now = mcps_core::clock::Clock::now(pair.clock.as_ref());
    let [third, keys @ ..] = keys;
    let unknown = passport(
        &pair.authority,
        &third,
        Kind::Agent,
        "agent",
        now,
        &pair.random,
    );
    let [one, other] = keys.map(|key| {
        let passport = posing_as(&unknown, &key);
        pair.link_of(Arc::new(Identity::new(Arc::new(key), &passport).unwrap()))
    });
    let open = async |line: String| {
        pair.server
            .open(line.into_bytes(), TrustLevel::L0, Plain::Refuse)
            .await
    };
    open(one.seal(message(INIT)).unwrap()).await.unwrap();
    let line = other.seal(message(INIT)).unwrap();
    let sealed = envelope::Sealed::read(message(&line), Carrier::Native).unwrap();
    let mut fields = sealed.fields().clone();
    fields.aud = format!("stdio:{}", pair.server.identity().id().unwrap());
    let signer = other.identity().signer();
    let line = envelope::seal(message(INIT), Carrier::Native, &fields, signer).unwrap();
    let refused = open(line.text).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::InvalidPassport);
}

#[tokio::test]
async fn an_answer_that_cannot_be_signed_still_waits_for_one_that_can() {
    let pair = Pair::new();
    pair.opened().await;
    at(&pair.server, &pair.client.seal(call(1)).unwrap())
        .await
        .unwrap();
    let claims = r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"dev.mcps/envelope":{}}}}"#;
    assert!(matches!(
        pair.server.seal(message(claims)),
        Err(Refusal::Envelope(_))
    ));
    let id = call(1).id().unwrap().clone();
    assert!(pair.server.served(&id).is_some());
    let failed = pair.server.seal_failure(&id, Code::Malformed, "d").unwrap();
    assert!(at(&pair.client, &failed).await.unwrap().asked.is_some());
}

#[tokio::test]
async fn whoever_waits_for_an_answer_below_the_level_can_still_be_told() {
    let pair = Pair::new();
    pair.opened().await;
    at(&pair.server, &pair.client.seal(call(1)).unwrap())
        .await
        .unwrap();
    let answer = pair.server.seal(message(RESULT)).unwrap();
    let low = pair
        .client
        .open(answer.into_bytes(), TrustLevel::L3, Plain::Refuse)
        .await;
    let low = low.unwrap_err();
    assert_eq!(low.refusal.code(), Code::TrustTooLow);
    assert!(pair.client.abandon(&low.id.unwrap()));
}

#[tokio::test]
async fn what_one_end_cancels_does_not_end_what_the_other_asked() {
    let pair = Pair::new();
    pair.opened().await;
    let cancel = |id: u32| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        message(&text)
    };
    // The server asks something under id 7; the client cancels a 7 of its own, and many more.
    let own = r#"{"jsonrpc":"2.0","id":7,"method":"roots/list"}"#;
    at(&pair.client, &pair.server.seal(message(own)).unwrap())
        .await
        .unwrap();
    for id in 7..7 + 1025 {
        at(&pair.server, &pair.client.seal(cancel(id)).unwrap())
            .await
            .unwrap();
        at(
            &pair.client,
            &pair.server.seal(cancel(id + 10_000)).unwrap(),
        )
        .await
        .unwrap();
    }
    let roots = message(r#"{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}"#);
    let answer = pair.client.seal(roots).unwrap();
    assert!(at(&pair.server, &answer).await.unwrap().asked.is_some());
}

#[tokio::test]
async fn an_id_without_end_is_not_kept() {
    let pair = Pair::new();
    pair.opened().await;
    let long = CALL.replace(r#""id":1"#, &format!(r#""id":"{}""#, "x".repeat(5000)));
    assert!(pair.client.seal(message(&long)).is_err());
    let sent = envelope::seal(
        message(&long),
        Carrier::Native,
        &{
            let line = pair.client.seal(call(2)).unwrap();
            let sealed = envelope::Sealed::read(message(&line), Carrier::Native);
            sealed.unwrap().fields().clone()
        },
        pair.client.identity().signer(),
    );
    assert_eq!(
        code(&pair.server, &sent.unwrap().text).await,
        Code::Malformed
    );
}
