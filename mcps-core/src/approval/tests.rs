use super::{Approval, ApproverKey};
use crate::clock::Timestamp;
use crate::fixture::key;
use crate::json::Document;
use crate::level::TrustLevel;
use crate::refusal::Refusal;
use crate::signer::Signer as _;

fn approval() -> Approval {
    Approval {
        authority: "ta".to_owned(),
        approver: "op_1".to_owned(),
        evidence_id: format!("ev_{}", "0".repeat(64)),
        level: TrustLevel::L4,
        valid_until: Timestamp::from_millis(1_800_000_000_000),
    }
}

#[test]
fn an_approval_is_read_by_its_key_alone_and_as_nothing_else() {
    let signed = approval().sign(&key(1)).unwrap();
    let document = Document::parse(signed.as_str()).unwrap();
    let read = Approval::verify(document.root(), key(1).public_key());
    assert_eq!(read, Ok(approval()));
    let read = Approval::verify(document.root(), key(2).public_key());
    assert_eq!(read, Err(Refusal::BadSignature));
    assert!(ApproverKey::verify(document.root()).is_err());
    let raised = signed.replace(r#""level":4"#, r#""level":3"#);
    let document = Document::parse(raised).unwrap();
    let read = Approval::verify(document.root(), key(1).public_key());
    assert_eq!(read, Err(Refusal::BadSignature));
}

#[test]
fn a_key_is_stated_by_itself_alone() {
    let signed = ApproverKey::sign("ta", "op_1", &key(1)).unwrap();
    let document = Document::parse(signed.as_str()).unwrap();
    let read = ApproverKey::verify(document.root()).unwrap();
    assert_eq!(read.key, *key(1).public_key());
    assert_eq!(
        (read.authority, read.approver),
        ("ta".into(), "op_1".into())
    );
    let other = signed.replace("op_1", "op_2");
    let document = Document::parse(other).unwrap();
    assert_eq!(
        ApproverKey::verify(document.root()),
        Err(Refusal::BadSignature)
    );
}
