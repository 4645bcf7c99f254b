//! Mistakes in the files of a home.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::tools::change_pins;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::passport::Kind;
use mcps_core::pin::Server;

use super::{diagnose, scene};
use crate::wire::{Founder, time};
use crate::world::World;

#[test]
fn no_home() {
    let world = World::start();
    diagnose(&world, &world.home("nowhere"), &[])
        .finds("home-missing", "bad", "--home DIR")
        .ends(3);
    let file = world.dir().join("file");
    fs::write(&file, "").unwrap();
    diagnose(&world, &file, &[])
        .finds("home-missing", "bad", "MCPS_HOME")
        .ends(3);
}

#[test]
fn a_home_that_cannot_be_written() {
    let (world, home) = scene();
    // Whoever runs the tests may write everywhere, but not over a folder.
    drop(fs::remove_file(home.join(".lock")));
    fs::create_dir(home.join(".lock")).unwrap();
    diagnose(&world, &home, &[])
        .finds("home-not-writable", "bad", "chown")
        .ends(1);
}

#[test]
fn a_home_and_a_key_that_others_can_read() {
    let (world, home) = scene();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    diagnose(&world, &home, &[])
        .finds("home-open", "warning", "chmod 700")
        .ends(0);
    let key = home.join("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    diagnose(&world, &home, &[])
        .finds("key-open", "bad", "chmod 600")
        .ends(1);
}

#[test]
fn the_key_of_another_home() {
    let (world, home) = scene();
    let other = world.enrol("agent", "other", 1);
    fs::copy(other.join("key.pem"), home.join("key.pem")).unwrap();
    diagnose(&world, &home, &[])
        .finds("passport-of-other-key", "bad", "bring that key back")
        .ends(6);
    fs::write(home.join("key.pem"), "no key").unwrap();
    diagnose(&world, &home, &[])
        .finds("key-unusable", "bad", "restore it")
        .ends(6);
    fs::remove_file(home.join("key.pem")).unwrap();
    diagnose(&world, &home, &[])
        .finds("key-missing", "bad", "mcps passport request")
        .ends(3);
}

#[test]
fn no_passport() {
    let (world, home) = scene();
    fs::write(home.join("passport.json"), "{}").unwrap();
    diagnose(&world, &home, &[])
        .finds("passport-unusable", "bad", "enrolment token")
        .ends(6);
    fs::remove_file(home.join("passport.json")).unwrap();
    diagnose(&world, &home, &[])
        .finds("passport-missing", "bad", "enrolment token")
        .ends(3);
}

/// How far off an hour is.
const HOUR: i64 = 3_600_000;

#[test]
fn a_passport_that_is_too_old_or_too_new() {
    let (world, home) = scene();
    let founder = Founder::of(&world, &home);
    let key = Home::new(&home).key().unwrap();
    let hours = |count: i64| Timestamp::from_millis(time(0).as_millis() + count * HOUR);
    let cases = [
        ((-5, -1), "passport-expired", "bad", 6),
        ((-9, 1), "passport-not-renewed", "warning", 3),
        ((1, 3), "passport-not-yet-valid", "bad", 6),
    ];
    for ((from, to), id, grade, code) in cases {
        let mut draft = founder.draft(Kind::Agent, "bot", &key);
        (draft.issued_at, draft.expires_at) = (hours(from), hours(to));
        let passport = founder.sign(draft);
        fs::write(home.join("passport.json"), passport.text()).unwrap();
        let found = diagnose(&world, &home, &[]).finds(id, grade, "");
        // The authority never recorded it.
        found
            .finds("passport-not-known", "bad", "enrolment token")
            .ends(code);
    }
}

#[test]
fn what_two_authorities_gave() {
    let (world, home) = scene();
    let elsewhere = World::start();
    let other = elsewhere.enrol("agent", "bot", 1);
    let bring = |name: &str| fs::copy(other.join(name), home.join(name)).unwrap();
    bring("trust.json");
    diagnose(&world, &home, &[])
        .finds("trust-of-other-authority", "bad", "a home of its own")
        .ends(6);
    fs::remove_file(home.join("trust.json")).unwrap();
    diagnose(&world, &home, &[])
        .finds("trust-missing", "bad", "enrolment token")
        .ends(3);
    bring("trust.json");
    bring("authority.json");
    diagnose(&world, &home, &[])
        .finds("passport-of-other-authority", "bad", "a home of its own")
        .ends(6);
    fs::write(home.join("authority.json"), "{}").unwrap();
    diagnose(&world, &home, &[])
        .finds("authority-not-pinned", "bad", "restore authority.json")
        .ends(6);
}

#[test]
fn tools_that_changed() {
    let (world, home) = scene();
    let server = Server::Subject {
        issuer: "authority".to_owned(),
        tenant: "default".to_owned(),
        name: "notes".to_owned(),
    };
    let seen = change_pins(&Home::new(&home), |pins| {
        pins.look(&server, "read", &Digest::of(b"first"), time(-1000))?;
        drop(pins.look(&server, "read", &Digest::of(b"second"), time(0)));
        Ok::<_, ClientError>(())
    });
    seen.unwrap();
    diagnose(&world, &home, &[])
        .finds("tools-held-back", "warning", "mcps tool list")
        .ends(0);
    fs::write(home.join("pins.json"), "[").unwrap();
    diagnose(&world, &home, &[])
        .finds("pins-unusable", "bad", "restore pins.json")
        .ends(6);
}
