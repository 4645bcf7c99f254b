//! Pipes that are closed on one side, in every order.

use std::process::Command;

use mcps_core::code::Code;

use super::clients::Chain;
use crate::wire::{INITIALIZE, Served, call, code_of, result};

#[tokio::test]
async fn a_client_that_closes_its_end_still_gets_the_answer_it_waits_for() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    assert_eq!(chain.behind.read().await, call(900));
    chain.client.close_input();
    assert_eq!(chain.behind.read_to_end().await, None);
    chain.behind.write(&result(900)).await;
    assert_eq!(chain.client.read().await, result(900));
    chain.behind.hang_up().await;
    assert_eq!(chain.client.exit().await, 0);
}

#[tokio::test]
async fn a_client_that_closes_before_it_says_anything_ends_everything() {
    let mut chain = Chain::start();
    chain.behind.connected().await;
    chain.client.close_input();
    assert_eq!(chain.behind.read_to_end().await, None);
    chain.behind.hang_up().await;
    assert_eq!(chain.client.exit().await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_line_sent_nothing() {
    let mut chain = Chain::opened().await;
    // It would be a message if its end were a line's end.
    chain.client.write_bytes(call(900).as_bytes()).await;
    chain.client.close_input();
    assert_eq!(chain.behind.read_to_end().await, None);
    chain.behind.hang_up().await;
    assert_eq!(chain.client.exit().await, 0);
    chain.client.says("closed in the middle of a line").await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_server_answered_its_first_question() {
    let mut chain = Chain::start();
    chain.client.write(INITIALIZE).await;
    chain.client.write(&call(1)).await;
    chain.behind.read().await;
    chain.client.close_input();
    chain.behind.hang_up().await;
    assert_eq!(chain.client.refusal().await, Code::UpstreamUnavailable);
    // The call waited for that, and goes nowhere now.
    if let Some(line) = chain.client.read_to_end().await {
        assert!(code_of(&line).is_some(), "{line}");
    }
    chain.client.exit().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_ends_the_wrapper() {
    let mut served = Served::opened().await;
    served.wrap.close_output();
    // The wrapper finds out when it writes.
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/message"}"#;
    let Served { behind, wrap, .. } = &mut served;
    let ended = async || (!behind.try_write(notice).await).then_some(());
    crate::wire::eventually("the wrapper ends its server", ended).await;
    assert_eq!(wrap.exit().await, 0);
}

#[tokio::test]
async fn signals_end_both_programs_and_the_server() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let mut chain = Chain::opened().await;
        chain.client.write(&call(900)).await;
        chain.behind.read().await;
        let id = chain.client.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
        assert_eq!(chain.client.exit().await, code, "{signal}");
        assert_eq!(chain.behind.read_to_end().await, None);
    }
}

#[tokio::test]
async fn a_signal_cuts_an_ending_short_that_waits_for_the_server() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    chain.behind.read().await;
    chain.client.close_input();
    // Both ends have begun to end, and the server goes on as if it had not heard.
    assert_eq!(chain.behind.read_to_end().await, None);
    let id = chain.client.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(sent.unwrap().success());
    assert_eq!(chain.client.exit().await, 143);
}

#[tokio::test]
async fn the_last_words_of_a_server_are_delivered() {
    let mut chain = Chain::opened().await;
    chain.client.write(&call(900)).await;
    chain.behind.read().await;
    chain.behind.write(&result(900)).await;
    chain.behind.hang_up().await;
    assert_eq!(chain.client.read().await, result(900));
    let rest = chain.client.read_to_end().await;
    assert_eq!(rest.as_deref().and_then(code_of), None);
    chain.client.exit().await;
}
