//! What is JSON and what is not (RFC 8259), case by case; after the kinds of case that the
//! JSONTestSuite of Nicolas Seriot collects.

use mcps_core::json::{Document, JsonError};

use crate::refusal;

const ACCEPTED: &[&str] = &[
    // Structure and white space.
    "[]",
    "{}",
    " [] ",
    "\t[\n]\r\n",
    "[ ]",
    "{ }",
    "[[]]",
    "[[],[]]",
    "{\"\":0}",
    "{\"a\":{}}",
    "[1,2]",
    "[ 1 , 2 ]",
    "{ \"a\" : 1 , \"b\" : 2 }",
    "\"\"",
    "0",
    "null",
    "true",
    "false",
    "[null]",
    "[true,false,null]",
    "[[[[[[[[[[[[]]]]]]]]]]]]",
    // Numbers.
    "-0",
    "-1",
    "10",
    "1.5",
    "-0.1",
    "0.0",
    "1e1",
    "1E1",
    "1e+1",
    "1E-1",
    "0e0",
    "0e+1",
    "123.456e78",
    "1.0000",
    "20e1",
    "-1e-999",
    "1e-99999999999999999999",
    // Strings.
    r#""a""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0000""#,
    r#""\u00e9\u00E9""#,
    r#""\ud834\udd1e""#,
    r#""\\u0000""#,
    r#""\\\"""#,
    "\"\u{7f}\"",
    "\"\u{80}\"",
    "\"\u{2028}\u{2029}\"",
    "\"\u{fffe}\"",
    "\"\u{10ffff}\"",
    "\"é漢😀\"",
    r#""/* no comment */""#,
    r#"{"\u0061\u0300":0}"#,
];

const REFUSED: &[&str] = &[
    // Nothing, or something after the end.
    "",
    " ",
    "\n",
    "[] []",
    "[]x",
    "{}}",
    "[]]",
    "1 2",
    "\"a\"\"b\"",
    "null,",
    "[]\0",
    "\0",
    "[]#",
    "{}/**/",
    "{}//",
    // Brackets.
    "[",
    "]",
    "{",
    "}",
    "[[",
    "[1",
    "[1,",
    "[,1]",
    "[1,]",
    "[1,,2]",
    "[,]",
    "[1 2]",
    "[1:2]",
    "[}",
    "{]",
    "[1}",
    "{\"a\":1]",
    "[\"a\":1]",
    "{[]}",
    "[{}",
    // Members.
    "{1:1}",
    "{a:1}",
    "{'a':1}",
    "{null:1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\",1}",
    "{\"a\" 1}",
    "{:1}",
    "{,}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"a",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,\"b\"",
    "{true:1}",
    "{\"a\":[}",
    // Literals.
    "nul",
    "nulll",
    "tru",
    "truee",
    "fals",
    "True",
    "NULL",
    "False",
    "undefined",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "inf",
    "-NaN",
    "[nul]",
    "[tru",
    "n",
    "t",
    "f",
    // Numbers.
    "+1",
    "01",
    "-01",
    "00",
    "-",
    "--1",
    "-a",
    ".5",
    "-.5",
    "1.",
    "-1.",
    "1.e1",
    "1.a",
    "1e",
    "1e+",
    "1e-",
    "1ea",
    "1E+-1",
    "1e1.5",
    "1.2.3",
    "0x1",
    "0b1",
    "0o7",
    "1_000",
    "1,000",
    "0x",
    "1a",
    "1-",
    "1+1",
    "- 1",
    "1 .5",
    "\u{ff11}",
    "012",
    "-012",
    "0e",
    "0.e1",
    "2.e+3",
    "$1",
    "1f",
    "1n",
    "0.1.",
    "1/2",
    // Strings.
    "\"",
    "\"a",
    "a\"",
    "'a'",
    "`a`",
    "\"\\\"",
    "\"\\\\\\\"",
    "\"\n\"",
    "\"\t\"",
    "\"\0\"",
    "\"\u{1f}\"",
    "\"ab\u{1}cdefghij\"",
    r#""\a""#,
    r#""\'""#,
    r#""\0""#,
    r#""\x41""#,
    r#""\v""#,
    r#""\U0041""#,
    r#""\ ""#,
    "\"\\\n\"",
    "\"\\é\"",
    "\"\\😀\"",
    r#""\u""#,
    r#""\u1""#,
    r#""\u12""#,
    r#""\u123""#,
    r#""\u123"#,
    r#""\u12g4""#,
    r#""\u 123""#,
    r#""\u+123""#,
    r#""\u-123""#,
    r#""\u00é""#,
    r#""\ud834\u""#,
    r#""\ud834\udd""#,
    r#""\u{41}""#,
    "\"\\",
    // White space that is none.
    "\u{a0}1",
    "1\u{a0}",
    "[\u{c}]",
    "[\u{b}]",
    "\u{2028}[]",
    "[\u{3000}]",
    "\u{feff}\u{feff}",
    // Comments.
    "/**/1",
    "1//",
    "[1/*,*/]",
    "#1",
];

#[test]
fn accepts_json() {
    for text in ACCEPTED {
        match Document::parse(*text) {
            Ok(document) => assert_eq!(document.text(), *text),
            Err(error) => panic!("{error}: {text:?}"),
        }
    }
}

#[test]
fn refuses_what_is_not_json() {
    for text in REFUSED {
        match refusal(text) {
            JsonError::Syntax { offset, .. } => assert!(offset <= text.len(), "{text:?}"),
            JsonError::ByteOrderMark => assert!(text.starts_with('\u{feff}')),
            error => panic!("{error}: {text:?}"),
        }
    }
}

/// A text cut anywhere before its end is refused, unless what is left is a number.
#[test]
fn refuses_every_beginning_of_a_text() {
    let text = r#"{"a":[1,-2.5e+3,"\u00e9\ud83d\ude00\\",true,false,null,{}],"b":{"c":"é"}}"#;
    for end in 0..text.len() {
        assert!(
            Document::parse(text.as_bytes().get(..end).unwrap_or_default()).is_err(),
            "{end}"
        );
    }
    assert!(Document::parse(text).is_ok());
}

/// Every escape after every position of a word, since strings are scanned in words.
#[test]
fn finds_special_bytes_wherever_they_stand() {
    for len in 0..40 {
        let run = "é".repeat(len / 2) + if len % 2 == 1 { "x" } else { "" };
        for special in ["\u{0}", "\u{1f}", "\n", "\"", "\\"] {
            let text = format!("\"{run}{special}{}\"", "\u{fe}".repeat(9));
            assert!(Document::parse(text).is_err(), "{len} {special:?}");
        }
        for innocent in [
            " ", "!", "#", "[", "]", "\u{7f}", "\u{a0}", "\u{a2}", "\u{dc}",
        ] {
            let text = format!("\"{run}{innocent}{run}\"");
            let document = Document::parse(text.clone()).unwrap();
            assert_eq!(document.root().raw(), text);
        }
    }
}
