//! Who may speak to `mcps-wrap`, and until when.

use mcps_core::code::Code;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Kind, Passport};
use mcps_core::random::SystemRandom;

use crate::wire::{Founder, Hand, INITIALIZE, Served, Stage, call, changed, code_of, result, time};

fn new_key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

/// A wrapper with whose own agent something is wrong.
fn served_for(stage: Stage, key: SecretKey, passport: Passport, options: &[&str]) -> Served {
    Served::start_for(stage, Hand::with(key, passport), options)
}

#[tokio::test]
async fn a_passport_is_not_cached_past_its_revocation() {
    let mut served = Served::opened().await;
    served.still_serves().await;
    served.stage.revoke(&served.stage.agent);
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    // Whether or not it comes along again.
    served.agent.shows_passport = true;
    let line = served.agent.seal(&call(901));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    served.wrap.close_input();
    assert_eq!(served.behind.read_to_end().await, None);
}

#[tokio::test]
async fn within_the_refresh_interval_a_revocation_bites() {
    let mut served = Served::start_with(Stage::set(), &["--status-refresh", "1s"]);
    served.open().await;
    served.stage.revoke(&served.stage.agent);
    let since = std::time::Instant::now();
    loop {
        served.wrap.write(&served.agent.seal(&call(900))).await;
        // It answers in order: either the server was asked, or the refusal is there.
        let line = tokio::select! {
            line = served.behind.read() => { assert_eq!(line, call(900)); None }
            line = served.wrap.read() => Some(line),
        };
        if let Some(line) = line {
            assert_eq!(code_of(&line), Some(Code::PassportRevoked));
            break;
        }
        served.behind.write(&result(900)).await;
        // The revocation may have come while the server was asked: its answer is not sent then.
        if let Some(code) = code_of(&served.wrap.read().await) {
            assert_eq!(code, Code::PassportRevoked);
            break;
        }
        assert!(
            since.elapsed().as_secs() < 30,
            "served for {:?}",
            since.elapsed()
        );
    }
}

#[tokio::test]
async fn an_expired_passport_is_refused() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let key = new_key();
    let mut draft = founder.draft(Kind::Agent, "late", &key);
    draft.expires_at = time(-1000);
    let passport = founder.sign(draft);
    let mut served = served_for(stage, key, passport, &[]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::PassportExpired);
}

#[tokio::test]
async fn a_passport_expires_in_the_middle_of_a_connection() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let meddler = crate::wire::Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    let key = new_key();
    let mut draft = founder.draft(Kind::Agent, "brief", &key);
    draft.expires_at = time(4000);
    let passport = founder.sign(draft);
    super::status::always_good(&meddler, founder);
    let mut served = served_for(stage, key, passport, &[]);
    served.open().await;
    let expiry = served.agent.passport.expires_at();
    crate::wire::eventually("the passport expires", async || {
        (time(0) >= expiry).then_some(())
    })
    .await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportExpired);
}

#[tokio::test]
async fn a_passport_from_the_future_is_refused() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let key = new_key();
    let mut draft = founder.draft(Kind::Agent, "early", &key);
    draft.issued_at = time(120_000);
    let passport = founder.sign(draft);
    let mut served = served_for(stage, key, passport, &[]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::InvalidPassport);
}

#[tokio::test]
async fn a_passport_that_is_too_large_or_of_too_long_a_chain_is_refused() {
    let mut served = Served::start();
    let line = served.agent.forge(INITIALIZE, &served.agent.fields());
    let large = format!(r#""capabilities":["{}"]"#, "x".repeat(8192));
    let large = changed(&line, r#""capabilities":[]"#, &large);
    assert_eq!(served.refuses(&large).await, Code::PassportTooLarge);
    let deep = changed(
        &line,
        r#""issuer_chain":[]"#,
        r#""issuer_chain":["e30=","e30=","e30=","e30=","e30=","e30="]"#,
    );
    assert_eq!(served.refuses(&deep).await, Code::ChainTooDeep);
    served.open().await;
}

#[tokio::test]
async fn a_passport_that_is_named_and_not_known_is_asked_for() {
    let mut served = Served::start();
    served.agent.shows_passport = false;
    served
        .wrap
        .write(&served.agent.forge(INITIALIZE, &served.agent.fields()))
        .await;
    let told = served.wrap.read().await;
    assert_eq!(code_of(&told), Some(Code::InvalidPassport));
    assert!(told.contains(r#""want":"passport""#), "{told}");
    served.agent.shows_passport = true;
    served.open().await;
}

#[tokio::test]
async fn a_level_below_the_required_one_is_refused() {
    let stage = Stage::set();
    let low = stage.world.enrol("agent", "low", 1);
    let mut served = Served::start_for(stage, Hand::of(&low), &["--min-level", "2"]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::TrustTooLow);
    // The level is the authority's to give: one that is signed by nobody else is not changed.
    let raised = served.agent.fields();
    let line = served.agent.forge(INITIALIZE, &raised);
    let line = changed(&line, r#""trust_level":1"#, r#""trust_level":2"#);
    assert_eq!(served.refuses(&line).await, Code::InvalidPassport);
}

#[tokio::test]
async fn a_servers_passport_does_not_speak_as_a_client() {
    let stage = Stage::set();
    let posing = stage.world.enrol("server", "posing", 2);
    let mut served = Served::start_for(stage, Hand::of(&posing), &[]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::InvalidPassport);
}

#[tokio::test]
async fn an_unsigned_client_is_refused() {
    let mut served = Served::start();
    assert_eq!(served.refuses(INITIALIZE).await, Code::SignatureRequired);
    assert_eq!(served.refuses(&call(1)).await, Code::SignatureRequired);
    served.open().await;
    // Nor may anybody put an unsigned line into a connection that is signed.
    assert_eq!(served.refuses(&call(1)).await, Code::SignatureRequired);
    served.still_serves().await;
}

#[tokio::test]
async fn where_unsigned_clients_are_admitted_a_signed_one_stays_signed() {
    let mut served = Served::start_with(Stage::set(), &["--min-level", "0"]);
    served.open().await;
    assert_eq!(served.refuses(&call(1)).await, Code::SignatureRequired);
    served.still_serves().await;
}

#[tokio::test]
async fn a_level_is_no_higher_than_the_authority_now_records() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let meddler = crate::wire::Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    super::status::always(&meddler, founder, |status| {
        status.trust_level = Some(TrustLevel::L1);
    });
    let mut served = Served::start_with(stage, &["--min-level", "2"]);
    let line = served.agent.seal(INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::TrustTooLow);
}
