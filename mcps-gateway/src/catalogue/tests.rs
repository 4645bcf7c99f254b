use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::home::Home;
use mcps_core::clock::{Clock, ManualClock, Timestamp};
use mcps_core::json::Document;

use super::Catalogue;
use crate::call::Pinned;
use crate::config::Config;
use crate::quarantine::{Order, Reason, Store, Verb};

fn load(home: &Home, clock: Arc<dyn Clock>) -> Catalogue {
    let config = Config::parse("[quarantine]\nnew_servers = \"pin\"").unwrap();
    Catalogue::load(home, clock, Arc::new(ArcSwap::from_pointee(config))).unwrap()
}

fn learn(catalogue: &Catalogue, text: &str) -> bool {
    let document = Document::parse(text.to_owned()).unwrap();
    let seen = catalogue.learn("files", &[document.root()]);
    seen.iter()
        .flatten()
        .all(|seen| seen.pinned == Pinned::Same)
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
    let catalogue = load(&Home::new(dir.path()), known);
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
    let catalogue = load(&home, known);
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
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Changed));
    assert!(!learn(&catalogue, LOOK), "nor does changing it back");
    let owner = mcps_core::pin::Server::Origin("gateway:files".to_owned());
    let hash = mcps_core::tool::hash(Document::parse(LOOK.to_owned()).unwrap().root());
    mcps_client::tools::change_pins(&home, |pins| {
        pins.approve(&owner, "look", &hash, clock.now()).unwrap();
        Ok::<_, mcps_client::error::ClientError>(())
    })
    .unwrap();
    catalogue.refresh();
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Same));
}

#[test]
fn what_is_blocked_stays_so_though_its_server_lists_it_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let known: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let catalogue = load(&home, Arc::clone(&known));
    assert!(learn(&catalogue, LOOK));
    let order = Order {
        verb: Verb::Block,
        server: "files".to_owned(),
        tool: "look".to_owned(),
        by: "ann".to_owned(),
        why: None,
        dry_run: false,
    };
    order.carry_out(&Store::new(&home), clock.now()).unwrap();
    catalogue.refresh();
    let blocked = Some(Pinned::Held(Reason::Blocked));
    for names in [Some(["look".to_owned()].as_slice()), Some(&[]), None] {
        catalogue.complete("files", names);
        assert_eq!(pinned(&catalogue, "look"), blocked, "{names:?}");
    }
    let anew = load(&home, known);
    anew.complete("files", None);
    assert_eq!(pinned(&anew, "look"), blocked);
}

#[test]
fn what_is_held_stays_so_whether_its_server_lists_it_or_lists_nothing_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(dir.path());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let known: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let catalogue = load(&home, Arc::clone(&known));
    let new = LOOK.replace(r#""look""#, r#""new""#);
    assert!(learn(&catalogue, LOOK));
    catalogue.complete("files", Some(&["look".to_owned()]));
    assert!(!learn(&catalogue, &LOOK.replace("looks", "sends")));
    assert!(!learn(&catalogue, &new));
    let held = [
        ("look", Some(Pinned::Changed)),
        ("new", Some(Pinned::Held(Reason::NewTool))),
    ];
    let anew = load(&home, known);
    for catalogue in [catalogue, anew] {
        for (tool, standing) in held {
            assert_eq!(Some(catalogue.unheard("files", tool).pinned), standing);
        }
        for names in [
            Some(["look".to_owned(), "new".to_owned()].as_slice()),
            Some(&[]),
            None,
        ] {
            catalogue.complete("files", names);
            catalogue.refresh();
            for (tool, standing) in held {
                assert_eq!(pinned(&catalogue, tool), standing, "{tool} {names:?}");
            }
        }
        assert_eq!(catalogue.unheard("files", "other").pinned, Pinned::Unknown);
    }
}

#[test]
fn while_what_is_held_cannot_be_read_nothing_may_be_called_and_then_all_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let catalogue = load(&Home::new(dir.path()), clock);
    assert!(learn(&catalogue, LOOK));
    let names = ["look".to_owned()];
    catalogue.complete("files", Some(&names));
    let book = dir.path().join("quarantine.json");
    let good = std::fs::read(&book).unwrap();
    std::fs::write(&book, "{").unwrap();
    for _ in 0..2 {
        catalogue.refresh();
        for tool in ["look", "other"] {
            let unreadable = Some(Pinned::Held(Reason::Unreadable));
            assert_eq!(pinned(&catalogue, tool), unreadable);
        }
    }
    std::fs::write(&book, good).unwrap();
    catalogue.refresh();
    assert_eq!(pinned(&catalogue, "look"), Some(Pinned::Same));
    assert_eq!(pinned(&catalogue, "other"), Some(Pinned::Unlisted));
}

#[test]
fn whoever_looks_while_a_server_is_met_for_the_first_time_takes_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_262_400_000)));
    let catalogue = load(&Home::new(folder.path()), clock);
    let document = Document::parse(LOOK.to_owned()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    catalogue.refresh();
                }
            });
        }
        let kept = (0..100).all(|number| {
            let server = format!("s{number}");
            catalogue.learn(&server, &[document.root()]);
            catalogue.complete(&server, Some(&["look".to_owned()]));
            (0..20).all(|_| {
                let known = catalogue.definition(&server, "look").unwrap();
                known.pinned == Pinned::Same
            })
        });
        done.store(true, Ordering::SeqCst);
        assert!(kept);
    });
}
