use super::{Grant, Grants, Permission, Role, Tenants};

fn grants(texts: &[&str]) -> Grants {
    Grants::new(texts.iter().map(|text| text.parse().unwrap()))
}

#[test]
fn whoever_holds_nothing_may_do_nothing() {
    let none = Grants::default();
    for permission in [Permission::Look, Permission::Own, Permission::Respond] {
        assert!(none.allow(permission).is_none());
    }
}

#[test]
fn a_responder_cuts_off_and_does_not_issue() {
    let held = grants(&["responder@acme"]);
    assert!(held.allow(Permission::Respond).contains("acme"));
    assert!(!held.allow(Permission::Respond).contains("other"));
    assert!(held.allow(Permission::Issue).is_none());
    assert!(held.allow(Permission::Own).is_none());
}

#[test]
fn what_is_held_in_several_tenants_counts_in_each() {
    let held = grants(&["issuer@acme", "viewer@beta", "issuer@gamma"]);
    assert_eq!(held.allow(Permission::Issue).filter(), ",acme,gamma,");
    assert_eq!(held.tenants().filter(), ",acme,beta,gamma,");
    let held = grants(&["issuer@acme", "viewer@*"]);
    assert_eq!(held.allow(Permission::Issue).filter(), "acme");
    assert_eq!(held.tenants(), Tenants::All);
}

#[test]
fn a_grant_reads_back_and_nothing_else_is_one() {
    for text in ["owner@*", "responder@acme", "viewer@a-1"] {
        assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
    }
    for bad in [
        "",
        "owner",
        "owner@",
        "@acme",
        "root@acme",
        "owner@A",
        "owner@a,b",
        "owner@a%",
        "owner@a_b",
        "Owner@a",
        "owner@*x",
    ] {
        assert!(bad.parse::<Grant>().is_err(), "{bad}");
    }
}

#[test]
fn only_owners_own() {
    for role in Role::ALL {
        assert_eq!(role.may(Permission::Own), role == Role::Owner);
        assert!(role.may(Permission::Look));
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
}
