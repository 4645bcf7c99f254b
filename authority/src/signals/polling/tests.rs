use super::*;

#[test]
fn pauses_grow_up_to_five_minutes_and_a_quarter() {
    let pauses: Vec<u64> = (0..8).map(|failed| pause(failed, 0).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(pause(i64::MAX, 255), Duration::from_secs(375));
}

#[test]
fn what_was_made_of_tokens_is_told_as_the_rfc_has_it() {
    let told = Told {
        acknowledged: vec!["a".into()],
        refused: vec![(
            "b".into(),
            Refused {
                err: "invalid_key",
                description: "no".into(),
            },
        )],
    };
    let request: serde_json::Value = serde_json::from_str(&told.request(5, true)).unwrap();
    assert_eq!(
        request,
        json!({"maxEvents": 5, "returnImmediately": true, "ack": ["a"],
            "setErrs": {"b": {"err": "invalid_key", "description": "no"}}})
    );
    let nothing = Told::default().request(32, false);
    assert_eq!(nothing, r#"{"maxEvents":32,"returnImmediately":false}"#);
}

#[test]
fn an_answer_is_read_strictly_and_within_bounds() {
    let read = |text: &str| Answer::read(text.as_bytes().to_vec());
    let sets = read(r#"{"sets":{"a":"x.y.z"},"moreAvailable":true}"#).unwrap();
    assert_eq!(sets.sets, [("a".to_owned(), "x.y.z".to_owned())]);
    for bad in ["", "[]", "{}", r#"{"sets":[]}"#, r#"{"sets":{"a":1}}"#] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(read(r#"{"sets":{"a":"x","a":"y"}}"#).is_err());
    let many: Vec<String> = (0..100).map(|n| format!(r#""{n}":"t""#)).collect();
    let many = format!(r#"{{"sets":{{{}}}}}"#, many.join(","));
    assert_eq!(read(&many).unwrap().sets.len(), MOST);
}

#[test]
fn a_transmitter_says_for_how_long_it_is_left_alone_up_to_an_hour() {
    let now = Timestamp::parse_rfc3339("1994-11-06T08:49:07Z").unwrap();
    for (text, seconds) in [
        ("0", Some(0)),
        ("120", Some(120)),
        ("86400", Some(3600)),
        ("18446744073709551615", Some(3600)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
        ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3600)),
        ("-1", None),
        ("soon", None),
        ("18446744073709551616", None),
    ] {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
        let after = retry_after(&headers, now).map(|after| after.as_secs());
        assert_eq!(after, seconds, "{text}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}
