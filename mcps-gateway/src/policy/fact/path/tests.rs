use super::readings;

fn all(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    readings(text, |path| out.push(path.to_owned()));
    out
}

#[test]
fn every_spelling_of_a_path_is_read_as_the_same_one() {
    for spelling in [
        "/home/u/.ssh/id_rsa",
        "/home/u/docs/../.ssh/id_rsa",
        "/home//u/./.ssh//id_rsa",
        "/home/u/.SSH/Id_RSA",
        "\\home\\u\\.ssh\\id_rsa",
        "C:\\home\\u\\.ssh\\id_rsa",
        "/home/u/%2essh/id_rsa",
        "/home/u/%252e%2573sh/id_rsa",
        "/home/u/%c0%ae%73sh/id_rsa",
        "/home/u/%u002essh%u2215id_rsa",
        "/home/u/.ssh\u{2215}id_rsa",
        "/home/u/\u{FF0E}ssh/id_rsa",
        "/home/u/.s\u{200B}sh/id_rsa",
        "/home/u/.s\u{E0041}sh/id_rsa",
        "file:///home/u/.ssh/id_rsa",
        "file://localhost/home/u/.ssh/id_rsa",
        "FILE:/home/u/.ssh/id_rsa",
        "/home/u/.ssh/id_rsa\0.txt",
        "/home/u/.ssh./id_rsa ",
        "/home/u/.ssh/id_rsa::$DATA",
        "/proc/self/root/home/u/.ssh/id_rsa",
        "/proc/1/task/1/root/home/u/.ssh/id_rsa",
        "  /home/u/.ssh/id_rsa",
    ] {
        let read = all(spelling);
        assert!(
            read.iter().any(|path| path == "/home/u/.ssh/id_rsa"),
            "{spelling:?}: {read:?}"
        );
    }
}

#[test]
fn climbing_out_reaches_the_root() {
    assert!(all("../../../etc/passwd").contains(&"/etc/passwd".to_owned()));
}

#[test]
fn a_web_address_is_no_path() {
    assert!(all("https://example.com/.env").is_empty());
}

#[test]
fn a_home_stays_a_home() {
    assert_eq!(all("~/.aws//credentials"), ["~/.aws/credentials"]);
}

#[test]
fn what_leads_nowhere_makes_no_path_too_long() {
    for spelling in [
        format!("/home/u/{}.ssh/id_rsa", "./".repeat(2100)),
        format!("/home/u/{}.ssh/id_rsa", "a/../".repeat(700)),
        format!("/home/u{}.ssh/id_rsa", "/".repeat(4200)),
        format!("file:///home/u/{}.ssh/id_rsa", "./".repeat(2100)),
        format!("/home/u/{}.ssh/id_rsa", "%2e%2f".repeat(2100)),
    ] {
        let read = all(&spelling);
        assert!(read.contains(&"/home/u/.ssh/id_rsa".to_owned()), "{read:?}");
    }
    assert!(readings("/home/u/.ssh", |_| ()));
    assert!(!readings(&"/ab".repeat(20_000), |_| ()));
}
