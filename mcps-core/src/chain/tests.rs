//! PROTOCOL §3, rule by rule.

use std::time::Duration;

use crate::code::Code;
use crate::fixture::{AUTHORITY, NOW, agent, authority, issuer, key, store};
use crate::level::TrustLevel;
use crate::passport::{Kind, Passport, Unsigned, Within};
use crate::refusal::Refusal;
use crate::signer::Signer as _;
use crate::trust::{Anchor, Standing, TrustStore};

const GOOD: fn(TrustLevel, usize) -> Result<Standing, Refusal> = |cap, relied| {
    Ok(Standing {
        cap,
        recognised: true,
        relied,
    })
};
const UNKNOWN: Result<Standing, Refusal> = Ok(Standing {
    cap: TrustLevel::L0,
    recognised: false,
    relied: 0,
});

fn judge(passport: &Passport) -> Result<Standing, Refusal> {
    store().verify(passport, NOW)
}

/// An agent issued by `parent`, whose key is `signer`.
fn below(parent: &Passport, signer: u64, edit: impl FnOnce(&mut Unsigned)) -> Passport {
    let mut unsigned = agent("leaf", &key(9));
    unsigned.issuer = parent.agent_name().to_owned();
    unsigned.issuer_chain = [std::slice::from_ref(parent), parent.issuer_chain()].concat();
    edit(&mut unsigned);
    unsigned.sign(&key(signer)).unwrap()
}

/// An issuing passport by the authority, with its key's seed as its name.
fn parent(edit: impl FnOnce(&mut Unsigned)) -> Passport {
    let mut unsigned = issuer("issuer", &key(2), 0);
    edit(&mut unsigned);
    unsigned.sign(&authority()).unwrap()
}

fn refused(passport: &Passport, code: Code) {
    let refusal = judge(passport).unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal}");
}

#[test]
fn the_authority_s_own_passport_is_recognised() {
    let passport = agent("agent", &key(1)).sign(&authority()).unwrap();
    assert_eq!(judge(&passport), GOOD(TrustLevel::L4, 0));
}

#[test]
fn a_cap_on_the_authority_caps_what_it_issues() {
    let mut store = TrustStore::default();
    let keys = vec![
        key(5).public_key().clone(),
        authority().public_key().clone(),
    ];
    store.add_anchor(
        AUTHORITY,
        Anchor {
            keys,
            cap: TrustLevel::L1,
        },
    );
    let passport = agent("agent", &key(1)).sign(&authority()).unwrap();
    assert_eq!(store.verify(&passport, NOW), GOOD(TrustLevel::L1, 0));
}

#[test]
fn an_issuer_that_nobody_knows_is_worth_level_0() {
    let mut unsigned = agent("agent", &key(1));
    unsigned.issuer = "elsewhere.example".to_owned();
    unsigned.trust_level = TrustLevel::L4;
    assert_eq!(judge(&unsigned.sign(&key(3)).unwrap()), UNKNOWN);
    assert_eq!(
        TrustStore::default().verify(&agent("agent", &key(1)).sign(&authority()).unwrap(), NOW),
        UNKNOWN
    );
}

#[test]
fn a_self_signed_passport_is_worth_level_0() {
    for name in ["agent", "self"] {
        let mut unsigned = agent("agent", &key(1));
        unsigned.issuer = name.to_owned();
        unsigned.trust_level = TrustLevel::L4;
        assert_eq!(judge(&unsigned.sign(&key(1)).unwrap()), UNKNOWN);
    }
}

/// A chain that is sound in itself and ends with nobody: also when its top signed itself.
#[test]
fn a_chain_to_a_self_signed_top_is_worth_level_0() {
    let mut top = issuer("issuer", &key(2), 0);
    top.issuer = "issuer".to_owned();
    let top = top.sign(&key(2)).unwrap();
    assert_eq!(judge(&below(&top, 2, |_| ())), UNKNOWN);
}

#[test]
fn naming_the_authority_without_its_signature_is_refused() {
    refused(
        &agent("agent", &key(1)).sign(&key(1)).unwrap(),
        Code::InvalidPassport,
    );
    let forged = issuer("issuer", &key(2), 0).sign(&key(2)).unwrap();
    refused(&below(&forged, 2, |_| ()), Code::InvalidPassport);
}

