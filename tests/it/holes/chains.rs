//! Passports that were not issued by the authority itself.

use mcps_core::code::Code;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ca, Kind, Passport, Unsigned, Within};
use mcps_core::random::SystemRandom;
use mcps_core::status::State;

use super::status::{always, always_good};
use crate::wire::{Founder, Hand, INITIALIZE, Meddler, Served, Stage, call, time};

fn new_key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

/// An issuing passport that the authority signed, and its key.
fn issuer(founder: &Founder, change: impl FnOnce(&mut Unsigned)) -> (SecretKey, Passport) {
    let key = new_key();
    let mut draft = founder.draft(Kind::Gateway, "branch", &key);
    draft.ext.as_mut().unwrap().ca = Some(Ca {
        max_path: 0,
        max_level: TrustLevel::L2,
        origins: vec!["https://one.example".to_owned()],
        within: Within::default(),
    });
    change(&mut draft);
    let passport = founder.sign(draft);
    (key, passport)
}

/// A wrapper for an agent whose passport the issuer signed; every status is good.
fn served_for(
    stage: Stage,
    (key, parent): &(SecretKey, Passport),
    change: impl FnOnce(&mut Unsigned),
) -> (Served, Meddler) {
    let founder = Founder::of(&stage.world, &stage.agent);
    let meddler = Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    let own = new_key();
    let mut draft = founder.draft(Kind::Agent, "child", &own);
    draft.issuer = parent.agent_name().to_owned();
    draft.issuer_chain = vec![parent.clone()];
    change(&mut draft);
    let passport = draft.sign(key).unwrap();
    always_good(&meddler, founder);
    let agent = Hand::with(own, passport);
    let served = Served::start_for(stage, agent, &["--status-refresh", "0"]);
    (served, meddler)
}

async fn refused_by(
    change_issuer: impl FnOnce(&mut Unsigned),
    change_child: impl FnOnce(&mut Unsigned),
) -> Code {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let issuer = issuer(&founder, change_issuer);
    let (mut served, _meddler) = served_for(stage, &issuer, change_child);
    let line = served.agent.seal(INITIALIZE);
    served.refuses(&line).await
}

#[tokio::test]
async fn an_issuer_that_may_issue_is_believed() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let issuer = issuer(&founder, |_| {});
    let (mut served, _meddler) = served_for(stage, &issuer, |_| {});
    served.open().await;
    served.still_serves().await;
}

#[tokio::test]
async fn an_ordinary_agent_issues_nothing() {
    let stage = Stage::set();
    let agent = Hand::of(&stage.agent);
    let ordinary = (agent.key, agent.passport);
    let (mut served, _meddler) = served_for(stage, &ordinary, |_| {});
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::InvalidPassport);
    served.wrap.says("has no right to issue").await;
}

#[tokio::test]
async fn an_expired_intermediate_is_refused() {
    let code = refused_by(|draft| draft.expires_at = time(-1000), |_| {});
    assert_eq!(code.await, Code::PassportExpired);
}

#[tokio::test]
async fn nothing_is_passed_on_beyond_the_issuers_own() {
    let level = refused_by(|_| {}, |draft| draft.trust_level = TrustLevel::L4);
    assert_eq!(level.await, Code::InvalidPassport);
    let origin = |draft: &mut Unsigned| draft.origin = Some("https://two.example".to_owned());
    assert_eq!(refused_by(|_| {}, origin).await, Code::InvalidPassport);
    let right = |draft: &mut Unsigned| {
        draft.ext.as_mut().unwrap().ca = Some(Ca {
            max_path: 0,
            max_level: TrustLevel::L4,
            origins: Vec::new(),
            within: Within::default(),
        });
    };
    assert_eq!(refused_by(|_| {}, right).await, Code::InvalidPassport);
    let name = |draft: &mut Unsigned| draft.issuer = "another".to_owned();
    assert_eq!(refused_by(|_| {}, name).await, Code::InvalidPassport);
}

#[tokio::test]
async fn a_revoked_or_unknown_issuer_takes_its_subjects_with_it() {
    for state in [State::Revoked, State::Unknown, State::Suspended] {
        let stage = Stage::set();
        let founder = Founder::of(&stage.world, &stage.agent);
        let issuer = issuer(&founder, |_| {});
        let (mut served, meddler) = served_for(stage, &issuer, |_| {});
        served.open().await;
        let id = issuer.1.id().clone();
        always(&meddler, founder, move |status| {
            if status.passport_id == id {
                status.state = state;
            }
        });
        let line = served.agent.seal(&call(900));
        assert_eq!(
            served.refuses(&line).await,
            Code::PassportRevoked,
            "{state:?}"
        );
    }
}
