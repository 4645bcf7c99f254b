//! Approvals: signed by an approver's own key, for a level and a time; audits and exceptions.

use std::time::Duration;

use mcps_core::approval::{Approval, ApproverKey};
use mcps_core::clock::Timestamp;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use reqwest::Method;
use serde_json::{Value, json};

use super::trust::{DAY, filed, level, published, told, trust, wait_for};
use super::world::{Answer, World, kid, new_key, on_both};

const HOUR: Duration = Duration::from_secs(3600);
const KEYS: &str = "/v1/approver-keys";

/// An operator with a key to approve by.
pub(super) struct Approver {
    operator: String,
    id: String,
    authority: String,
    key: SecretKey,
}

impl Approver {
    /// One more operator, whose key is registered.
    pub(super) async fn new(world: &World, name: &str) -> Self {
        let operator = world.another_operator(name).await;
        let approver = Self::of(world, &operator).await;
        let added = approver.register(world, &approver.key).await;
        assert_eq!(added.status, 201, "{}", added.text);
        approver
    }

    /// An operator, and a key that nobody knows yet.
    pub(super) async fn of(world: &World, operator: &str) -> Self {
        let own = world.send(Method::GET, KEYS, Some(operator), None).await;
        let text = |name: &str| own.json()[name].as_str().unwrap().to_owned();
        Self {
            operator: operator.to_owned(),
            id: text("approver"),
            authority: text("authority"),
            key: new_key(),
        }
    }

    async fn register(&self, world: &World, key: &SecretKey) -> Answer {
        let signed = ApproverKey::sign(&self.authority, &self.id, key).unwrap();
        self.post(world, KEYS, signed).await
    }

    async fn post(&self, world: &World, path: &str, body: String) -> Answer {
        world
            .send(Method::POST, path, Some(&self.operator), Some(body))
            .await
    }

    fn says(&self, evidence: &str, level: i64, valid_until: Timestamp) -> Approval {
        Approval {
            authority: self.authority.clone(),
            approver: self.id.clone(),
            evidence_id: evidence.to_owned(),
            level: TrustLevel::from_number(level).unwrap(),
            valid_until,
        }
    }

    async fn send(&self, world: &World, evidence: &str, said: &Approval) -> Answer {
        let path = format!("/v1/evidence/{evidence}/approvals");
        self.post(world, &path, said.sign(&self.key).unwrap()).await
    }

    /// Approves for 90 days.
    pub(super) async fn approve(&self, world: &World, evidence: &str, level: i64) -> Answer {
        let said = self.says(evidence, level, world.now().plus(90 * DAY));
        self.send(world, evidence, &said).await
    }

    /// Revokes the key that was approved by so far, and registers another.
    pub(super) async fn replace_key(&mut self, world: &World) {
        assert_eq!(self.revoke_key(world).await.status, 200);
        self.key = new_key();
        assert_eq!(self.register(world, &self.key).await.status, 201);
    }

    pub(super) async fn revoke_key(&self, world: &World) -> Answer {
        let path = format!("{KEYS}/{}/revoke", kid(&self.key));
        self.post(world, &path, String::new()).await
    }
}

async fn both(world: &World) -> (Approver, Approver) {
    (
        Approver::new(world, "a").await,
        Approver::new(world, "b").await,
    )
}

/// A server that has all that level 4 asks for but approvals; the audit.
async fn audited(world: &World, digest: &str) -> String {
    filed(world, json!({"type": "operator_decision"})).await;
    filed(world, json!({"type": "scan", "manifest": digest})).await;
    filed(world, json!({"type": "audit", "manifest": digest})).await
}

