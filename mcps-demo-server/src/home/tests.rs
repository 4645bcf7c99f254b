use super::*;

#[test]
fn reads_a_file_by_each_of_its_names() {
    let home = Home::demo();
    for path in [
        "~/.ssh/id_ed25519",
        "/home/demo/.ssh/id_ed25519",
        ".ssh/id_ed25519",
    ] {
        assert!(home.read_file(path).unwrap().contains("NOT A KEY"));
    }
}

#[test]
fn has_nothing_outside_the_home_folder() {
    let home = Home::demo();
    for path in ["/etc/passwd", "../../etc/passwd", "~/../readme.txt", ""] {
        assert_eq!(
            home.read_file(path),
            Err(HomeError::NoSuchFile(path.to_owned()))
        );
    }
}

#[test]
fn lists_a_folder_and_not_its_neighbours() {
    let home = Home::demo();
    assert_eq!(home.list_files("~").count(), FILES.len());
    let documents: Vec<_> = home.list_files("documents/").collect();
    assert_eq!(
        documents,
        [
            "/home/demo/documents/budget.csv",
            "/home/demo/documents/letter.txt"
        ]
    );
    assert_eq!(home.list_files("doc").count(), 0);
}

#[test]
fn refuses_names_that_would_not_fit_a_uri() {
    let mut home = Home::demo();
    for name in ["", "a b", "../x", "\u{e9}t\u{e9}", &"a".repeat(65)] {
        assert_eq!(home.write_note(name, "text"), Err(HomeError::BadName));
    }
}

#[test]
fn stays_bounded() {
    let mut home = Home::demo();
    assert_eq!(
        home.write_note("long", &"a".repeat(MAX_TEXT + 1)),
        Err(HomeError::TooLong)
    );
    for n in 0..MAX_NOTES - NOTES.len() {
        home.write_note(&format!("n{n}"), "text").unwrap();
    }
    assert_eq!(home.write_note("one-more", "text"), Err(HomeError::Full));
    home.write_note("n0", "over an old one").unwrap();
    let mail = Mail {
        to: "a@example.com".to_owned(),
        subject: String::new(),
        body: String::new(),
    };
    for n in 0..MAX_MAILS {
        assert_eq!(home.send_mail(mail.clone()), Ok(n + 1));
    }
    assert_eq!(home.send_mail(mail), Err(HomeError::Full));
}
