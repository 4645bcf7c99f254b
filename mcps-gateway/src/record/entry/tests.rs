use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::{Effective, TrustLevel};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Decision, Ended, Run, written};
use crate::call::sample::call;
use crate::call::{Call, Definition, Pinned, Principal, Proof};
use crate::judge::{Denial, Grounds, Permit};
use crate::policy::Class;
use crate::record::log::Found;
use crate::record::{Answer, Outcome};

fn said(entry: &impl Serialize) -> Value {
    serde_json::to_value(entry).unwrap()
}

/// Takes the members out that say how long something took: there they have to be.
fn timeless(mut said: Value, members: &[&str]) -> Value {
    for member in members {
        assert!(said.as_object_mut().unwrap().remove(*member).is_some());
    }
    said
}

fn grounds(rule: &str, class: &[Class]) -> Box<Grounds> {
    Box::new(Grounds {
        rules: vec![rule.to_owned()],
        class: class.to_vec(),
        ..Grounds::default()
    })
}

fn asked() -> Call {
    let mut call = call("s", r#"{"path":"/a"}"#);
    call.caller.principal = Some(Principal {
        name: "agent".to_owned(),
        owner: "team".to_owned(),
        groups: vec!["staff".to_owned()],
        issuer: "config".to_owned(),
        proof: Proof::ApiKey {
            id: "0123".to_owned(),
        },
        claims: None,
    });
    call.caller.trust = Some(Effective {
        passport: TrustLevel::L3,
        cap: TrustLevel::L2,
        channel: TrustLevel::L4,
    });
    call.definition = Some(Definition {
        pinned: Pinned::Changed,
        written: None,
        hash: Some(Digest::of(b"definition")),
    });
    call
}

#[test]
fn a_decision_says_who_asked_what_and_what_it_rests_on_and_what_there_is_none_of_is_null_or_left_out()
 {
    let call = asked();
    let denial = Denial {
        grounds: grounds("no-secrets", &[Class::Read]),
        ..Denial::new(Code::Denied, "no-secrets", "it is secret".to_owned())
    };
    let denied = timeless(
        said(&Decision::of(&call, Err(&denial))),
        &["stages_us", "decided_us"],
    );
    let expected = json!({
        "event": "decision", "at": call.at.to_string(), "decision_id": call.decision_id,
        "tenant": call.caller.tenant,
        "principal": {
            "name": "agent", "owner": "team", "issuer": "config", "kind": "api_key", "key_id": "0123",
            "groups": ["staff"],
        },
        "level": {"effective": 2, "passport": 3, "cap": 2, "channel": 4},
        "route": call.session.route,
        "session": Digest::of(b"s").to_string(),
        "method": call.method, "server": call.target.server, "name": call.target.name,
        "via": null, "asked_by": null, "signed_hash": null,
        "arguments_hash": Digest::of(br#"{"path":"/a"}"#).to_string(),
        "definition_hash": Digest::of(b"definition").to_string(), "definition": "changed",
        "decision": "deny", "code": Code::Denied.id(), "rule": "no-secrets", "reason": "it is secret",
        "class": ["read"], "rules": ["no-secrets"],
    });
    assert_eq!(denied, expected);
    let mut call = call;
    (call.caller.principal, call.caller.trust, call.definition) = (None, None, None);
    let permitted = said(&Decision::of(&call, Ok(&Permit::default())));
    for member in ["principal", "level", "definition", "definition_hash"] {
        assert_eq!(permitted.get(member), Some(&Value::Null), "{member}");
    }
    for member in [
        "code", "reason", "class", "policy", "rules", "facts", "fired", "observed",
    ] {
        assert_eq!(permitted.get(member), None, "{member}");
    }
}

#[test]
fn an_answer_that_is_withheld_is_on_record_with_why_it_is_and_with_what_it_was_else() {
    let call = asked();
    let answer = Answer {
        hash: Digest::of(b"answer"),
        error: None,
        failed: true,
        bytes: 6,
        server: Duration::from_micros(7),
        grounds: grounds("of-the-answer", &[Class::Read]),
    };
    let withheld = Outcome::Withheld {
        code: "MCPS-000",
        reason: "it says too much".to_owned(),
        grounds: grounds("of-the-refusal", &[]),
        answer: Some(answer),
    };
    let at = Timestamp::from_millis(0);
    let ended = timeless(said(&Ended::of(&call, &withheld, at)), &["took_us"]);
    let expected = json!({
        "event": "outcome", "at": at.to_string(), "decision_id": call.decision_id,
        "outcome": "withheld", "code": "MCPS-000", "reason": "it says too much",
        "result_hash": Digest::of(b"answer").to_string(), "bytes": 6, "server_us": 7, "is_error": true,
        "class": ["read"], "rules": ["of-the-refusal"],
    });
    assert_eq!(ended, expected);
    let left = timeless(said(&Ended::of(&call, &Outcome::Left, at)), &["took_us"]);
    let expected = json!({
        "event": "outcome", "at": at.to_string(), "decision_id": call.decision_id, "outcome": "left",
    });
    assert_eq!(left, expected);
}

#[test]
fn the_beginning_of_a_run_says_what_the_last_one_left() {
    let at = Timestamp::from_millis(0);
    let found = Found {
        torn: Some((3, "aside".into())),
        damaged: vec![17],
    };
    let expected =
        json!({"event": "started", "at": at.to_string(), "torn_bytes": 3, "damaged_at": [17]});
    assert_eq!(said(&Run::started(&found, at)), expected);
    let expected = json!({"event": "stopped", "at": at.to_string()});
    assert_eq!(said(&Run::stopped(at)), expected);
}

#[test]
fn a_name_that_is_too_long_is_cut_and_still_told_from_others() {
    let (one, other) = ("é".repeat(400) + "1", "é".repeat(400) + "2");
    assert!(written(&one).len() < 600 && written(&one) != written(&other));
    assert_eq!(written("short"), "short");
}
