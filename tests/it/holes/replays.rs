//! Lines that were good once, or would be good elsewhere or at another time.

use mcps_core::code::Code;

use crate::wire::{Hand, INITIALIZE, INITIALIZED, Puppet, Served, Stage, call, changed, time};

#[tokio::test]
async fn a_line_is_taken_once() {
    let mut served = Served::opened().await;
    let line = served.agent.seal(&call(900));
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
    served.wrap.write(&line).await;
    let told = served.wrap.read().await;
    assert_eq!(crate::wire::code_of(&told), Some(Code::Replayed));
    // The call of whoever asked first is still being served: it must not be told otherwise.
    assert!(
        told.contains(r#""id":null"#) && !told.contains(r#""req":{"#),
        "{told}"
    );
    served.behind.write(&crate::wire::result(900)).await;
    assert_eq!(crate::wire::code_of(&served.wrap.read().await), None);
    assert_eq!(served.refuses(&line).await, Code::Replayed);
    served.still_serves().await;
}

#[tokio::test]
async fn a_nonce_is_not_burned_before_authentication() {
    let mut served = Served::opened().await;
    let line = served.agent.seal(&call(900));
    let forged = changed(&line, r#""name":"note""#, r#""name":"rm""#);
    served.wrap.write(&forged).await;
    let told = served.wrap.read().await;
    assert_eq!(crate::wire::code_of(&told), Some(Code::InvalidSignature));
    assert!(!told.contains(r#""req":{"#), "{told}");
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
}

#[tokio::test]
async fn a_nonce_is_not_burned_by_somebody_elses_passport() {
    let mut served = Served::opened().await;
    let mallory = Hand::of(&served.stage.world.enrol("agent", "mallory", 2));
    let fields = served.agent.fields();
    let line = served.agent.seal_with(&call(900), &fields);
    let mut stolen = fields;
    stolen.passport_id = mallory.passport.id().clone();
    stolen.passport = Some(Box::new(mallory.passport.clone()));
    let burning = mallory.forge(&call(900), &stolen);
    assert_eq!(served.refuses(&burning).await, Code::InvalidPassport);
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
}

#[tokio::test]
async fn a_future_dated_message_is_taken_once_or_not_at_all() {
    let mut served = Served::opened().await;
    let mut ahead = |off_ms| {
        let mut fields = served.agent.fields();
        fields.stamped = time(off_ms);
        fields.timestamp = fields.stamped.to_string();
        served.agent.seal_with(&call(900), &fields)
    };
    let (near, far) = (ahead(50_000), ahead(90_000));
    served.wrap.write(&near).await;
    assert_eq!(served.behind.read().await, call(900));
    assert_eq!(served.refuses(&near).await, Code::Replayed);
    assert_eq!(served.refuses(&far).await, Code::OutOfWindow);
    served.still_serves().await;
}

#[tokio::test]
async fn one_envelope_is_not_accepted_by_two_servers() {
    let mut served = Served::opened().await;
    let stage = &served.stage;
    let other = stage.world.enrol("server", "other", 2);
    let session = served.agent.session.clone();
    let mut puppets = [0; 3].map(|_| Puppet::new(&stage.world));
    let wrap = |home, session: &str, at: usize| {
        stage.wrap(
            home,
            session,
            &["--status-refresh", "0"],
            &puppets[at].command(),
        )
    };
    // Another server in the same session, the same server in another, and one that nobody told.
    let mut others = [
        wrap(&other, &session, 0),
        wrap(&stage.server, &Stage::session(), 1),
        wrap(&stage.server, "", 2),
    ];
    for puppet in &mut puppets {
        puppet.connected().await;
    }
    let line = served.agent.seal(&call(900));
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
    let codes = [
        Code::WrongAudience,
        Code::TranscriptBinding,
        Code::OutOfWindow,
    ];
    for (wrap, code) in others.iter_mut().zip(codes) {
        // The agent that names itself by id only is not known there: it brings its passport.
        let mut fields = crate::wire::parsed(&line).fields().clone();
        fields.passport = Some(Box::new(served.agent.passport.clone()));
        let line = served.agent.forge(&call(900), &fields);
        assert_eq!(wrap.refuses(&line).await, code);
        wrap.close_input();
        wrap.exit().await;
    }
    for puppet in &mut puppets {
        assert_eq!(puppet.read_to_end().await, None);
    }
}

#[tokio::test]
async fn an_opening_to_anybody_is_not_accepted_by_a_second_server() {
    let stage = Stage::set();
    let other = stage.world.enrol("server", "other", 2);
    let mut agent = Hand::of(&stage.agent);
    let opening = agent.seal(INITIALIZE);
    let mut puppets = [Puppet::new(&stage.world), Puppet::new(&stage.world)];
    let mut first = stage.wrap(&stage.server, &agent.session, &[], &puppets[0].command());
    first.write(&opening).await;
    assert_eq!(puppets[0].read().await, INITIALIZE);
    let mut second = stage.wrap(&other, &Stage::session(), &[], &puppets[1].command());
    assert_eq!(second.refuses(&opening).await, Code::TranscriptBinding);
    // Nor does anything but an opening go to anybody.
    puppets[0].write(INITIALIZED).await;
    first.read().await;
    assert_eq!(
        first.refuses(&agent.seal(&call(1))).await,
        Code::WrongAudience
    );
    assert_eq!(
        first.refuses(&agent.seal(INITIALIZE)).await,
        Code::WrongAudience
    );
}

#[tokio::test]
async fn a_wrapper_without_a_session_refuses_what_an_earlier_one_may_have_served() {
    let stage = Stage::set();
    let mut agent = Hand::of(&stage.agent).speaking_to(&stage.server);
    let early = agent.seal(INITIALIZE);
    for _ in 0..2 {
        let behind = Puppet::new(&stage.world);
        let mut wrap = stage.wrap(&stage.server, "", &[], &behind.command());
        assert_eq!(wrap.refuses(&early).await, Code::OutOfWindow);
        wrap.says("stamped before this process started").await;
    }
}

#[tokio::test]
async fn a_line_of_another_session_is_refused() {
    let mut served = Served::opened().await;
    let mut fields = served.agent.fields();
    fields.session = Stage::session();
    let line = served.agent.forge(&call(900), &fields);
    assert_eq!(served.refuses(&line).await, Code::TranscriptBinding);
    served.still_serves().await;
    // Nor is an answer to the server's own question.
    let ping = r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#;
    served.behind.write(ping).await;
    let asked = crate::wire::parsed(&served.wrap.read().await);
    let mut fields = served.agent.fields_for(&asked);
    fields.session = Stage::session();
    let answer = r#"{"jsonrpc":"2.0","id":"p","result":{}}"#;
    let line = served.agent.forge(answer, &fields);
    served.wrap.write(&line).await;
    served.wrap.says("refused with MCPS-017").await;
    served.still_serves().await;
}

#[tokio::test]
async fn a_line_that_was_cut_reordered_or_inserted_ends_the_stream() {
    let cut = |served: &mut Served| {
        drop(served.agent.seal(&call(900)));
        vec![served.agent.seal(&call(901))]
    };
    let reordered = |served: &mut Served| {
        let first = served.agent.seal(&call(900));
        vec![served.agent.seal(&call(901)), first]
    };
    let inserted = |served: &mut Served| {
        // By whoever has the agent's key, but not its memory.
        let mut fields = served.agent.fields();
        let position = fields.position.as_mut().unwrap();
        position.prev = Some(mcps_core::digest::Digest::of(b""));
        vec![
            served.agent.forge(&call(900), &fields),
            served.agent.seal(&call(901)),
        ]
    };
    type Lines = fn(&mut Served) -> Vec<String>;
    for lines in [cut as Lines, reordered, inserted] {
        let mut served = Served::opened().await;
        for line in lines(&mut served) {
            assert_eq!(served.refuses(&line).await, Code::StreamBroken);
        }
        let next = served.agent.seal(&call(902));
        assert_eq!(served.refuses(&next).await, Code::StreamBroken);
        served.wrap.close_input();
        assert_eq!(served.behind.read_to_end().await, None);
    }
}
