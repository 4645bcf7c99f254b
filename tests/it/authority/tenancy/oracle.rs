//! Two tenants at once, and nobody to tell them apart but the authority: random operations, and after
//! each of them a look whether anything of one is in an answer to the other.

use std::collections::{BTreeSet, HashSet};

use reqwest::Method;
use serde_json::{Value, json};

use super::super::world::{Answer, World, on_both};
use super::party::Party;

/// How many operations there are on each engine, unless `MCPS_TENANCY_OPERATIONS` says.
const USUAL: usize = 600;

#[expect(clippy::disallowed_methods, reason = "how long a test is to go on")]
fn operations() -> usize {
    let stated = std::env::var("MCPS_TENANCY_OPERATIONS").ok();
    stated.map_or(USUAL, |stated| stated.parse().unwrap())
}

/// The same numbers every time (Marsaglia's xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % most
    }

    fn of<'a>(&mut self, all: &'a [String], otherwise: &'a str) -> &'a str {
        if all.is_empty() {
            return otherwise;
        }
        &all[self.below(all.len())]
    }
}

/// What a tenant has been given, by kind.
#[derive(Default)]
struct Given {
    passports: Vec<String>,
    tokens: Vec<String>,
    servers: Vec<String>,
    actions: Vec<String>,
    evidence: Vec<String>,
    operators: Vec<String>,
    cursors: Vec<String>,
    agents: Vec<String>,
    /// Every id, digest and word that is that tenant's alone.
    own: HashSet<String>,
}

/// The words of an answer that could be somebody's: ids, digests, keys, names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
    text.split(ends).filter(|word| word.len() >= 8)
}

/// Whether a word is of a form that the authority gives out to one tenant alone.
fn is_given(word: &str) -> bool {
    let prefixes = [
        "asp_", "enr_", "srv_", "act_", "ev_", "op_", "mcps_et_", "mcps_op_",
    ];
    prefixes.iter().any(|prefix| word.starts_with(prefix))
}

impl Given {
    /// Takes in what an answer to this tenant gives out.
    fn learn(&mut self, answer: &Answer) {
        if !answer.status.is_success() {
            return;
        }
        for word in words(&answer.text).filter(|word| is_given(word)) {
            if !self.own.insert(word.to_owned()) {
                continue;
            }
            let list = match word.split_once('_').unwrap().0 {
                "asp" => &mut self.passports,
                "enr" => &mut self.tokens,
                "srv" => &mut self.servers,
                "act" => &mut self.actions,
                "ev" => &mut self.evidence,
                "op" => &mut self.operators,
                _ => continue,
            };
            list.push(word.to_owned());
        }
        if let Ok(Value::Object(page)) = serde_json::from_str(&answer.text)
            && let Some(cursor) = page.get("next_cursor").and_then(Value::as_str)
        {
            self.cursors.push(cursor.to_owned());
        }
    }
}

/// One of two.
struct Side {
    party: Party,
    given: Given,
    pushed: i64,
}

const LISTS: [&str; 8] = [
    "/v1/passports",
    "/v1/enrolment-tokens",
    "/v1/servers",
    "/v1/actions",
    "/v1/operators",
    "/v1/tenants",
    "/v1/audit/records",
    "/v1/feed/enforcement",
];

