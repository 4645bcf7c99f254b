use mcps_core::json::Document;
use mcps_core::message::Message;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};

use super::index::{Index, Subject};
use super::{Wanted, inner, terms};

const WORDS: [&str; 12] = [
    "read", "write", "file", "files", "secret", "vault", "mail", "send", "list", "issue", "branch",
    "graph",
];

fn documents(tools: &[Vec<usize>]) -> Vec<Document> {
    let definition = |(at, words): (usize, &Vec<usize>)| {
        let words: Vec<&str> = words.iter().map(|word| WORDS[word % WORDS.len()]).collect();
        let name = words.first().unwrap_or(&"none");
        let text = words.join(" ");
        Document::parse(format!(
            r#"{{"name":"{name}_{at}","description":"{text}"}}"#
        ))
        .unwrap()
    };
    tools.iter().enumerate().map(definition).collect()
}

fn index<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Index {
    Index::new(documents.into_iter().map(|document| Subject {
        server: "s",
        definition: document.root(),
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Scores, order and number are those of an index in which what is hidden never was.
    #[test]
    fn what_is_hidden_changes_no_score(
        tools in prop::collection::vec(
            (prop::collection::vec(0_usize..12, 1..12), any::<bool>()),
            1..60,
        ),
        query in prop::collection::vec(0_usize..12, 1..4),
    ) {
        let words: Vec<Vec<usize>> = tools.iter().map(|(words, _)| words.clone()).collect();
        let documents = documents(&words);
        let seen: Vec<usize> = (0..tools.len()).filter(|at| tools[*at].1).collect();
        let query: Vec<&str> = query.iter().map(|word| WORDS[*word]).collect();
        let query = query.join(" ");

        let all = index(&documents);
        let mask = all.mask(|tool| tools[tool as usize].1);
        let masked = all.search(&query, &mask, 5);
        let masked: Vec<(usize, f64)> =
            masked.iter().map(|hit| (hit.tool as usize, hit.score)).collect();

        let alone = index(seen.iter().map(|at| &documents[*at]));
        let found = alone.search(&query, &alone.mask(|_| true), 5);
        let found: Vec<(usize, f64)> =
            found.iter().map(|hit| (seen[hit.tool as usize], hit.score)).collect();
        prop_assert_eq!(masked, found);
    }
}

#[test]
fn a_word_is_found_in_whichever_form_it_is_written() {
    let of = |text: &str| {
        let mut words = Vec::new();
        terms::each(text, 100, |word| words.push(word.to_owned()));
        words
    };
    let read_file = of("read file");
    for text in [
        "readFile",
        "read_files",
        "ReadFile",
        "READ-FILE",
        "reading files",
        "read\u{200b}file",
    ] {
        assert_eq!(of(text), read_file, "{text}");
    }
    assert_eq!(of("HTTPServer"), of("http server"));
    assert_eq!(of("directories"), of("directory"));
    assert_eq!(of("created"), of("create"));
    assert_eq!(of("ｓｅａｒｃｈ"), of("search"), "full width");
    assert_eq!(
        of(&"x".repeat(1000)),
        Vec::<String>::new(),
        "nobody asks for that"
    );
}

fn call(params: &str) -> Message {
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    Message::parse(text).unwrap()
}

#[test]
fn a_call_of_call_tool_means_the_call_that_it_names_and_nothing_else_changes() {
    let direct = r#"{"name":"files__read","arguments":{"path":"a"},"_meta":{"progressToken":7}}"#;
    for outer in [
        r#"{"name":"call_tool","arguments":{"name":"files__read","arguments":{"path":"a"}},"_meta":{"progressToken":7}}"#,
        r#"{"name":"call_tool","arguments":{"arguments":{"path":"a"},"name":"files__read"},"_meta":{"progressToken":7}}"#,
    ] {
        assert_eq!(inner(&call(outer)).unwrap().text(), call(direct).text());
    }
    let turned =
        r#"{"arguments":{"name":"files__read","arguments":{"path":"a"}},"name":"call_tool"}"#;
    assert_eq!(
        inner(&call(turned)).unwrap().text(),
        call(r#"{"arguments":{"path":"a"},"name":"files__read"}"#).text()
    );
    let bare = inner(&call(r#"{"name":"call_tool","arguments":{"name":"x"}}"#)).unwrap();
    assert!(bare.text().contains(r#""arguments":{}"#));
}

#[test]
fn a_call_of_call_tool_that_is_none_is_not_guessed_at() {
    for wrong in [
        r#"{"name":"call_tool"}"#,
        r#"{"name":"call_tool","arguments":[]}"#,
        r#"{"name":"call_tool","arguments":{}}"#,
        r#"{"name":"call_tool","arguments":{"name":7}}"#,
        r#"{"name":"call_tool","arguments":{"name":"x","arguments":"{}"}}"#,
        r#"{"name":"call_tool","arguments":{"name":"x","more":1}}"#,
        r#"{"name":"call_tool","arguments":{"name":"call_tool","arguments":{"name":"x"}}}"#,
        r#"{"name":"call_tool","arguments":{"name":"find_tools","arguments":{"query":"x"}}}"#,
    ] {
        assert!(inner(&call(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_search_that_cannot_be_read_says_what_to_write() {
    let of = |arguments: &str| {
        Wanted::of(&call(&format!(
            r#"{{"name":"find_tools","arguments":{arguments}}}"#
        )))
    };
    assert_eq!(of(r#"{"query":"x"}"#).unwrap().limit, 5);
    assert_eq!(of(r#"{"query":"x","limit":20}"#).unwrap().limit, 20);
    for (wrong, word) in [
        ("{}", "`query`"),
        (r#"{"query":" "}"#, "`query`"),
        (r#"{"query":7}"#, "`query`"),
        (r#"{"query":"x","limit":0}"#, "`limit`"),
        (r#"{"query":"x","limit":21}"#, "`limit`"),
        (r#"{"query":"x","limit":-1}"#, "`limit`"),
        (r#"{"query":"x","all":true}"#, "leave out"),
    ] {
        assert!(of(wrong).unwrap_err().contains(word), "{wrong}");
    }
}