#[test]
fn a_chain_through_entitled_issuers_is_recognised() {
    assert_eq!(
        judge(&below(&parent(|_| ()), 2, |_| ())),
        GOOD(TrustLevel::L3, 1)
    );
    let above = parent(|unsigned| unsigned.ext.as_mut().unwrap().ca.as_mut().unwrap().max_path = 1);
    let middle = below(&above, 2, |unsigned| {
        *unsigned = Unsigned {
            issuer: above.agent_name().to_owned(),
            issuer_chain: vec![above.clone()],
            ..issuer("middle", &key(3), 0)
        };
    });
    let leaf = below(&middle, 3, |unsigned| {
        unsigned.origin = Some("https://a.example".to_owned())
    });
    assert_eq!(judge(&leaf), GOOD(TrustLevel::L3, 2));
}

/// The hole of draft-00: there any passport may be a parent.
#[test]
fn an_ordinary_agent_may_issue_nothing() {
    let ordinary = agent("agent", &key(2)).sign(&authority()).unwrap();
    refused(&below(&ordinary, 2, |_| ()), Code::InvalidPassport);
    refused(
        &below(&ordinary, 2, |leaf| leaf.trust_level = TrustLevel::L0),
        Code::InvalidPassport,
    );
    let mut draft = agent("agent", &key(2));
    draft.ext = None;
    refused(
        &below(&draft.sign(&authority()).unwrap(), 2, |_| ()),
        Code::InvalidPassport,
    );
}

#[test]
fn an_expired_passport_is_refused() {
    let expired = |unsigned: &mut Unsigned| unsigned.expires_at = NOW;
    let mut own = agent("agent", &key(1));
    expired(&mut own);
    refused(&own.sign(&authority()).unwrap(), Code::PassportExpired);
    refused(&below(&parent(expired), 2, |_| ()), Code::PassportExpired);
    refused(&below(&parent(|_| ()), 2, expired), Code::PassportExpired);
    let unknown = Unsigned {
        issuer: "elsewhere.example".to_owned(),
        ..own
    };
    refused(&unknown.sign(&key(3)).unwrap(), Code::PassportExpired);
}

#[test]
fn a_passport_from_the_future_is_refused() {
    let at = |ahead: u64| {
        move |unsigned: &mut Unsigned| unsigned.issued_at = NOW.plus(Duration::from_millis(ahead))
    };
    let mut own = agent("agent", &key(1));
    at(60_000)(&mut own);
    assert!(
        judge(&own.sign(&authority()).unwrap()).is_ok(),
        "within the skew"
    );
    at(60_001)(&mut own);
    assert_eq!(
        judge(&own.sign(&authority()).unwrap()).unwrap_err(),
        Refusal::NotYetValid
    );
    refused(
        &below(&parent(at(60_001)), 2, |_| ()),
        Code::InvalidPassport,
    );
    refused(
        &below(&parent(|_| ()), 2, at(60_001)),
        Code::InvalidPassport,
    );
}

#[test]
fn a_parent_that_is_not_the_named_issuer_is_refused() {
    let above = parent(|_| ());
    refused(
        &below(&above, 2, |leaf| leaf.issuer = "other".to_owned()),
        Code::InvalidPassport,
    );
    refused(
        &below(&above, 2, |leaf| leaf.issuer = above.id().to_string()),
        Code::InvalidPassport,
    );
    let other = parent(|unsigned| unsigned.agent_name = "other".to_owned());
    refused(
        &below(&above, 2, |leaf| {
            leaf.issuer_chain = vec![other, above.clone()]
        }),
        Code::InvalidPassport,
    );
}

#[test]
fn a_child_that_its_parent_did_not_sign_is_refused() {
    refused(&below(&parent(|_| ()), 3, |_| ()), Code::InvalidPassport);
    refused(&below(&parent(|_| ()), 9, |_| ()), Code::InvalidPassport);
}

#[test]
fn a_level_beyond_the_parent_s_is_refused() {
    let at = |level| move |unsigned: &mut Unsigned| unsigned.trust_level = level;
    assert!(judge(&below(&parent(|_| ()), 2, at(TrustLevel::L3))).is_ok());
    refused(
        &below(&parent(|_| ()), 2, at(TrustLevel::L4)),
        Code::InvalidPassport,
    );
    // Its own level bounds it too, whatever it may issue by `ca`.
    refused(
        &below(&parent(at(TrustLevel::L1)), 2, at(TrustLevel::L2)),
        Code::InvalidPassport,
    );
    assert_eq!(
        judge(&below(&parent(at(TrustLevel::L1)), 2, at(TrustLevel::L1))),
        GOOD(TrustLevel::L1, 1)
    );
}

