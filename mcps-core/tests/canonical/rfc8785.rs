//! The examples of RFC 8785, and the files its author tests implementations with.

use mcps_core::digest::Digest;
use mcps_core::jcs;
use mcps_core::json::Document;

use crate::canonical;

/// RFC 8785 §3.2.2: primitive values.
#[test]
fn writes_primitive_values_as_section_3_2_2_shows() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50,
                    2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = concat!(
        r#"{"literals":[null,true,false],"#,
        r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(input), expected);
}

/// RFC 8785 §3.2.4 gives the bytes of that example in hexadecimal.
#[test]
fn writes_the_bytes_of_section_3_2_4() {
    let expected = "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d626572\
                    73223a5b3333333333333333332e333333333333332c31652b33302c342e352c302e303032\
                    2c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c\
                    5c5c5c222f227d";
    let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
    let hex: String = canonical(input)
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, expected);
}

/// RFC 8785 §3.2.3: sorting by UTF-16 code units.
#[test]
fn sorts_members_as_section_3_2_3_shows() {
    let input = r#"{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let document = Document::parse(canonical(input)).unwrap();
    let values: Vec<_> = document
        .root()
        .as_object()
        .unwrap()
        .iter()
        .map(|member| member.value().raw())
        .collect();
    assert_eq!(
        values,
        [
            "\"Carriage Return\"",
            "\"One\"",
            "\"Control\"",
            "\"Latin Small Letter O With Diaeresis\"",
            "\"Euro Sign\"",
            "\"Emoji: Grinning Face\"",
            "\"Hebrew Letter Dalet With Dagesh\"",
        ]
    );
}

/// The pairs in `testdata/` of github.com/cyberphone/json-canonicalization.
#[test]
fn agrees_with_the_authors_files() {
    let pairs = [
        (
            "[\n  56,\n  {\n    \"d\": true,\n    \"10\": null,\n    \"1\": [ ]\n  }\n]\n",
            r#"[56,{"1":[],"10":null,"d":true}]"#,
        ),
        (
            r#"{
              "peach": "This sorting order",
              "péché": "is wrong according to French",
              "pêche": "but canonicalization MUST",
              "sin":   "ignore locale"
            }"#,
            concat!(
                r#"{"peach":"This sorting order","péché":"is wrong according to French","#,
                r#""pêche":"but canonicalization MUST","sin":"ignore locale"}"#
            ),
        ),
        (
            r#"{
              "1": {"f": {"f": "hi","F": 5} ,"\n": 56.0},
              "10": { },
              "": "empty",
              "a": { },
              "111": [ {"e": "yes","E": "no" } ],
              "A": { }
            }"#,
            concat!(
                r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"#,
                r#""111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#
            ),
        ),
        (
            "{\n  \"Unnormalized Unicode\":\"A\\u030a\"\n}\n",
            "{\"Unnormalized Unicode\":\"A\u{30a}\"}",
        ),
        (
            r#"{
              "\u20ac": "Euro Sign",
              "\r": "Carriage Return",
              "\u000a": "Newline",
              "1": "One",
              "\u0080": "Control\u007f",
              "\ud83d\ude02": "Smiley",
              "\u00f6": "Latin Small Letter O With Diaeresis",
              "\ufb33": "Hebrew Letter Dalet With Dagesh",
              "</script>": "Browser Challenge"
            }"#,
            concat!(
                r#"{"\n":"Newline","\r":"Carriage Return","1":"One","#,
                "\"</script>\":\"Browser Challenge\",\"\u{80}\":\"Control\u{7f}\",",
                "\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",",
                "\"\u{1f602}\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
            ),
        ),
    ];
    for (input, expected) in pairs {
        assert_eq!(canonical(input), expected);
    }
}

/// RFC 8785 §3.2.2.2: which characters are escaped, and how.
#[test]
fn escapes_what_section_3_2_2_2_names_and_nothing_else() {
    let every: String = (0..=0x20)
        .chain([0x22, 0x2F, 0x5C, 0x7F, 0x2028, 0xFFFF, 0x1_0000])
        .map(|point| format!("{}", char::from_u32(point).unwrap()))
        .map(|text| {
            text.encode_utf16()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect::<String>()
        })
        .collect();
    let expected = concat!(
        r#""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
        r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d"#,
        r#"\u001e\u001f \"/\\"#,
        "\u{7f}\u{2028}\u{ffff}\u{10000}\""
    );
    assert_eq!(canonical(&format!("\"{every}\"")), expected);
    assert_eq!(canonical(expected), expected);
}

#[test]
fn digests_the_canonical_bytes() {
    let document = Document::parse(r#" {"b" : 1.0, "a" : "\u0041"} "#).unwrap();
    assert_eq!(
        jcs::digest(document.root()),
        Digest::of(br#"{"a":"A","b":1}"#)
    );
}