/// One operation of one side; half of them name what is the other's.
async fn operate(
    world: &World,
    dice: &mut Dice,
    own: &mut Side,
    other: &Side,
    at: usize,
) -> Answer {
    let (party, tenant) = (&own.party, own.party.tenant);
    let theirs = dice.below(2) == 0;
    // Whose things are named; what is told of them must be the same as of nothing.
    let (given, named) = match theirs {
        true => (&other.given, other.party.tenant),
        false => (&own.given, tenant),
    };
    let agent = dice.of(&given.agents, "nobody").to_owned();
    let fresh = format!("agent-{tenant}-{at}");
    let word = format!("note-{tenant}-{at}");
    let post = async |path: &str, body: Value| party.post(world, path, &body).await;
    let target = json!({"kind": "agent", "tenant": named, "name": agent});
    match dice.below(22) {
        0 | 1 => {
            let key = super::super::world::new_key();
            let order = party.order(world, named, ("agent", &fresh), &key).await;
            let issued = post("/v1/passports", order).await;
            if issued.status.is_success() {
                own.given.agents.push(fresh);
            }
            issued
        }
        2 => {
            let id = dice.of(&given.passports, "asp_0").to_owned();
            post(
                &format!("/v1/passports/{id}/revoke"),
                json!({"reason": "policy", "note": word}),
            )
            .await
        }
        3 => post("/v1/suspensions", json!({"target": target, "note": word})).await,
        4 => post("/v1/reinstatements", json!({"target": target})).await,
        5 => post("/v1/revocations?dry_run=true", json!({"target": target})).await,
        6 => {
            let id = dice.of(&given.passports, "asp_0").to_owned();
            let target = json!({"kind": "passport", "id": id});
            post("/v1/suspensions", json!({"target": target})).await
        }
        7 => {
            let id = dice.of(&given.actions, "act_0").to_owned();
            post(&format!("/v1/actions/{id}/undo"), json!({})).await
        }
        8 => {
            let token = json!({"tenant": named, "kind": "agent", "owner": word, "name": fresh});
            post("/v1/enrolment-tokens", token).await
        }
        9 => {
            let id = dice.of(&given.tokens, "enr_0").to_owned();
            post(&format!("/v1/enrolment-tokens/{id}/withdraw"), json!({})).await
        }
        10 => {
            let server =
                json!({"tenant": named, "name": format!("server-{tenant}-{at}"), "owner": word});
            post("/v1/servers", server).await
        }
        11 => {
            let id = dice.of(&given.servers, "srv_0").to_owned();
            let path = format!("/v1/servers/{id}");
            let to = (Method::PATCH, path.as_str());
            let body = json!({"owner": word});
            party.send(world, to, &[("if-match", "*")], &body).await
        }
        12 => {
            let id = dice.of(&given.servers, "srv_0").to_owned();
            let paths = ["", "/manifests", "/manifests/1", "/diff?from=1&to=2"];
            let path = paths[dice.below(paths.len())];
            party.get(world, &format!("/v1/servers/{id}{path}")).await
        }
        13 => {
            let text = format!("// {word}\nforbid (principal, action, resource);");
            let body = json!({"policy": [{"name": "a.cedar", "text": text}], "note": word});
            let path = format!("/v1/tenants/{named}/policy");
            let to = (Method::PUT, path.as_str());
            let pushed = party.send(world, to, &[("if-match", "*")], &body).await;
            own.pushed += i64::from(pushed.status.is_success());
            pushed
        }
        14 => {
            let body = json!({"order": "block", "server": "files", "tool": word});
            post(&format!("/v1/tenants/{named}/verdicts"), body).await
        }
        15 => {
            let paths = [
                "",
                "/policy",
                "/policy/versions",
                "/verdicts",
                "/verdicts/orders",
            ];
            let path = paths[dice.below(paths.len())];
            party
                .get(world, &format!("/v1/tenants/{named}{path}"))
                .await
        }
        16 => {
            let body = json!({"type": "operator_decision", "verdict": "pass", "statement": word});
            let path = format!("/v1/subjects/agent/{named}/{agent}/evidence");
            post(&path, body).await
        }
        17 => {
            let path = format!("/v1/subjects/agent/{named}/{agent}/trust");
            party.get(world, &path).await
        }
        18 => {
            let id = dice.of(&given.evidence, "ev_0").to_owned();
            match dice.below(2) {
                0 => party.get(world, &format!("/v1/evidence/{id}")).await,
                _ => {
                    let path = format!("/v1/evidence/{id}/approvals");
                    let key = Some(party.approver.as_str());
                    world
                        .send(Method::POST, &path, key, Some("{}".to_owned()))
                        .await
                }
            }
        }
        19 => {
            let role = format!("viewer@{named}");
            post("/v1/operators", json!({"name": word, "roles": [role]})).await
        }
        20 => {
            let id = dice.of(&given.operators, "op_0").to_owned();
            party.get(world, &format!("/v1/operators/{id}")).await
        }
        _ => {
            let mut path = LISTS[dice.below(LISTS.len())].to_owned();
            if !path.ends_with("enforcement") {
                path.push_str(&format!("?limit={}", 1 + dice.below(60)));
            }
            let cursor = dice.of(&given.cursors, "").to_owned();
            if dice.below(3) == 0 && !cursor.is_empty() && !path.contains("audit") {
                path.push_str(&format!("&cursor={cursor}"));
            }
            party.get(world, &path).await
        }
    }
}

/// Whatever of the other is in an answer.
fn leaked(answer: &Answer, other: &Side) -> Vec<String> {
    let text = answer.text.as_str();
    let mut leaked = BTreeSet::new();
    for word in words(text) {
        if other.given.own.contains(word) {
            leaked.insert(word.to_owned());
        }
    }
    // Names, notes and owners all have the tenant's name in them.
    if text.contains(other.party.tenant) {
        leaked.insert(other.party.tenant.to_owned());
    }
    leaked.into_iter().collect()
}

#[tokio::test]
async fn nothing_of_one_tenant_is_ever_in_an_answer_to_the_other() {
    on_both(async |world| {
        let mut sides = Vec::new();
        for tenant in ["scarlet", "turquoise"] {
            sides.push(Side {
                party: Party::new(&world, tenant).await,
                given: Given::default(),
                pushed: 0,
            });
        }
        let mut dice = Dice(0x5EED_0001);
        let (mut refused, mut done) = (0, 0);
        for at in 0..operations() {
            let turn = dice.below(2);
            let other = sides.remove(1 - turn);
            let own = &mut sides[0];
            let answer = operate(&world, &mut dice, own, &other, at).await;
            assert!(!answer.status.is_server_error(), "{}", answer.text);
            let leaked = leaked(&answer, &other);
            assert!(leaked.is_empty(), "{at}: {leaked:?} in {}", answer.text);
            match answer.status.is_success() {
                true => done += 1,
                false => refused += 1,
            }
            own.given.learn(&answer);
            sides.insert(1 - turn, other);
        }
        println!("{done} done, {refused} refused");
        assert!(done > operations() / 4 && refused > operations() / 8);
        // The oracle is not blind: whoever looks everywhere sees both.
        let all = world.get_as_operator("/v1/passports?limit=200").await;
        for side in &sides {
            assert!(!leaked(&all, side).is_empty());
        }
    })
    .await;
}
