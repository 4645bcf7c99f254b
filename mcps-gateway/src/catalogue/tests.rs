use std::sync::Arc;
use std::time::Duration;

use mcps_client::home::Home;
use mcps_core::clock::{Clock, ManualClock, Timestamp};
use mcps_core::json::Document;

use super::Catalogue;
use crate::call::Pinned;

fn learn(catalogue: &Catalogue, text: &str) -> bool {
    let document = Document::parse(text.to_owned()).unwrap();
    catalogue.learn("files", document.root())
}

fn pinned(catalogue: &Catalogue, tool: &str) -> Option<Pinned> {
    let definition = catalogue.definition("files", tool);
    definition.map(|definition| definition.pinned)
}

const LOOK: &str = r#"{"name":"look","description":"looks","inputSchema":{"type":"object"}}"#;

#[test]
fn a_tool_is_unlisted_only_once_all_of_them_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let known: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let catalogue = Catalogue::load(&Home::new(dir.path()), known).unwrap();
    assert_eq!(pinned(&catalogue, "look"), None);
    assert!(learn(&catalogue, LOOK));
    assert_eq!(
        pinned(&catalogue, "look"),
        None,
        "others may be on a page that nobody read"
    );
    catalogue.complete("files", Some(&["look".to_owned()]));
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Same));
    assert_eq!(pinned(&catalogue, "other"), Some(Pinned::Unlisted));
    catalogue.complete("files", Some(&[]));
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Unlisted));
    catalogue.complete("files", None);
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Unknown));
}

#[test]
fn a_change_lasts_until_it_is_approved_and_a_storm_of_them_is_asked_about_once_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let known: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let catalogue = Catalogue::load(&home, known).unwrap();
    let names = ["look".to_owned()];
    assert!(learn(&catalogue, LOOK));
    catalogue.complete("files", Some(&names));
    for _ in 0..3 {
        catalogue.forget("files");
        assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Same), "not yet");
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(pinned(&catalogue, "look"), None, "now it is to be asked");
    let changed = LOOK.replace("looks", "looks and sends");
    assert!(!learn(&catalogue, &changed));
    catalogue.complete("files", Some(&names));
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Changed));
    assert!(
        !learn(&catalogue, &changed),
        "looking twice changes nothing"
    );
    assert!(!catalogue.is_approved("files", "look"));
    assert!(!learn(&catalogue, LOOK), "nor does changing it back");
    let owner = mcps_core::pin::Server::Origin("gateway:files".to_owned());
    let hash = mcps_core::tool::hash(Document::parse(LOOK.to_owned()).unwrap().root());
    mcps_client::tools::change_pins(&home, |pins| {
        pins.approve(&owner, "look", &hash, clock.now()).unwrap();
        Ok::<_, mcps_client::error::ClientError>(())
    })
    .unwrap();
    assert!(catalogue.is_approved("files", "look"));
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Same));
}
