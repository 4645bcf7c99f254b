use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, ManualClock, Timestamp};

use super::{Histories, Journal};
use crate::call::sample::call;
use crate::policy::sample::{policies, question};
use crate::policy::{Policies, ResultView};

const FACTS: &str = r#"
version = 1
[[fact]]
id = "secret"
on = "result"
when = { path = ["**/.ssh/**"] }
[[fact]]
id = "out"
on = "call"
when = { tool = ["send"] }
[[sequence]]
id = "leak"
match = "secret ; out"
within = "1h"
then = "deny"
reason = "no"
[[sequence]]
id = "leak-of-the-caller"
match = "secret ; out"
within = "1h"
scope = "principal"
then = "alert"
reason = "no"
"#;

struct Stand {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    policies: Policies,
}

impl Stand {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000))),
            policies: policies(FACTS),
        }
    }

    fn open(&self) -> Histories {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let file = self.folder.path().join("histories");
        let (journal, found) = Journal::open(&file, Arc::clone(&clock)).unwrap();
        Histories::new(journal, found, clock)
    }

    fn reads(&self, histories: &Histories, session: &str) {
        let call = call(session, r#"{"path":"/home/u/.ssh/id_rsa"}"#);
        let question = question("read", &call.message, self.clock.now());
        let facts = self.policies.classify(&question);
        histories
            .under(&call, &self.policies, |scopes| {
                let view = ResultView::default();
                let release = self
                    .policies
                    .decide_result(&question, &facts, &view, &scopes.read());
                scopes.change(|memory| {
                    self.policies.commit_result(memory, &release, question.now);
                });
            })
            .unwrap();
    }

    fn may_send(&self, histories: &Histories, session: &str) -> bool {
        let call = call(session, r#"{"to":"x@example.com"}"#);
        let question = question("send", &call.message, self.clock.now());
        let facts = self.policies.classify(&question);
        let decided = histories.under(&call, &self.policies, |scopes| {
            let decision = self.policies.decide(&question, &facts, &scopes.read());
            scopes.change(|memory| self.policies.commit_denied(memory, &decision, question.now));
            decision.is_allowed()
        });
        decided.unwrap()
    }
}

#[test]
fn what_one_session_did_is_remembered_of_it_and_of_no_other() {
    let stand = Stand::new();
    let histories = stand.open();
    assert!(stand.may_send(&histories, "one"));
    stand.reads(&histories, "one");
    assert!(!stand.may_send(&histories, "one"));
    assert!(stand.may_send(&histories, "two"));
}

#[test]
fn only_what_a_rule_could_go_by_is_written() {
    let stand = Stand::new();
    let histories = stand.open();
    let file = stand.folder.path().join("histories");
    let len = || std::fs::metadata(&file).unwrap().len();
    let calls = |tool: &str| {
        let call = call("one", "{}");
        let question = question(tool, &call.message, stand.clock.now());
        let facts = stand.policies.classify(&question);
        let done = histories.under(&call, &stand.policies, |scopes| {
            let decision = stand.policies.decide(&question, &facts, &scopes.read());
            scopes.change(|memory| {
                stand.policies.commit_call(memory, &decision, question.now);
            });
        });
        done.unwrap();
    };
    calls("look");
    assert_eq!(len(), 0);
    calls("send");
    assert!(len() > 0);
}

#[test]
fn a_session_is_the_same_at_every_endpoint() {
    let one = call("one", "{}");
    let mut other = one.clone();
    other.session.route = "mail".to_owned();
    assert_eq!(super::Key::three(&one), super::Key::three(&other));
    other.session.session = None;
    assert_ne!(super::Key::three(&one)[0], super::Key::three(&other)[0]);
    assert_eq!(super::Key::three(&one)[1], super::Key::three(&other)[1]);
    other.session.principal = Some(("a".to_owned(), "tb".to_owned()));
    assert_ne!(super::Key::three(&one)[1], super::Key::three(&other)[1]);
}

#[test]
fn a_restart_forgets_nothing() {
    let stand = Stand::new();
    let histories = stand.open();
    stand.reads(&histories, "one");
    drop(histories);
    let histories = stand.open();
    assert!(!stand.may_send(&histories, "one"));
    assert!(stand.may_send(&histories, "two"));
}

#[test]
fn a_restart_forgets_nothing_for_as_long_as_a_rule_asks() {
    let month = FACTS.replace("within = \"1h\"", "within = \"30d\"");
    let stopped = FACTS.replace("then = \"deny\"", "then = \"stop_session\"");
    let lowered = r#"
[[sequence]]
id = "low"
match = "secret"
then = "lower_trust(L1)"
reason = "no"
"#;
    for (facts, days, remembered) in [
        (FACTS, 8, false),
        (&month, 8, true),
        (&month, 40, false),
        (&stopped, 400, true),
        (&format!("{FACTS}{lowered}"), 400, true),
    ] {
        let stand = Stand {
            policies: policies(facts),
            ..Stand::new()
        };
        let histories = stand.open();
        stand.reads(&histories, "one");
        stand.may_send(&histories, "one");
        drop(histories);
        stand.clock.advance(Duration::from_secs(days * 24 * 3600));
        // What is written anew when it is opened is there when it is opened again.
        drop(stand.open());
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&stand.clock);
        let file = stand.folder.path().join("histories");
        let (_, found) = Journal::open(&file, clock).unwrap();
        assert_eq!(!found.stored.is_empty(), remembered, "{facts} {days}");
        let histories = stand.open();
        if days == 8 {
            assert_eq!(!stand.may_send(&histories, "one"), remembered, "{facts}");
        }
        assert!(stand.may_send(&histories, "two"));
    }
}

