//! Passports that nobody vouches for, under names and ids of others.

use mcps_core::code::Code;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Kind, Passport};
use mcps_core::random::SystemRandom;

use crate::wire::{Founder, Hand, INITIALIZE, Served, Stage, call};

/// A passport that its own key signed, under the id and the name of another.
fn posing_as(stage: &Stage, other: &Passport, issuer: &str) -> (SecretKey, Passport) {
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let founder = Founder::of(&stage.world, &stage.agent);
    let mut draft = founder.draft(Kind::Agent, other.agent_name(), &key);
    draft.id = other.id().clone();
    draft.issuer = issuer.to_owned();
    let passport = draft.sign(&key).unwrap();
    (key, passport)
}

#[tokio::test]
async fn a_self_signed_passport_is_worth_nothing() {
    for code in [Code::TrustTooLow, Code::InvalidPassport] {
        let stage = Stage::set();
        let agent = Hand::of(&stage.agent).passport;
        let named = if code == Code::TrustTooLow {
            "nobody"
        } else {
            agent.issuer()
        };
        let (key, passport) = posing_as(&stage, &agent, named);
        let mut served = Served::start_for(stage, Hand::with(key, passport), &[]);
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, code);
    }
}

#[tokio::test]
async fn a_passport_under_a_known_id_takes_nobodys_place() {
    // At every level, that one included which admits whoever comes.
    for options in [&[][..], &["--min-level", "0"], &["--mode", "observe"]] {
        let mut served = Served::start_with(Stage::set(), options);
        served.open().await;
        let (key, passport) = posing_as(&served.stage, &served.agent.passport, "nobody");
        // Everything but the key and the passport is as the agent's next line has it.
        let posing = Hand::with(key, passport);
        let mut fields = served.agent.fields();
        fields.passport = Some(Box::new(posing.passport.clone()));
        let line = posing.forge(&call(900), &fields);
        served.wrap.write(&line).await;
        if options.contains(&"observe") {
            served.wrap.says("would refuse with MCPS-001").await;
            assert_eq!(served.behind.read().await, call(900));
        } else {
            assert_eq!(served.wrap.refusal().await, Code::InvalidPassport);
        }
        served.still_serves().await;
    }
}

#[tokio::test]
async fn another_subject_does_not_speak_on_a_connection() {
    let mut served = Served::opened().await;
    let other = Hand::of(&served.stage.world.enrol("agent", "other", 2));
    let mut fields = served.agent.fields();
    fields.passport_id = other.passport.id().clone();
    fields.passport = Some(Box::new(other.passport.clone()));
    let line = other.forge(&call(900), &fields);
    assert_eq!(served.refuses(&line).await, Code::InvalidPassport);
    served.still_serves().await;
}
