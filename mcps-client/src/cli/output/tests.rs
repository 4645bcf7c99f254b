use mcps_core::clock::Timestamp;

use super::{instant, members, table};

#[test]
fn cells_cannot_forge_lines() {
    let text = members(&[
        ("name", "x\nlevel  L4".to_owned()),
        ("level", "L1".to_owned()),
    ]);
    assert_eq!(text, "name   x\\nlevel  L4\nlevel  L1\n");
}

#[test]
fn columns_stand_under_their_heads_and_empty_members_are_left_out() {
    let text = table(
        &["TOOL", "STATE"],
        vec![
            vec!["echo".to_owned(), "pinned".to_owned()],
            vec!["read_note".to_owned(), "x".to_owned()],
        ],
    );
    assert_eq!(text, "TOOL       STATE\necho       pinned\nread_note  x\n");
    assert_eq!(
        members(&[("a", String::new()), ("b", "c".to_owned())]),
        "b  c\n"
    );
}

#[test]
fn instants_say_how_far_off_they_are() {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let at = |seconds: i64| {
        instant(
            Timestamp::from_millis(now.as_millis() + seconds * 1000),
            now,
        )
    };
    assert!(at(3599).ends_with("(in 59 min)") && at(3600).ends_with("(in 60 min)"));
    assert!(at(-30).ends_with("(30 s ago)"));
    assert!(at(90 * 86_400).ends_with("(in 90 d)"));
}
