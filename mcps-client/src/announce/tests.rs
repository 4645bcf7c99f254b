use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;

use super::{Announced, Announcement, add, take};

fn own(carrier: Carrier) -> Announcement {
    Announcement {
        carrier,
        min_level: Some(TrustLevel::L2),
        max_age_s: Some(60),
    }
}

#[test]
fn what_was_added_is_taken_out_to_the_byte() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{ "tools" : {} }}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"extensions":{}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"extensions":{"io.example/x":{"a":1}},"tools":{}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"roots":{}},"protocolVersion":"2025-11-25"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}}"#,
    ] {
        for carrier in [Carrier::Native, Carrier::Draft00] {
            let message = add(Message::parse(text).unwrap(), own(carrier)).unwrap();
            assert_ne!(message.text(), text);
            let (again, announced) = take(message).unwrap();
            assert_eq!(again.text(), text);
            assert_eq!(announced, Some(Announced { max_age_s: 60 }));
        }
    }
}

#[test]
fn messages_without_capabilities_stay_as_they_are() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":7}}"#,
    ] {
        assert_eq!(
            add(Message::parse(text).unwrap(), own(Carrier::Native))
                .unwrap()
                .text(),
            text
        );
        assert_eq!(take(Message::parse(text).unwrap()).unwrap().1, None);
    }
}

#[test]
fn refuses_an_announcement_of_another_version_or_by_the_peer_itself() {
    let foreign = r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"extensions":{"dev.mcps/signing":{"version":"9"}}}}}"#;
    assert!(take(Message::parse(foreign).unwrap()).is_err());
    assert!(add(Message::parse(foreign).unwrap(), own(Carrier::Native)).is_err());
}
