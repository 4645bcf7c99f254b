//! What a client may write that is no message, or not one that can be served.

use mcps_core::code::Code;
use serde_json::Value;

use crate::wire::{INITIALIZE, INITIALIZED, Process, Puppet, Served, Stage, call, code_of, result};

/// `mcps connect -- mcps-wrap -- SERVER`, with the server in the test's hands.
pub(super) struct Chain {
    pub(super) stage: Stage,
    pub(super) client: Process,
    pub(super) behind: Puppet,
}

impl Chain {
    pub(super) fn start() -> Self {
        Self::start_with(&[], &[])
    }

    pub(super) fn start_with(connect: &[&str], wrap: &[&str]) -> Self {
        let stage = Stage::set();
        let behind = Puppet::new(&stage.world);
        let words = stage.wrapped(&stage.server, wrap, &behind);
        let client = stage.connect(&stage.agent, connect, &words);
        Self {
            stage,
            client,
            behind,
        }
    }

    pub(super) async fn opened() -> Self {
        let mut chain = Self::start();
        chain.open().await;
        chain
    }

    pub(super) async fn open(&mut self) {
        self.client.write(INITIALIZE).await;
        assert_eq!(self.behind.read().await, INITIALIZE);
        self.behind.write(INITIALIZED).await;
        assert_eq!(self.client.read().await, INITIALIZED);
    }

    /// A call goes through, byte for byte, and so does its answer.
    pub(super) async fn still_works(&mut self, id: u32) {
        self.client.write(&call(id)).await;
        assert_eq!(self.behind.read().await, call(id));
        self.behind.write(&result(id)).await;
        assert_eq!(self.client.read().await, result(id));
    }
}

