use super::{Name, Origin, Owner, Tenant};

fn accepts<T: TryFrom<String>>(text: &str) -> bool {
    T::try_from(text.to_owned()).is_ok()
}

#[test]
fn names_are_plain_ascii() {
    for good in [
        "a",
        "Claude-Agent",
        "agent_7",
        "srv.files",
        &"x".repeat(128),
    ] {
        assert!(accepts::<Name>(good), "{good}");
    }
    for bad in [
        "",
        "-a",
        ".a",
        "a b",
        "a/b",
        "a:b",
        "а",
        "a\n",
        "a%20b",
        &"x".repeat(129),
    ] {
        assert!(!accepts::<Name>(bad), "{bad:?}");
    }
}

#[test]
fn tenants_are_lower_case() {
    assert!(accepts::<Tenant>("default") && accepts::<Tenant>("team-7"));
    for bad in ["", "Team", "-team", "a_b", "a.b", &"x".repeat(64)] {
        assert!(!accepts::<Tenant>(bad), "{bad:?}");
    }
}

#[test]
fn owners_have_no_control_characters_or_outer_blanks() {
    assert!(accepts::<Owner>("Zoë <zoe@example.org>"));
    for bad in ["", " a", "a ", "a\u{0}b", "a\u{85}b", &"x".repeat(257)] {
        assert!(!accepts::<Owner>(bad), "{bad:?}");
    }
}

#[test]
fn origins_are_canonical() {
    for good in [
        "https://api.example.com",
        "http://127.0.0.1:8080/mcp",
        "https://[::1]:8443/",
        "https://a-b.example/x/y%20z",
    ] {
        assert!(accepts::<Origin>(good), "{good}");
    }
    for bad in [
        "api.example.com",
        "ftp://a",
        "HTTPS://a",
        "https://A",
        "https://",
        "https://a:443",
        "http://a:80/x",
        "https://a:0",
        "https://a:",
        "https://a:99999",
        "https://u@a",
        "https://a/#f",
        "https://a/?q",
        "https://a/ b",
        "https://a..b",
        "https://-a",
        "https://[::1",
        "https://[0::1]",
        "https://é.example",
    ] {
        assert!(!accepts::<Origin>(bad), "{bad}");
    }
}
