//! Whatever is filed, approved, revoked and published, and however time passes: the level is what a plain
//! model of it says, after every step, and the feed has told just that.

use std::time::Duration;

use mcps_authority::levels::Policy;
use mcps_core::clock::Timestamp;
use mcps_core::key::SecretKey;
use serde_json::{Value, json};

use super::approvals::Approver;
use super::engine::Engine;
use super::manifests::Publisher;
use super::reports::{CLEAN, FOUND, NOT_RUN, TOOLS, add_scanner, seal, submit};
use super::trust::{DAY, filed, reissue, trust};
use super::world::{World, new_key};

const STEPS: usize = 70;

/// A little chance that is the same every time (Marsaglia's xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Decision,
    Scan,
    Audit,
    Exception,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    Pass,
    Fail,
    Nothing,
}

/// A piece of evidence, as the model knows it.
#[derive(Debug)]
struct Piece {
    id: String,
    sort: Sort,
    says: Says,
    at: Timestamp,
    manifest: usize,
    /// The scanner it leans on, and how often that had been revoked.
    leans_on: (usize, u32),
    /// Approver, the number of his key, and until when.
    approvals: Vec<(usize, u32, Timestamp)>,
}

struct Walk {
    world: World,
    server: Publisher,
    chance: Chance,
    pieces: Vec<Piece>,
    manifests: Vec<String>,
    /// Revoked how often, and whether it is believed; the first is `operator`.
    scanners: Vec<(u32, bool)>,
    keys: Vec<SecretKey>,
    approvers: Vec<(Approver, u32)>,
}

impl Walk {
    async fn start(seed: u64) -> Self {
        let world = World::start(Engine::Sqlite).await;
        let server = super::manifests::publisher(&world).await;
        let approvers = vec![
            (Approver::new(&world, "a").await, 0),
            (Approver::new(&world, "b").await, 0),
        ];
        let mut walk = Self {
            world,
            server,
            chance: Chance(seed),
            pieces: Vec::new(),
            manifests: Vec::new(),
            scanners: vec![(0, true)],
            keys: vec![new_key()],
            approvers,
        };
        walk.publish().await;
        walk.believe().await;
        walk
    }

