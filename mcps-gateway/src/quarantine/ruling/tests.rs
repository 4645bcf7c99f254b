use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::feed::Feed;
use mcps_client::follower::Follower;
use mcps_client::home::Home;
use mcps_core::clock::{ManualClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::feed::{Entry, Held, Position, Snapshot, Target};
use mcps_core::level::TrustLevel;
use mcps_core::verdict::{self, Verb, Verdicts};

use super::{Rulings, Subject, Whose};
use crate::call::Pinned;
use crate::config::Config;
use crate::quarantine::{Evidence, Reason};
use crate::tenants::Told;

const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);
const CONFIG: &str = "[tenant.acme]\nquarantine = \"authority\"\n[tenant.other]\nquarantine = \"authority\"\n[tenant.alone]\n";

fn hash(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// After acme's operators promoted `good`, rejected `bad`, and blocked the tool `off`.
fn rulings(clock: &Arc<ManualClock>) -> Rulings {
    let mut verdicts = Verdicts::default();
    for (version, (tool, verb)) in (1..).zip([
        ("send", Verb::Promote(hash("good"))),
        ("send", Verb::Reject(hash("bad"))),
        ("off", Verb::Promote(hash("good"))),
        ("off", Verb::Block),
    ]) {
        let done = verdicts.order(("files", tool), verb, (version, NOW));
        assert_eq!(done, Ok(true));
    }
    let document = verdicts.document().unwrap();
    let digest = verdict::digest(&document);
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.write("verdicts-acme.json", &format!("{digest}\n{document}"))
        .unwrap();
    let snapshot = Snapshot {
        authority: "authority.example".to_owned(),
        position: Position {
            epoch: 1,
            seq: 7,
            chain: Digest::of(b"7"),
        },
        iat: NOW,
        fresh_until: NOW.plus(Duration::from_secs(30)),
        entries: vec![Entry {
            target: Target::Tenant("acme".to_owned()),
            held: Held::Verdicts(digest),
        }],
    };
    let mut follower = Follower::new("authority.example");
    follower.adopt(&snapshot, NOW).unwrap();
    let feed = Arc::new(Feed::new(follower));
    let config = Config::parse(CONFIG).unwrap();
    let told = Told::new(Some(Arc::clone(&feed)), clock.clone());
    told.recall(&home, &config.verdict_tenants());
    let evidence = Evidence::load(&home, Some(feed), clock.clone());
    let config = Arc::new(ArcSwap::from_pointee(config));
    Rulings::new(config, told, Arc::new(evidence))
}

/// How a tool stands for a tenant that stands so here; the rule where somebody said the contrary.
fn of(
    rulings: &Rulings,
    tenant: &str,
    (tool, text): (&str, &str),
    pinned: Pinned,
) -> Result<Pinned, String> {
    let (level, hash) = (TrustLevel::L2, hash(text));
    let whose = Whose { tenant, level };
    let subject = Subject {
        server: "files",
        tool,
        hash: (!text.is_empty()).then_some(&hash),
        pinned,
    };
    rulings.of(whose, subject).map_err(|denial| {
        assert_eq!(denial.code, Code::Quarantined);
        denial.rule
    })
}

#[test]
fn what_anybody_refused_is_refused_and_what_somebody_promoted_is_promoted_for_them() {
    let rulings = rulings(&Arc::new(ManualClock::new(NOW)));
    let acme = |named, pinned| of(&rulings, "acme", named, pinned);
    let held = [
        Pinned::Changed,
        Pinned::Held(Reason::NewTool),
        Pinned::Held(Reason::NewServer),
        Pinned::Held(Reason::LookAlike),
    ];
    for pinned in held {
        assert_eq!(acme(("send", "good"), pinned), Ok(Pinned::Same));
        assert_eq!(acme(("send", "third"), pinned), Ok(pinned));
        // Whoever takes it from the list does not set it free.
        assert_eq!(acme(("look", ""), pinned), Ok(pinned));
        for tenant in ["other", "alone"] {
            assert_eq!(of(&rulings, tenant, ("send", "good"), pinned), Ok(pinned));
        }
    }
    for pinned in [
        Pinned::Same,
        Pinned::Changed,
        Pinned::Unlisted,
        Pinned::Unknown,
    ] {
        let rejected = Err("quarantine.rejected".to_owned());
        assert_eq!(acme(("send", "bad"), pinned), rejected);
        // It may be that one: its server does not say any more.
        assert_eq!(acme(("send", ""), pinned), rejected);
        for text in ["good", "third", ""] {
            let blocked = Err("quarantine.blocked".to_owned());
            assert_eq!(acme(("off", text), pinned), blocked);
        }
        assert_eq!(of(&rulings, "alone", ("off", "good"), pinned), Ok(pinned));
    }
    for reason in [Reason::Blocked, Reason::Rejected, Reason::Unreadable] {
        let here = Pinned::Held(reason);
        assert_eq!(acme(("send", "good"), here), Ok(here));
    }
    for pinned in [Pinned::Same, Pinned::Unlisted, Pinned::Unknown] {
        assert_eq!(acme(("send", "good"), pinned), Ok(pinned));
        assert_eq!(acme(("look", "third"), pinned), Ok(pinned));
    }
}

#[test]
fn once_it_is_not_known_what_was_said_nobody_who_follows_calls_anything() {
    let clock = Arc::new(ManualClock::new(NOW));
    let rulings = rulings(&clock);
    clock.advance(Duration::from_secs(3601));
    let hash = hash("good");
    for (tenant, pinned, code) in [
        ("acme", Pinned::Same, Some(Code::StatusTooOld)),
        (
            "acme",
            Pinned::Held(Reason::NewTool),
            Some(Code::StatusTooOld),
        ),
        ("acme", Pinned::Held(Reason::Blocked), None),
        ("other", Pinned::Same, Some(Code::StatusTooOld)),
        ("alone", Pinned::Same, None),
    ] {
        let level = TrustLevel::L2;
        let whose = Whose { tenant, level };
        let subject = Subject {
            server: "files",
            tool: "send",
            hash: Some(&hash),
            pinned,
        };
        let ruled = rulings.of(whose, subject);
        assert_eq!(ruled.err().map(|denial| denial.code), code, "{tenant}");
        assert!(tenant == "alone" || !rulings.admits(whose, subject));
    }
}
