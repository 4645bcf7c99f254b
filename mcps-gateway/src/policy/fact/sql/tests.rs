use super::{VERBS, verbs};

fn read(text: &str, certain: bool) -> Vec<&'static str> {
    let mut out = Vec::new();
    verbs(text, certain, |at| out.push(VERBS[at]));
    out
}

#[test]
fn a_verb_is_found_behind_comments_case_and_other_statements() {
    assert_eq!(read("/* x */ DeLeTe -- y\n FROM t", false), ["delete"]);
    assert_eq!(
        read("SELECT 1 FROM t; DROP TABLE t", false),
        ["select", "drop"]
    );
    assert_eq!(read("/*!50000 DROP TABLE t */", true), ["drop"]);
    assert_eq!(read("DR/**/OP TABLE t", true), Vec::<&str>::new());
    assert_eq!(
        read(
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            true
        ),
        ["delete", "select"]
    );
    assert_eq!(read("explain analyze delete from t", true), ["delete"]);
    assert_eq!(read("SELECT * INTO u FROM t", true), ["select", "insert"]);
}

#[test]
fn a_verb_in_a_literal_is_none() {
    assert_eq!(
        read("SELECT 'delete; drop table t' FROM t", true),
        ["select"]
    );
    assert_eq!(read("SELECT $a$; drop table t$a$ FROM t", true), ["select"]);
}

#[test]
fn prose_is_not_taken_for_sql() {
    assert!(
        read(
            "Delete the second paragraph, please; update me later",
            false
        )
        .is_empty()
    );
}
