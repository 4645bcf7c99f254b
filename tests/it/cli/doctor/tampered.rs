//! What was heard of the feed.

use std::fs;
use std::path::Path;

use mcps_client::home::Home;
use mcps_core::digest::Digest;

use super::{diagnose, scene};
use crate::wire::time;

/// Writes what a follower would have stored.
fn heard(home: &Path, seq: u64, since_ms: i64, resync: bool) {
    let name = Home::new(home).authority().unwrap().name;
    let text = serde_json::json!({
        "form": 3, "epoch": 1, "seq": seq, "chain": Digest::of(b"chain").to_string(),
        "entries": 0, "divided": false, "overflow": false, "resync": resync, "authority": name,
        "iat": time(-since_ms).to_string(), "fresh_until": time(30_000 - since_ms).to_string(),
    });
    fs::write(home.join("feed.json"), format!("{text}\n")).unwrap();
}

#[test]
fn a_feed_that_was_not_heard_for_long() {
    let (world, home) = scene();
    heard(&home, 0, 3 * 3_600_000, false);
    let found = diagnose(&world, &home, &[]).finds("feed-stale", "warning", "mcps feed watch");
    let words = found.of("feed-stale").unwrap()["found"].as_str().unwrap();
    assert!(
        words.contains("180 min") || words.contains("3 h"),
        "{words}"
    );
    found.ends(0);
    heard(&home, 0, 1000, false);
    diagnose(&world, &home, &[])
        .finds("feed", "good", "")
        .ends(0);
}

#[test]
fn a_feed_that_is_amiss_or_of_another_authority() {
    let (world, home) = scene();
    heard(&home, 0, 1000, true);
    diagnose(&world, &home, &[])
        .finds("feed-amiss", "warning", "mcps feed watch")
        .ends(0);
    fs::write(home.join("feed.json"), "{}").unwrap();
    diagnose(&world, &home, &[])
        .finds("feed-unusable", "warning", "snapshot")
        .ends(0);
}

#[test]
fn an_authority_that_was_brought_back_without_a_new_epoch() {
    let (world, home) = scene();
    heard(&home, 999, 1000, false);
    diagnose(&world, &home, &[])
        .finds("feed-behind", "bad", "mcps-authority new-epoch")
        .ends(5);
}
