mod said;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::error::ClientError;
use mcps_client::feed::Feed;
use mcps_client::follower::Follower;
use mcps_client::home::Home;
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::feed::{Entry, Held, Position, Snapshot, Target};
use mcps_core::level::TrustLevel;
use mcps_core::tenant::{self, PolicyText, TenantPolicy};
use tempfile::TempDir;

use super::Told;
use super::pursuit::Documents;
use crate::config::Config;
use crate::judge::{Set, Sets};

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

fn document(text: &str) -> String {
    let texts = vec![PolicyText {
        name: "acme.cedar".to_owned(),
        text: text.to_owned(),
    }];
    let policy = TenantPolicy {
        min_level: TrustLevel::L1,
        default_policy: true,
        texts,
    };
    policy.document().unwrap()
}

fn good(n: u32) -> String {
    document(&format!("forbid (principal, action, resource); // {n}"))
}

/// A feed that was heard at `at` and says that the tenant decides by a document.
fn feed(document: Option<&str>, at: Timestamp) -> Arc<Feed> {
    feed_of(document.map(|document| ("acme", document)).as_slice(), at)
}

fn feed_of(documents: &[(&str, &str)], at: Timestamp) -> Arc<Feed> {
    let mut follower = Follower::new("authority.example");
    let entries = documents.iter().map(|(tenant, document)| Entry {
        target: Target::Tenant((*tenant).to_owned()),
        held: Held::Policy(tenant::digest(document)),
    });
    let snapshot = Snapshot {
        authority: "authority.example".to_owned(),
        position: Position {
            epoch: 1,
            seq: 7,
            chain: Digest::of(b"7"),
        },
        iat: at,
        fresh_until: at.plus(Duration::from_secs(30)),
        entries: entries.collect(),
    };
    follower.adopt(&snapshot, at).unwrap();
    Arc::new(Feed::new(follower))
}

/// Gives what was put there, and counts who asks.
#[derive(Default)]
struct Shelf {
    text: RefCell<Option<String>>,
    asked: Cell<u32>,
}

impl Shelf {
    fn with(text: &str) -> Self {
        Self {
            text: RefCell::new(Some(text.to_owned())),
            asked: Cell::new(0),
        }
    }
}

impl Documents<Set> for Shelf {
    async fn document(&self, _: &str, _: &Digest) -> Result<String, ClientError> {
        self.asked.set(self.asked.get() + 1);
        let text = self.text.borrow().clone();
        text.ok_or_else(|| ClientError::Unreachable {
            url: "http://127.0.0.1:1".to_owned(),
            why: "connection failed".to_owned(),
        })
    }
}

/// A gateway's home, and the time.
struct Scene {
    folder: TempDir,
    clock: Arc<ManualClock>,
    pause: Option<super::pursuit::Pause>,
}

impl Scene {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(NOW)),
            pause: None,
        }
    }

    fn home(&self) -> Home {
        Home::new(self.folder.path())
    }

    /// After a start, by that feed.
    fn started(&self, feed: Arc<Feed>) -> Arc<Told> {
        let told = Told::new(Some(feed), self.clock.clone());
        told.recall(&self.home(), &BTreeSet::from(["acme".to_owned()]));
        told
    }

    /// What another feed makes of what was in force.
    fn told(&self, before: &Told, feed: Arc<Feed>) -> Arc<Told> {
        let told = Told::new(Some(feed), self.clock.clone());
        told.tenants.store(before.tenants.load_full());
        told
    }

    async fn follow(&mut self, told: &Told, shelf: &Shelf) {
        let home = self.home();
        self.pause = told.follow("acme", &home, shelf, self.pause).await;
    }

    /// One in force.
    async fn with(&mut self, document: &str) -> Arc<Told> {
        let told = self.started(feed(Some(document), NOW));
        self.follow(&told, &Shelf::with(document)).await;
        assert_eq!(
            in_force(&told, TrustLevel::L4),
            Ok(tenant::digest(document))
        );
        told
    }
}

fn in_force(told: &Told, have: TrustLevel) -> Result<Digest, Code> {
    let set = told.set("acme", have);
    set.map(|set| set.digest).map_err(|denial| denial.code)
}

