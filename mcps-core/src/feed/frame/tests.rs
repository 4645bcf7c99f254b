mod laws;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Draft, Frame, Unverified};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::feed::{Action, Event, FeedError, MAX_BYTES, MAX_LIFE, Target, genesis, link};
use crate::fixture::{AUTHORITY, NOW, id_of, key};
use crate::signer::Signer as _;
use crate::statement;
use crate::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

const ROOT: u64 = 100;
const PASSPORT: u64 = 102;
const STATUS: u64 = 104;
const FEED: u64 = 105;
const OLD_FEED: u64 = 106;
const BURNT_FEED: u64 = 107;

/// A change to a frame, and why it is then refused.
type Case = (fn(&mut Value), FeedError);

fn bundle_of(authority: &str) -> TrustBundle {
    let keys = [
        (ROOT, KeyUse::Root, KeyState::Active),
        (PASSPORT, KeyUse::Passport, KeyState::Active),
        (STATUS, KeyUse::Status, KeyState::Active),
        (FEED, KeyUse::Feed, KeyState::Active),
        (OLD_FEED, KeyUse::Feed, KeyState::Tainted),
        (BURNT_FEED, KeyUse::Feed, KeyState::Revoked),
    ]
    .map(|(seed, usage, state)| TrustedKey {
        usage,
        state,
        public_key: key(seed).public_key().clone(),
    });
    let root = key(ROOT);
    let text = TrustBundle::unsigned_json(authority, 1, NOW, root.public_key().key_id(), &keys);
    TrustBundle::parse(&text).unwrap()
}

fn event(seq: u64) -> Event {
    let action = Action::Revoke(Target::Passport(id_of(&seq.to_string())));
    Event::new(seq, NOW, &action, "policy").unwrap()
}

fn draft(events: &[Event]) -> Draft<'_> {
    Draft {
        authority: AUTHORITY,
        epoch: 1,
        after: events.first().map_or(0, |event| event.seq() - 1),
        prev: genesis(AUTHORITY, 1),
        events,
        iat: NOW,
        fresh_until: NOW.plus(Duration::from_secs(30)),
    }
}

fn signed(events: &[Event]) -> String {
    draft(events).sign(&key(FEED)).unwrap()
}

fn verify(text: &str) -> Result<Frame, FeedError> {
    Frame::verify(text, &bundle_of(AUTHORITY))
}

/// The frame with one change, signed again by the feed key.
fn resigned(text: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut tree: Value = serde_json::from_str(text).unwrap();
    tree.as_object_mut().unwrap().remove("signature");
    change(&mut tree);
    statement::sign(statement::FEED, &tree.to_string(), &key(FEED)).unwrap()
}

#[test]
fn a_frame_is_read_as_it_was_signed() {
    let events: Vec<Event> = (4..=7).map(event).collect();
    let frame = verify(&signed(&events)).unwrap();
    assert_eq!((frame.authority(), frame.epoch()), (AUTHORITY, 1));
    assert_eq!((frame.from(), frame.to(), frame.before()), (4, 7, 3));
    assert_eq!(frame.events(), events);
    assert_eq!(frame.iat(), NOW);
    assert!(frame.vouches());
    let mut chain = genesis(AUTHORITY, 1);
    assert_eq!(frame.prev(), &chain);
    assert_eq!(frame.chain_at(2), None);
    assert_eq!(frame.chain_at(3), Some(chain));
    for event in &events {
        chain = link(&chain, event);
        assert_eq!(frame.chain_at(event.seq()), Some(chain));
    }
    assert_eq!(frame.chain_at(8), None);
    assert_eq!(frame.chain(), &chain);
}

#[test]
fn a_heartbeat_repeats_the_last_number_and_its_chain() {
    let at = Draft {
        after: 9,
        ..draft(&[])
    };
    let frame = verify(&at.sign(&key(FEED)).unwrap()).unwrap();
    assert_eq!((frame.from(), frame.to(), frame.before()), (9, 9, 9));
    assert_eq!((frame.prev(), frame.events().len()), (frame.chain(), 0));
    let first = verify(&draft(&[]).sign(&key(FEED)).unwrap()).unwrap();
    assert_eq!((first.from(), first.to()), (0, 0));
}

