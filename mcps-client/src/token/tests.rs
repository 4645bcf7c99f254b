use http::{HeaderMap, HeaderValue, header};
use mcps_core::code::Code;
use mcps_core::digest::Digest;

use super::{AccessToken, MAX_BYTES, Presented, TokenSource};

fn presented(values: &[&[u8]]) -> Presented {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value).unwrap();
        headers.append(header::AUTHORIZATION, value);
    }
    Presented::of(&headers)
}

#[test]
fn a_token_is_one_b64token_and_perhaps_a_line_end() {
    let longest = "a".repeat(MAX_BYTES);
    for good in ["a", "mF_9.B5f-4.1JqM", "a+/~==", &longest] {
        for end in ["", "\n", "\r\n"] {
            let token = AccessToken::parse(format!("{good}{end}").as_bytes()).unwrap();
            assert_eq!(token.ath(), Digest::of(good.as_bytes()));
            let header = token.header().unwrap();
            assert_eq!(header.to_str().unwrap(), format!("Bearer {good}"));
        }
    }
    let long = format!("{longest}a");
    for bad in [
        "",
        "\n",
        "=",
        "a=b",
        " a",
        "a ",
        "a\n\n",
        "a\nb",
        "a\tb",
        "a,b",
        "\"a\"",
        "ä",
        "\u{feff}a",
        "Bearer a",
        "a\0",
        &long,
    ] {
        assert!(AccessToken::parse(bad.as_bytes()).is_none(), "{bad:?}");
    }
    assert!(AccessToken::parse(b"\xff").is_none());
}

#[test]
fn nothing_that_is_printed_holds_a_token() {
    let token = AccessToken::parse(b"hunter2").unwrap();
    assert_eq!(format!("{token:?}"), "AccessToken(7 bytes)");
    assert_eq!(format!("{:?}", token.header().unwrap()), "Sensitive");
    let fixed = TokenSource::Fixed(token);
    assert!(!format!("{fixed:?}").contains("hunter2"));
    let wrong = TokenSource::from_variable("NAME", "hunter2 hunter2").unwrap_err();
    let (shown, debug) = (wrong.to_string(), format!("{wrong:?}"));
    assert!(shown.contains("NAME"), "{shown}");
    assert!(!shown.contains("hunter2") && !debug.contains("hunter2"));
}

#[test]
fn one_bearer_token_is_read_in_one_way() {
    let token = Presented::Token(Digest::of(b"abc"));
    for good in ["Bearer abc", "bearer abc", "BEARER   abc"] {
        assert_eq!(presented(&[good.as_bytes()]), token, "{good}");
    }
    // Other schemes are nobody's business.
    for other in ["", "Basic abc", "Bearer2 abc", "Bear", "DPoP abc"] {
        assert_eq!(
            presented(&[other.as_bytes()]),
            Presented::Nothing,
            "{other}"
        );
    }
    assert_eq!(presented(&[]), Presented::Nothing);
    for unclear in [
        &b"Bearer"[..],
        b"Bearer ",
        b"Bearer\tabc",
        b"Bearer,abc",
        b"Bearer abc def",
        b"Bearer abc, Bearer def",
        b"Bearer \"abc\"",
        b"Bearer \xff",
    ] {
        let read = presented(&[unclear]);
        assert!(matches!(read, Presented::Unclear(_)), "{unclear:?}");
    }
    for two in [["Bearer abc", "Bearer abc"], ["Basic abc", "Bearer abc"]] {
        let read = presented(&two.map(str::as_bytes));
        assert!(matches!(read, Presented::Unclear(_)), "{two:?}");
    }
}

#[test]
fn a_signature_names_the_token_that_comes_with_it_or_none() {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let nothing = Presented::Nothing;
    let token = Presented::Token(one);
    let unclear = Presented::Unclear("x");
    assert_eq!(nothing.is_bound(None), Ok(()));
    assert_eq!(token.is_bound(Some(&one)), Ok(()));
    for (presented, ath) in [
        (nothing, Some(&one)),
        (token, None),
        (token, Some(&other)),
        (unclear, None),
        (unclear, Some(&one)),
    ] {
        let refusal = presented.is_bound(ath).unwrap_err();
        assert_eq!(refusal.code(), Code::TranscriptBinding);
    }
    assert!(nothing.is_clear().is_ok() && token.is_clear().is_ok());
    assert!(unclear.is_clear().is_err());
}

#[test]
fn a_file_is_read_each_time_and_must_hold_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let missing = TokenSource::from_file(path.clone()).unwrap_err();
    assert!(missing.to_string().contains("token"), "{missing}");
    std::fs::write(&path, "one\n").unwrap();
    let source = TokenSource::from_file(path.clone()).unwrap();
    assert_eq!(source.token().unwrap().ath(), Digest::of(b"one"));
    std::fs::write(&path, "two").unwrap();
    assert_eq!(source.token().unwrap().ath(), Digest::of(b"two"));
    for bad in ["", "hunter2 hunter2", &"x".repeat(MAX_BYTES + 100)] {
        std::fs::write(&path, bad).unwrap();
        let said = source.token().unwrap_err().to_string();
        assert!(said.contains(path.to_str().unwrap()), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let pipe = TokenSource::from_file(folder.path().to_owned()).unwrap_err();
    assert!(pipe.to_string().contains("regular file"), "{pipe}");
}
