use mcps_core::refusal::Refusal;

use serde_json::json;

use super::{About, Checks};

fn passport() -> About {
    About {
        noun: "passport",
        rows: Vec::new(),
        json: json!({ "passport_id": "asp_1" }),
    }
}

#[test]
fn a_definite_failure_outweighs_missing_knowledge() {
    let mut checks = Checks::default();
    checks.holds("structure", "");
    checks.fails("revocation", Refusal::AuthorityUnreachable);
    assert_eq!(checks.refusal(), Some(&Refusal::AuthorityUnreachable));
    checks.fails("signature", Refusal::BadSignature);
    assert_eq!(checks.refusal(), Some(&Refusal::BadSignature));
}

#[test]
fn what_was_not_checked_is_counted_in_the_verdict() {
    let mut checks = Checks::default();
    checks.holds("structure", "fine");
    assert!(
        checks
            .text(&passport(), None)
            .ends_with("\nGood: every check of the passport holds.\n")
    );
    checks.open("revocation", "ask with --online");
    let text = checks.text(&passport(), checks.refusal());
    assert!(
        text.contains("revocation  -") && text.contains("1 of the checks above"),
        "{text}"
    );
}

#[test]
fn scripts_get_code_and_outcome() {
    let mut checks = Checks::default();
    checks.fails("times", Refusal::Expired);
    let json = checks.json(&passport(), checks.refusal());
    assert_eq!(json["verdict"], "refused");
    assert_eq!(json["code"], "MCPS-002");
    assert_eq!(json["passport"]["passport_id"], "asp_1");
    assert_eq!(json["checks"][0]["outcome"], "refused");
}
