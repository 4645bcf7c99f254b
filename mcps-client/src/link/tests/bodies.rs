//! Over HTTP: posts that stand by themselves, and one stream a response.

use super::*;
use crate::link::Body;
use crate::token::Presented;

const URI: &str = "https://server.example/mcp";
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"n":1}}"#;

fn pair() -> Pair {
    Pair::over(
        Carrier::Native,
        Wire::Http(vec![URI.to_owned(), "http://127.0.0.1/mcp".to_owned()]),
    )
}

fn call(id: u32) -> String {
    CALL.replace(r#""id":1"#, &format!(r#""id":{id}"#))
}

fn result(id: u32) -> String {
    RESULT.replace(r#""id":1"#, &format!(r#""id":{id}"#))
}

/// One request on its way: both ends of the response to it.
struct Exchange {
    id: u32,
    client: Body,
    server: Body,
}

impl Pair {
    async fn posts(&self, text: &str) -> Result<Opened, Box<Refused>> {
        self.server
            .open_post(
                text.as_bytes().to_vec(),
                Presented::Nothing,
                TrustLevel::L1,
                Plain::Refuse,
            )
            .await
    }

    async fn asks(&self, id: u32) -> Exchange {
        let (text, client) = self.client.seal_post(message(&call(id)), None).unwrap();
        let opened = self.posts(&text).await.unwrap();
        assert_eq!(opened.message.text(), call(id));
        let server = self.server.respond(&opened);
        Exchange { id, client, server }
    }

    async fn reads(&self, body: &mut Body, text: &str) -> Result<Opened, Box<Refused>> {
        self.client
            .open_from(
                body,
                text.as_bytes().to_vec(),
                TrustLevel::L1,
                Plain::Refuse,
            )
            .await
    }

    async fn refuses(&self, body: &mut Body, text: &str) -> Code {
        self.reads(body, text).await.unwrap_err().refusal.code()
    }

    fn says(&self, exchange: &mut Exchange, text: &str) -> String {
        let body = &mut exchange.server;
        self.server.seal_into(message(text), body, false).unwrap()
    }

    fn answers(&self, exchange: &mut Exchange) -> String {
        let text = result(exchange.id);
        let body = &mut exchange.server;
        self.server.seal_into(message(&text), body, true).unwrap()
    }
}

#[tokio::test]
async fn posts_arrive_in_any_order_and_each_response_is_a_stream() {
    let pair = pair();
    let (first, mut first_body) = pair.client.seal_post(message(&call(1)), None).unwrap();
    let (second, _) = pair.client.seal_post(message(&call(2)), None).unwrap();
    pair.posts(&second).await.unwrap();
    let opened = pair.posts(&first).await.unwrap();
    let mut body = pair.server.respond(&opened);
    let event = pair
        .server
        .seal_into(message(PROGRESS), &mut body, false)
        .unwrap();
    let answer = pair
        .server
        .seal_into(message(RESULT), &mut body, true)
        .unwrap();
    let read = pair.reads(&mut first_body, &event).await.unwrap();
    assert_eq!(read.message.text(), PROGRESS);
    assert!(first_body.finish().is_err());
    let read = pair.reads(&mut first_body, &answer).await.unwrap();
    assert_eq!(read.message.text(), RESULT);
    assert_eq!(read.asked.unwrap().method, "tools/call");
    first_body.finish().unwrap();
}

#[tokio::test]
async fn a_passport_is_shown_until_it_is_known_to_be_known() {
    let pair = pair();
    let shows = |text: &str| text.contains("\"passport\":{");
    let (unanswered, _) = pair.client.seal_post(message(&call(1)), None).unwrap();
    let (text, mut client) = pair.client.seal_post(message(&call(2)), None).unwrap();
    assert!(shows(&unanswered) && shows(&text));
    let opened = pair.posts(&text).await.unwrap();
    let mut server = pair.server.respond(&opened);
    let answer = pair
        .server
        .seal_into(message(&result(2)), &mut server, true)
        .unwrap();
    assert!(shows(&answer));
    pair.reads(&mut client, &answer).await.unwrap();
    let (text, _) = pair.client.seal_post(message(&call(3)), None).unwrap();
    assert!(!shows(&text));
    let opened = pair.posts(&text).await.unwrap();
    let mut server = pair.server.respond(&opened);
    let answer = pair
        .server
        .seal_into(message(&result(3)), &mut server, true)
        .unwrap();
    assert!(!shows(&answer));
}

#[tokio::test]
async fn what_is_posted_comes_once_names_the_uri_and_is_no_part_of_a_stream() {
    let pair = pair();
    let (text, _) = pair.client.seal_post(message(CALL), None).unwrap();
    pair.posts(&text).await.unwrap();
    let again = pair.posts(&text).await.unwrap_err();
    assert_eq!(again.refusal.code(), Code::Replayed);
    let streamed = pair.client.seal(message(&call(2))).unwrap();
    let refused = pair.posts(&streamed).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::StreamBroken);
    let elsewhere = Pair::over(
        Carrier::Native,
        Wire::Http(vec!["https://other.example/mcp".to_owned()]),
    );
    let (text, _) = elsewhere.client.seal_post(message(CALL), None).unwrap();
    let refused = pair.posts(&text).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::WrongAudience);
}

#[tokio::test]
async fn a_response_that_was_cut_reordered_or_lengthened_is_refused() {
    for order in [&[1][..], &[1, 0], &[0, 2], &[0, 0], &[0, 1, 2, 2]] {
        let pair = pair();
        let mut exchange = pair.asks(1).await;
        let texts = [
            pair.says(&mut exchange, PROGRESS),
            pair.says(&mut exchange, PROGRESS),
            pair.answers(&mut exchange),
        ];
        let (last, before) = order.split_last().unwrap();
        for index in before {
            let read = pair.reads(&mut exchange.client, &texts[*index]).await;
            assert!(read.is_ok() || order == [1, 0], "{order:?}");
        }
        let code = pair.refuses(&mut exchange.client, &texts[*last]).await;
        assert!(
            matches!(code, Code::StreamBroken | Code::Replayed),
            "{order:?}: {code:?}"
        );
        assert!(order.len() == 4 || exchange.client.finish().is_err());
    }
}

#[tokio::test]
async fn nothing_of_one_response_passes_in_another() {
    let pair = pair();
    let (mut one, mut two) = (pair.asks(1).await, pair.asks(2).await);
    let event = pair.says(&mut one, PROGRESS);
    assert_eq!(pair.refuses(&mut two.client, &event).await, Code::NotBound);
    let answer = pair.answers(&mut two);
    assert_eq!(pair.refuses(&mut one.client, &answer).await, Code::NotBound);
    // Nor is anything signed into the wrong one.
    let wrong = pair
        .server
        .seal_into(message(RESULT), &mut two.server, true);
    assert!(matches!(wrong, Err(Refusal::NotBound(_))));
}

#[tokio::test]
async fn a_refusal_is_the_whole_of_its_response() {
    let pair = pair();
    let (text, mut body) = pair.client.seal_post(message(CALL), None).unwrap();
    pair.clock.advance(Duration::from_secs(400));
    let refused = pair.posts(&text).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::OutOfWindow);
    let told = pair.server.seal_refused_post(&refused, "d").unwrap();
    let read = pair.reads(&mut body, &told).await.unwrap();
    assert!(read.message.text().contains("MCPS-006"), "{told}");
    assert_eq!(read.asked.unwrap().method, "tools/call");
    body.finish().unwrap();
}
