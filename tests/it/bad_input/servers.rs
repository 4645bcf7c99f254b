//! Servers that write what they should not, or die.

use mcps_core::code::Code;

use super::clients::Chain;
use crate::wire::{INITIALIZE, Served, Stage, call, code_of, result};

fn words(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_a_call_is_told_of() {
    let mut chain = Chain::opened().await;
    for id in [900, 901] {
        chain.client.write(&call(id)).await;
        assert_eq!(chain.behind.read().await, call(id));
    }
    chain
        .behind
        .write_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":900,\"res")
        .await;
    chain.behind.hang_up().await;
    for _ in 0..2 {
        assert_eq!(chain.client.refusal().await, Code::UpstreamUnavailable);
    }
    chain
        .client
        .says("the server ended in the middle of a line")
        .await;
    chain
        .client
        .says("the server ended; 2 calls were unanswered")
        .await;
    assert_eq!(chain.client.read_to_end().await, None);
}

#[tokio::test]
async fn the_exit_code_of_a_server_that_died_is_ours() {
    let stage = Stage::set();
    for (script, code) in [
        ("read line; exit 3", 3),
        ("read line; exit 0", 0),
        ("read line; kill -9 $$", 137),
    ] {
        let wrap = [
            &[
                crate::world::bin("mcps-wrap").display().to_string(),
                "--home".to_owned(),
            ][..],
            &[stage.server.display().to_string(), "--".to_owned()],
            &words(script),
        ];
        let mut client = stage.connect(&stage.agent, &[], &wrap.concat());
        assert_eq!(
            client.refuses(INITIALIZE).await,
            Code::UpstreamUnavailable,
            "{script}"
        );
        assert_eq!(client.exit().await, code, "{script}");
    }
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_told_of() {
    let stage = Stage::set();
    let mut client = stage.connect(&stage.agent, &[], &words("exit 7"));
    // Whether the client wrote before or after: it is answered or sees the end, and does not hang.
    client.write(INITIALIZE).await;
    if let Some(line) = client.read_to_end().await {
        assert_eq!(code_of(&line), Some(Code::UpstreamUnavailable));
    }
    assert_eq!(client.exit().await, 7);
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_named() {
    let stage = Stage::set();
    let command = ["/no/such/server".to_owned()];
    for mut process in [
        stage.connect(&stage.agent, &[], &command),
        stage.wrap(&stage.server, &Stage::session(), &[], &command),
    ] {
        assert_eq!(process.exit().await, 3);
        process.says("/no/such/server\" was not found").await;
    }
}

#[tokio::test]
async fn what_a_server_prints_that_is_no_message_is_dropped() {
    let mut chain = Chain::start();
    chain
        .behind
        .write_bytes(b"Starting up...\n\n\xff\xfe\n[1,2]\n\"x\"\n{}\n")
        .await;
    chain.open().await;
    chain
        .behind
        .write_bytes(b"Got it!\n{\"level\":\"info\"}\n")
        .await;
    chain
        .client
        .says("the server wrote something that is no message")
        .await;
    chain.still_works(900).await;
}

#[tokio::test]
async fn what_a_server_answers_that_is_no_message_is_told_to_whoever_waits() {
    let mut chain = Chain::opened().await;
    for (id, from, to) in [
        (900, r#""result""#, r#""result":{},"result""#),
        (901, r#""noted""#, r#""noted","n":9007199254740993"#),
        (902, r#""noted""#, r#""\udfff""#),
        (903, r#""result":{"#, r#""result":null,"x":{"#),
        (904, r#""jsonrpc":"2.0","#, ""),
        (905, r#""result":{"#, r#""result":{"_meta":[],"#),
        (906, r#""result":{"#, r#""error":{},"result":{"#),
        // Servers behind the wrapper do not sign, and may not look as if they did.
        (
            907,
            r#""result":{"#,
            r#""result":{"_meta":{"dev.mcps/envelope":{}},"#,
        ),
        (908, r#""jsonrpc""#, r#""mcps":{},"jsonrpc""#),
    ] {
        chain.client.write(&call(id)).await;
        assert_eq!(chain.behind.read().await, call(id));
        let answer = crate::wire::changed(&result(id), from, to);
        chain.behind.write(&answer).await;
        let told = chain.client.read().await;
        assert_eq!(code_of(&told), Some(Code::Malformed), "{id} {to}: {told}");
        assert!(told.contains(&format!(r#""id":{id}"#)), "{told}");
    }
    chain.still_works(999).await;
}

#[tokio::test]
async fn a_server_that_writes_five_mebibytes_fails_its_calls_and_goes_on() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    chain.behind.read().await;
    chain.client.write(&call(901)).await;
    chain.behind.read().await;
    let long = result(900).replace("noted", &"x".repeat(5 << 20));
    chain.behind.write(&long).await;
    let told = chain.client.read().await;
    assert_eq!(code_of(&told), Some(Code::UpstreamUnavailable), "{told}");
    assert!(told.contains(r#""id":900"#), "{told}");
    // The other call is none of its business.
    chain.behind.write(&result(901)).await;
    assert_eq!(chain.client.read().await, result(901));
    // What does not say what it is may be the answer to any.
    chain.client.write(&call(902)).await;
    chain.behind.read().await;
    chain.behind.write(&"x".repeat(5 << 20)).await;
    assert_eq!(chain.client.refusal().await, Code::UpstreamUnavailable);
    chain.still_works(903).await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_goes_nowhere() {
    let mut chain = Chain::opened().await;
    chain.behind.write(&result(900)).await;
    chain
        .behind
        .write(&result(900).replace("900", "\"900\""))
        .await;
    chain.client.says("dropped an answer of the server").await;
    chain.still_works(901).await;
    // Nor does a second answer to the same call.
    chain.behind.write(&result(901)).await;
    chain.still_works(902).await;
}

#[tokio::test]
async fn a_wrapper_that_is_killed_is_told_of() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    chain.behind.read().await;
    // The wrapper is the one child of `mcps connect`.
    let children = format!("/proc/{0}/task/{0}/children", chain.client.id());
    let wrap = std::fs::read_to_string(children).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", wrap.trim()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(chain.client.refusal().await, Code::UpstreamUnavailable);
    assert_eq!(chain.client.exit().await, 137);
    drop(chain.stage);
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_up_nobody_else() {
    let stage = Stage::set();
    // Reads one line, answers it, and reads no more.
    let script = format!(
        "read line; echo '{}'; exec tail -f /dev/null",
        crate::wire::INITIALIZED
    );
    let agent = crate::wire::Hand::of(&stage.agent).speaking_to(&stage.server);
    let mut wrap = stage.wrap(&stage.server, &agent.session, &[], &words(&script));
    let mut agent = agent;
    wrap.write(&agent.seal(INITIALIZE)).await;
    assert_eq!(code_of(&wrap.read().await), None);
    let large = call(1).replace("1.50", &format!("\"{}\"", "x".repeat(100_000)));
    for _ in 0..10 {
        wrap.write(
            &agent.seal(&large.replace(r#""id":1"#, &format!(r#""id":"{}""#, Stage::session()))),
        )
        .await;
    }
    wrap.close_input();
    assert_eq!(wrap.exit().await, 0);
}

#[tokio::test]
async fn a_server_killed_by_its_own_hand_still_ends_the_wrapper() {
    let mut served = Served::opened().await;
    served.behind.hang_up().await;
    assert_eq!(served.wrap.read_to_end().await, None);
    served.wrap.says("0 calls were unanswered").await;
}
