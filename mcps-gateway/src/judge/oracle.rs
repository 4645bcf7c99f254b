//! Whose history is whose: thousands of calls of many tenants, callers and sessions among one another, held
//! against a model that keeps a plain set for each, over restarts.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use mcps_core::clock::{Clock, ManualClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::message::Message;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::{Judge, PolicyJudge, Sets};
use crate::call::sample::call;
use crate::call::{Call, Caller, Principal, Proof};
use crate::config::Config;
use crate::history::{Histories, Journal};
use crate::tenants::Told;

const OPERATIONS: usize = 10_000;
const TENANTS: [&str; 3] = ["acme", "umbrella", "lab"];
/// Two of them answer for two agents each.
const AGENTS: [(&str, &str); 5] = [
    ("a", ""),
    ("b", ""),
    ("c", "ann"),
    ("d", "ann"),
    ("e", "bob"),
];
const SESSIONS: [&str; 4] = ["s1", "s2", "s3", "s4"];
const TOOLS: [&str; 5] = ["look", "secret", "send", "spend", "mass"];
const SPENDS: usize = 40;
const MASSES: usize = 300;

const CONFIG: &str = r#"
[tenant.acme]
policy = ["rules.toml"]
[tenant.umbrella]
policy = ["rules.toml"]
[tenant.lab]
policy = ["rules.toml"]
[[server]]
name = "files"
command = ["files"]
"#;

const RULES: &str = r#"
version = 1
[[fact]]
id = "o.secret"
on = "result"
when = { tool = ["secret"] }
[[fact]]
id = "o.send"
on = "call"
when = { tool = ["send"] }
[[fact]]
id = "o.spend"
on = "call"
when = { tool = ["spend"] }
[[fact]]
id = "o.mass"
on = "call"
when = { tool = ["mass"] }
[[sequence]]
id = "of-the-session"
match = "o.secret ; o.send"
within = "24h"
then = "deny"
reason = "session"
[[sequence]]
id = "of-the-caller"
match = "count(o.spend, 24h) > 40"
scope = "principal"
then = "deny"
reason = "caller"
[[sequence]]
id = "of-the-tenant"
match = "count(o.mass, 24h) > 300"
scope = "tenant"
then = "deny"
reason = "tenant"
"#;

/// Who calls what, by their places in the lists above.
type Operation = (usize, usize, usize, usize);

/// What the rules would remember of whom.
#[derive(Default)]
struct Model {
    secrets: HashSet<(usize, usize, usize)>,
    spends: HashMap<(usize, String), usize>,
    masses: HashMap<usize, usize>,
}

impl Model {
    /// Whether a call is permitted, and what is remembered of it.
    fn permits(&mut self, (tenant, agent, session, tool): Operation) -> bool {
        match TOOLS[tool] {
            "secret" => {
                self.secrets.insert((tenant, agent, session));
                true
            }
            "send" => !self.secrets.contains(&(tenant, agent, session)),
            "spend" => {
                let (name, owner) = AGENTS[agent];
                let who = if owner.is_empty() {
                    format!("agent {name}")
                } else {
                    format!("owner {owner}")
                };
                count(self.spends.entry((tenant, who)).or_default(), SPENDS)
            }
            "mass" => count(self.masses.entry(tenant).or_default(), MASSES),
            _ => true,
        }
    }
}

fn count(so_far: &mut usize, most: usize) -> bool {
    let permitted = *so_far < most;
    *so_far += usize::from(permitted);
    permitted
}

fn asked((tenant, agent, session, tool): Operation, at: Timestamp) -> Call {
    let (name, owner) = AGENTS[agent];
    let mut call = call(SESSIONS[session], "{}");
    let text = call
        .message
        .text()
        .replace(r#""t""#, &format!("\"{}\"", TOOLS[tool]));
    call.message = Message::parse(text).unwrap();
    call.at = at;
    call.session.tenant = TENANTS[tenant].to_owned();
    call.session.principal = Some((name.to_owned(), "ta".to_owned()));
    call.caller = Caller {
        tenant: TENANTS[tenant].to_owned(),
        principal: Some(Principal {
            name: name.to_owned(),
            owner: owner.to_owned(),
            groups: Vec::new(),
            issuer: "ta".to_owned(),
            proof: Proof::Passport {
                kind: None,
                id: "asp_1".to_owned(),
            },
            claims: None,
        }),
        trust: None,
    };
    call.target.server = Some("files".to_owned());
    call.target.name = Some(TOOLS[tool].to_owned());
    call
}

fn opened(folder: &Path, config: &Arc<Config>, clock: &Arc<ManualClock>) -> PolicyJudge {
    let known: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    let sets = Sets::load(config, folder, Told::none()).unwrap();
    let (journal, found) = Journal::open(&folder.join("histories"), Arc::clone(&known)).unwrap();
    assert!(!found.damaged);
    let histories = Histories::new(journal, found, known);
    PolicyJudge::new(Arc::new(ArcSwap::from_pointee(sets)), histories)
}

#[test]
fn of_ten_thousand_calls_among_one_another_none_is_remembered_of_anybody_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.toml"), RULES).unwrap();
    let config = Arc::new(Config::parse(CONFIG).unwrap());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
    let mut judge = opened(folder.path(), &config, &clock);
    let operation = (
        0..TENANTS.len(),
        0..AGENTS.len(),
        0..SESSIONS.len(),
        0..100_usize,
    );
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let (mut model, mut refused) = (Model::default(), 0);
    for number in 0..OPERATIONS {
        let drawn = operation.new_tree(&mut runner).unwrap().current();
        // Secrets are rare, or soon nobody could send anything.
        let tool = match drawn.3 {
            0 => 1,
            1..=40 => 2,
            41..=60 => 3,
            61..=80 => 4,
            _ => 0,
        };
        let drawn = (drawn.0, drawn.1, drawn.2, tool);
        if number % 1000 == 999 {
            drop(judge);
            judge = opened(folder.path(), &config, &clock);
        }
        clock.advance(Duration::from_millis(7));
        let call = asked(drawn, clock.now());
        // A gateway by itself waits for nobody.
        let decided = judge.decide(&call).now_or_never().unwrap();
        let permitted = model.permits(drawn);
        assert_eq!(
            decided.is_ok(),
            permitted,
            "{number}: {drawn:?} {decided:?}"
        );
        match decided {
            Ok(_) => {
                let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
                let answer = Message::parse(answer).unwrap();
                let weighed = judge.answered(&call, &answer).now_or_never();
                weighed.unwrap().unwrap();
            }
            Err(denial) => {
                refused += 1;
                assert_eq!(denial.code, Code::Denied);
            }
        }
    }
    assert!(
        (1000..9000).contains(&refused),
        "{refused} of them were refused"
    );
}
