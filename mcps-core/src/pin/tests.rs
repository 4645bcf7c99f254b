use super::{ApprovalError, Change, PinLimits, PinStore, Seen, Server};
use crate::clock::Timestamp;
use crate::code::Code;
use crate::digest::Digest;
use crate::json::Document;
use crate::passport::PassportId;
use crate::refusal::Refusal;

const OTHER: Refusal = Refusal::Tool("not the definition that was pinned");

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn hash(definition: &str) -> Digest {
    Digest::of(definition.as_bytes())
}

fn origin(origin: &str) -> Server {
    Server::Origin(origin.to_owned())
}

fn server() -> Server {
    origin("https://s.example")
}

/// A store that has seen `read` as `old`, and then as `new`.
fn quarantined() -> PinStore {
    let mut store = PinStore::default();
    assert_eq!(
        store.look(&server(), "read", &hash("old"), at(1)),
        Ok(Seen::New)
    );
    assert_eq!(
        store.look(&server(), "read", &hash("new"), at(2)),
        Err(OTHER)
    );
    store
}

#[test]
fn the_first_look_pins_and_the_next_compares() {
    let mut store = PinStore::default();
    assert_eq!(
        store.look(&server(), "read", &hash("old"), at(1)),
        Ok(Seen::New)
    );
    assert_eq!(
        store.look(&server(), "read", &hash("old"), at(2)),
        Ok(Seen::Same)
    );
    assert_eq!(store.pin(&server(), "read").unwrap().pinned_at, at(1));
    assert_eq!(OTHER.code(), Code::ToolIntegrity);
}

#[test]
fn a_changed_tool_is_not_pinned_again_by_looking_twice() {
    let mut store = quarantined();
    for second in 3..10 {
        assert_eq!(
            store.look(&server(), "read", &hash("new"), at(second)),
            Err(OTHER)
        );
    }
    let pin = store.pin(&server(), "read").unwrap();
    assert_eq!((pin.hash, pin.pinned_at), (hash("old"), at(1)));
    assert_eq!(
        pin.change,
        Some(Change {
            hash: hash("new"),
            since: at(2)
        })
    );
}

#[test]
fn a_tool_that_changes_back_stays_quarantined() {
    let mut store = quarantined();
    let refused = store.look(&server(), "read", &hash("old"), at(3));
    assert_eq!(refused, Err(Refusal::Quarantined));
    assert_eq!(Refusal::Quarantined.code(), Code::Quarantined);
}

#[test]
fn a_quarantine_is_of_one_tool() {
    let mut store = quarantined();
    assert_eq!(
        store.look(&server(), "list", &hash("l"), at(3)),
        Ok(Seen::New)
    );
    let other = origin("https://t.example");
    assert_eq!(
        store.look(&other, "read", &hash("new"), at(3)),
        Ok(Seen::New)
    );
}

#[test]
fn an_operator_approves_the_new_definition() {
    let mut store = quarantined();
    store
        .approve(&server(), "read", &hash("new"), at(5))
        .unwrap();
    assert_eq!(
        store.look(&server(), "read", &hash("new"), at(6)),
        Ok(Seen::Same)
    );
    assert_eq!(store.pin(&server(), "read").unwrap().pinned_at, at(5));
    assert_eq!(
        store.look(&server(), "read", &hash("old"), at(7)),
        Err(OTHER)
    );
}

#[test]
fn an_operator_may_hold_to_the_old_definition() {
    let mut store = quarantined();
    store
        .approve(&server(), "read", &hash("old"), at(5))
        .unwrap();
    assert_eq!(
        store.look(&server(), "read", &hash("old"), at(6)),
        Ok(Seen::Same)
    );
    assert_eq!(store.pin(&server(), "read").unwrap().pinned_at, at(1));
    assert_eq!(
        store.look(&server(), "read", &hash("new"), at(7)),
        Err(OTHER)
    );
}

#[test]
fn an_approval_is_of_what_the_operator_looked_at() {
    let mut store = quarantined();
    let before = store.clone();
    let approve = |store: &mut PinStore, tool, definition| {
        store.approve(&server(), tool, &hash(definition), at(5))
    };
    assert_eq!(
        approve(&mut store, "read", "newer"),
        Err(ApprovalError::ChangedAgain)
    );
    assert_eq!(
        approve(&mut store, "list", "new"),
        Err(ApprovalError::Unknown)
    );
    assert_eq!(store, before);
    // The tool changes while the operator reads.
    assert_eq!(
        store.look(&server(), "read", &hash("newer"), at(4)),
        Err(OTHER)
    );
    assert_eq!(
        approve(&mut store, "read", "new"),
        Err(ApprovalError::ChangedAgain)
    );
    approve(&mut store, "read", "newer").unwrap();
    assert_eq!(
        approve(&mut store, "read", "newer"),
        Err(ApprovalError::NotQuarantined)
    );
}

