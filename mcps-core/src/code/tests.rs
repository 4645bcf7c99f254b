use super::{Code, TABLE};

#[test]
fn rows_stand_in_the_order_of_their_numbers() {
    for (index, row) in TABLE.iter().enumerate() {
        assert_eq!(usize::from(row.code.number()), index + 1);
        assert_eq!(row.id, format!("MCPS-{:03}", index + 1));
        assert_eq!(Code::from_jsonrpc(row.code.jsonrpc()), Some(row.code));
        assert_eq!(Code::from_id(row.id), Some(row.code));
    }
}

#[test]
fn stays_out_of_the_range_that_mcp_keeps() {
    for code in Code::ALL {
        assert!(!(-32099..=-32000).contains(&code.jsonrpc()));
        assert!((400..=599).contains(&code.http_status()));
    }
}

#[test]
fn keeps_the_numbers_of_draft_00() {
    assert_eq!(Code::InvalidSignature.jsonrpc(), -33004);
    assert_eq!(Code::NoMutualVersion.jsonrpc(), -33015);
    assert_eq!(Code::UpstreamUnavailable.jsonrpc(), -33027);
}
