use super::Timestamp;
use proptest::prelude::*;

#[test]
fn reads_and_writes_rfc_3339() {
    let at = Timestamp::parse_rfc3339("2026-11-21T03:34:34.129781Z").unwrap();
    assert_eq!(at.to_string(), "2026-11-21T03:34:34.129Z");
    assert_eq!(
        Timestamp::parse_rfc3339("1970-01-01T00:00:00Z")
            .unwrap()
            .as_millis(),
        0
    );
    assert_eq!(
        Timestamp::parse_rfc3339("2024-02-29T12:00:00.5Z")
            .unwrap()
            .as_millis(),
        1_709_208_000_500
    );
    assert_eq!(
        Timestamp::parse_rfc3339("9999-12-31T23:59:59.999Z").unwrap(),
        Timestamp::MAX
    );
}

#[test]
fn refuses_what_is_not_utc_written_with_a_z() {
    for bad in [
        "",
        "2026",
        "2026-11-21T03:34:34",
        "2026-11-21T03:34:34+00:00",
        "2026-11-21t03:34:34Z",
        "2026-11-21T03:34:34z",
        "2026-11-21 03:34:34Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T03:60:00Z",
        "2026-11-21T03:00:60Z",
        "2026-11-21T03:00:00.Z",
        "2026-11-21T03:00:00.1234567890Z",
        "2026-11-21T03:00:00.-1Z",
        "+026-11-21T03:00:00Z",
        "1969-12-31T23:59:59Z",
        "２026-11-21T03:00:00Z",
    ] {
        assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn writing_then_reading_is_identity(millis in 0..=Timestamp::MAX.as_millis()) {
        let at = Timestamp::from_millis(millis);
        prop_assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Some(at));
    }

    #[test]
    fn never_panics_on_any_text(text in "\\PC{0,40}") {
        let _ = Timestamp::parse_rfc3339(&text);
    }
}