#[tokio::test]
async fn without_a_word_of_the_authority_nobody_is_admitted() {
    let scene = Scene::new();
    let nothing = in_force(&Told::none(), TrustLevel::L2);
    assert_eq!(nothing, Err(Code::AuthorityUnreachable));
    // It was heard, and says nothing of this tenant.
    let told = scene.started(feed(None, NOW));
    assert_eq!(in_force(&told, TrustLevel::L2), Err(Code::Denied));
    // It says which, and the text is not here.
    let told = scene.started(feed(Some(&good(1)), NOW));
    assert_eq!(
        in_force(&told, TrustLevel::L2),
        Err(Code::AuthorityUnreachable)
    );
}

#[tokio::test]
async fn another_text_than_the_feed_told_of_is_never_in_force() {
    let mut scene = Scene::new();
    let told = scene.with(&good(1)).await;
    let told = scene.told(&told, feed(Some(&good(2)), NOW));
    let shelf = Shelf::with(&good(3));
    scene.follow(&told, &shelf).await;
    assert_eq!(
        in_force(&told, TrustLevel::L4),
        Ok(tenant::digest(&good(1)))
    );
    assert!(
        !told.is_under_way("acme"),
        "nobody waits for what was tried"
    );
    // It is not asked for again and again.
    scene.follow(&told, &shelf).await;
    assert_eq!(shelf.asked.get(), 1);
    let kept = fs::read_to_string(scene.folder.path().join("policy-acme.json")).unwrap();
    assert!(kept.ends_with(&good(1)), "{kept}");
}

#[tokio::test]
async fn one_that_does_not_load_leaves_the_last_one_in_force_however_long() {
    let mut scene = Scene::new();
    let told = scene.with(&good(1)).await;
    for bad in [
        document("permit (principal, action, resource) when {"),
        r#"{"default_policy":true,"min_level":0,"policy":[],"more":1}"#.to_owned(),
        "no JSON".to_owned(),
    ] {
        let later = NOW.plus(Duration::from_secs(3600));
        let told = scene.told(&told, feed(Some(&bad), later));
        let shelf = Shelf::with(&bad);
        scene.follow(&told, &shelf).await;
        scene.clock.set(later);
        scene.follow(&told, &shelf).await;
        assert_eq!(shelf.asked.get(), 1);
        assert_eq!(
            in_force(&told, TrustLevel::L4),
            Ok(tenant::digest(&good(1))),
            "{bad}"
        );
        // A start finds the last good one again.
        let told = scene.started(feed(Some(&bad), later));
        assert_eq!(in_force(&told, TrustLevel::L2), Err(Code::StatusTooOld));
        scene.follow(&told, &shelf).await;
        assert_eq!(
            in_force(&told, TrustLevel::L4),
            Ok(tenant::digest(&good(1)))
        );
        scene.clock.set(NOW);
    }
}

#[tokio::test]
async fn without_one_before_a_bad_one_admits_nobody() {
    let mut scene = Scene::new();
    let bad = document("permit");
    let told = scene.started(feed(Some(&bad), NOW));
    scene.follow(&told, &Shelf::with(&bad)).await;
    assert_eq!(in_force(&told, TrustLevel::L4), Err(Code::Denied));
}

#[tokio::test]
async fn what_is_known_of_a_policy_is_as_old_as_the_feed_and_bounds_the_level() {
    let mut scene = Scene::new();
    let told = scene.with(&good(1)).await;
    for (seconds, most) in [
        (59, Some(TrustLevel::L4)),
        (61, Some(TrustLevel::L3)),
        (16 * 60, Some(TrustLevel::L2)),
        (2 * 3600, Some(TrustLevel::L1)),
        (25 * 3600, None),
    ] {
        scene.clock.set(NOW.plus(Duration::from_secs(seconds)));
        for have in TrustLevel::ALL {
            let admitted = most.is_some_and(|most| have <= most);
            let found = in_force(&told, have);
            assert_eq!(found.is_ok(), admitted, "{have} after {seconds} s");
            if !admitted {
                assert_eq!(found, Err(Code::StatusTooOld));
            }
        }
    }
}

