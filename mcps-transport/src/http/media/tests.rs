use http::{HeaderMap, HeaderValue, header};

use super::{EVENT_STREAM, JSON, admits, is};

fn with(name: header::HeaderName, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(&name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn knows_json_by_its_content_type() {
    for (values, expected) in [
        (&["application/json"][..], true),
        (&["Application/JSON; charset=UTF-8"], true),
        (&["application/json;charset=\"utf-8\" ; x=y"], true),
        (&["application/json; charset=latin1"], false),
        (&["application/json-patch+json"], false),
        (&["text/plain"], false),
        (&["application/json, text/plain"], false),
        (&["application/json", "application/json"], false),
        (&[""], false),
        (&[], false),
    ] {
        let headers = with(header::CONTENT_TYPE, values);
        assert_eq!(is(&headers, JSON), expected, "{values:?}");
    }
}

#[test]
fn knows_what_a_client_accepts() {
    for (values, json, events) in [
        (&[][..], true, true),
        (&["application/json, text/event-stream"], true, true),
        (&["application/json", "text/event-stream"], true, true),
        (&["*/*"], true, true),
        (&["text/*"], false, true),
        (&["APPLICATION/*;q=0.1"], true, false),
        (&["application/json"], true, false),
        (&["*/*, text/event-stream;q=0"], true, false),
        (&["text/event-stream; q=0.000, text/*"], false, false),
        (&["text/html"], false, false),
        (&[""], false, false),
    ] {
        let headers = with(header::ACCEPT, values);
        assert_eq!(admits(&headers, JSON), json, "{values:?}");
        assert_eq!(admits(&headers, EVENT_STREAM), events, "{values:?}");
    }
}
