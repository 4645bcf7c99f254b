use mcps_core::message::{Kind, Message};

use super::{decode, encode, notification};

#[test]
fn says_what_is_fetched_whatever_stands_in_it() {
    let text = notification("GET", Some("s\"1"), Some("é\\"));
    let message = Message::parse(text.clone()).unwrap();
    assert_eq!(message.kind(), Kind::Notification);
    assert_eq!(message.method().unwrap(), "dev.mcps/fetch");
    let param = |name: &str| {
        let value = message.params().unwrap().get(name).unwrap();
        value.as_str().unwrap().into_owned()
    };
    assert_eq!(
        [param("method"), param("session"), param("lastEventId")],
        ["GET", "s\"1", "é\\"]
    );
    assert_eq!(decode(encode(&text).as_bytes()).unwrap(), text.as_bytes());
    assert_eq!(decode(b"a=="), None);
}

#[test]
fn what_is_not_there_is_left_out() {
    assert_eq!(
        notification("DELETE", None, None),
        r#"{"jsonrpc":"2.0","method":"dev.mcps/fetch","params":{"method":"DELETE"}}"#
    );
}