#[test]
fn where_a_part_cannot_be_read_everything_is_assumed() {
    let stand = Stand::new();
    let histories = stand.open();
    stand.reads(&histories, "one");
    stand.reads(&histories, "two");
    drop(histories);
    let file = stand.folder.path().join("histories");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let histories = stand.open();
    for session in ["one", "two", "three"] {
        assert!(!stand.may_send(&histories, session), "{session}");
    }
}

#[test]
fn what_cannot_be_written_down_does_not_happen() {
    let stand = Stand::new();
    let histories = stand.open();
    stand.reads(&histories, "one");
    // Its file is read-only from now on: the descriptor is of another file.
    let read_only = std::fs::File::open("/dev/null").unwrap();
    super::lock(&histories.journal).replace(read_only);
    let call = call("two", r#"{"path":"/home/u/.ssh/id_rsa"}"#);
    let question = question("read", &call.message, stand.clock.now());
    let facts = stand.policies.classify(&question);
    let done = histories.under(&call, &stand.policies, |scopes| {
        let view = ResultView::default();
        let release = stand
            .policies
            .decide_result(&question, &facts, &view, &scopes.read());
        scopes.change(|memory| {
            stand.policies.commit_result(memory, &release, question.now);
        });
    });
    assert!(done.is_err());
}

#[test]
fn what_did_nothing_that_matters_makes_room_and_is_not_suspected_when_it_comes_back() {
    let stand = Stand::new();
    let histories = stand.open();
    stand.reads(&histories, "first");
    let looks = |session: &str| {
        let call = call(session, "{}");
        let done = histories.under(&call, &stand.policies, |_| ());
        done.unwrap();
    };
    for number in 0..super::MOST {
        looks(&format!("s{number}"));
    }
    let table = super::lock(&histories.table);
    assert!(table.held.len() <= super::MOST);
    assert!(table.gone.is_empty());
    drop(table);
    assert!(stand.may_send(&histories, "s0"));
    assert!(!stand.may_send(&histories, "first"), "it is held");
}

#[test]
fn what_had_to_go_is_suspected_for_as_long_as_anybody_remembers() {
    let stand = Stand::new();
    let histories = stand.open();
    let (now, remembered) = (stand.clock.now(), stand.policies.remembers_for());
    let mut table = super::lock(&histories.table);
    let key = |number: usize| {
        super::Key(*mcps_core::digest::Digest::of(&number.to_le_bytes()).as_bytes())
    };
    table.gone = (0..=super::MOST_GONE)
        .map(|number| (key(number), now))
        .collect();
    table.make_room(now, remembered);
    assert!(table.gone.is_empty());
    assert!(table.may_be_gone(&key(0), now));
    let later = now.plus(remembered);
    assert!(!table.may_be_gone(&key(0), later));
    table.gone = (0..=super::MOST_GONE)
        .map(|number| (key(number), now))
        .collect();
    table.crowded_until = None;
    table.make_room(later, remembered);
    assert!(!table.may_be_gone(&key(super::MOST_GONE + 1), later));
}

#[test]
fn a_session_that_was_stopped_stays_so_though_it_had_to_make_room() {
    let stand = Stand {
        policies: policies(&FACTS.replace("then = \"deny\"", "then = \"stop_session\"")),
        ..Stand::new()
    };
    let histories = stand.open();
    stand.reads(&histories, "one");
    assert!(!stand.may_send(&histories, "one"));
    let mut table = super::lock(&histories.table);
    table.make_room(stand.clock.now(), stand.policies.remembers_for());
    assert!(table.held.is_empty());
    drop(table);
    stand.clock.advance(Duration::from_secs(400 * 24 * 3600));
    assert!(!stand.may_send(&histories, "one"));
    assert!(stand.may_send(&histories, "two"));
}