#[test]
fn pin_keys_do_not_collide() {
    let mut store = PinStore::default();
    assert_eq!(
        store.look(&origin("a:b"), "c", &hash("1"), at(1)),
        Ok(Seen::New)
    );
    assert_eq!(
        store.look(&origin("a"), "b:c", &hash("2"), at(1)),
        Ok(Seen::New)
    );
    assert_eq!(
        store.look(&origin("a:b"), "c", &hash("1"), at(2)),
        Ok(Seen::Same)
    );
    assert_eq!(
        store.look(&origin("a"), "b:c", &hash("2"), at(2)),
        Ok(Seen::Same)
    );
    // Nor an origin that looks like a passport's id with that passport.
    let id = "asp_00112233445566778899aabbccddeeff";
    let passport = Server::Passport(PassportId::parse(id).unwrap());
    assert_eq!(store.look(&passport, "c", &hash("3"), at(1)), Ok(Seen::New));
    assert_eq!(
        store.look(&origin(id), "c", &hash("4"), at(1)),
        Ok(Seen::New)
    );
    assert_eq!(store.len(), 4);
    let again = restored(&store).unwrap();
    assert_eq!(
        again.iter().collect::<Vec<_>>(),
        store.iter().collect::<Vec<_>>()
    );
}

fn restored(store: &PinStore) -> Result<PinStore, Refusal> {
    let state = Document::parse(store.to_json()).unwrap();
    PinStore::from_document(&state, PinLimits::default())
}

#[test]
fn a_full_store_refuses_new_tools_and_keeps_the_old() {
    let mut store = PinStore::new(PinLimits {
        per_server: 2,
        total: 3,
    });
    let (one, two) = (origin("https://1"), origin("https://2"));
    for tool in ["a", "b"] {
        store.look(&one, tool, &hash(tool), at(1)).unwrap();
    }
    let refused = store.look(&one, "c", &hash("c"), at(1)).unwrap_err();
    assert_eq!(refused, Refusal::Full("the server's share of the pins"));
    store.look(&two, "a", &hash("a"), at(1)).unwrap();
    let refused = store.look(&two, "b", &hash("b"), at(1)).unwrap_err();
    assert_eq!(refused, Refusal::Full("the store of pins"));
    assert_eq!(refused.code(), Code::RateLimited);
    assert_eq!(store.look(&one, "a", &hash("a"), at(2)), Ok(Seen::Same));
    assert_eq!(store.look(&one, "b", &hash("x"), at(2)), Err(OTHER));
    assert_eq!(store.len(), 3);
    assert_eq!(store.forget(&one), 2);
    assert_eq!(store.forget(&one), 0);
    assert_eq!(store.look(&two, "b", &hash("b"), at(3)), Ok(Seen::New));
    assert_eq!(store.len(), 2);
}

#[test]
fn names_without_end_are_not_kept() {
    let mut store = PinStore::default();
    let long = "x".repeat(1025);
    for (server, tool) in [
        (server(), long.as_str()),
        (origin(&long), "a"),
        (server(), ""),
    ] {
        let refused = store.look(&server, tool, &hash("a"), at(1)).unwrap_err();
        assert_eq!(refused.code(), Code::ToolIntegrity);
    }
    assert!(store.is_empty());
}

#[test]
fn the_state_survives_a_restart_quarantine_included() {
    let mut store = quarantined();
    store
        .look(&server(), "quote \" \\ é \n", &hash("q"), at(9))
        .unwrap();
    let mut again = restored(&store).unwrap();
    assert_eq!(again, store);
    assert_eq!(
        again.look(&server(), "read", &hash("new"), at(10)),
        Err(OTHER)
    );
    assert_eq!(
        again.look(&server(), "read", &hash("old"), at(10)),
        Err(Refusal::Quarantined)
    );
    assert_eq!(restored(&PinStore::default()).unwrap(), PinStore::default());
}

#[test]
fn the_shape_of_the_state() {
    let (old, new) = (hash("old"), hash("new"));
    let pin = format!(
        r#"{{"origin":"https://s.example","tool":"read","hash":"{old}","pinned_at":"1970-01-01T00:00:01.000Z","change":{{"hash":"{new}","since":"1970-01-01T00:00:02.000Z"}}}}"#
    );
    assert_eq!(
        quarantined().to_json(),
        format!("{{\"pins\":[\n{pin}\n]}}\n")
    );
}

#[test]
fn a_state_that_cannot_be_read_is_not_an_empty_store() {
    let good = quarantined().to_json();
    let hash = hash("old").to_string();
    let entry = good.split('\n').nth(1).unwrap();
    for broken in [
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"pins":{}}"#.to_owned(),
        r#"{"pins":[7]}"#.to_owned(),
        r#"{"pins":[],"more":1}"#.to_owned(),
        good.replace("origin", "orogin"),
        good.replace(r#""origin":"https://s.example","#, ""),
        good.replace(
            r#""origin":"https://s.example""#,
            r#""passport_id":"asp_1""#,
        ),
        good.replace(r#""tool":"read","#, ""),
        good.replace(&hash, &hash.to_uppercase()),
        good.replace("1970-01-01T00:00:01.000Z", "1000"),
        good.replace("1970-01-01T00:00:02.000Z", "yesterday"),
        good.replace("since", "until"),
        good.replace(entry, &format!("{entry},{entry}")),
    ] {
        assert_ne!(broken, good);
        let broken = Document::parse(broken).unwrap();
        let refused = PinStore::from_document(&broken, PinLimits::default()).unwrap_err();
        assert_eq!(refused.code(), Code::Malformed, "{}", broken.text());
    }
    let good = Document::parse(good).unwrap();
    let none = PinLimits {
        per_server: 0,
        total: 0,
    };
    assert!(PinStore::from_document(&good, none).is_err());
}
