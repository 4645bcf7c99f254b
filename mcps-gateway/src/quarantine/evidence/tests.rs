use std::fs;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::error::ClientError;
use mcps_client::feed::Feed;
use mcps_client::follower::Follower;
use mcps_client::home::Home;
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::feed::{Entry, Held, Position, Snapshot, Target};
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;
use mcps_core::manifest::Manifest;
use mcps_core::passport::PassportId;
use mcps_core::tool;
use tempfile::TempDir;
use tokio::time::Instant;

use super::keeping::{Library, Manifests};
use super::{Evidence, Shown};
use crate::catalogue::Catalogue;
use crate::config::{Config, ServerPassport};

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
const CONFIG: &str = "[tenant.acme]\n[quarantine]\nnew_servers = \"pin\"\nevidence = 3\n[[server]]\nname = \"files\"\nurl = \"http://127.0.0.1:1/mcp\"\nsigned = true\npassport = \"acme/reader\"\n";

fn definition(name: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}}}"#)
}

fn hash(name: &str) -> Digest {
    tool::hash(Document::parse(definition(name)).unwrap().root())
}

/// A manifest with these tools, as anybody may have signed it.
fn manifest(names: &[&str]) -> (Digest, Document) {
    let tools: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"hash":"{}","name":"{name}"}}"#, hash(name)))
        .collect();
    let text = format!(
        r#"{{"server":"https://files.example","signature":"none","tools":[{}],"version":"1"}}"#,
        tools.join(",")
    );
    let document = Document::parse(text).unwrap();
    let digest = mcps_core::statement::digest(mcps_core::statement::MANIFEST, document.root());
    (digest, document)
}

/// Has one manifest, or none.
struct Shelf(Option<Document>);

impl Manifests for Shelf {
    async fn manifest(&self, digest: &Digest) -> Result<Manifest, ClientError> {
        let none = || ClientError::Unreachable {
            url: "http://127.0.0.1:1".to_owned(),
            why: "connection failed".to_owned(),
        };
        let document = self.0.as_ref().ok_or_else(none)?;
        Ok(Manifest::vouched(document.root(), digest)?)
    }
}

fn reader() -> Target {
    Target::Server {
        tenant: "acme".to_owned(),
        name: "reader".to_owned(),
    }
}

fn feed(held: &[Held]) -> Arc<Feed> {
    let entries = held.iter().map(|held| Entry {
        target: reader(),
        held: *held,
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
        entries: entries.collect(),
    };
    let mut follower = Follower::new("authority.example");
    follower.adopt(&snapshot, NOW).unwrap();
    Arc::new(Feed::new(follower))
}

struct Scene {
    folder: TempDir,
    clock: Arc<ManualClock>,
    config: Config,
    catalogue: Catalogue,
}

impl Scene {
    /// One whose server listed `look` first and `send` later.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let config = Config::parse(CONFIG).unwrap();
        let current = Arc::new(ArcSwap::from_pointee(config.clone()));
        let home = Home::new(folder.path());
        let catalogue = Catalogue::load(&home, clock.clone(), current).unwrap();
        let scene = Self {
            folder,
            clock,
            config,
            catalogue,
        };
        scene.lists("look");
        scene
            .catalogue
            .complete("files", Some(&["look".to_owned()]));
        scene.lists("send");
        scene
    }

    fn lists(&self, name: &str) {
        let document = Document::parse(definition(name)).unwrap();
        self.catalogue.learn("files", &[document.root()]);
    }

    /// What there is after a start, of a server that showed its passport.
    fn evidence(&self, held: &[Held]) -> Evidence {
        let home = Home::new(self.folder.path());
        let evidence = Evidence::load(&home, Some(feed(held)), self.clock.clone());
        let shown = Shown {
            tenant: "acme".to_owned(),
            name: "reader".to_owned(),
            stated: TrustLevel::L2,
            passport: PassportId::parse("asp_0123456789abcdef0123456789abcdef").unwrap(),
            until: NOW.plus(Duration::from_secs(3600)),
        };
        evidence.show("files", shown);
        evidence
    }

    async fn look(&self, evidence: &Evidence, shelf: &Shelf) {
        let mut library = Library::default();
        evidence
            .look(&self.config, &self.catalogue, shelf, &mut library)
            .await;
    }

    /// Lines of the log: what was done, and to which tool.
    fn log(&self) -> Vec<(String, String)> {
        let log = fs::read_to_string(self.folder.path().join("quarantine.log"));
        let log = log.unwrap_or_default();
        let lines = log.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            assert!(text("by").starts_with("evidence: server acme/reader level L3"));
            (text("action"), text("tool"))
        });
        lines.collect()
    }
}