#[test]
fn an_origin_beyond_the_parent_s_is_refused() {
    for origin in [
        "https://c.example",
        "https://a.example.evil",
        "https://a.example/",
        "HTTPS://a.example",
        "",
    ] {
        let leaf = below(&parent(|_| ()), 2, |leaf| {
            leaf.origin = Some(origin.to_owned())
        });
        refused(&leaf, Code::InvalidPassport);
    }
    let leaf = below(&parent(|_| ()), 2, |leaf| {
        leaf.origin = Some("https://b.example".to_owned())
    });
    assert!(judge(&leaf).is_ok());
}

#[test]
fn a_right_to_issue_beyond_the_parent_s_is_refused() {
    let above = parent(|unsigned| unsigned.ext.as_mut().unwrap().ca.as_mut().unwrap().max_path = 3);
    let child = |level, origins: &[&str]| {
        below(&above, 2, |leaf| {
            leaf.ext = issuer("x", &key(9), 0).ext;
            let ca = leaf.ext.as_mut().unwrap().ca.as_mut().unwrap();
            ca.max_level = level;
            ca.origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        })
    };
    assert!(judge(&child(TrustLevel::L3, &["https://a.example"])).is_ok());
    refused(
        &child(TrustLevel::L4, &["https://a.example"]),
        Code::InvalidPassport,
    );
    refused(
        &child(TrustLevel::L1, &["https://a.example", "https://c.example"]),
        Code::InvalidPassport,
    );
}

/// A chain of `length` issuing passports, the top one issued by the authority with `max_path`.
fn chain_of(length: usize, max_path: u8) -> Passport {
    let mut above: Option<Passport> = None;
    for n in 0..length {
        let mut unsigned = issuer(&format!("issuer {n}"), &key(20 + n as u64), max_path);
        let signer = above
            .as_ref()
            .map_or_else(authority, |_| key(19 + n as u64));
        if let Some(above) = &above {
            unsigned.issuer = above.agent_name().to_owned();
        }
        let mine = unsigned.sign(&signer).unwrap();
        above = Some(mine);
    }
    above.unwrap()
}

#[test]
fn a_chain_deeper_than_its_issuers_allow_is_refused() {
    let top = chain_of(1, 1);
    let second = chain_of(2, 1);
    let third = chain_of(3, 1);
    let leaf = |parents: Vec<Passport>, signer| {
        below(&parents[0].clone(), signer, |leaf| {
            leaf.issuer_chain = parents
        })
    };
    assert!(judge(&leaf(vec![top.clone()], 20)).is_ok());
    assert!(judge(&leaf(vec![second.clone(), top.clone()], 21)).is_ok());
    refused(&leaf(vec![third, second, top], 22), Code::ChainTooDeep);
}

#[test]
fn a_chain_of_five_is_the_deepest() {
    let parents: Vec<Passport> = (1..=5).rev().map(|length| chain_of(length, 9)).collect();
    let leaf = below(&parents[0].clone(), 24, |leaf| {
        leaf.issuer_chain = parents.clone()
    });
    assert_eq!(judge(&leaf), GOOD(TrustLevel::L3, 5));
}

/// What stands above the first anchor has nothing to say, and is not relied upon.
#[test]
fn a_chain_ends_at_the_first_anchor() {
    let expired = parent(|unsigned| unsigned.expires_at = NOW);
    let mut unsigned = agent("agent", &key(1));
    unsigned.issuer_chain = vec![expired];
    assert_eq!(
        judge(&unsigned.sign(&authority()).unwrap()),
        GOOD(TrustLevel::L4, 0)
    );
}

/// A chain must not make a forged passport of an anchor's name pass by another key.
#[test]
fn an_issuer_with_an_anchor_s_name_is_not_the_anchor() {
    let impostor = parent(|unsigned| unsigned.agent_name = AUTHORITY.to_owned());
    refused(&below(&impostor, 2, |_| ()), Code::InvalidPassport);
}

