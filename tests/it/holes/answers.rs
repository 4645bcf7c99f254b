//! A hostile server's end in front of `mcps connect`: nothing but the server's own answer to the
//! client's own question is delivered.

use mcps_core::code::Code;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Kind, PassportId};
use mcps_core::random::SystemRandom;

use crate::wire::{
    Facing, Founder, Hand, INITIALIZE, INITIALIZED, Meddler, Stage, call, changed, code_of, parsed,
    result, time,
};

#[tokio::test]
async fn an_honest_answer_is_delivered_as_it_was_written() {
    let mut facing = Facing::opened().await;
    facing.still_delivers().await;
    facing.still_delivers().await;
}

#[tokio::test]
async fn an_unsigned_answer_is_refused() {
    let mut facing = Facing::start();
    facing.ask(INITIALIZE).await;
    facing.puppet.write(INITIALIZED).await;
    assert_eq!(facing.refused(0).await, Code::SignatureRequired);
    // And nothing the client says further reaches whoever that was.
    assert_eq!(
        facing.connect.refuses(&call(1)).await,
        Code::SignatureRequired
    );
    let again = INITIALIZE.replace(r#""id":0"#, r#""id":2"#);
    assert_eq!(
        facing.ask(&again).await.message().method().unwrap(),
        "initialize"
    );
}

#[tokio::test]
async fn a_server_that_signed_once_is_not_believed_unsigned() {
    let options = ["--allow-unsigned", "--status-refresh", "0"];
    let mut facing = Facing::start_with(Stage::set(), &options);
    facing.open().await;
    let (_, answer) = facing.call().await;
    facing.puppet.write(&answer).await;
    assert_eq!(facing.refused(facing.last()).await, Code::SignatureRequired);
    facing.is_broken_off().await;

    // The next run of the same command remembers, whatever it is allowed.
    let Facing { stage, .. } = facing;
    let mut puppet = crate::wire::Puppet::new(&stage.world);
    for allowed_before in [true, false] {
        let mut connect = stage.connect(&stage.agent, &options, &puppet.command());
        connect.write(INITIALIZE).await;
        let request = parsed(&puppet.read().await);
        if allowed_before {
            let mut server = Hand::of(&stage.server);
            puppet
                .write(&server.answer(&request, &Facing::announced()))
                .await;
            assert_eq!(connect.read().await, INITIALIZED);
        } else {
            puppet.write(INITIALIZED).await;
            assert_eq!(connect.refusal().await, Code::SignatureRequired);
        }
        connect.close_input();
        assert_eq!(puppet.read_to_end().await, None);
        puppet.reset().await;
        connect.exit().await;
    }
}

#[tokio::test]
async fn where_unsigned_servers_are_allowed_one_that_never_signed_is() {
    let mut facing = Facing::start_with(Stage::set(), &["--allow-unsigned"]);
    facing.ask(INITIALIZE).await;
    facing.puppet.write(INITIALIZED).await;
    assert_eq!(facing.connect.read().await, INITIALIZED);
    facing.connect.write(&call(1)).await;
    assert_eq!(facing.puppet.read().await, call(1));
}

#[tokio::test]
async fn a_signed_answer_without_the_announcement_is_refused() {
    let other_version = changed(
        &Facing::announced(),
        r#""version":"1.0""#,
        r#""version":"2.0""#,
    );
    for answer in [INITIALIZED.to_owned(), other_version] {
        let mut facing = Facing::start();
        let request = facing.ask(INITIALIZE).await;
        let sealed = facing.server.answer(&request, &answer);
        facing.puppet.write(&sealed).await;
        assert_eq!(facing.refused(0).await, Code::NoMutualVersion);
    }
}

#[tokio::test]
async fn an_answer_to_another_request_of_the_same_id_is_refused() {
    let mut facing = Facing::opened().await;
    let first = facing.ask(&call(1)).await;
    let answer = facing.server.answer(&first, &result(1));
    facing.puppet.write(&answer).await;
    assert_eq!(facing.connect.read().await, result(1));
    facing.ask(&call(1)).await;
    let stale = facing.server.answer(&first, &result(1));
    facing.puppet.write(&stale).await;
    assert_eq!(facing.refused(1).await, Code::NotBound);
    let second = facing.ask(&call(1)).await;
    let answer = facing.server.answer(&second, &result(1));
    facing.puppet.write(&answer).await;
    assert_eq!(facing.connect.read().await, result(1));
}

#[tokio::test]
async fn an_answer_that_names_no_request_is_refused() {
    for error in [false, true] {
        let mut facing = Facing::opened().await;
        let (request, answer) = facing.call().await;
        let answer = if error {
            // Not even one that looks like the server's end could not read the request.
            let id = Some(request.message().id().unwrap());
            mcps_core::message::error_text(id, Code::Malformed, "d", "")
        } else {
            answer
        };
        let mut fields = facing.server.fields_for(&request);
        fields.req = None;
        let sealed = facing.server.seal_with(&answer, &fields);
        facing.puppet.write(&sealed).await;
        assert_eq!(facing.refused(facing.last()).await, Code::NotBound);
        facing.still_delivers().await;
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_delivered() {
    let mut facing = Facing::opened().await;
    let (request, _) = facing.call().await;
    let sealed = facing.server.answer(&request, &result(900));
    facing.puppet.write(&sealed).await;
    facing.connect.says("MCPS-017").await;
    facing.still_delivers().await;
}

#[tokio::test]
async fn what_is_said_of_a_line_that_nobody_sent_is_not_delivered() {
    let mut facing = Facing::opened().await;
    let (request, _) = facing.call().await;
    let text = mcps_core::message::error_text(None, Code::InvalidSignature, "d", "");
    let mut fields = facing.server.fields_for(&request);
    fields.req = None;
    let sealed = facing.server.seal_with(&text, &fields);
    facing.puppet.write(&sealed).await;
    facing.connect.says("could not read something").await;
    facing.still_delivers().await;
}

/// The client asks; the server's end does something, and the client is told so.
async fn refused_when(misbehave: impl AsyncFn(&mut Facing) -> String, code: Code) {
    let mut facing = Facing::opened().await;
    let line = misbehave(&mut facing).await;
    facing.puppet.write(&line).await;
    assert_eq!(facing.refused(facing.last()).await, code);
    facing.is_broken_off().await;
}

#[tokio::test]
async fn a_changed_answer_is_refused() {
    let changed_answer = async |facing: &mut Facing| {
        let (request, answer) = facing.call().await;
        changed(&facing.server.answer(&request, &answer), "noted", "paid")
    };
    refused_when(changed_answer, Code::InvalidSignature).await;
    let unsigned = async |facing: &mut Facing| facing.call().await.1;
    refused_when(unsigned, Code::SignatureRequired).await;
}

#[tokio::test]
async fn a_cut_answer_ends_the_stream() {
    let cut = async |facing: &mut Facing| {
        let (request, answer) = facing.call().await;
        drop(facing.server.answer(&request, &answer));
        facing.server.answer(&request, &answer)
    };
    refused_when(cut, Code::StreamBroken).await;
}

#[tokio::test]
async fn reordered_answers_end_the_stream() {
    let mut facing = Facing::opened().await;
    let (first, one) = facing.call().await;
    let (second, two) = facing.call().await;
    let one = facing.server.answer(&first, &one);
    let two = facing.server.answer(&second, &two);
    facing.puppet.write(&two).await;
    facing.puppet.write(&one).await;
    let mut codes = [
        facing.connect.refusal().await,
        facing.connect.refusal().await,
    ];
    codes.sort();
    assert_eq!(codes, [Code::StreamBroken; 2]);
    facing.is_broken_off().await;
}

#[tokio::test]
async fn an_inserted_answer_ends_the_stream() {
    let inserted = async |facing: &mut Facing| {
        let (request, answer) = facing.call().await;
        let mut fields = facing.server.fields_for(&request);
        let position = fields.position.as_mut().unwrap();
        position.prev = Some(mcps_core::digest::Digest::of(b""));
        facing.server.forge(&answer, &fields)
    };
    refused_when(inserted, Code::StreamBroken).await;
}

#[tokio::test]
async fn a_replayed_answer_is_dropped() {
    let mut facing = Facing::opened().await;
    let (request, answer) = facing.call().await;
    let sealed = facing.server.answer(&request, &answer);
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.connect.read().await, answer);
    // Even while another request waits under the same id.
    let again = facing.ask(&call(facing.last())).await;
    facing.puppet.write(&sealed).await;
    facing.connect.says("nonce was used before").await;
    let sealed = facing.server.answer(&again, &answer);
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.connect.read().await, answer);
    facing.still_delivers().await;
}

#[tokio::test]
async fn an_answer_to_somebody_else_is_refused() {
    let other_agent = async |facing: &mut Facing| {
        let (request, answer) = facing.call().await;
        let mut fields = facing.server.fields_for(&request);
        fields.aud = PassportId::generate(&SystemRandom).unwrap().to_string();
        facing.server.forge(&answer, &fields)
    };
    refused_when(other_agent, Code::WrongAudience).await;
    let other_session = async |facing: &mut Facing| {
        let (request, answer) = facing.call().await;
        let mut fields = facing.server.fields_for(&request);
        fields.session = Stage::session();
        facing.server.forge(&answer, &fields)
    };
    refused_when(other_session, Code::NotBound).await;
    // What answers nobody is not bound to what comes before it.
    let mut facing = Facing::opened().await;
    let (request, _) = facing.call().await;
    let mut fields = facing.server.fields_for(&request);
    fields.session = Stage::session();
    fields.req = None;
    let said =
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
    let line = facing.server.forge(said, &fields);
    facing.puppet.write(&line).await;
    facing.connect.says("MCPS-012").await;
    assert_eq!(facing.refused(facing.last()).await, Code::StreamBroken);
    facing.is_broken_off().await;
}

#[tokio::test]
async fn an_answer_by_somebody_else_is_refused() {
    let by = |kind: &'static str| {
        async move |facing: &mut Facing| {
            let (request, answer) = facing.call().await;
            let other = Hand::of(&facing.stage.world.enrol(kind, "other", 2));
            let mut fields = facing.server.fields_for(&request);
            fields.passport_id = other.passport.id().clone();
            fields.passport = Some(Box::new(other.passport.clone()));
            other.forge(&answer, &fields)
        }
    };
    refused_when(by("server"), Code::InvalidPassport).await;
    refused_when(by("agent"), Code::InvalidPassport).await;
}