fn passport(text: &str) -> ServerPassport {
    ServerPassport::parse(text).unwrap()
}

fn vouches(evidence: &Evidence, tool: &str, need: TrustLevel) -> bool {
    evidence.vouches(("files", tool), &passport("acme/reader"), &hash(tool), need)
}

fn line(action: &str, tool: &str) -> (String, String) {
    (action.to_owned(), tool.to_owned())
}

#[tokio::test]
async fn what_the_manifest_has_of_a_server_of_that_level_is_promoted_once_that_is_written_down() {
    let scene = Scene::new();
    let (digest, document) = manifest(&["look", "send"]);
    let shelf = Shelf(Some(document));
    let evidence = scene.evidence(&[Held::Manifest(digest), Held::Level(TrustLevel::L3)]);
    assert!(!vouches(&evidence, "send", TrustLevel::L3), "not yet");
    for _ in 0..2 {
        scene.look(&evidence, &shelf).await;
        assert!(vouches(&evidence, "send", TrustLevel::L3));
        assert_eq!(scene.log(), [line("promote", "send")]);
    }
    assert!(!vouches(&evidence, "send", TrustLevel::L4));
    let other = Digest::of(b"another definition");
    assert!(!evidence.vouches(
        ("files", "send"),
        &passport("acme/reader"),
        &other,
        TrustLevel::L3
    ));
    for (server, shown) in [
        ("mail", "acme/reader"),
        ("files", "acme/another"),
        ("files", "others/reader"),
    ] {
        let shown = passport(shown);
        let vouched = evidence.vouches((server, "send"), &shown, &hash("send"), TrustLevel::L3);
        assert!(!vouched);
    }
    // A start writes nothing twice, and believes nothing before the server has shown its passport.
    let home = Home::new(scene.folder.path());
    let held = [Held::Manifest(digest), Held::Level(TrustLevel::L3)];
    let silent = Evidence::load(&home, Some(feed(&held)), scene.clock.clone());
    assert!(!vouches(&silent, "send", TrustLevel::L3));
    scene.look(&silent, &shelf).await;
    assert!(!vouches(&silent, "send", TrustLevel::L3));
    let again = scene.evidence(&held);
    assert!(vouches(&again, "send", TrustLevel::L3));
    scene.look(&again, &Shelf(None)).await;
    assert!(vouches(&again, "send", TrustLevel::L3));
    assert_eq!(scene.log().len(), 1);
}

