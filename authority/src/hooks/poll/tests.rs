use super::*;

#[test]
fn a_token_that_could_end_a_header_is_refused_and_none_is_shown() {
    let url = || "https://idp.example/poll".to_owned();
    for bad in ["", "a b", "a\r\nhost: b", "ä", &"a".repeat(4097)] {
        assert_eq!(Poll::new(url(), bad).unwrap_err(), PollFormError::Token);
    }
    assert_eq!(
        Poll::new("h".repeat(2049), "t").unwrap_err(),
        PollFormError::Url
    );
    let poll = Poll::new(url(), "geheim\n").unwrap();
    assert_eq!(poll.token().reveal(), "geheim");
    assert!(!format!("{poll:?}").contains("geheim"));
}
