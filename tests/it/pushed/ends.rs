//! Both ends act on what is pushed.

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{OPTIONS, has_heard, is_live, order, passport};
use crate::listen::{Scene, read_note};
use crate::wire::{Facing, Meddler, Rule, Served, Stage, call, eventually};

#[tokio::test]
async fn a_revoked_caller_is_refused_by_a_running_wrapper() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    served.still_serves().await;
    served.stage.revoke(&served.stage.agent);
    has_heard(&served.wrap, 1).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    // Nothing more is said to it either.
    served
        .behind
        .write(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#)
        .await;
    served
        .wrap
        .says("a message of the server is not sent")
        .await;
}

#[tokio::test]
async fn what_a_wrapper_knows_outlives_it() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    served.stage.revoke(&served.stage.agent);
    has_heard(&served.wrap, 1).await;
    served.wrap.close_input();
    served.wrap.exit().await;
    let Served { mut stage, .. } = served;
    stage.world.stop_authority();
    // The authority is gone, and it is known all the same.
    let mut served = Served::start_with(stage, &OPTIONS);
    let line = served.agent.seal(crate::wire::INITIALIZE);
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
}

#[tokio::test]
async fn a_revoked_server_is_asked_nothing_more() {
    let mut facing = Facing::start_with(Stage::set(), &OPTIONS);
    facing.open().await;
    is_live(&facing.connect).await;
    facing.still_delivers().await;
    facing.stage.revoke(&facing.stage.server);
    has_heard(&facing.connect, 1).await;
    facing.connect.write(&call(900)).await;
    assert_eq!(facing.refused(900).await, Code::PassportRevoked);
}

#[tokio::test]
async fn a_stop_stops_and_is_taken_back() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    let all = json!({"target": {"kind": "all"}, "reason": "policy"});
    order(&served.stage, "/v1/stops", &all).await;
    has_heard(&served.wrap, 1).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::Stopped);
    let lift = json!({"target": {"kind": "all"}, "lifts": "stop", "reason": "policy"});
    order(&served.stage, "/v1/reinstatements", &lift).await;
    has_heard(&served.wrap, 2).await;
    served.still_serves().await;
}

#[tokio::test]
async fn a_suspension_is_pushed_and_so_is_its_end() {
    let mut served = Served::start_with(Stage::set(), &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    let target = passport(&served.stage.agent);
    let suspend = json!({"target": target, "reason": "policy"});
    order(&served.stage, "/v1/suspensions", &suspend).await;
    has_heard(&served.wrap, 1).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    order(&served.stage, "/v1/reinstatements", &suspend).await;
    has_heard(&served.wrap, 2).await;
    served.still_serves().await;
}

#[tokio::test]
async fn the_streams_of_a_revoked_caller_end_and_it_is_told_why() {
    let scene = Scene::with(&OPTIONS).await;
    let mut caller = scene.caller();
    caller.open_session().await;
    is_live(&scene.wrap).await;
    let (mut standing, _) = caller.fetch(Method::GET, caller.session()).await;
    assert_eq!(standing.status(), StatusCode::OK);
    scene.stage.revoke(&scene.stage.agent);
    eventually("the end of its stream", async || {
        // Comments and the like may come before it.
        matches!(standing.chunk().await, Ok(None) | Err(_)).then_some(())
    })
    .await;
    let (status, refusal) = caller.refused(&read_note(1)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(refusal, Some(Code::PassportRevoked));
}

#[tokio::test]
async fn where_streams_do_not_come_through_it_is_polled() {
    let stage = Stage::set();
    let meddler = Meddler::start(&stage.world);
    meddler.let_feed_through();
    meddler.stand_before(&stage.server);
    let mut served = Served::start_with(stage, &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    // From here on nobody can be asked.
    meddler.rule(|path| match path.starts_with("/v1/feed/frames") {
        true => Rule::Pass,
        false => Rule::HangUp,
    });
    served.still_serves().await;
    served.stage.revoke(&served.stage.agent);
    has_heard(&served.wrap, 1).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    let polled = |path: &String| path.starts_with("/v1/feed/frames?after=1:0&");
    assert!(meddler.seen().iter().any(polled), "{:?}", meddler.seen());
}

#[tokio::test]
async fn one_that_the_authority_never_recorded_is_refused_though_no_event_says_so() {
    use mcps_core::key::SecretKey;
    use mcps_core::passport::Kind;
    use mcps_core::random::SystemRandom;

    use crate::wire::{Founder, Hand, INITIALIZE};

    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let forged = founder.sign(founder.draft(Kind::Agent, "unrecorded", &key));
    let mut served = Served::start_for(stage, Hand::with(key, forged), &OPTIONS);
    is_live(&served.wrap).await;
    for _ in 0..2 {
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    }
}