#[tokio::test]
async fn a_revoked_server_is_told_nothing_more() {
    let mut facing = Facing::opened().await;
    facing.stage.revoke(&facing.stage.server);
    // The call does not even leave.
    assert_eq!(
        facing.connect.refuses(&call(900)).await,
        Code::PassportRevoked
    );
    facing.connect.close_input();
    assert_eq!(facing.puppet.read_to_end().await, None);
}

#[tokio::test]
async fn an_answer_of_a_server_that_was_revoked_meanwhile_is_refused() {
    let mut facing = Facing::opened().await;
    let (request, answer) = facing.call().await;
    facing.stage.revoke(&facing.stage.server);
    let sealed = facing.server.answer(&request, &answer);
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.refused(facing.last()).await, Code::PassportRevoked);
}

#[tokio::test]
async fn a_server_that_the_authority_does_not_know_is_told_nothing() {
    let stage = Stage::set();
    let founder = Founder::of(&stage.world, &stage.agent);
    let key = SecretKey::generate(&SystemRandom).unwrap();
    let passport = founder.sign(founder.draft(Kind::Server, "unrecorded", &key));
    let mut facing = Facing::start_for(stage, Hand::with(key, passport), &[]);
    let request = facing.ask(INITIALIZE).await;
    let sealed = facing.server.answer(&request, &Facing::announced());
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.refused(0).await, Code::PassportRevoked);
    assert_eq!(
        facing.connect.refuses(&call(1)).await,
        Code::PassportRevoked
    );
    facing.connect.close_input();
    assert_eq!(facing.puppet.read_to_end().await, None);
}

