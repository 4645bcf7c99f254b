//! What the authority says of a passport, and what somebody between us and it makes of that.

use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Kind, PassportId};
use mcps_core::random::SystemRandom;
use mcps_core::status::{State, Status};

use crate::wire::{Founder, Hand, INITIALIZE, Meddler, Rule, Served, Stage, call, changed};

/// The passport and the nonce that a status is asked for.
pub(super) fn asked(path: &str) -> Option<(PassportId, String)> {
    let (id, nonce) = path
        .strip_prefix("/v1/passports/")?
        .split_once("/status?nonce=")?;
    Some((PassportId::parse(id)?, nonce.to_owned()))
}

/// Every passport is good, by the authority's own key.
pub(super) fn always_good(meddler: &Meddler, founder: Founder) {
    always(meddler, founder, |_| {});
}

/// Every status is what this makes of a good one, by the authority's own key.
pub(super) fn always(
    meddler: &Meddler,
    founder: Founder,
    change: impl Fn(&mut Status) + Send + 'static,
) {
    meddler.rule(move |path| match asked(path) {
        Some((id, nonce)) => {
            let mut status = founder.status(&id, State::Good, &nonce);
            change(&mut status);
            Rule::Answer(founder.sign_status(&status))
        }
        None => Rule::Pass,
    });
}

/// A wrapper whose authority is behind the meddler.
fn behind_meddler(options: &[&str]) -> (Served, Meddler, Founder) {
    let stage = Stage::set();
    let meddler = Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    let founder = Founder::of(&stage.world, &stage.agent);
    let options = [&["--status-refresh", "0"], options].concat();
    (Served::start_with(stage, &options), meddler, founder)
}

/// Whatever becomes of every status answer, a first line is refused so.
async fn refused_when(change: impl Fn(String) -> String + Clone + Send + 'static) -> Code {
    let (mut served, meddler, _) = behind_meddler(&[]);
    meddler.rule(move |path| match asked(path) {
        Some(_) => Rule::Change(Box::new(change.clone())),
        None => Rule::Pass,
    });
    let line = served.agent.seal(INITIALIZE);
    served.refuses(&line).await
}

#[tokio::test]
async fn an_unknown_status_is_not_good() {
    // The authority's own signature is on it, and the authority never recorded it.
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let passport = founder.sign(founder.draft(Kind::Agent, "unrecorded", &key));
    let mut served = Served::start_for(stage, Hand::with(key, passport), &[]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
}

#[tokio::test]
async fn an_unreachable_status_is_not_good() {
    let (mut served, meddler, _) = behind_meddler(&[]);
    for rule in [
        || Rule::HangUp,
        || Rule::Answer(String::new()),
        || Rule::Answer("{}".to_owned()),
        || Rule::Answer(r#"{"status":"good"}"#.to_owned()),
        || Rule::Answer("[".repeat(100_000)),
    ] {
        meddler.rule(move |_| rule());
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
        served.wrap.says("no status from the trust authority").await;
    }
}

#[tokio::test]
async fn a_status_with_a_bad_signature_is_not_used() {
    let code = refused_when(|body| {
        let at = body.find(r#""signature":""#).unwrap() + 20;
        let other = if &body[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &body[..at], &body[at + 1..])
    });
    assert_eq!(code.await, Code::AuthorityUnreachable);
    let code = refused_when(|body| changed(&body, r#""trust_level":2"#, r#""trust_level":4"#));
    assert_eq!(code.await, Code::AuthorityUnreachable);
}

#[tokio::test]
async fn a_revoked_status_that_was_made_good_is_not_used() {
    let (mut served, meddler, _) = behind_meddler(&[]);
    served.stage.revoke(&served.stage.agent);
    meddler.rule(|path| match asked(path) {
        Some(_) => Rule::Change(Box::new(|body| {
            changed(&body, r#""revoked","#, r#""good","#)
        })),
        None => Rule::Pass,
    });
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
}

#[tokio::test]
async fn a_status_by_another_key_of_the_authority_is_not_used() {
    let (mut served, meddler, mut founder) = behind_meddler(&[]);
    let passport_key = founder.passport_key.to_pem().unwrap();
    founder.status_key = SecretKey::from_pem(&passport_key).unwrap();
    always_good(&meddler, founder);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
}

#[tokio::test]
async fn an_old_good_status_is_not_used_again() {
    let (mut served, meddler, founder) = behind_meddler(&[]);
    let old = founder.sign_status(&founder.status(
        served.agent.passport.id(),
        State::Good,
        &"0".repeat(32),
    ));
    served.stage.revoke(&served.stage.agent);
    meddler.rule(move |path| match asked(path) {
        Some(_) => Rule::Answer(old.clone()),
        None => Rule::Pass,
    });
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
    served.wrap.says("it answers another question").await;
}

#[tokio::test]
async fn a_status_of_another_passport_is_not_used() {
    let (mut served, meddler, founder) = behind_meddler(&[]);
    let other = PassportId::generate(&SystemRandom).unwrap();
    always(&meddler, founder, move |status| {
        status.passport_id = other.clone();
    });
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
}

#[tokio::test]
async fn a_status_of_another_time_or_authority_is_not_used() {
    let shifted = |ms: i64| {
        move |status: &mut Status| {
            let moved = |at: Timestamp| Timestamp::from_millis(at.as_millis() + ms);
            status.produced_at = moved(status.produced_at);
            status.fresh_until = moved(status.fresh_until);
        }
    };
    type Change = Box<dyn Fn(&mut Status) + Send>;
    let changes: [Change; 3] = [
        Box::new(shifted(-600_000)),
        Box::new(shifted(600_000)),
        Box::new(|status| status.authority.push('x')),
    ];
    let (mut served, meddler, _) = behind_meddler(&[]);
    for change in changes {
        let founder = Founder::of(&served.stage.world, &served.stage.agent);
        always(&meddler, founder, change);
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, Code::AuthorityUnreachable);
    }
}

#[tokio::test]
async fn a_suspended_passport_may_come_back_and_a_revoked_one_may_not() {
    let (mut served, meddler, _) = behind_meddler(&[]);
    served.open().await;
    let states = [
        (State::Suspended, Some(Code::PassportRevoked)),
        (State::Expired, Some(Code::PassportExpired)),
        (State::Good, None),
        (State::Revoked, Some(Code::PassportRevoked)),
        (State::Good, Some(Code::PassportRevoked)),
    ];
    for (state, refused) in states {
        let founder = Founder::of(&served.stage.world, &served.stage.agent);
        always(&meddler, founder, move |status| status.state = state);
        match refused {
            None => served.still_serves().await,
            Some(code) => {
                let line = served.agent.seal(&call(900));
                assert_eq!(served.refuses(&line).await, code, "{state:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_known_of_revocations_must_be_fresh_enough_for_the_level() {
    let (mut served, meddler, founder) = behind_meddler(&["--min-level", "2"]);
    always(&meddler, founder, |status| {
        let two_hours = 7_200_000;
        status.produced_at = Timestamp::from_millis(status.produced_at.as_millis() - two_hours);
    });
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::StatusTooOld);
    let founder = Founder::of(&served.stage.world, &served.stage.agent);
    always_good(&meddler, founder);
    served.agent.shows_passport = false;
    served.still_serves().await;
}
