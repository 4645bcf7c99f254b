//! What operators said of tools: as old as policies may be, and never what is not known to be whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mcps_client::error::ClientError;
use mcps_client::feed::Feed;
use mcps_client::follower::Follower;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::feed::{Entry, Held, Position, Snapshot, Target};
use mcps_core::level::TrustLevel;
use mcps_core::verdict::{self, Verb, Verdicts};

use super::super::pursuit::Documents;
use super::super::{Said, Told};
use super::{NOW, Scene, Shelf};

impl Documents<Said> for Shelf {
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        self.asked.set(self.asked.get() + 1);
        let text = self.text.borrow().clone();
        text.ok_or_else(|| ClientError::Unreachable {
            url: format!("http://127.0.0.1:1/{tenant}/{digest}"),
            why: "connection failed".to_owned(),
        })
    }
}

/// After a block of that tool.
fn blocking(tool: &str) -> String {
    let mut verdicts = Verdicts::default();
    verdicts
        .order(("files", tool), Verb::Block, (1, NOW))
        .unwrap();
    verdicts.document().unwrap()
}

/// A feed that was heard at the start and says that a document is in force, or that nothing was said.
fn feed(document: Option<&str>) -> Arc<Feed> {
    let entries = document.map(|document| Entry {
        target: Target::Tenant("acme".to_owned()),
        held: Held::Verdicts(verdict::digest(document)),
    });
    let snapshot = Snapshot {
        authority: "authority.example".to_owned(),
        position: Position {
            epoch: 1,
            seq: 7,
            chain: Digest::of(b"7"),
        },
        iat: NOW,
        fresh_until: NOW.plus(Duration::from_secs(30)),
        entries: entries.into_iter().collect(),
    };
    let mut follower = Follower::new("authority.example");
    follower.adopt(&snapshot, NOW).unwrap();
    Arc::new(Feed::new(follower))
}

fn started(scene: &Scene, feed: Arc<Feed>) -> Arc<Told<Said>> {
    let told = Told::<Said>::new(Some(feed), scene.clock.clone());
    told.recall(&scene.home(), &BTreeSet::from(["acme".to_owned()]));
    told
}

fn after(before: &Told<Said>, scene: &Scene, feed: Arc<Feed>) -> Arc<Told<Said>> {
    let told = Told::<Said>::new(Some(feed), scene.clock.clone());
    told.tenants.store(before.tenants.load_full());
    told
}

async fn follow(scene: &mut Scene, told: &Told<Said>, shelf: &Shelf) {
    let home = scene.home();
    scene.pause = told.follow("acme", &home, shelf, scene.pause).await;
}

/// How many verdicts there are.
fn known(told: &Told<Said>, have: TrustLevel) -> Result<usize, Code> {
    let said = told.in_force("acme", have);
    said.map(|said| said.map_or(0, |said| said.verdicts.len()))
        .map_err(|denial| denial.code)
}

#[tokio::test]
async fn as_long_as_nobody_has_said_anything_that_is_what_is_known_and_only_so_long() {
    let mut scene = Scene::new();
    let told = started(&scene, feed(None));
    assert_eq!(known(&told, TrustLevel::L4), Ok(0));
    follow(&mut scene, &told, &Shelf::default()).await;
    assert_eq!(known(&told, TrustLevel::L4), Ok(0));
    // It is known that something was said, and what cannot be had.
    let told = after(&told, &scene, feed(Some(&blocking("look"))));
    follow(&mut scene, &told, &Shelf::default()).await;
    assert!(
        !told.is_under_way("acme"),
        "nobody waits for what was tried"
    );
    scene.clock.advance(Duration::from_secs(61));
    assert_eq!(known(&told, TrustLevel::L4), Err(Code::StatusTooOld));
    assert_eq!(known(&told, TrustLevel::L2), Ok(0));
    scene.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(known(&told, TrustLevel::L0), Err(Code::StatusTooOld));
    let silent = Told::<Said>::none();
    assert_eq!(
        known(&silent, TrustLevel::L0),
        Err(Code::AuthorityUnreachable)
    );
}

#[tokio::test]
async fn what_was_said_is_as_old_as_the_feed_and_is_found_again_after_a_start() {
    let mut scene = Scene::new();
    let document = blocking("look");
    let told = started(&scene, feed(Some(&document)));
    assert_eq!(
        known(&told, TrustLevel::L1),
        Err(Code::AuthorityUnreachable)
    );
    follow(&mut scene, &told, &Shelf::with(&document)).await;
    let again = started(&scene, feed(Some(&document)));
    for told in [told, again] {
        assert_eq!(known(&told, TrustLevel::L4), Ok(1));
    }
    scene.clock.advance(Duration::from_secs(2 * 3600));
    let later = started(&scene, feed(Some(&document)));
    assert_eq!(known(&later, TrustLevel::L2), Err(Code::StatusTooOld));
    assert_eq!(known(&later, TrustLevel::L1), Ok(1));
}

#[tokio::test]
async fn one_that_cannot_be_read_may_have_taken_back_what_the_one_before_said() {
    let mut scene = Scene::new();
    let document = blocking("look");
    let told = started(&scene, feed(Some(&document)));
    follow(&mut scene, &told, &Shelf::with(&document)).await;
    let newer = document.replacen("{\"at\"", "{\"after\":1,\"at\"", 1);
    let told = after(&told, &scene, feed(Some(&newer)));
    follow(&mut scene, &told, &Shelf::with(&newer)).await;
    assert_eq!(known(&told, TrustLevel::L4), Ok(1));
    scene.clock.advance(Duration::from_secs(61));
    assert_eq!(known(&told, TrustLevel::L4), Err(Code::StatusTooOld));
}

#[tokio::test]
async fn another_text_than_the_feed_told_of_is_never_in_force() {
    let mut scene = Scene::new();
    let told = started(&scene, feed(Some(&blocking("look"))));
    follow(&mut scene, &told, &Shelf::with(&blocking("send"))).await;
    assert_eq!(
        known(&told, TrustLevel::L2),
        Err(Code::AuthorityUnreachable)
    );
}
