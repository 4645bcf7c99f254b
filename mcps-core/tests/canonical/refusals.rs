//! Everything RFC 7493 and the limits forbid, each by its name and place.

use mcps_core::json::{Document, JsonError, Limits};

use crate::{canonical, refusal};

#[test]
fn refuses_a_member_name_twice() {
    let table = [
        (r#"{"a":1,"a":2}"#, 7),
        (r#"{"a":1,"b":2,"a":3}"#, 13),
        (r#"{"b":1,"a":2,"b":3}"#, 13),
        (r#"{"a":1,"\u0061":2}"#, 7),
        (r#"{"\u0061":1,"b":0,"a":2}"#, 18),
        (r#"{"z":0,"\/":1,"/":2}"#, 14),
        (r#"{"z":0,"\ud83d\ude00":1,"😀":2}"#, 24),
        (r#"{"":0,"":0}"#, 6),
        (r#"[0,{"x":[{"y":{"k":1,"k":1}}]}]"#, 21),
    ];
    for (text, offset) in table {
        assert_eq!(
            refusal(text),
            JsonError::DuplicateMember { offset },
            "{text}"
        );
    }
    assert_eq!(
        canonical(r#"[{"a":1},{"a":1},{"A":{"a":{"A":1}}}]"#).len(),
        37
    );
}

#[test]
fn refuses_a_duplicate_among_many_members() {
    let many: Vec<_> = (0..1000).rev().map(|n| format!("\"k{n}\":{n}")).collect();
    let text = format!("{{{},\"k500\":0}}", many.join(","));
    let offset = text.rfind("\"k500\"").unwrap();
    assert_eq!(refusal(&text), JsonError::DuplicateMember { offset });
}

#[test]
fn refuses_half_a_surrogate_pair() {
    let table = [
        (r#""\ud800""#, 1),
        (r#""\uDFFF""#, 1),
        (r#""ab\udc00\ud800""#, 3),
        (r#""\ud800\ud800""#, 1),
        (r#""\ud83dx""#, 1),
        (r#""\ud83d\n""#, 1),
        (r#""\ud83d\u0041""#, 1),
        (r#"{"\udead":1}"#, 2),
    ];
    for (text, offset) in table {
        assert_eq!(refusal(text), JsonError::LoneSurrogate { offset }, "{text}");
    }
    assert_eq!(canonical(r#""\ud83d\ude00""#), "\"😀\"");
    assert_eq!(
        canonical(r#""\uD7FF\uE000\uFFFF\uDBFF\uDFFF""#),
        "\"\u{d7ff}\u{e000}\u{ffff}\u{10ffff}\""
    );
}

#[test]
fn refuses_a_byte_order_mark() {
    assert_eq!(refusal(b"\xEF\xBB\xBF{}"), JsonError::ByteOrderMark);
    assert_eq!(refusal(b"\xEF\xBB\xBF"), JsonError::ByteOrderMark);
    assert_eq!(refusal(b"\xFF\xFE{\0}\0"), JsonError::NotUtf8 { offset: 0 });
    // Elsewhere U+FEFF is white space to nobody, and a character like any other in a string.
    assert!(matches!(
        refusal("{\u{feff}}"),
        JsonError::Syntax { offset: 1, .. }
    ));
    assert_eq!(canonical("\"\u{feff}\""), "\"\u{feff}\"");
}

#[test]
fn refuses_integers_beyond_two_to_the_53() {
    for text in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740993",
        "99999999999999999",
    ] {
        assert_eq!(
            refusal(text),
            JsonError::IntegerRange { offset: 0 },
            "{text}"
        );
    }
    // 2^64 + 1 and beyond wrap around in the arithmetic of a careless parser.
    for text in [
        "18446744073709551617",
        "36893488147419103232",
        &format!("1{}", "0".repeat(400)),
    ] {
        assert_eq!(
            refusal(text),
            JsonError::IntegerRange { offset: 0 },
            "{text}"
        );
    }
    assert_eq!(
        refusal("[1,9007199254740992]"),
        JsonError::IntegerRange { offset: 3 }
    );
    for text in ["9007199254740991", "-9007199254740991"] {
        assert_eq!(canonical(text), text);
    }
}

#[test]
fn refuses_numbers_that_overflow_a_double() {
    let long = format!("{}.0", "9".repeat(400));
    let large = format!("{}e99", "9".repeat(300));
    for text in [
        "1e400",
        "-1e400",
        "1e309",
        "1.8e308",
        "1e99999999999999999999",
        &long,
        &large,
    ] {
        assert_eq!(refusal(text), JsonError::NotFinite { offset: 0 }, "{text}");
    }
    assert_eq!(canonical(&format!("0.{}1", "0".repeat(400))), "0");
    assert_eq!(
        canonical(&format!("{}e-299", "1".repeat(300))),
        "1.1111111111111112"
    );
}

#[test]
fn refuses_depth_beyond_the_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}0{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(canonical(&nested(64)).len(), 128);
    assert_eq!(canonical(&objects(64)).len(), 64 * 6 + 1);
    for depth in [65, 2000, 1_000_000] {
        assert_eq!(refusal(nested(depth)), JsonError::TooDeep { limit: 64 });
    }
    for depth in [65, 2000] {
        assert_eq!(refusal(objects(depth)), JsonError::TooDeep { limit: 64 });
    }
    assert_eq!(refusal("[".repeat(2000)), JsonError::TooDeep { limit: 64 });

    let wide = Limits {
        depth: usize::MAX,
        ..Limits::default()
    };
    assert!(Document::parse_with(nested(512).into_bytes(), wide).is_ok());
    let error = Document::parse_with(nested(513).into_bytes(), wide).unwrap_err();
    assert_eq!(error, JsonError::TooDeep { limit: 512 });

    let flat = Limits {
        depth: 0,
        ..Limits::default()
    };
    assert!(Document::parse_with(b"1".to_vec(), flat).is_ok());
    let error = Document::parse_with(b"[]".to_vec(), flat).unwrap_err();
    assert_eq!(error, JsonError::TooDeep { limit: 0 });
}

#[test]
fn refuses_what_is_longer_than_the_limit() {
    let string = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    assert_eq!(
        refusal(string(5 << 20)),
        JsonError::TooLarge { limit: 4 << 20 }
    );
    assert_eq!(
        refusal(string((4 << 20) + 1)),
        JsonError::TooLarge { limit: 4 << 20 }
    );
    assert_eq!(canonical(&string(4 << 20)).len(), 4 << 20);
    let small = Limits {
        bytes: 3,
        ..Limits::default()
    };
    assert!(Document::parse_with(b"[1]".to_vec(), small).is_ok());
    let error = Document::parse_with(b"[1] ".to_vec(), small).unwrap_err();
    assert_eq!(error, JsonError::TooLarge { limit: 3 });
}

#[test]
fn refuses_what_is_not_utf8() {
    let table: [(&[u8], usize); 8] = [
        (b"\"\xC0\xAF\"", 1),
        (b"\"\xE0\x80\xAF\"", 1),
        (b"\"\xF0\x80\x80\xAF\"", 1),
        (b"\"\xED\xA0\x80\"", 1),
        (b"\"\xF4\x90\x80\x80\"", 1),
        (b"\"ab\x80\"", 3),
        (b"\"ab\xE2\x82\"", 3),
        (b"{\"a\":\xFF}", 5),
    ];
    for (bytes, offset) in table {
        assert_eq!(refusal(bytes), JsonError::NotUtf8 { offset });
    }
}

/// A member's content never reaches a log by way of an error.
#[test]
fn says_where_and_never_what() {
    for text in [
        r#"{"s3cret":1,"s3cret":2}"#,
        r#"{"s3cret"}"#,
        r#"["s3cret\ud800"]"#,
        "[s3cret]",
    ] {
        let error = refusal(text);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

/// A million names, in the worst order, plain and escaped: seconds if sorted, hours if compared
/// each with each.
#[test]
fn survives_objects_with_a_million_members() {
    let limits = Limits {
        bytes: 32 << 20,
        ..Limits::default()
    };
    for prefix in ["", "\\u0041"] {
        let names: Vec<_> = (0..1_000_000)
            .map(|n: u32| format!("\"{prefix}{:x}\":0", n.wrapping_mul(0x9E37_79B1)))
            .collect();
        let text = format!("{{{}}}", names.join(","));
        let document = Document::parse_with(text.into_bytes(), limits).unwrap();
        assert_eq!(document.root().as_object().unwrap().len(), 1_000_000);
    }
}
