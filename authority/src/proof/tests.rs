use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::signer::Signer as _;
use mcps_core::statement;

use super::Proven;
use crate::error::Error;
use crate::store::Binding;

fn binding(kid: &str) -> Binding {
    Binding {
        tenant: "default".into(),
        subject: "agent-7".into(),
        kid: kid.into(),
        previous_kid: None,
        audience: "ta".into(),
    }
}

fn proof(key: &SecretKey, challenge: &str) -> String {
    let kid = key.public_key().key_id();
    let unsigned = format!(
        r#"{{"audience":"ta","challenge":"{challenge}","kid":"{kid}","subject":"agent-7","tenant":"default"}}"#
    );
    let signed = statement::sign(statement::PROOF, &unsigned, key).unwrap();
    let value: serde_json::Value = serde_json::from_str(&signed).unwrap();
    value["signature"].as_str().unwrap().to_owned()
}

#[test]
fn accepts_the_keys_own_signature_and_nothing_moved() {
    let key = SecretKey::generate(&SeededRandom::new(7)).unwrap();
    let kid = key.public_key().key_id().to_string();
    let good = proof(&key, "c1");
    let verify = |challenge: &str, binding: Binding, proof: &str| {
        Proven::verify(key.public_key().clone(), challenge.into(), binding, proof)
    };
    verify("c1", binding(&kid), &good).unwrap();

    let other = Binding {
        tenant: "other".into(),
        ..binding(&kid)
    };
    // The tenant's text moved into the subject: unseparated fields would make the same bytes.
    let moved = Binding {
        subject: "agent-7default".into(),
        tenant: String::new(),
        ..binding(&kid)
    };
    for result in [
        verify("c2", binding(&kid), &good),
        verify("c1", other, &good),
        verify("c1", moved, &good),
        verify("c1", binding(&kid), ""),
        verify("c1", binding(&kid), "\"},{\""),
        verify("c1", binding(&kid), good.trim_end_matches('=')),
    ] {
        assert!(matches!(result, Err(Error::ProofRefused(_))));
    }
}

#[test]
fn refuses_another_keys_signature() {
    let key = SecretKey::generate(&SeededRandom::new(7)).unwrap();
    let thief = SecretKey::generate(&SeededRandom::new(8)).unwrap();
    let kid = key.public_key().key_id().to_string();
    let result = Proven::verify(
        key.public_key().clone(),
        "c1".into(),
        binding(&kid),
        &proof(&thief, "c1"),
    );
    assert!(matches!(result, Err(Error::ProofRefused(_))));
}