/// SHA-256 over `00` and `01` respectively, computed by other means.
#[test]
fn the_chain_is_what_the_page_says() {
    let start = [&[0][..], br#"{"authority":"authority.example","epoch":1}"#].concat();
    assert_eq!(genesis(AUTHORITY, 1), Digest::of(&start));
    let first = event(1);
    let before = genesis(AUTHORITY, 1);
    let next = [&[1][..], before.as_bytes(), first.canonical().as_bytes()];
    assert_eq!(link(&before, &first), Digest::of(&next.concat()));
    assert_ne!(genesis(AUTHORITY, 2), genesis(AUTHORITY, 1));
    assert_ne!(genesis("other.example", 1), genesis(AUTHORITY, 1));
}

#[test]
fn only_feed_keys_of_the_authority_sign_frames() {
    let text = draft(&[event(1)]).sign(&key(OLD_FEED)).unwrap();
    verify(&text).unwrap();
    for seed in [ROOT, PASSPORT, STATUS, BURNT_FEED, 999] {
        let text = draft(&[event(1)]).sign(&key(seed)).unwrap();
        assert_eq!(verify(&text).unwrap_err(), FeedError::ForeignKey, "{seed}");
    }
    let text = signed(&[event(1)]);
    let foreign = Frame::verify(text.as_str(), &bundle_of("other.example"));
    assert_eq!(foreign.unwrap_err(), FeedError::ForeignAuthority);
    // Another key's signature under our key's name.
    let mut tree: Value = serde_json::from_str(&text).unwrap();
    tree.as_object_mut().unwrap().remove("signature");
    let other = statement::sign(statement::FEED, &tree.to_string(), &key(999)).unwrap();
    assert_eq!(verify(&other).unwrap_err(), FeedError::BadSignature);
}

#[test]
fn a_statement_of_another_kind_is_no_frame() {
    let mut tree: Value = serde_json::from_str(&signed(&[event(1)])).unwrap();
    tree.as_object_mut().unwrap().remove("signature");
    for ctx in [statement::STATUS, statement::TRUST, statement::EPOCH] {
        let text = statement::sign(ctx, &tree.to_string(), &key(FEED)).unwrap();
        assert_eq!(verify(&text).unwrap_err(), FeedError::BadSignature, "{ctx}");
    }
}

#[test]
fn an_edit_of_any_member_breaks_the_signature() {
    let text = signed(&[event(1), event(2)]);
    for (pointer, value) in [
        ("/epoch", json!(2)),
        ("/from", json!(0)),
        ("/to", json!(3)),
        ("/prev", json!("0".repeat(64))),
        ("/chain", json!("0".repeat(64))),
        ("/iat", json!("2026-11-21T12:00:01.000Z")),
        ("/fresh_until", json!("2026-11-21T12:01:00.000Z")),
        ("/events/0/type", json!("suspend")),
        ("/events/1/target/id", json!(id_of("x").as_str())),
        ("/events", json!([])),
    ] {
        let mut tree: Value = serde_json::from_str(&text).unwrap();
        *tree.pointer_mut(pointer).unwrap() = value;
        assert_eq!(
            verify(&tree.to_string()).unwrap_err(),
            FeedError::BadSignature,
            "{pointer}"
        );
    }
}

/// The feed key itself cannot sign what does not hold together.
#[test]
fn what_does_not_hold_together_is_refused_whoever_signed() {
    let text = signed(&[event(1), event(2), event(3)]);
    let out_of_order = |expected, found| FeedError::OutOfOrder { expected, found };
    let cases: [Case; 9] = [
        (|t| t["from"] = json!(2), out_of_order(2, 1)),
        (|t| t["to"] = json!(4), FeedError::Range),
        (|t| t["to"] = json!(2), FeedError::Range),
        (
            |t| t["events"].as_array_mut().unwrap().swap(1, 2),
            out_of_order(2, 3),
        ),
        (
            |t| drop(t["events"].as_array_mut().unwrap().remove(1)),
            out_of_order(2, 3),
        ),
        (
            |t| t["events"][1]["reason"] = json!("other"),
            FeedError::BrokenChain,
        ),
        (
            |t| t["prev"] = json!("0".repeat(64)),
            FeedError::BrokenChain,
        ),
        (
            |t| t["fresh_until"] = json!("2026-11-21T11:59:59.999Z"),
            FeedError::Lifetime,
        ),
        (
            |t| t["fresh_until"] = json!("2026-11-21T12:05:00.001Z"),
            FeedError::Lifetime,
        ),
    ];
    for (change, refusal) in cases {
        assert_eq!(verify(&resigned(&text, change)).unwrap_err(), refusal);
    }
    let heartbeat = signed(&[]);
    let cases: [Case; 2] = [
        (|t| t["to"] = json!(1), FeedError::Range),
        (
            |t| t["chain"] = json!("0".repeat(64)),
            FeedError::BrokenChain,
        ),
    ];
    for (change, refusal) in cases {
        assert_eq!(verify(&resigned(&heartbeat, change)).unwrap_err(), refusal);
    }
}

#[test]
fn a_frame_may_vouch_for_nothing_and_for_five_minutes_at_most() {
    for (life, vouches) in [(Duration::ZERO, false), (MAX_LIFE, true)] {
        let at = Draft {
            fresh_until: NOW.plus(life),
            ..draft(&[])
        };
        let frame = verify(&at.sign(&key(FEED)).unwrap()).unwrap();
        assert_eq!(frame.vouches(), vouches);
    }
    let long = Draft {
        fresh_until: NOW.plus(MAX_LIFE + Duration::from_millis(1)),
        ..draft(&[])
    };
    assert_eq!(long.sign(&key(FEED)).unwrap_err(), FeedError::Lifetime);
}

#[test]
fn missing_mistyped_and_unknown_members_are_refused() {
    let text = signed(&[event(1)]);
    let members = [
        "authority",
        "epoch",
        "from",
        "to",
        "prev",
        "events",
        "chain",
        "iat",
        "fresh_until",
        "kid",
    ];
    for name in members {
        let gone = resigned(&text, |tree| {
            tree.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(verify(&gone).unwrap_err(), FeedError::Member(name));
        for value in [json!(null), json!(1.5), json!(-1), json!(""), json!([1])] {
            let wrong = resigned(&text, |tree| tree[name] = value.clone());
            assert_eq!(
                verify(&wrong).unwrap_err(),
                FeedError::Member(name),
                "{name} = {value}"
            );
        }
    }
    let more = resigned(&text, |tree| tree["more"] = json!(1));
    assert_eq!(verify(&more).unwrap_err(), FeedError::UnknownMember);
    let unsigned = text.split(",\"signature\"").next().unwrap().to_owned() + "}";
    assert_eq!(verify(&unsigned).unwrap_err(), FeedError::BadSignature);
    for text in ["", "1", "[]", "{}", "{\"epoch\":9007199254740992}"] {
        assert!(verify(text).is_err());
    }
    let large = format!("{text}{}", " ".repeat(MAX_BYTES));
    assert!(matches!(verify(&large), Err(FeedError::TooLarge { .. })));
}

/// The largest events there can be, as many as there can be, fit.
#[test]
fn is_bounded_and_any_256_events_fit() {
    let wide = |seq| {
        let owner = Event::new(seq, NOW, &Action::Stop(Target::All), "x").unwrap();
        let mut tree: Value = serde_json::from_str(owner.canonical()).unwrap();
        tree["x"] = json!("x".repeat(3990 - owner.canonical().len()));
        Event::parse(&tree.to_string()).unwrap()
    };
    let events: Vec<Event> = (1..=256).map(wide).collect();
    let frame = verify(&signed(&events)).unwrap();
    assert_eq!(frame.events().len(), 256);
    assert!(frame.events().iter().all(|event| !event.is_understood()));
    let events: Vec<Event> = (1..=257).map(event).collect();
    assert_eq!(
        draft(&events).sign(&key(FEED)).unwrap_err(),
        FeedError::TooManyEvents { count: 257 }
    );
}

#[test]
fn events_of_later_versions_are_chained() {
    let text = r#"{"seq":2,"at":"2026-11-21T12:00:00.000Z","type":"rekey","x":1.50}"#;
    let events = [event(1), Event::parse(text).unwrap(), event(3)];
    let frame = verify(&signed(&events)).unwrap();
    assert_eq!(frame.events(), events);
    // Left out, the chain says so.
    let without = resigned(&signed(&events), |tree| {
        let list = tree["events"].as_array_mut().unwrap();
        list.remove(1);
        list[1]["seq"] = json!(2);
        tree["to"] = json!(2);
    });
    assert_eq!(verify(&without).unwrap_err(), FeedError::BrokenChain);
}

#[test]
fn a_draft_that_nobody_would_read_is_not_signed() {
    let events = [event(1), event(3)];
    assert!(draft(&events).sign(&key(FEED)).is_err());
    let nameless = Draft {
        authority: "",
        ..draft(&[])
    };
    assert_eq!(
        nameless.sign(&key(FEED)).unwrap_err(),
        FeedError::Member("authority")
    );
    let backwards = Draft {
        iat: Timestamp::MAX,
        ..draft(&[])
    };
    assert_eq!(backwards.sign(&key(FEED)).unwrap_err(), FeedError::Lifetime);
}

#[test]
fn white_space_and_order_of_members_do_not_matter() {
    let text = signed(&[event(1), event(2)]);
    let tree: Value = serde_json::from_str(&text).unwrap();
    let pretty = serde_json::to_string_pretty(&tree).unwrap();
    assert_ne!(pretty, text);
    assert_eq!(verify(&pretty).unwrap(), verify(&text).unwrap());
    let unread = Unverified::read(pretty).unwrap();
    assert!(unread.verify(&bundle_of(AUTHORITY)).is_ok());
}
