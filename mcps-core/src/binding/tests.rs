use super::{Pending, Req};
use crate::code::Code;
use crate::digest::Digest;
use crate::fixture::id_of;
use crate::message::Id;

fn id(text: &str) -> Id {
    crate::message::Outline::of(format!(r#"{{"id":{text}}}"#).as_bytes())
        .id
        .unwrap()
}

fn req(n: u8) -> Req {
    Req {
        hash: Digest::of(&[n]),
        nonce: format!("{n:032x}"),
        passport_id: id_of("asker"),
    }
}

#[test]
fn an_answer_settles_the_request_that_it_names() {
    let mut pending = Pending::new(2);
    pending.insert(id("1"), req(1), "one").unwrap();
    assert_eq!(pending.get(&id("1")).unwrap().1, "one");
    assert!(pending.names(&req(1)) && !pending.names(&req(2)));
    assert_eq!(
        pending.settle(&id("1"), Some(&req(1))).unwrap(),
        (req(1), "one")
    );
    assert!(pending.is_empty());
}

/// Two clients both ask with id 1: the answer to one is no answer to the other.
#[test]
fn an_answer_to_another_request_of_the_same_id_is_refused_and_the_request_waits_on() {
    let mut pending = Pending::new(2);
    pending.insert(id("1"), req(1), ()).unwrap();
    let other_hash = Req {
        hash: Digest::of(b"x"),
        ..req(1)
    };
    let other_nonce = Req {
        nonce: "f".repeat(32),
        ..req(1)
    };
    let other_asker = Req {
        passport_id: id_of("x"),
        ..req(1)
    };
    for claimed in [
        None,
        Some(&req(2)),
        Some(&other_hash),
        Some(&other_nonce),
        Some(&other_asker),
    ] {
        assert_eq!(
            pending.settle(&id("1"), claimed).unwrap_err().code(),
            Code::NotBound
        );
    }
    assert_eq!(
        pending.settle(&id("2"), Some(&req(1))).unwrap_err().code(),
        Code::NotBound
    );
    assert_eq!(
        pending
            .settle(&id("\"1\""), Some(&req(1)))
            .unwrap_err()
            .code(),
        Code::NotBound
    );
    assert!(pending.settle(&id("1.0"), Some(&req(1))).is_ok());
    assert_eq!(
        pending.settle(&id("1"), Some(&req(1))).unwrap_err().code(),
        Code::NotBound,
        "once"
    );
}

#[test]
fn is_bounded_and_refuses_when_full() {
    let mut pending = Pending::new(2);
    pending.insert(id("1"), req(1), ()).unwrap();
    assert_eq!(
        pending.insert(id("1"), req(2), ()).unwrap_err().code(),
        Code::Malformed
    );
    pending.insert(id("2"), req(2), ()).unwrap();
    assert_eq!(
        pending.insert(id("3"), req(3), ()).unwrap_err().code(),
        Code::RateLimited
    );
    assert_eq!(pending.len(), 2);
    pending.remove(&id("1")).unwrap();
    pending.insert(id("3"), req(3), ()).unwrap();
    assert_eq!(pending.notes().count(), 2);
    assert_eq!(pending.drain().count(), 2);
    assert!(pending.is_empty());
}