    async fn publish(&mut self) {
        let renewed = reissue(&self.world, &self.server, json!({})).await;
        self.server.passport = renewed.passport();
        let tools: Value = serde_json::from_str(TOOLS).unwrap();
        let tools: Vec<String> = tools["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
        let version = self.manifests.len().to_string();
        let published = self.server.publish(&self.world, &version, &tools).await;
        let digest = published.json()["digest"].as_str().unwrap().to_owned();
        self.manifests.push(digest);
    }

    async fn believe(&mut self) {
        let (key, name) = (new_key(), format!("ci{}", self.keys.len()));
        let added = add_scanner(&self.world, &name, &key).await;
        assert_eq!(added.status, 201, "{}", added.text);
        self.keys.push(key);
        self.scanners.push((0, true));
    }

    fn note(&mut self, id: String, sort: Sort, says: Says, scanner: usize) {
        let piece = Piece {
            id,
            sort,
            says,
            at: self.world.now(),
            manifest: self.manifests.len(),
            leans_on: (scanner, self.scanners[scanner].0),
            approvals: Vec::new(),
        };
        self.pieces.push(piece);
    }

    async fn file(&mut self, sort: Sort, says: Says) {
        let manifest = self.manifests.last().unwrap().clone();
        let verdict = if says == Says::Fail { "fail" } else { "pass" };
        let body = match sort {
            Sort::Decision => json!({"type": "operator_decision", "verdict": verdict}),
            Sort::Scan => json!({"type": "scan", "verdict": verdict, "manifest": manifest}),
            Sort::Audit => json!({"type": "audit", "verdict": verdict, "manifest": manifest}),
            Sort::Exception => json!({
                "type": "exception", "waives": "manifest_scanned", "verdict": verdict,
                "manifest": manifest,
            }),
        };
        let id = filed(&self.world, body).await;
        self.note(id, sort, says, 0);
    }

    /// By the last scanner, or by an operator; believed or not.
    async fn report(&mut self) {
        let (text, says) = match self.chance.below(4) {
            0 => (FOUND, Says::Fail),
            1 => (NOT_RUN, Says::Nothing),
            _ => (CLEAN, Says::Pass),
        };
        let manifest = self.manifests.last().unwrap().clone();
        let signed = self.chance.below(2) == 0;
        let scanner = if signed { self.keys.len() - 1 } else { 0 };
        let answer = if signed {
            let sealed = seal(&self.world, text, &manifest, &self.keys[scanner]);
            submit(&self.world, "", &sealed).await
        } else {
            submit(&self.world, &format!("?manifest={manifest}"), text).await
        };
        let believed = self.scanners[scanner].1;
        if believed || (!signed && says == Says::Fail) {
            assert_eq!(answer.status, 201, "{}", answer.text);
            let id = answer.json()["evidence_id"].as_str().unwrap().to_owned();
            self.note(id, Sort::Scan, says, scanner);
        } else {
            answer.problem(403, "scanner-refused");
        }
    }

    async fn revoke_scanner(&mut self) {
        let which = self.chance.below(2);
        let last = self.keys.len() - 1;
        let (scanner, name) = match which {
            0 => (0, "operator".to_owned()),
            _ => (last, format!("ci{last}")),
        };
        let path = format!("/v1/tenants/default/scanners/{name}/revoke");
        let revoked = self.world.post_as_operator(&path, &json!({})).await;
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        if self.scanners[scanner].1 {
            self.scanners[scanner] = (self.scanners[scanner].0 + 1, false);
        }
    }

    async fn believe_again(&mut self) {
        let body = json!({"name": "operator"});
        let path = "/v1/tenants/default/scanners";
        let added = self.world.post_as_operator(path, &body).await;
        assert_eq!(added.status, 201, "{}", added.text);
        self.scanners[0].1 = true;
        if !self.scanners.last().unwrap().1 {
            self.believe().await;
        }
    }

    async fn approve(&mut self) {
        let needs = |piece: &Piece| matches!(piece.sort, Sort::Audit | Sort::Exception);
        let Some(at) = self.pieces.iter().rposition(needs) else {
            return;
        };
        let who = usize::try_from(self.chance.below(2)).unwrap();
        let level = if self.pieces[at].sort == Sort::Audit {
            4
        } else {
            3
        };
        let (approver, key) = &self.approvers[who];
        let answer = approver
            .approve(&self.world, &self.pieces[at].id, level)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let until = self.world.now().plus(90 * DAY);
        self.pieces[at]
            .approvals
            .retain(|(other, ..)| *other != who);
        self.pieces[at].approvals.push((who, *key, until));
    }

    async fn replace_key(&mut self) {
        let who = usize::try_from(self.chance.below(2)).unwrap();
        let (approver, number) = &mut self.approvers[who];
        approver.replace_key(&self.world).await;
        *number += 1;
    }

    async fn step(&mut self) {
        // Nothing happens at the same instant as anything else.
        self.world.clock.advance(Duration::from_secs(1));
        match self.chance.below(24) {
            0 => self.publish().await,
            1 => self.revoke_scanner().await,
            2 | 3 => self.believe_again().await,
            4 => self.file(Sort::Decision, Says::Fail).await,
            5..=7 => self.file(Sort::Decision, Says::Pass).await,
            8..=13 => self.report().await,
            14 | 15 => self.file(Sort::Audit, Says::Pass).await,
            16 => self.file(Sort::Exception, Says::Pass).await,
            17..=20 => self.approve().await,
            21 => self.replace_key().await,
            _ => {
                let days = u32::try_from(self.chance.below(8)).unwrap();
                self.world.clock.advance(days * DAY);
            }
        }
    }

    /// What every replica does once a second.
    async fn tell_what_lapsed(&self) {
        let now = self.world.now();
        let lapsed = self.world.as_found().await.lapsed(now, 10).await.unwrap();
        if lapsed.is_empty() {
            return;
        }
        let db = self.world.database().await;
        for subject in lapsed {
            db.reassess(&subject, &Policy::default(), now)
                .await
                .unwrap();
        }
    }

    fn approved(&self, piece: &Piece) -> usize {
        let holds = |(who, key, until): &&(usize, u32, Timestamp)| {
            self.approvers[*who].1 == *key && self.world.now() < *until
        };
        piece.approvals.iter().filter(holds).count()
    }

    /// Whether there is one that carries it, with nothing later against it.
    fn carried(&self, sort: Sort) -> bool {
        let now = self.manifests.len();
        let current = |piece: &Piece| sort == Sort::Decision || piece.manifest == now;
        let (days, needed) = match sort {
            Sort::Decision => (90, 0),
            Sort::Scan => (30, 0),
            Sort::Audit => (180, 2),
            Sort::Exception => (14, 1),
        };
        let against = if sort == Sort::Exception {
            Sort::Scan
        } else {
            sort
        };
        self.pieces.iter().any(|piece| {
            let denied = self.pieces.iter().any(|other| {
                other.sort == against
                    && other.says == Says::Fail
                    && current(other)
                    && other.at >= piece.at
            });
            let (scanner, revoked) = piece.leans_on;
            let void = sort == Sort::Scan && self.scanners[scanner] != (revoked, true);
            piece.sort == sort
                && piece.says == Says::Pass
                && current(piece)
                && self.world.now() < piece.at.plus(days * DAY)
                && self.approved(piece) >= needed
                && !denied
                && !void
        })
    }

    fn level(&self) -> u64 {
        let scanned = self.carried(Sort::Scan);
        if !self.carried(Sort::Decision) {
            1
        } else if !scanned && !self.carried(Sort::Exception) {
            2
        } else if scanned && self.carried(Sort::Audit) {
            4
        } else {
            3
        }
    }
}

#[tokio::test]
async fn after_every_step_the_level_is_what_a_plain_model_says() {
    let mut seen = [0; 5];
    for seed in [1, 7, 42] {
        let mut walk = Walk::start(seed).await;
        for step in 0..STEPS {
            walk.step().await;
            walk.tell_what_lapsed().await;
            let found = trust(&walk.world).await;
            let expected = walk.level();
            let pieces = &walk.pieces;
            assert_eq!(
                found["permitted"], expected,
                "{seed} {step} {pieces:?} {found}"
            );
            assert_eq!(
                found["told"].as_u64().unwrap_or(1),
                expected,
                "{seed} {step}"
            );
            seen[usize::try_from(expected).unwrap()] += 1;
        }
    }
    // The walks went everywhere.
    assert!(seen[1..].iter().all(|times| *times > 0), "{seen:?}");
}
