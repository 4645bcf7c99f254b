//! Authentic messages that are not of this connection.

use mcps_core::jcs;
use mcps_core::json::Document;
use mcps_core::random::hex16;

use super::*;

const ASKS: &str = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
const SAYS: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"n":1}}"#;

/// A message as a peer signs it that knows the draft and nothing of ours.
fn bare(pair: &Pair, link: &Link, text: &str) -> String {
    let document = Document::parse(text.to_owned()).unwrap();
    let hash = jcs::digest(document.root());
    let nonce = hex16(pair.random.as_ref()).unwrap();
    let passport = link.identity().id().unwrap();
    let at = pair.clock.now().to_string();
    let signed = format!(
        r#"{{"message_hash":"{hash}","nonce":"{nonce}","passport_id":"{passport}","timestamp":"{at}"}}"#
    );
    let digest = mcps_core::digest::Digest::of(signed.as_bytes());
    let signature = link.identity().signer().sign(&digest).unwrap().to_base64();
    let envelope = format!(
        r#"{{"mcps":{{"nonce":"{nonce}","passport_id":"{passport}","signature":"{signature}","timestamp":"{at}","version":"1.0"}},"#
    );
    text.replacen('{', &envelope, 1)
}

#[tokio::test]
async fn whoever_bound_its_messages_goes_on_binding_them() {
    for (text, refusal) in [
        (ASKS, Code::TranscriptBinding),
        (SAYS, Code::TranscriptBinding),
        (ANSWER, Code::NotBound),
    ] {
        // Where nobody did before, it is as good as any.
        let pair = Pair::with(Carrier::Draft00);
        let first = bare(&pair, &pair.client, INIT);
        at(&pair.server, &first).await.unwrap();
        let pair = Pair::with(Carrier::Draft00);
        pair.opened().await;
        let later = bare(&pair, &pair.client, text);
        assert_eq!(code(&pair.server, &later).await, refusal, "{text}");
        let later = bare(&pair, &pair.server, text);
        assert_eq!(code(&pair.client, &later).await, refusal, "{text}");
    }
}
