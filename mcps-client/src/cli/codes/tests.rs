use mcps_core::code::Code;

use super::{json_text, markdown, table};

#[test]
fn the_documentation_is_the_table() {
    let written = include_str!("../../../../docs/codes.md");
    assert!(
        written == markdown(),
        "docs/codes.md differs; make it anew: mcps codes -o markdown > docs/codes.md"
    );
}

#[test]
fn every_code_is_in_every_format() {
    for text in [table(), json_text(), markdown()] {
        for code in Code::ALL {
            assert!(
                text.contains(code.id()) && text.contains(&code.jsonrpc().to_string()),
                "{code}"
            );
        }
    }
}