/// Lines that are no JSON-RPC message, with the id that can be made out.
fn bad_lines() -> Vec<(Vec<u8>, Value)> {
    let text = |text: &str, id: Value| (text.as_bytes().to_vec(), id);
    vec![
        text("hello", Value::Null),
        text("{", Value::Null),
        text(r#"{"jsonrpc":"2.0","id":7,"method":"ping""#, Value::Null),
        text(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}}"#, Value::Null),
        text(r#"{'jsonrpc':"2.0","id":7,"method":"ping"}"#, Value::Null),
        text(r#"{"jsonrpc":"2.0","id":7,"method":"ping",}"#, Value::Null),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}"#,
            7.into(),
        ),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":01}}"#,
            7.into(),
        ),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"n":NaN}}"#,
            7.into(),
        ),
        text(r#"{"jsonrpc":"2.0","id":7,"method":"p\ud800g"}"#, 7.into()),
        text(r#"[{"jsonrpc":"2.0","id":7,"method":"ping"}]"#, Value::Null),
        text("[]", Value::Null),
        text("null", Value::Null),
        text("7", Value::Null),
        text(r#""ping""#, Value::Null),
        text(r#"{"id":7,"method":"ping"}"#, 7.into()),
        text(r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, 7.into()),
        text(r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#, 7.into()),
        text(
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            Value::Null,
        ),
        text(r#"{"jsonrpc":"2.0","id":[7],"method":"ping"}"#, Value::Null),
        text(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, Value::Null),
        text(
            r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
            Value::Null,
        ),
        text(r#"{"jsonrpc":"2.0","id":7,"method":7}"#, 7.into()),
        text(r#"{"jsonrpc":"2.0","id":7,"method":null}"#, 7.into()),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}"#,
            7.into(),
        ),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":"x"}"#,
            7.into(),
        ),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":7}}"#,
            7.into(),
        ),
        text(
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#,
            7.into(),
        ),
        text(r#"{"jsonrpc":"2.0","id":7}"#, 7.into()),
        text(
            "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}",
            Value::Null,
        ),
        text(
            "{\"jsonrpc\":\"2.0\",\"id\":7,\r\"method\":\"ping\"}",
            7.into(),
        ),
        text(
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"p\0g\"}",
            7.into(),
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"p\xff\"}".to_vec(),
            7.into(),
        ),
        (b"\xff\xfe\0\x01".to_vec(), Value::Null),
        (vec![b'['; 100_000], Value::Null),
        // Too long to keep, and still somebody waits.
        (
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"{}"}}"#,
                "x".repeat(5 << 20)
            )
            .into_bytes(),
            7.into(),
        ),
    ]
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_connect_under_its_id() {
    let mut chain = Chain::opened().await;
    for (line, id) in bad_lines() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        chain.client.write_bytes(&[&line[..], b"\n"].concat()).await;
        let told = chain.client.read().await;
        assert_eq!(code_of(&told), Some(Code::Malformed), "{shown}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["id"], id, "{shown}");
    }
    chain.client.says("refused with MCPS-020").await;
    chain.still_works(900).await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_the_wrapper_and_reaches_nobody() {
    let mut served = Served::opened().await;
    for (line, id) in bad_lines() {
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        served.wrap.write_bytes(&[&line[..], b"\n"].concat()).await;
        let told = served.wrap.read().await;
        assert_eq!(code_of(&told), Some(Code::Malformed), "{shown}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["id"], id, "{shown}");
    }
    served.wrap.says("refused with MCPS-020").await;
    served.still_serves().await;
}

#[tokio::test]
async fn what_is_a_bad_answer_to_nothing_is_dropped() {
    let mut chain = Chain::opened().await;
    for line in [
        r#"{"jsonrpc":"2.0","id":7,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[]}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":"x","message":"y"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"y"}}"#,
    ] {
        chain.client.write(line).await;
    }
    // Of these the last is well-formed and says to nobody what went wrong: it goes on.
    let last = chain.behind.read().await;
    assert_eq!(
        last,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"y"}}"#
    );
    chain.still_works(900).await;
}

#[tokio::test]
async fn a_line_of_five_mebibytes_and_one_that_just_fits_are_told_apart() {
    let mut chain = Chain::opened().await;
    let with =
        |id: u32, bytes: usize| call(id).replace("1.50", &format!("\"{}\"", "x".repeat(bytes)));
    let limit = 4 << 20;
    let largest = limit - with(900, 0).len();
    chain.client.write(&with(900, largest)).await;
    assert_eq!(chain.behind.read().await.len(), limit);
    chain.behind.write(&result(900)).await;
    assert_eq!(chain.client.read().await, result(900));
    // The same in the other direction.
    chain.client.write(&call(901)).await;
    chain.behind.read().await;
    let answer = result(901).replace("noted", &"x".repeat(limit - result(901).len() + 5));
    assert_eq!(answer.len(), limit);
    chain.behind.write(&answer).await;
    assert_eq!(chain.client.read().await, answer);
    for bytes in [largest + 1, 5 << 20, 20 << 20] {
        chain.client.write(&with(902, bytes)).await;
        let told = chain.client.read().await;
        assert_eq!(code_of(&told), Some(Code::Malformed), "{told}");
        assert!(told.contains(r#""id":902"#), "{told}");
    }
    chain.still_works(903).await;
}

#[tokio::test]
async fn empty_lines_are_nothing() {
    let mut chain = Chain::opened().await;
    chain.client.write_bytes(b"\n\n\r\n\n").await;
    chain.still_works(900).await;
}

#[tokio::test]
async fn a_client_may_not_claim_to_be_signed_or_to_announce_it() {
    let mut chain = Chain::opened().await;
    for line in [
        call(900).replace(r#""name""#, r#""_meta":{"dev.mcps/envelope":{}},"name""#),
        call(900).replace(r#""name""#, r#""_meta":{"dev.mcps/bindings":1},"name""#),
        call(900).replace(r#""jsonrpc""#, r#""mcps":{},"jsonrpc""#),
        INITIALIZE.replace(
            r#""capabilities":{}"#,
            r#""capabilities":{"extensions":{"dev.mcps/signing":{}}}"#,
        ),
    ] {
        assert_eq!(chain.client.refuses(&line).await, Code::Malformed, "{line}");
    }
    chain.still_works(901).await;
}

#[tokio::test]
async fn a_request_under_an_id_that_waits_already_is_refused() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    assert_eq!(chain.behind.read().await, call(900));
    assert_eq!(chain.client.refuses(&call(900)).await, Code::Malformed);
    chain.behind.write(&result(900)).await;
    assert_eq!(chain.client.read().await, result(900));
}

#[tokio::test]
async fn an_id_without_end_is_refused() {
    let mut chain = Chain::opened().await;
    let long = call(900).replace("900", &format!("\"{}\"", "x".repeat(2000)));
    assert_eq!(chain.client.refuses(&long).await, Code::Malformed);
    chain.still_works(901).await;
}

#[tokio::test]
async fn a_notification_that_cannot_be_sent_is_nobodys_answer() {
    let mut chain = Chain::opened().await;
    // Nobody waits for these, so nobody is answered; what follows still is.
    let claims = r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"dev.mcps/envelope":{}}}}"#;
    chain.client.write(claims).await;
    chain.client.says("MCPS-020").await;
    chain.still_works(900).await;
}
