use mcps_core::json::Document;
use mcps_core::key::KeyId;

use super::*;

const ISSUER: &str = "https://a.example";

fn back(subject: &Value) -> Option<Target> {
    let target = Document::parse(target(subject, Some(ISSUER))?.to_string()).unwrap();
    Some(Target::read(target.root()).unwrap())
}

#[test]
fn a_target_is_named_as_it_is_read() {
    let (tenant, name) = (|| "acme".to_owned(), || "a/b c".to_owned());
    let key = KeyId::parse(&"A".repeat(43)).unwrap();
    let id = format!("asp_{}", "0".repeat(32));
    let passport = mcps_core::passport::PassportId::parse(&id).unwrap();
    for target in [
        Target::Agent {
            tenant: tenant(),
            name: name(),
        },
        Target::Server {
            tenant: tenant(),
            name: name(),
        },
        Target::Gateway {
            tenant: tenant(),
            name: name(),
        },
        Target::Owner {
            tenant: tenant(),
            owner: "ops@acme.example".into(),
        },
        Target::Tenant(tenant()),
        Target::Key(key),
        Target::Passport(passport),
    ] {
        let named = subject(ISSUER, &target);
        assert_eq!(back(&named).as_ref(), Some(&target));
        // Of whoever is no authority, and of one that speaks of another's, it is a name like any other.
        let name = named["sub"].clone();
        let agent = json!({"kind": "agent", "tenant": "default", "name": name});
        for from in [None, Some("https://b.example")] {
            assert_eq!(super::target(&named, from).as_ref(), Some(&agent));
        }
    }
}

#[test]
fn whoever_else_names_an_agent_by_its_own_name() {
    let agent = |name: &str| json!({"kind": "agent", "tenant": "default", "name": name});
    for (subject, name) in [
        (json!({"format": "opaque", "id": "crawler"}), "crawler"),
        // Only whoever says whose name it is names other kinds and tenants.
        (
            json!({"format": "opaque", "id": "agent/acme/a"}),
            "agent/acme/a",
        ),
        (
            json!({"format": "iss_sub", "iss": "i", "sub": "ann"}),
            "ann",
        ),
        (
            json!({"format": "iss_sub", "iss": "i", "sub": "tool/t/s/n"}),
            "tool/t/s/n",
        ),
        (
            json!({"format": "email", "email": "a@example.com"}),
            "a@example.com",
        ),
        (
            json!({"format": "complex", "user": {"format": "opaque", "id": "u"}}),
            "u",
        ),
    ] {
        assert_eq!(target(&subject, Some("i")), Some(agent(name)), "{subject}");
    }
    for nobody in [
        json!({}),
        json!(null),
        json!({"format": "complex", "tenant": {"id": "t"}}),
    ] {
        assert_eq!(target(&nobody, Some("i")), None);
    }
}
