use super::{reached, shapes, spelled};

fn meets(glob: &str, path: &str) -> bool {
    completes(glob, path, true)
}

fn completes(glob: &str, path: &str, completed: bool) -> bool {
    let shapes: Vec<_> = shapes(glob, 7).collect();
    let mut met = false;
    reached(path, &shapes, completed, |at| met |= at == 7);
    met
}

#[test]
fn a_path_with_wildcards_is_held_against_a_glob_segment_by_segment() {
    for (glob, path) in [
        ("/etc/shadow*", "/e?c/sh?dow"),
        ("/etc/shadow*", "/e[t]c/sh*"),
        ("**/.ssh/**", "~/.s*"),
        ("**/id_{rsa,dsa}*", "~/.*/id_*"),
        ("**/id_{rsa,dsa}*", "keys/id_d??"),
        (
            "**/credentials{,.json,.y{a,}ml}",
            "/home/*/.config/cred*.yml",
        ),
        ("**/proc/*/environ", "/proc/*/env*n"),
        (".env", "app/.en?"),
        ("/etc/shadow*", "/???/sh?dow"),
        ("/etc/shadow*", "/*/shadow"),
        ("**/.aws/credentials", "/home/u/.*/credentials"),
    ] {
        assert!(meets(glob, path), "{glob} {path}");
    }
    for (glob, path) in [
        ("/etc/shadow*", "/e?c/hosts"),
        ("/etc/shadow*", "/srv/e?c/sh?dow"),
        ("**/.ssh/**", "~/.*"),
        ("**/.ssh/**", "src/.*/test_.*/.rs"),
        ("**/.ssh/**", "src/*/*.rs"),
        ("**/*.pem", "/srv/s*"),
        ("**/*.pem", "/srv/*.rs"),
        (".env", "*"),
        ("**/credentials{,.yml}", ".github/*/*.yml"),
        ("/etc/shadow*", "/*/*"),
        ("/etc/shadow*", "/e?c/*"),
        ("**/secrets/**", "src/*/index.js"),
        ("**/.docker/config.json", "**/config.json"),
        ("**/.docker/config.json", "packages/*/config.json"),
    ] {
        assert!(!meets(glob, path), "{glob} {path}");
    }
}

#[test]
fn what_nobody_completes_guesses_no_folder() {
    for (glob, path) in [
        ("/etc/shadow*", "/*/shadow"),
        ("**/proc/*/environ", "src/*/x/environ"),
    ] {
        assert!(meets(glob, path), "{glob} {path}");
        assert!(!completes(glob, path, false), "{glob} {path}");
    }
    assert!(completes("/etc/shadow*", "/e?c/sh?dow", false));
}

#[test]
fn braces_cost_no_more_than_so_many_spellings() {
    let mut few = spelled("/etc/{shadow,pass{wd,age}}".to_owned());
    few.sort();
    few.dedup();
    assert_eq!(few, ["/etc/passage", "/etc/passwd", "/etc/shadow"]);
    let many = format!("/etc/{{{}}}", ["x"; 250].join(","));
    for glob in [
        many,
        "{a,b}".repeat(100),
        "{".repeat(256) + &"}".repeat(256),
    ] {
        assert!(spelled(glob.clone()).len() <= 64, "{glob}");
    }
}