#[tokio::test]
async fn a_server_below_the_level_is_told_nothing() {
    let stage = Stage::set();
    let low = Hand::of(&stage.world.enrol("server", "low", 1));
    let mut facing = Facing::start_for(stage, low, &["--min-server-level", "2"]);
    let request = facing.ask(INITIALIZE).await;
    let sealed = facing.server.answer(&request, &Facing::announced());
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.refused(0).await, Code::TrustTooLow);
    assert_eq!(facing.connect.refuses(&call(1)).await, Code::TrustTooLow);
    facing.connect.close_input();
    assert_eq!(facing.puppet.read_to_end().await, None);
}

#[tokio::test]
async fn a_server_whose_status_is_not_to_be_had_is_heard_once_it_is() {
    let stage = Stage::set();
    let meddler = Meddler::start(&stage.world);
    meddler.stand_before(&stage.agent);
    meddler.rule(|_| crate::wire::Rule::HangUp);
    let mut facing = Facing::start_with(stage, &["--status-refresh", "0"]);
    let request = facing.ask(INITIALIZE).await;
    let sealed = facing.server.answer(&request, &Facing::announced());
    facing.puppet.write(&sealed).await;
    assert_eq!(facing.refused(0).await, Code::AuthorityUnreachable);
    assert_eq!(
        facing.connect.refuses(&call(1)).await,
        Code::AuthorityUnreachable
    );
    meddler.rule(|_| crate::wire::Rule::Pass);
    let again = INITIALIZE.replace(r#""id":0"#, r#""id":2"#);
    let since = std::time::Instant::now();
    let request = loop {
        // Not asked again for a second after a failure.
        facing.connect.write(&again).await;
        tokio::select! {
            line = facing.puppet.read() => break parsed(&line),
            line = facing.connect.read() => {
                assert_eq!(code_of(&line), Some(Code::AuthorityUnreachable));
                assert!(since.elapsed() < crate::wire::PATIENCE);
            }
        }
    };
    let answer = Facing::announced().replace(r#""id":0"#, r#""id":2"#);
    let sealed = facing.server.answer(&request, &answer);
    facing.puppet.write(&sealed).await;
    assert_eq!(code_of(&facing.connect.read().await), None);
    facing.still_delivers().await;
}

#[tokio::test]
async fn an_answer_from_another_time_is_refused() {
    for off_ms in [-600_000, 600_000] {
        let mut facing = Facing::opened().await;
        let (request, answer) = facing.call().await;
        let mut fields = facing.server.fields_for(&request);
        fields.stamped = time(off_ms);
        fields.timestamp = fields.stamped.to_string();
        let sealed = facing.server.seal_with(&answer, &fields);
        facing.puppet.write(&sealed).await;
        assert_eq!(facing.refused(facing.last()).await, Code::OutOfWindow);
        facing.still_delivers().await;
    }
}

#[tokio::test]
async fn a_stateless_client_waits_for_a_server_that_proves_itself() {
    for honest in [true, false] {
        let mut facing = Facing::start();
        facing.connect.write(&call(1)).await;
        let probe = parsed(&facing.puppet.read().await);
        assert_eq!(probe.message().method().unwrap(), "server/discover");
        let id = probe.message().id().unwrap();
        let answer =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#);
        if honest {
            let sealed = facing.server.answer(&probe, &answer);
            facing.puppet.write(&sealed).await;
            let request = parsed(&facing.puppet.read().await);
            let sealed = facing.server.answer(&request, &result(1));
            facing.puppet.write(&sealed).await;
            assert_eq!(facing.connect.read().await, result(1));
        } else {
            facing.puppet.write(&answer).await;
            assert_eq!(facing.refused(1).await, Code::SignatureRequired);
            // The next call asks once more who is there.
            facing.connect.write(&call(2)).await;
            let probe = parsed(&facing.puppet.read().await);
            assert_eq!(probe.message().method().unwrap(), "server/discover");
        }
    }
}
