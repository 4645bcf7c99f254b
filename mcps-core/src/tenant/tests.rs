use super::{MAX_DOCUMENT_BYTES, MAX_TEXTS, PolicyText, TenantPolicy, TenantPolicyError, digest};
use crate::jcs;
use crate::json::Document;
use crate::level::TrustLevel;

fn policy(texts: &[(&str, &str)]) -> TenantPolicy {
    let texts = texts.iter().map(|(name, text)| PolicyText {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    TenantPolicy {
        min_level: TrustLevel::L2,
        default_policy: true,
        texts: texts.collect(),
    }
}

#[test]
fn what_is_written_is_canonical_and_read_again() {
    for policy in [
        policy(&[]),
        policy(&[("acme.cedar", "forbid (principal,\n\taction, resource);\r\n")]),
        policy(&[("b.toml", "# \"ü\" \u{0}"), ("a.toml", "")]),
    ] {
        let document = policy.document().unwrap();
        let parsed = Document::parse(document.as_str()).unwrap();
        assert_eq!(jcs::to_string(parsed.root()), document);
        assert_eq!(TenantPolicy::parse(document.as_bytes()), Ok(policy));
    }
}

#[test]
fn whatever_is_decided_otherwise_has_another_digest() {
    let usual = policy(&[("a.toml", "x"), ("b.toml", "y")]);
    let others = [
        TenantPolicy {
            min_level: TrustLevel::L3,
            ..usual.clone()
        },
        TenantPolicy {
            default_policy: false,
            ..usual.clone()
        },
        policy(&[("b.toml", "y"), ("a.toml", "x")]),
        policy(&[("a.toml", "x"), ("b.toml", "Y")]),
        policy(&[("a.toml", "x")]),
    ];
    let of = |policy: &TenantPolicy| digest(&policy.document().unwrap());
    for other in &others {
        assert_ne!(of(other), of(&usual), "{other:?}");
    }
    assert_eq!(of(&usual), of(&usual.clone()));
}

#[test]
fn refuses_what_could_be_read_in_two_ways() {
    let refused = |text: &str| TenantPolicy::parse(text.as_bytes()).unwrap_err();
    let good = r#"{"default_policy":true,"min_level":0,"policy":[]}"#;
    assert!(TenantPolicy::parse(good.as_bytes()).is_ok());
    for (from, to, error) in [
        ("true", "1", TenantPolicyError::Member("default_policy")),
        ("0", "5", TenantPolicyError::Member("min_level")),
        ("0", "\"0\"", TenantPolicyError::Member("min_level")),
        ("[]", "{}", TenantPolicyError::Member("policy")),
        ("[]", "[1]", TenantPolicyError::Member("policy")),
        ("[]", r#"[{"name":"a"}]"#, TenantPolicyError::Member("text")),
        (
            "[]",
            r#"[{"name":"../a","text":""}]"#,
            TenantPolicyError::Member("name"),
        ),
        (
            "[]",
            r#"[{"name":"a","text":"","kind":"x"}]"#,
            TenantPolicyError::UnknownMember,
        ),
        (
            "[]",
            r#"[{"name":"a","text":"1"},{"name":"a","text":"2"}]"#,
            TenantPolicyError::Twice("a".to_owned()),
        ),
        ("{\"d", "{\"more\":1,\"d", TenantPolicyError::UnknownMember),
    ] {
        assert_eq!(refused(&good.replacen(from, to, 1)), error, "{from} {to}");
    }
    assert!(matches!(
        refused(&good.replacen("[]", "[],\"policy\":[]", 1)),
        TenantPolicyError::Json(_)
    ));
    assert!(matches!(refused("[]"), TenantPolicyError::Member(_)));
}

#[test]
fn a_document_is_bounded() {
    let long = "x".repeat(MAX_DOCUMENT_BYTES);
    let error = policy(&[("a.toml", &long)]).document().unwrap_err();
    assert!(matches!(error, TenantPolicyError::TooLarge { .. }));
    let names: Vec<String> = (0..=MAX_TEXTS).map(|n| format!("{n}.toml")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(policy(&many).document().is_err());
    assert!(policy(&many[1..]).document().is_ok());
}
