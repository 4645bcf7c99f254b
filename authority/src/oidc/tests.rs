use super::Rule;

#[test]
fn a_rule_reads_a_claim_its_value_and_what_follows() {
    let rule: Rule = "groups=urn:x:on-call:responder@acme".parse().unwrap();
    assert_eq!(
        (rule.claim.as_str(), rule.value.as_str()),
        ("groups", "urn:x:on-call")
    );
    assert_eq!(rule.grant.to_string(), "responder@acme");
    for bad in [
        "",
        "groups",
        "groups=x",
        "groups=x:root@acme",
        "=x:viewer@*",
        "groups=:viewer@*",
    ] {
        assert!(bad.parse::<Rule>().is_err(), "{bad}");
    }
}
