//! Access tokens that come beside what is posted.

use mcps_core::digest::Digest;

use super::*;
use crate::token::Presented;

const URI: &str = "https://server.example/mcp";

fn pair() -> Pair {
    Pair::over(Carrier::Native, Wire::Http(vec![URI.to_owned()]))
}

fn token(text: &str) -> Presented {
    Presented::Token(Digest::of(text.as_bytes()))
}

impl Pair {
    fn posts_with(&self, ath: Option<&str>) -> String {
        let ath = ath.map(|token| Digest::of(token.as_bytes()));
        self.client.seal_post(message(CALL), ath).unwrap().0
    }

    async fn comes_with(&self, text: &str, token: Presented) -> Result<Opened, Box<Refused>> {
        let bytes = text.as_bytes().to_vec();
        self.server
            .open_post(bytes, token, TrustLevel::L1, Plain::Refuse)
            .await
    }
}

#[tokio::test]
async fn a_post_is_accepted_with_the_token_it_was_signed_for() {
    for (ath, presented) in [(Some("one"), token("one")), (None, Presented::Nothing)] {
        let pair = pair();
        let text = pair.posts_with(ath);
        let opened = pair.comes_with(&text, presented).await.unwrap();
        // What the server is given names no token.
        assert_eq!(opened.message.text(), CALL);
    }
}

#[tokio::test]
async fn another_token_is_refused_and_uses_up_nothing() {
    for (ath, wrong, right) in [
        (Some("one"), token("other"), token("one")),
        (Some("one"), Presented::Nothing, token("one")),
        (Some("one"), Presented::Unclear("two"), token("one")),
        (None, token("one"), Presented::Nothing),
        (None, Presented::Unclear("two"), Presented::Nothing),
    ] {
        let pair = pair();
        let text = pair.posts_with(ath);
        let refused = pair.comes_with(&text, wrong).await.unwrap_err();
        assert_eq!(refused.refusal.code(), Code::TranscriptBinding);
        assert!(!refused.authentic, "a better copy may come");
        // It does, and is served once.
        pair.comes_with(&text, right).await.unwrap();
        let again = pair.comes_with(&text, right).await.unwrap_err();
        assert_eq!(again.refusal.code(), Code::Replayed);
    }
}

#[tokio::test]
async fn nobody_learns_of_tokens_without_a_signature() {
    let pair = pair();
    let text = pair.posts_with(Some("one")).replace("1.5", "2.5");
    let refused = pair.comes_with(&text, token("other")).await.unwrap_err();
    assert_eq!(refused.refusal.code(), Code::InvalidSignature);
}

#[tokio::test]
async fn an_unsigned_post_may_come_with_one_token() {
    for (presented, admitted) in [
        (Presented::Nothing, true),
        (token("one"), true),
        (Presented::Unclear("two"), false),
    ] {
        let pair = pair();
        let opened = pair
            .server
            .open_post(CALL.into(), presented, TrustLevel::L0, Plain::Admit)
            .await;
        assert_eq!(opened.is_ok(), admitted, "{presented:?}");
    }
}

#[tokio::test]
async fn a_failure_that_is_posted_is_bound_to_the_token_too() {
    let pair = pair();
    let id = message(CALL).id().unwrap().clone();
    let ath = Some(Digest::of(b"one"));
    let failure = pair
        .client
        .seal_failure_post(&id, Code::Malformed, "d", ath);
    let said = format!(r#""ath":"{}""#, Digest::of(b"one"));
    assert!(failure.unwrap().0.contains(&said));
}