/// A parent whose right is narrowed further, one issuing passport deep.
fn narrowed(within: Within) -> Passport {
    parent(|unsigned| {
        let ca = unsigned.ext.as_mut().unwrap().ca.as_mut().unwrap();
        ca.max_path = 1;
        ca.within = within;
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn a_tenant_beyond_the_parent_s_is_refused() {
    let of = |tenant: &str| {
        let tenant = tenant.to_owned();
        move |leaf: &mut Unsigned| leaf.ext.as_mut().unwrap().tenant = tenant
    };
    // Unless others are stated, its own.
    let own = narrowed(Within::default());
    assert!(judge(&below(&own, 2, of("default"))).is_ok());
    refused(&below(&own, 2, of("other")), Code::InvalidPassport);
    let stated = narrowed(Within {
        tenants: texts(&["one", "two"]),
        ..Within::default()
    });
    assert!(judge(&below(&stated, 2, of("two"))).is_ok());
    for tenant in ["default", "three", "on", ""] {
        refused(&below(&stated, 2, of(tenant)), Code::InvalidPassport);
    }
    // What says no tenant is of none of those that are stated.
    refused(
        &below(&stated, 2, |leaf| leaf.ext = None),
        Code::InvalidPassport,
    );
}

#[test]
fn a_kind_a_name_or_a_life_beyond_the_parent_s_is_refused() {
    let within = Within {
        kinds: vec![Kind::Agent],
        name_prefixes: texts(&["leaf", "bot-"]),
        max_life: Some(Duration::from_secs(3660)),
        ..Within::default()
    };
    let above = narrowed(within);
    assert!(judge(&below(&above, 2, |_| ())).is_ok());
    let kind = |leaf: &mut Unsigned| leaf.ext.as_mut().unwrap().kind = Kind::Server;
    refused(&below(&above, 2, kind), Code::InvalidPassport);
    refused(
        &below(&above, 2, |leaf| leaf.ext = None),
        Code::InvalidPassport,
    );
    let name = |name: &str| {
        let name = name.to_owned();
        move |leaf: &mut Unsigned| leaf.agent_name = name
    };
    assert!(judge(&below(&above, 2, name("bot-7"))).is_ok());
    for other in ["lea", "robot-7", "Leaf", ""] {
        refused(&below(&above, 2, name(other)), Code::InvalidPassport);
    }
    let longer =
        |leaf: &mut Unsigned| leaf.expires_at = leaf.expires_at.plus(Duration::from_millis(1));
    refused(&below(&above, 2, longer), Code::InvalidPassport);
}

#[test]
fn a_right_to_issue_is_passed_on_no_wider_in_any_way() {
    let within = Within {
        tenants: texts(&["default", "other"]),
        kinds: vec![Kind::Agent, Kind::Server],
        name_prefixes: texts(&["leaf"]),
        max_life: Some(Duration::from_secs(7200)),
    };
    let above = narrowed(within.clone());
    let child = |within: Within| {
        below(&above, 2, |leaf| {
            leaf.ext = issuer("x", &key(9), 0).ext;
            leaf.ext.as_mut().unwrap().ca.as_mut().unwrap().within = within;
        })
    };
    assert!(judge(&child(within.clone())).is_ok());
    let narrower = Within {
        tenants: Vec::new(),
        kinds: vec![Kind::Agent],
        name_prefixes: texts(&["leaf-of-mine"]),
        max_life: Some(Duration::from_secs(60)),
    };
    assert!(judge(&child(narrower)).is_ok());
    for wider in [
        Within {
            tenants: texts(&["default", "third"]),
            ..within.clone()
        },
        Within {
            kinds: vec![Kind::Agent, Kind::Gateway],
            ..within.clone()
        },
        Within {
            kinds: Vec::new(),
            ..within.clone()
        },
        Within {
            name_prefixes: texts(&["leaf", "le"]),
            ..within.clone()
        },
        Within {
            name_prefixes: Vec::new(),
            ..within.clone()
        },
        Within {
            max_life: Some(Duration::from_secs(7201)),
            ..within.clone()
        },
        Within {
            max_life: None,
            ..within.clone()
        },
    ] {
        refused(&child(wider), Code::InvalidPassport);
    }
}

#[test]
fn a_limit_that_is_not_understood_refuses_the_issuer() {
    let text = issuer("issuer", &key(2), 0).sign(&authority()).unwrap();
    for more in [
        r#""max_path":0,"planets":["earth"]"#,
        r#""max_path":0,"tenants":[]"#,
        r#""max_path":0,"kinds":["planet"]"#,
        r#""max_path":0,"name_prefixes":"leaf""#,
        r#""max_path":0,"max_life_s":0"#,
        r#""max_path":0,"max_life_s":1.5"#,
    ] {
        let edited = text.text().replace(r#""max_path":0"#, more);
        assert_ne!(edited, text.text());
        assert!(Passport::parse(&edited).is_err(), "{more}");
    }
}
