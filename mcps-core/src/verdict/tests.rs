use super::{
    FOR_BLOCKS, MAX_NAME, MAX_VERDICTS, OrderError, Ruling, Verb, Verdicts, VerdictsError,
};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::jcs;
use crate::json::Document;

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

fn hash(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// After these orders, in turn; whether each changed anything.
fn ordered(orders: &[(&str, Verb)]) -> (Verdicts, Vec<Result<bool, OrderError>>) {
    let mut verdicts = Verdicts::default();
    let mut done = Vec::new();
    for (version, (tool, verb)) in (1..).zip(orders) {
        done.push(verdicts.order(("files", tool), *verb, (version, NOW)));
    }
    (verdicts, done)
}

fn ruling(verdicts: &Verdicts, tool: &str, text: &str) -> Option<Ruling> {
    let given = verdicts.find("files", tool, Some(&hash(text)));
    given.map(|given| given.ruling)
}

#[test]
fn of_a_definition_the_last_word_stands_and_a_block_counts_over_all() {
    let (one, other) = (hash("one"), hash("other"));
    let (verdicts, done) = ordered(&[
        ("send", Verb::Promote(one)),
        ("send", Verb::Promote(one)),
        ("send", Verb::Promote(other)),
        ("send", Verb::Reject(one)),
        ("look", Verb::Promote(one)),
        ("look", Verb::Block),
        ("look", Verb::Block),
        ("look", Verb::Promote(one)),
        ("look", Verb::Reject(one)),
        ("send", Verb::Unblock),
    ]);
    let blocked = Err(OrderError::Blocked);
    let expected = [true, false, true, true, true, true, false].map(Ok);
    assert_eq!(done[..7], expected);
    assert_eq!(done[7..], [blocked, blocked, Ok(false)]);
    assert_eq!(ruling(&verdicts, "send", "one"), Some(Ruling::Rejected));
    assert_eq!(ruling(&verdicts, "send", "other"), Some(Ruling::Promoted));
    assert_eq!(ruling(&verdicts, "send", "third"), None);
    for text in ["one", "third"] {
        assert_eq!(ruling(&verdicts, "look", text), Some(Ruling::Blocked));
    }
    let alone = verdicts.find("files", "look", None);
    assert_eq!(alone.map(|given| given.version), Some(6));
    assert_eq!(verdicts.find("mail", "send", Some(&other)), None);
    assert_eq!(verdicts.len(), 4);
}

#[test]
fn after_a_block_it_stands_as_before() {
    let one = hash("one");
    let (verdicts, _) = ordered(&[
        ("look", Verb::Promote(one)),
        ("look", Verb::Block),
        ("look", Verb::Unblock),
        ("send", Verb::Block),
        ("send", Verb::Unblock),
    ]);
    assert_eq!(ruling(&verdicts, "look", "one"), Some(Ruling::Promoted));
    let (alone, _) = ordered(&[("look", Verb::Promote(one))]);
    assert_eq!(verdicts, alone);
}

#[test]
fn what_is_written_is_canonical_and_read_again() {
    let (verdicts, _) = ordered(&[
        ("send \"ü\"", Verb::Promote(hash("one"))),
        ("send \"ü\"", Verb::Reject(hash("other"))),
        ("look", Verb::Block),
    ]);
    for verdicts in [verdicts, Verdicts::default()] {
        let document = verdicts.document().unwrap();
        let parsed = Document::parse(document.as_str()).unwrap();
        assert_eq!(jcs::to_string(parsed.root()), document);
        assert_eq!(Verdicts::parse(document.as_bytes()), Ok(verdicts));
    }
}

#[test]
fn what_is_not_of_its_form_is_refused() {
    let (verdicts, _) = ordered(&[("send", Verb::Promote(hash("one")))]);
    let good = verdicts.document().unwrap();
    let refused = |text: &str| Verdicts::parse(text.as_bytes()).unwrap_err();
    for (from, to, member) in [
        ("promoted", "blocked", "verdict"),
        ("promoted", "allowed", "verdict"),
        (r#""version":1"#, r#""version":-1"#, "version"),
        (r#""tool":"send""#, r#""tool":"""#, "tool"),
        (r#""tool":"send""#, r#""tool":"a\nb""#, "tool"),
        (r#""server":"files","#, "", "server"),
        (".000Z", "Z", "at"),
        (r#""hash":""#, r#""hash":"0"#, "hash"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        assert_eq!(refused(&text), VerdictsError::Member(member), "{text}");
    }
    for text in ["[]", "{}", r#"{"verdicts":{}}"#, r#"{"verdicts":[1]}"#] {
        assert_eq!(refused(text), VerdictsError::Member("verdicts"), "{text}");
    }
    let more = good.replacen("{\"at\"", "{\"allow\":1,\"at\"", 1);
    assert_eq!(refused(&more), VerdictsError::UnknownMember);
    let entry = good.trim_start_matches(r#"{"verdicts":["#);
    let entry = entry.trim_end_matches("]}");
    let contrary = entry.replace("promoted", "rejected");
    let twice = format!(r#"{{"verdicts":[{entry},{contrary}]}}"#);
    assert_eq!(refused(&twice), VerdictsError::Twice("send".to_owned()));
    assert!(matches!(refused("{"), VerdictsError::Json(_)));
}

#[test]
fn where_the_definition_is_not_known_one_that_was_rejected_counts() {
    let mut verdicts = Verdicts::default();
    let (good, bad) = (hash("good"), hash("bad"));
    for verb in [Verb::Promote(good), Verb::Reject(bad)] {
        assert_eq!(verdicts.order(("files", "send"), verb, (1, NOW)), Ok(true));
    }
    let found = verdicts
        .find("files", "send", None)
        .map(|given| given.ruling);
    assert_eq!(found, Some(Ruling::Rejected));
    let promoted = verdicts.order(("files", "send"), Verb::Promote(bad), (2, NOW));
    assert_eq!(promoted, Ok(true));
    assert_eq!(verdicts.find("files", "send", None), None);
}

#[test]
fn there_is_room_for_blocks_when_there_is_none_for_promotions_with_the_longest_names() {
    let mut verdicts = Verdicts::default();
    let server = "\"".repeat(MAX_NAME);
    let name = |n: usize| format!("{n:\"<width$}", width = MAX_NAME);
    let mut order = |n: usize, verb| verdicts.order((&server, &name(n)), verb, (1, NOW));
    let most = MAX_VERDICTS - FOR_BLOCKS;
    for n in 0..most {
        assert_eq!(order(n, Verb::Promote(hash("good"))), Ok(true));
    }
    for verb in [Verb::Promote(hash("good")), Verb::Reject(hash("bad"))] {
        assert_eq!(order(most, verb), Err(OrderError::Full));
    }
    for n in most..MAX_VERDICTS {
        assert_eq!(order(n, Verb::Block), Ok(true));
    }
    assert!(verdicts.document().is_ok());
}

#[test]
fn there_are_no_more_than_followers_read() {
    let mut verdicts = Verdicts::default();
    for n in 0..MAX_VERDICTS {
        let tool = format!("tool_{n}");
        let done = verdicts.order(("files", &tool), Verb::Block, (1, NOW));
        assert_eq!(done, Ok(true));
    }
    let full = verdicts.order(("files", "one more"), Verb::Block, (2, NOW));
    assert_eq!(full, Err(OrderError::Full));
    let freed = verdicts.order(("files", "tool_1"), Verb::Unblock, (3, NOW));
    assert_eq!(freed, Ok(true));
    let now = verdicts.order(("files", "one more"), Verb::Block, (4, NOW));
    assert_eq!(now, Ok(true));
    assert!(verdicts.document().is_ok());
}
