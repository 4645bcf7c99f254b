//! The audit trail: who has the database can change anything in it, and is found out.

use std::time::Duration;

use mcps_authority::examine::{Report, examine};
use mcps_core::audit::{Examined, Examiner, LANES, Record};
use mcps_core::digest::Digest;
use serde_json::json;

use super::world::{World, new_key, on_both};

/// What an examination of the world's database finds.
pub(super) async fn examined(world: &World) -> Report {
    let (db, bundle) = (world.database().await, world.bundle().await);
    examine(&db, &bundle).await.unwrap()
}

pub(super) async fn findings(world: &World) -> Vec<String> {
    let report = examined(world).await;
    report.findings.iter().map(ToString::to_string).collect()
}

/// Every record, as the interface serves it, in the order of the lanes.
pub(super) async fn records(world: &World) -> Vec<Record> {
    let bundle = world.bundle().await;
    let mut records = Vec::new();
    for lane in 0..LANES {
        let answer = world
            .get_as_operator(&format!("/v1/audit/lanes/{lane}"))
            .await;
        for row in answer.json()["rows"].as_array().unwrap() {
            let text = row["record"].as_str().unwrap();
            records.push(Record::verify(text, &bundle).unwrap());
        }
    }
    records
}

/// The one record of that action.
async fn record(world: &World, action: &str) -> Record {
    let records = records(world).await;
    let mut found = records.into_iter().filter(|record| record.action == action);
    let one = found.next().unwrap_or_else(|| panic!("no {action}"));
    assert_eq!(found.next(), None);
    one
}