#[tokio::test]
async fn one_that_cannot_be_fetched_ages_the_one_before() {
    let mut scene = Scene::new();
    let told = scene.with(&good(1)).await;
    let later = NOW.plus(Duration::from_secs(61));
    // The feed goes on, and only the text cannot be had.
    let told = scene.told(&told, feed(Some(&good(2)), NOW));
    let silent = Shelf::default();
    scene.follow(&told, &silent).await;
    assert_eq!(
        in_force(&told, TrustLevel::L4),
        Ok(tenant::digest(&good(1)))
    );
    let told = scene.told(&told, feed(Some(&good(2)), later));
    scene.clock.set(later);
    assert_eq!(in_force(&told, TrustLevel::L4), Err(Code::StatusTooOld));
    assert!(in_force(&told, TrustLevel::L2).is_ok());
    // Another one in between does not make it any newer.
    let told = scene.told(&told, feed(Some(&good(3)), later));
    scene.follow(&told, &silent).await;
    assert_eq!(in_force(&told, TrustLevel::L4), Err(Code::StatusTooOld));
    scene.pause = None;
    scene.follow(&told, &Shelf::with(&good(3))).await;
    assert_eq!(
        in_force(&told, TrustLevel::L4),
        Ok(tenant::digest(&good(3)))
    );
}

#[tokio::test]
async fn a_start_without_the_authority_uses_what_was_kept_if_it_is_what_was_written() {
    let mut scene = Scene::new();
    scene.with(&good(1)).await;
    let told = scene.started(feed(Some(&good(1)), NOW));
    assert_eq!(
        in_force(&told, TrustLevel::L4),
        Ok(tenant::digest(&good(1)))
    );
    assert!(!told.is_under_way("acme"));

    let file = scene.folder.path().join("policy-acme.json");
    let kept = fs::read_to_string(&file).unwrap();
    for spoilt in [
        kept.replace("forbid", "permit"),
        kept.replacen('\n', "", 1),
        kept[..kept.len() - 1].to_owned(),
        format!("{}\n{}", tenant::digest("{}"), "{}"),
        String::new(),
    ] {
        fs::write(&file, &spoilt).unwrap();
        let told = scene.started(feed(Some(&good(1)), NOW));
        assert_eq!(
            in_force(&told, TrustLevel::L2),
            Err(Code::AuthorityUnreachable),
            "{spoilt}"
        );
    }
    // One that is whole and not the one that the feed tells of.
    let other = good(2);
    fs::write(&file, format!("{}\n{other}", tenant::digest(&other))).unwrap();
    let told = scene.started(feed(Some(&good(1)), NOW));
    assert_eq!(in_force(&told, TrustLevel::L2), Err(Code::StatusTooOld));
    assert!(told.is_under_way("acme"));
}

/// Gives one tenant's and keeps everybody else waiting for ever.
struct Half(String);

impl Documents<Set> for Half {
    async fn document(&self, tenant: &str, _: &Digest) -> Result<String, ClientError> {
        if tenant != "acme" {
            std::future::pending::<()>().await;
        }
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn a_tenant_whose_document_does_not_come_holds_up_nobody_else() {
    let scene = Scene::new();
    let documents = [
        ("aaaa", &*good(1)),
        ("acme", &*good(2)),
        ("zzzz", &*good(3)),
    ];
    let told = Told::new(Some(feed_of(&documents, NOW)), scene.clock.clone());
    let config = Config::parse(
        "[tenant.aaaa]\npolicy = \"authority\"\n[tenant.acme]\npolicy = \"authority\"\n[tenant.zzzz]\npolicy = \"authority\"\n",
    );
    let sets = Sets::load(&Arc::new(config.unwrap()), Path::new(""), Arc::clone(&told)).unwrap();
    let (sets, home, half) = (ArcSwap::from_pointee(sets), scene.home(), Half(good(2)));
    let followed = || sets.load().by_authority().clone();
    let keeping = told.keep(followed, &home, &half);
    let arriving = async {
        while in_force(&told, TrustLevel::L4).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = keeping => {}
        () = arriving => {}
    }
    assert_eq!(
        in_force(&told, TrustLevel::L4),
        Ok(tenant::digest(&good(2)))
    );
}