#[tokio::test]
async fn an_approval_is_what_its_approver_signed_and_nothing_else() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let audit = audited(&world, &digest).await;
        let (one, two) = both(&world).await;
        let good = one.says(&audit, 4, world.now().plus(DAY));
        for bad in [
            Approval {
                authority: "other".to_owned(),
                ..good.clone()
            },
            Approval {
                approver: two.id.clone(),
                ..good.clone()
            },
            Approval {
                evidence_id: format!("ev_{}", "0".repeat(64)),
                ..good.clone()
            },
            Approval {
                level: TrustLevel::L3,
                ..good.clone()
            },
            Approval {
                valid_until: world.now(),
                ..good.clone()
            },
            Approval {
                valid_until: world.now().plus(181 * DAY),
                ..good.clone()
            },
        ] {
            let refused = one.send(&world, &audit, &bad).await;
            refused.problem(403, "approval-refused");
        }
        // By somebody else's key, by one that nobody knows, and changed since.
        let path = format!("/v1/evidence/{audit}/approvals");
        let forged = good.sign(&two.key).unwrap();
        let refused = one.post(&world, &path, forged).await;
        refused.problem(403, "approval-refused");
        let changed = good.sign(&one.key).unwrap().replace("op_", "op-");
        let refused = one.post(&world, &path, changed).await;
        refused.problem(403, "approval-refused");
        let stranger = Approver::of(&world, &world.another_operator("c").await).await;
        let refused = stranger.approve(&world, &audit, 4).await;
        refused.problem(409, "approver-key-not-found");
        let decision = filed(
            &world,
            json!({"type": "operator_decision", "statement": "x"}),
        )
        .await;
        let refused = one.approve(&world, &decision, 4).await;
        refused.problem(409, "no-approval");
        let refused = one.post(&world, &path, "{".to_owned()).await;
        refused.problem(400, "malformed-json");
        assert_eq!(level(&world).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_one_approvers_alone_and_one_at_a_time() {
    on_both(async |world| {
        let (one, two) = both(&world).await;
        // The same again changes nothing; another one, or somebody else's, is not taken.
        assert_eq!(one.register(&world, &one.key).await.status, 201);
        let taken = one.register(&world, &new_key()).await;
        taken.problem(409, "approver-key-taken");
        let third = Approver::of(&world, &world.another_operator("c").await).await;
        let taken = third.register(&world, &one.key).await;
        taken.problem(409, "approver-key-taken");
        // Stated for somebody else, or to another authority.
        let signed = ApproverKey::sign(&two.authority, &two.id, &third.key).unwrap();
        let refused = third.post(&world, KEYS, signed).await;
        refused.problem(403, "approval-refused");
        let signed = ApproverKey::sign("other", &third.id, &third.key).unwrap();
        let refused = third.post(&world, KEYS, signed).await;
        refused.problem(403, "approval-refused");

        assert_eq!(one.revoke_key(&world).await.json()["fallen"], 0);
        // What is revoked does not come back; another key may.
        let taken = one.register(&world, &one.key).await;
        taken.problem(409, "approver-key-taken");
        assert_eq!(one.register(&world, &new_key()).await.status, 201);
        let listed = world.get_as_operator(KEYS).await.json();
        assert_eq!(listed["keys"].as_array().unwrap().len(), 3);
        let path = format!("{KEYS}/{}/revoke", kid(&third.key));
        let unknown = world.post_as_operator(&path, &json!({})).await;
        unknown.problem(409, "approver-key-not-found");
    })
    .await;
}

#[tokio::test]
async fn to_revoke_an_approvers_key_lowers_at_once() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let audit = audited(&world, &digest).await;
        let (one, two) = both(&world).await;
        one.approve(&world, &audit, 4).await;
        two.approve(&world, &audit, 4).await;
        assert_eq!(level(&world).await, 4);
        assert_eq!(one.revoke_key(&world).await.json()["fallen"], 1);
        assert_eq!(
            (level(&world).await, told(&world).await),
            (3, vec![2, 3, 4, 3])
        );
        let shown = world
            .get_as_operator(&format!("/v1/evidence/{audit}"))
            .await;
        let approvals = shown.json()["approvals"].clone();
        let void = approvals.as_array().unwrap().iter();
        assert_eq!(void.filter(|one| one["void"] == true).count(), 1);
        let reasons = reasons(&world).await;
        assert_eq!(reasons.last().unwrap(), "approver_key_revoked");
        // Approving again takes a new key.
        let refused = one.approve(&world, &audit, 4).await;
        refused.problem(409, "approver-key-not-found");
        let again = Approver {
            key: new_key(),
            ..one
        };
        assert_eq!(again.register(&world, &again.key).await.status, 201);
        assert_eq!(again.approve(&world, &audit, 4).await.status, 200);
        assert_eq!(level(&world).await, 4);
    })
    .await;
}

