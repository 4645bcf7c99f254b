use std::path::PathBuf;
use std::time::Duration;

use super::{HomeOptions, duration, window};

#[test]
fn reads_lengths_of_time() {
    for (text, seconds) in [
        ("0", 0),
        ("5s", 5),
        ("30m", 1800),
        ("1h", 3600),
        ("90d", 7_776_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn refuses_what_is_no_length_of_time() {
    for text in [
        "",
        "s",
        "-1",
        "+1",
        "1.5h",
        "1h30m",
        "5 s",
        "ten",
        "1w",
        "99999999999999999999",
        "213503982334602d",
    ] {
        assert!(
            duration(text).is_err_and(|why| why.contains("write 45s")),
            "{text}"
        );
    }
}

#[test]
fn the_window_has_bounds() {
    assert!(window("29s").is_err() && window("3601").is_err());
    assert_eq!(window("30"), Ok(Duration::from_secs(30)));
    assert_eq!(window("1h"), Ok(Duration::from_secs(3600)));
}

#[test]
fn the_home_is_as_asked_for_then_xdg_then_dot_config() {
    let path = |text: &str| Some(PathBuf::from(text));
    let asked = HomeOptions { home: path("here") };
    assert_eq!(asked.dir(path("/xdg"), path("/home/me")), path("here"));
    let unasked = HomeOptions { home: None };
    assert_eq!(
        unasked.dir(path("/xdg"), path("/home/me")),
        path("/xdg/mcps")
    );
    assert_eq!(
        unasked.dir(path("relative"), path("/home/me")),
        path("/home/me/.config/mcps")
    );
    assert_eq!(unasked.dir(None, path("relative")), None);
    assert_eq!(unasked.dir(None, None), None);
}
