use super::runs_in;

#[test]
fn reads_state_and_group_behind_any_name() {
    assert!(runs_in("12 (cat) S 1 12 12 0 -1", "12"));
    assert!(runs_in("13 (a) Z 1 (b) R 1 12 12 0", "12"));
    assert!(
        !runs_in("12 (cat) Z 1 12 12 0 -1", "12"),
        "a zombie does not run"
    );
    assert!(
        !runs_in("14 (cat) S 12 14 14 0 -1", "12"),
        "a child in another group"
    );
    assert!(!runs_in("", "12"));
}