#[tokio::test]
async fn to_disable_an_approver_lowers_at_once() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let audit = audited(&world, &digest).await;
        let (one, two) = both(&world).await;
        one.approve(&world, &audit, 4).await;
        two.approve(&world, &audit, 4).await;
        assert_eq!(level(&world).await, 4);
        let path = format!("/v1/operators/{}/disable", two.id);
        let dry = format!("{path}?dry_run=true");
        let foreseen = world.post_as_operator(&dry, &json!({})).await;
        assert_eq!(foreseen.status, 200, "{}", foreseen.text);
        assert_eq!(level(&world).await, 4);
        let disabled = world.post_as_operator(&path, &json!({})).await;
        assert_eq!(disabled.status, 200, "{}", disabled.text);
        assert_eq!(
            (level(&world).await, told(&world).await),
            (3, vec![2, 3, 4, 3])
        );
        assert_eq!(reasons(&world).await.last().unwrap(), "approver_disabled");
        let path = format!("/v1/evidence/{audit}");
        let shown = world.get_as_operator(&path).await.json();
        let approvals = shown["approvals"].as_array().unwrap();
        let void = approvals.iter();
        let void: Vec<_> = void.filter(|one| one["void"] == true).collect();
        assert_eq!(void.len(), 1);
        assert_eq!(void[0]["who"], two.id);
        // Somebody else may approve in that place.
        let three = Approver::new(&world, "three").await;
        assert_eq!(three.approve(&world, &audit, 4).await.status, 200);
        assert_eq!(level(&world).await, 4);
    })
    .await;
}

/// Why the feed says that levels changed, from the beginning.
pub(super) async fn reasons(world: &World) -> Vec<String> {
    let stored = world.as_found().await.events_after(1, 0).await.unwrap();
    let events = stored.iter().filter_map(|stored| {
        let event: Value = serde_json::from_str(&stored.event).unwrap();
        let of_level = event["type"] == "trust_change";
        of_level.then(|| event["reason"].as_str().unwrap().to_owned())
    });
    events.collect()
}

#[tokio::test]
async fn an_approval_that_lapses_takes_the_level_with_it() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let audit = audited(&world, &digest).await;
        let (one, two) = both(&world).await;
        one.approve(&world, &audit, 4).await;
        let short = two.says(&audit, 4, world.now().plus(HOUR));
        two.send(&world, &audit, &short).await;
        let explained = trust(&world).await;
        assert_eq!(
            explained["rungs"][3]["lapses_at"],
            short.valid_until.to_string()
        );
        world.clock.advance(HOUR);
        assert_eq!(level(&world).await, 3);
        assert_eq!(wait_for(&world, 4).await, [2, 3, 4, 3]);
        // A longer one by the same key replaces it.
        two.approve(&world, &audit, 4).await;
        assert_eq!(trust(&world).await["permitted"], 4);
    })
    .await;
}

#[tokio::test]
async fn an_exception_takes_two_and_shows_and_ends() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        filed(&world, json!({"type": "operator_decision"})).await;
        filed(&world, json!({"type": "scan", "manifest": digest, "verdict": "fail"})).await;
        world.clock.advance(Duration::from_secs(1));
        let waived = json!({"type": "exception", "waives": "manifest_scanned", "manifest": digest});
        let exception = filed(&world, waived).await;
        assert_eq!(level(&world).await, 2);
        let (one, two) = both(&world).await;
        let submitter = Approver::of(&world, &world.operator).await;
        let own = submitter.approve(&world, &exception, 3).await;
        own.problem(403, "own-evidence");
        // 14 days at most, so what is approved for longer ends with it.
        assert_eq!(one.approve(&world, &exception, 3).await.status, 200);
        let explained = trust(&world).await;
        assert_eq!((&explained["level"], &explained["by_exception"]), (&json!(3), &json!(true)));
        let scan = &explained["rungs"][2]["requirements"][0];
        assert_eq!((&scan["waived"], &scan["evidence"]), (&json!(true), &json!(exception)));
        // An audit does not lift it above.
        let audit = filed(&world, json!({"type": "audit", "manifest": digest})).await;
        one.approve(&world, &audit, 4).await;
        two.approve(&world, &audit, 4).await;
        assert_eq!(level(&world).await, 3);
        // Another finding ends it at once, and so does time.
        world.clock.advance(Duration::from_secs(1));
        filed(&world, json!({"type": "scan", "manifest": digest, "verdict": "fail"})).await;
        assert_eq!(level(&world).await, 2);
        world.clock.advance(Duration::from_secs(1));
        let again = json!({"type": "exception", "waives": "manifest_scanned", "manifest": digest, "statement": "again"});
        let again = filed(&world, again).await;
        one.approve(&world, &again, 3).await;
        assert_eq!(told(&world).await, [2, 3, 2, 3]);
        world.clock.advance(14 * DAY);
        assert_eq!(wait_for(&world, 5).await, [2, 3, 2, 3, 2]);
    })
    .await;
}