#[tokio::test]
async fn every_change_leaves_a_record() {
    on_both(async |world| {
        let (one, two) = (new_key(), new_key());
        let first = world.issue("one", &one).await;
        let second = world.issue("two", &two).await;
        world.renew(&first, &one, json!({})).await.passport();
        world.revoke(&first, "policy").await;
        world.revoke(&second, "key_compromise").await;
        let target = json!({"kind": "tenant", "tenant": "acme"});
        let order = json!({"target": target, "reason": "policy", "note": "on the phone"});
        world.post_as_operator("/v1/suspensions", &order).await;
        let lift = json!({"target": target});
        world.post_as_operator("/v1/reinstatements", &lift).await;
        // What changes nothing leaves none.
        world.post_as_operator("/v1/reinstatements", &lift).await;
        world.revoke(&first, "policy").await;

        let mut actions: Vec<String> = records(&world)
            .await
            .into_iter()
            .map(|r| r.action)
            .collect();
        actions.sort_unstable();
        let expected = [
            "order.reinstate",
            "order.suspend",
            "passport.issue",
            "passport.issue",
            "passport.issue",
            "passport.revoke",
            "passport.revoke",
            "trail.begin",
        ];
        assert_eq!(actions, expected);

        let suspended = record(&world, "order.suspend").await;
        assert_eq!(suspended.detail("note"), Some("on the phone"));
        assert_eq!(suspended.detail("position"), Some("1:4"));
        assert!(suspended.by.starts_with("op_"), "{}", suspended.by);
        assert_eq!(suspended.at, world.now());
        let report = examined(&world).await;
        assert_eq!((report.records, report.passports, report.events), (8, 3, 5));
        assert_eq!(report.findings, []);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_fails_leaves_none() {
    on_both(async |world| {
        let key = new_key();
        let order = world.order("agent", &key).await;
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        let again = world.post_as_operator("/v1/passports", &order).await;
        again.problem(403, "challenge-refused");
        assert_eq!(records(&world).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn whoever_has_the_database_is_found_out_record_by_record() {
    on_both(async |world| {
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            world.issue(name, &new_key()).await;
        }
        assert_eq!(findings(&world).await, Vec::<String>::new());
        let lane = record(&world, "trail.begin").await.lane;
        let edited = format!(
            "UPDATE audit_records SET record = REPLACE(record, '\"level\":\"1\"', '\"level\":\"4\"') \
             WHERE lane = {} AND seq = 1",
            (lane + 1) % LANES
        );
        world.sql(&edited).await;
        let expected = format!(
            "record {}:1: edited: its content is not what was signed",
            (lane + 1) % LANES
        );
        // The passport has a record, and it is worth nothing.
        let found = findings(&world).await;
        assert_eq!(found[0], expected);
        assert!(found[1].ends_with("the record of its issuing does not verify"));
        assert_eq!(found.len(), 2, "{found:?}");

        let cut = (lane + 2) % LANES;
        let statement = format!("DELETE FROM audit_records WHERE lane = {cut} AND seq = 1");
        world.sql(&statement).await;
        let found = findings(&world).await;
        assert!(found.contains(&format!("record {cut}:1: cut: it is not there")), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn rows_that_swap_places_are_named() {
    on_both(async |world| {
        for index in 0..24 {
            world.issue(&format!("agent-{index}"), &new_key()).await;
        }
        for statement in [
            "UPDATE audit_records SET seq = 100 WHERE lane = 3 AND seq = 1",
            "UPDATE audit_records SET seq = 1 WHERE lane = 3 AND seq = 2",
            "UPDATE audit_records SET seq = 2 WHERE lane = 3 AND seq = 100",
        ] {
            world.sql(statement).await;
        }
        let moved = "record 3:1: re-ordered: it stands somewhere else";
        assert_eq!(findings(&world).await, [moved]);
    })
    .await;
}

#[tokio::test]
async fn what_is_undone_behind_the_back_is_told() {
    on_both(async |world| {
        let passport = world.issue("agent", &new_key()).await;
        let other = world.issue("other", &new_key()).await;
        let compromised = world.issue("burnt", &new_key()).await;
        world.revoke(&passport, "policy").await;
        world.revoke(&compromised, "key_compromise").await;
        let key = compromised.public_key().key_id().to_string();
        let target =
            json!({"target": {"kind": "key", "key": new_key_id()}, "reason": "key_compromise"});
        let answer = world.post_as_operator("/v1/revocations", &target).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let blocked = record(&world, "key.block").await.subject;
        for statement in [
            format!(
                "UPDATE passports SET revoked_at = NULL WHERE passport_id = '{}'",
                passport.id()
            ),
            format!(
                "UPDATE passports SET owner = 'me' WHERE passport_id = '{}'",
                other.id()
            ),
            format!("UPDATE subject_keys SET blocked_at = NULL WHERE kid = '{blocked}'"),
            format!("UPDATE subject_keys SET blocked_at = NULL WHERE kid = '{key}'"),
            format!(
                "INSERT INTO operators (operator_id, name, key_hash, created_at) \
                     SELECT 'op_0', 'me', record_hash, {} FROM (SELECT digest AS record_hash \
                     FROM audit_lanes WHERE lane = 0) AS made",
                world.now().as_millis() + 1
            ),
        ] {
            world.sql(&statement).await;
        }
        let mut found = findings(&world).await;
        found.sort_unstable();
        let mut expected = [
            format!(
                "passport {}: was revoked, and is not any more",
                passport.id()
            ),
            format!(
                "passport {}: its columns are not what was signed",
                other.id()
            ),
            format!("key {blocked}: was blocked, and is not any more"),
            format!("key {key}: was blocked, and is not any more"),
            "operator op_0: nobody added it".to_owned(),
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
    })
    .await;
}

fn new_key_id() -> String {
    super::world::kid(&new_key())
}

#[tokio::test]
async fn a_passport_that_was_put_in_has_no_record() {
    on_both(async |world| {
        let passport = world.issue("agent", &new_key()).await;
        world
            .sql(
                "INSERT INTO passports (passport_id, tenant, kind, name, version, owner, kid, \
                 trust_level, issued_at, expires_at, to_be_signed, issuer_kid, issued_by) \
                 SELECT 'asp_00000000000000000000000000000000', tenant, kind, name, version, owner, \
                 kid, trust_level, issued_at, expires_at, to_be_signed, issuer_kid, issued_by \
                 FROM passports",
            )
            .await;
        let unknown = "passport asp_00000000000000000000000000000000: there is no record of its issuing";
        assert_eq!(findings(&world).await, [unknown]);
        let gone = format!("DELETE FROM passports WHERE passport_id = '{}'", passport.id());
        world.sql(&gone).await;
        let gone = format!("passport {}: was issued, and is gone", passport.id());
        assert_eq!(findings(&world).await, [unknown.to_owned(), gone]);
    })
    .await;
}

#[tokio::test]
async fn an_end_that_was_cut_off_shows_against_a_checkpoint_kept_elsewhere() {
    on_both(async |world| {
        world.issue("before", &new_key()).await;
        let bundle = world.bundle().await;
        let db = world.database().await;
        let heads = db.audit_heads().await.unwrap();
        world.issue("after", &new_key()).await;
        let kept = db.checkpoint(world.now()).await.unwrap().unwrap();
        assert_eq!(db.checkpoint(world.now()).await.unwrap(), None);

        // All that came later goes, with every trace of it in the trail.
        let (lane, (seq, _)) = (0_i64..)
            .zip(&kept.lanes)
            .find(|(lane, now)| heads[usize::try_from(*lane).unwrap()] != **now)
            .unwrap();
        let (before, digest) = heads[usize::try_from(lane).unwrap()];
        world.sql("DELETE FROM audit_checkpoints").await;
        world
            .sql(&format!(
                "DELETE FROM audit_records WHERE lane = {lane} AND seq = {seq}"
            ))
            .await;
        set_head(&world, lane, before, &digest).await;
        let examine = async |keep: bool| -> Examined {
            let mut examiner = Examiner::new(&bundle);
            if keep {
                examiner.keep(kept.clone(), "");
            }
            let heads = db.audit_heads().await.unwrap();
            for (lane, head) in (0_i64..).zip(heads) {
                for row in db.audit_rows(lane, 0, 500).await.unwrap() {
                    examiner.row(row.seq.unsigned_abs(), &row.record);
                }
                examiner.end(Some(head));
            }
            examiner.finish()
        };
        assert_eq!(examine(false).await.wrong, 0);
        let found = examine(true).await;
        assert_eq!(
            found.faults[0].to_string(),
            format!("record {lane}:{seq}: cut: it is not there")
        );
        assert_eq!(found.wrong, 1);
    })
    .await;
}

async fn set_head(world: &World, lane: i64, seq: u64, digest: &Digest) {
    // A literal that both engines read as bytes.
    let bytes = match world.database_url() {
        Some(_) => format!("'\\x{digest}'"),
        None => format!("x'{digest}'"),
    };
    let statement =
        format!("UPDATE audit_lanes SET seq = {seq}, digest = {bytes} WHERE lane = {lane}");
    world.sql(&statement).await;
}

#[tokio::test]
async fn roles_that_nobody_gave_and_roles_that_are_gone_are_found() {
    on_both(async |world| {
        let both = ["viewer@acme", "responder@acme"];
        world.operator_with("ann", &both).await;
        world.operator_with("bob", &both).await;
        assert_eq!(findings(&world).await, Vec::<String>::new());
        let listed = world.get_as_operator("/v1/operators").await.json();
        let id = |name: &str| {
            let all = listed["operators"].as_array().unwrap();
            let one = all.iter().find(|one| one["name"] == name).unwrap();
            one["operator_id"].as_str().unwrap().to_owned()
        };
        let (ann, bob) = (id("ann"), id("bob"));
        for statement in [
            format!("INSERT INTO operator_roles (operator_id, tenant, role) VALUES ('{ann}', '*', 'owner')"),
            format!("DELETE FROM operator_roles WHERE operator_id = '{bob}' AND role = 'responder'"),
        ] {
            world.sql(&statement).await;
        }
        let mut expected = [ann, bob].map(|id| {
            format!("operator {id}: does not hold what its record says it was given")
        });
        expected.sort_unstable();
        assert_eq!(findings(&world).await, expected);
    })
    .await;
}

#[tokio::test]
async fn many_changes_at_once_are_chained_without_a_gap() {
    on_both(async |world| {
        let keys: Vec<_> = (0..32).map(|_| new_key()).collect();
        let names: Vec<_> = (0..32).map(|index| format!("agent-{index}")).collect();
        let issued = keys
            .iter()
            .zip(&names)
            .map(|(key, name)| world.issue(name, key));
        futures_util::future::join_all(issued).await;
        let report = examined(&world).await;
        assert_eq!((report.records, report.passports), (33, 32));
        assert_eq!(report.findings, []);
    })
    .await;
}

#[tokio::test]
async fn without_the_audit_key_nothing_is_changed() {
    let world = World::start(super::engine::Engine::Sqlite).await;
    let passport = world.issue("agent", &new_key()).await;
    world.clock.advance(Duration::from_secs(1));
    let bundle = world.bundle().await;
    // A process that reads the same database and was given no keys to record with.
    let db = world.as_found().await;
    let order = mcps_authority::store::Revocation {
        reason: mcps_authority::store::Reason::Policy,
        note: None,
        by: "op".into(),
        at: world.now(),
        deed: mcps_authority::store::Deed::new("op", None, b"", &mcps_core::random::SystemRandom)
            .unwrap(),
        dry_run: false,
    };
    let refused = db.revoke(passport.id(), &order).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "nobody records what is changed here, so nothing is"
    );
    let report = examine(&db, &bundle).await.unwrap();
    assert_eq!((report.records, report.events, report.wrong), (2, 0, 0));
}

#[tokio::test]
async fn the_trail_is_for_operators_alone() {
    on_both(async |world| {
        for path in [
            "/v1/audit/records",
            "/v1/audit/lanes/0",
            "/v1/audit/checkpoints",
        ] {
            world.get(path).await.problem(401, "operator-required");
        }
        for path in [
            "/v1/audit/lanes/8",
            "/v1/audit/lanes/x",
            "/v1/audit/lanes/0?limit=0",
            "/v1/audit/lanes/0?after=-1",
            "/v1/audit/records?limit=501",
            "/v1/audit/records?subject=%00",
        ] {
            world
                .get_as_operator(path)
                .await
                .problem(422, "invalid-request");
        }
        // Later than what the start left, whichever lane that is in.
        world.clock.advance(Duration::from_secs(1));
        let passport = world.issue("agent", &new_key()).await;
        let path = format!("/v1/audit/records?subject={}", passport.id());
        let rows = world.get_as_operator(&path).await.json();
        assert_eq!(rows["rows"].as_array().unwrap().len(), 1);
        let page = world
            .get_as_operator("/v1/audit/records?limit=1")
            .await
            .json();
        assert_eq!(page["rows"], rows["rows"]);
    })
    .await;
}

#[tokio::test]
async fn no_record_holds_a_secret() {
    on_both(async |world| {
        world.issue("agent", &new_key()).await;
        let key =
            mcps_authority::operator_key::OperatorKey::generate(&mcps_core::random::SystemRandom);
        let key = key.unwrap();
        let operator =
            mcps_authority::store::NewOperator::new("ann", &key, &mcps_core::random::SystemRandom);
        let db = world.database().await;
        db.add_operator(&operator.unwrap(), "test", world.now())
            .await
            .unwrap();
        let added = record(&world, "operator.add").await;
        assert_eq!(added.detail("name"), Some("ann"));
        for record in records(&world).await {
            let text = format!("{record:?}");
            assert!(!text.contains(&world.operator) && !text.contains(key.reveal()));
            assert!(!text.contains(&key.hash().to_string()));
        }
    })
    .await;
}