#[tokio::test]
async fn it_ends_when_the_level_falls_the_manifest_is_another_or_the_word_is_old() {
    let (digest, document) = manifest(&["send"]);
    let (other, _) = manifest(&["look"]);
    let shelf = Shelf(Some(document));
    let l3 = Held::Level(TrustLevel::L3);
    for held in [
        &[Held::Manifest(digest), Held::Level(TrustLevel::L2)][..],
        &[Held::Manifest(other), l3],
        &[l3],
        &[Held::Manifest(digest), l3, Held::Revoked],
        &[Held::Manifest(digest), l3, Held::Stopped],
        &[Held::Manifest(digest)],
    ] {
        let scene = Scene::new();
        let before = scene.evidence(&[Held::Manifest(digest), l3]);
        scene.look(&before, &shelf).await;
        assert!(vouches(&before, "send", TrustLevel::L3));
        let after = scene.evidence(held);
        // At once, and not only when somebody has looked.
        assert!(!vouches(&after, "send", TrustLevel::L3), "{held:?}");
        scene.look(&after, &shelf).await;
        assert!(!vouches(&after, "send", TrustLevel::L3), "{held:?}");
        assert_eq!(
            scene.log(),
            [line("promote", "send"), line("withdraw", "send")]
        );
    }
    let scene = Scene::new();
    let evidence = scene.evidence(&[Held::Manifest(digest), l3]);
    scene.look(&evidence, &shelf).await;
    scene.clock.advance(Duration::from_secs(15 * 60));
    assert!(vouches(&evidence, "send", TrustLevel::L3));
    scene.clock.advance(Duration::from_secs(1));
    assert!(!vouches(&evidence, "send", TrustLevel::L3));
}

#[tokio::test]
async fn nothing_is_promoted_by_less_than_all_of_it() {
    let (digest, document) = manifest(&["send"]);
    let (others, other) = manifest(&["look"]);
    let l3 = Held::Level(TrustLevel::L3);
    let held = [Held::Manifest(digest), l3];
    let refused = async |config: &str, held: &[Held], shelf: Shelf| {
        let mut scene = Scene::new();
        scene.config = Config::parse(config).unwrap();
        let evidence = scene.evidence(held);
        scene.look(&evidence, &shelf).await;
        assert!(!vouches(&evidence, "send", TrustLevel::L2));
        assert_eq!(scene.log(), []);
    };
    let shelf = || Shelf(Some(document.clone()));
    refused(CONFIG, &held, Shelf(None)).await;
    refused(CONFIG, &held, Shelf(Some(other.clone()))).await;
    refused(CONFIG, &[Held::Manifest(others), l3], Shelf(Some(other))).await;
    for (from, to) in [
        ("evidence = 3", "evidence = 4"),
        ("evidence = 3", ""),
        ("signed = true\npassport = \"acme/reader\"", ""),
        ("passport = \"acme/reader\"", ""),
        ("\"acme/reader\"", "\"acme/another\""),
        ("\"acme/reader\"", "\"others/reader\""),
        // Without its tenant anybody's server of that name would do.
        ("\"acme/reader\"", "\"reader\""),
    ] {
        let config = CONFIG.replace(from, to);
        assert_ne!(config, CONFIG);
        refused(&config, &held, shelf()).await;
    }
}

#[tokio::test]
async fn what_is_withdrawn_again_and_again_rests() {
    let scene = Scene::new();
    let (digest, document) = manifest(&["send"]);
    let shelf = Shelf(Some(document));
    let evidence = scene.evidence(&[Held::Manifest(digest), Held::Level(TrustLevel::L3)]);
    let mut library = Library::default();
    let other = r#"{"name":"send","inputSchema":{"type":"object"},"title":"another"}"#;
    for _ in 0..100 {
        for definition in [definition("send"), other.to_owned()] {
            let document = Document::parse(definition).unwrap();
            scene.catalogue.learn("files", &[document.root()]);
            evidence
                .look(&scene.config, &scene.catalogue, &shelf, &mut library)
                .await;
        }
    }
    assert_eq!(scene.log().len(), 6, "three times there and back");
    let name = ("files".to_owned(), "send".to_owned());
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    assert!(library.unsteady.rests(&name, after(50)));
    assert!(!library.unsteady.rests(&name, after(60)));
}

#[tokio::test]
async fn where_it_cannot_be_written_down_nothing_is_promoted() {
    let scene = Scene::new();
    let (digest, document) = manifest(&["send"]);
    let evidence = scene.evidence(&[Held::Manifest(digest), Held::Level(TrustLevel::L3)]);
    fs::create_dir(scene.folder.path().join("quarantine.log")).unwrap();
    scene.look(&evidence, &Shelf(Some(document))).await;
    assert!(!vouches(&evidence, "send", TrustLevel::L3));
}
