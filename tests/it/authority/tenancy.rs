//! What is another tenant's is not there: neither to be seen, nor to be changed, nor to be guessed.

mod oracle;
mod party;
mod sources;
mod wall;

use reqwest::Method;
use serde_json::{Value, json};

use self::party::Party;
use super::world::{Answer, World, new_key, on_both};

/// Asserts that both answers are the same, to the byte.
#[track_caller]
fn alike(one: &Answer, other: &Answer) {
    assert_eq!((one.status, &one.text), (other.status, &other.text));
    assert_eq!(one.etag, other.etag);
}

/// A tenant with something of everything in it.
struct Furnished {
    party: Party,
    passport: String,
    token: String,
    server: String,
    action: String,
    evidence: String,
}

impl Furnished {
    async fn new(world: &World, tenant: &'static str) -> Self {
        let party = Party::new(world, tenant).await;
        let passport = party.issue(world, "agent", "crawler").await;
        let text = |answer: &Answer, member: &str| {
            assert!(answer.status.is_success(), "{}", answer.text);
            answer.json()[member].as_str().unwrap().to_owned()
        };
        let token = json!({"tenant": tenant, "kind": "agent", "owner": "o", "name": "n"});
        let token = party.post(world, "/v1/enrolment-tokens", &token).await;
        let server = json!({"tenant": tenant, "name": "files", "owner": "o"});
        let server = party.post(world, "/v1/servers", &server).await;
        let target = json!({"kind": "agent", "tenant": tenant, "name": "other"});
        let action = party
            .post(world, "/v1/suspensions", &json!({"target": target}))
            .await;
        let filed = json!({"type": "operator_decision", "verdict": "pass", "statement": "seen"});
        let path = format!("{}/evidence", party.subject("crawler"));
        let evidence = party.post(world, &path, &filed).await;
        let policy = json!({"policy": [{"name": "a.cedar", "text": "forbid (principal, action, resource);"}]});
        let path = format!("/v1/tenants/{tenant}/policy");
        let pushed = party
            .send(world, (Method::PUT, &path), &[("if-match", "*")], &policy)
            .await;
        assert_eq!(pushed.status, 200, "{}", pushed.text);
        let verdict = json!({"order": "block", "server": "files", "tool": "rm"});
        let path = format!("/v1/tenants/{tenant}/verdicts");
        let given = party.post(world, &path, &verdict).await;
        assert_eq!(given.status, 200, "{}", given.text);
        Self {
            passport,
            token: text(&token, "token_id"),
            server: text(&server, "server_id"),
            action: text(&action, "action_id"),
            evidence: text(&evidence, "evidence_id"),
            party,
        }
    }
}

#[tokio::test]
async fn another_tenants_ids_are_answered_as_ids_that_were_never_given() {
    on_both(async |world| {
        let red = Furnished::new(&world, "amber").await;
        let blue = Furnished::new(&world, "blue").await;
        let none = |prefix: &str, digits: usize| format!("{prefix}_{}", "0".repeat(digits));
        // What blue asks for: red's, and what there is not.
        let gets = [
            ("/v1/servers/ID", &red.server, none("srv", 32)),
            ("/v1/servers/ID/manifests", &red.server, none("srv", 32)),
            ("/v1/servers/ID/manifests/1", &red.server, none("srv", 32)),
            (
                "/v1/servers/ID/diff?from=1&to=2",
                &red.server,
                none("srv", 32),
            ),
            ("/v1/evidence/ID", &red.evidence, none("ev", 64)),
            ("/v1/tenants/ID", &"amber".to_owned(), "never".to_owned()),
            (
                "/v1/tenants/ID/policy",
                &"amber".to_owned(),
                "never".to_owned(),
            ),
            (
                "/v1/tenants/ID/policy/versions",
                &"amber".to_owned(),
                "never".to_owned(),
            ),
            (
                "/v1/tenants/ID/verdicts",
                &"amber".to_owned(),
                "never".to_owned(),
            ),
            (
                "/v1/tenants/ID/verdicts/orders",
                &"amber".to_owned(),
                "never".to_owned(),
            ),
            (
                "/v1/subjects/agent/ID/crawler/trust",
                &"amber".to_owned(),
                "never".to_owned(),
            ),
        ];
        for (path, theirs, nobodys) in gets {
            let answer = blue.party.get(&world, &path.replace("ID", theirs)).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
            alike(
                &answer,
                &blue.party.get(&world, &path.replace("ID", &nobodys)).await,
            );
        }
        let empty = json!({});
        let evidence = json!({"type": "operator_decision", "verdict": "fail", "statement": "x"});
        let verdict = json!({"order": "block", "server": "files", "tool": "cat"});
        let posts = [
            (
                "/v1/passports/ID/revoke",
                &red.passport,
                none("asp", 32),
                &empty,
            ),
            (
                "/v1/enrolment-tokens/ID/withdraw",
                &red.token,
                none("enr", 32),
                &empty,
            ),
            ("/v1/actions/ID/undo", &red.action, none("act", 32), &empty),
            (
                "/v1/evidence/ID/approvals",
                &red.evidence,
                none("ev", 64),
                &empty,
            ),
            (
                "/v1/tenants/ID/verdicts",
                &"amber".to_owned(),
                "never".to_owned(),
                &verdict,
            ),
            (
                "/v1/subjects/agent/ID/crawler/evidence",
                &"amber".to_owned(),
                "never".to_owned(),
                &evidence,
            ),
            (
                "/v1/subjects/agent/ID/crawler/origin-challenges",
                &"amber".to_owned(),
                "never".to_owned(),
                &empty,
            ),
            (
                "/v1/subjects/agent/ID/crawler/origin-checks",
                &"amber".to_owned(),
                "never".to_owned(),
                &empty,
            ),
        ];
        for (path, theirs, nobodys, body) in posts {
            let answer = blue
                .party
                .post(&world, &path.replace("ID", theirs), body)
                .await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
            alike(
                &answer,
                &blue
                    .party
                    .post(&world, &path.replace("ID", &nobodys), body)
                    .await,
            );
        }
        // Whichever revision is meant.
        for revision in ["*", "\"1\"", "\"9\""] {
            let change = async |id: &str| {
                let path = format!("/v1/servers/{id}");
                let meant = [("if-match", revision)];
                let to = (Method::PATCH, path.as_str());
                let body = json!({"state": "disabled"});
                blue.party.send(&world, to, &meant, &body).await
            };
            let answer = change(&red.server).await;
            assert_eq!(answer.status, 404, "{}", answer.text);
            alike(&answer, &change(&none("srv", 32)).await);
        }
        // Nothing of it came about.
        let shown = world
            .get(&format!("/v1/passports/{}", red.passport))
            .await
            .json();
        assert_eq!(shown["status"]["state"], "good");
        let server = red
            .party
            .get(&world, &format!("/v1/servers/{}", red.server))
            .await
            .json();
        assert_eq!(server["server"]["state"], "active");
    })
    .await;
}

#[tokio::test]
async fn an_order_reaches_no_other_tenant_and_nothing_that_is_of_no_one_tenant() {
    on_both(async |world| {
        let red = Furnished::new(&world, "amber").await;
        let blue = Furnished::new(&world, "blue").await;
        let targets = [
            (
                json!({"kind": "agent", "tenant": "amber", "name": "crawler"}),
                404,
            ),
            (
                json!({"kind": "agent", "tenant": "never", "name": "crawler"}),
                404,
            ),
            (
                json!({"kind": "owner", "tenant": "amber", "owner": "o"}),
                404,
            ),
            (json!({"kind": "tenant", "tenant": "amber"}), 404),
            (json!({"kind": "passport", "id": red.passport}), 404),
            (
                json!({"kind": "passport", "id": format!("asp_{}", "0".repeat(32))}),
                404,
            ),
            (json!({"kind": "key", "key": "A".repeat(43)}), 403),
            (json!({"kind": "issuer", "key": "A".repeat(43)}), 403),
        ];
        for (target, status) in targets {
            for path in ["/v1/revocations", "/v1/suspensions", "/v1/reinstatements"] {
                for how in ["", "?dry_run=true"] {
                    let path = format!("{path}{how}");
                    let order = json!({"target": target});
                    let answer = blue.party.post(&world, &path, &order).await;
                    assert_eq!(answer.status, status, "{path} {target}: {}", answer.text);
                }
            }
        }
        let all = json!({"target": {"kind": "all"}});
        let answer = blue.party.post(&world, "/v1/stops", &all).await;
        answer.problem(403, "role-required");
        // To block a key is to block it in every tenant.
        let blocks = json!({"reason": "key_compromise"});
        let path = format!("/v1/passports/{}/revoke", blue.passport);
        let answer = blue.party.post(&world, &path, &blocks).await;
        answer.problem(403, "role-required");
        let revoked = blue.party.post(&world, &path, &json!({})).await;
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        // Nothing but its own was done.
        let shown = world
            .get(&format!("/v1/passports/{}", red.passport))
            .await
            .json();
        assert_eq!(shown["status"]["state"], "good");
    })
    .await;
}

#[tokio::test]
async fn lists_have_what_is_of_ones_own_tenant_and_cursors_are_good_for_nothing_else() {
    on_both(async |world| {
        let red = Furnished::new(&world, "amber").await;
        let blue = Furnished::new(&world, "blue").await;
        for name in ["one", "two"] {
            red.party.issue(&world, "agent", name).await;
            let token = json!({"tenant": "amber", "kind": "agent", "owner": "o", "name": name});
            red.party.post(&world, "/v1/enrolment-tokens", &token).await;
            let server = json!({"tenant": "amber", "name": name, "owner": "o"});
            red.party.post(&world, "/v1/servers", &server).await;
            let order = json!({"target": {"kind": "agent", "tenant": "amber", "name": name}});
            red.party.post(&world, "/v1/suspensions", &order).await;
        }
        let lists = [
            ("/v1/passports", "passports", 3, 1),
            ("/v1/enrolment-tokens", "tokens", 3, 1),
            ("/v1/servers", "servers", 3, 1),
            ("/v1/actions", "actions", 3, 1),
            ("/v1/operators", "operators", 3, 3),
            ("/v1/tenants", "tenants", 1, 1),
        ];
        for (path, rows, of_red, of_blue) in lists {
            let of = async |party: &Party, query: &str| {
                party.get(&world, &format!("{path}{query}")).await
            };
            let count = |page: &Value| page[rows].as_array().unwrap().len();
            assert_eq!(count(&of(&red.party, "").await.json()), of_red, "{path}");
            let page = of(&blue.party, "").await;
            assert_eq!(count(&page.json()), of_blue, "{path}");
            assert!(!page.text.contains("amber"), "{path}: {}", page.text);
            let first = of(&red.party, "?limit=1").await.json();
            let Some(cursor) = first["next_cursor"].as_str() else {
                continue;
            };
            let answer = of(&blue.party, &format!("?limit=1&cursor={cursor}")).await;
            answer.problem(400, "bad-cursor");
            let all = world
                .get_as_operator(&format!("{path}?limit=1&cursor={cursor}"))
                .await;
            all.problem(400, "bad-cursor");
        }
        let servers = blue
            .party
            .get(&world, "/v1/servers?tenant=amber")
            .await
            .json();
        assert_eq!(servers["servers"], json!([]));
        // Who looks everywhere sees all of it.
        let all = world.get_as_operator("/v1/passports").await.json();
        assert_eq!(all["passports"].as_array().unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn an_auditor_reads_the_records_that_name_the_tenant() {
    on_both(async |world| {
        let red = Furnished::new(&world, "amber").await;
        let blue = Furnished::new(&world, "blue").await;
        let records = async |key: &str, query: &str| {
            let path = format!("/v1/audit/records?limit=500{query}");
            world.send(Method::GET, &path, Some(key), None).await
        };
        let read = records(&blue.party.auditor, "").await;
        let rows = read.json()["rows"].as_array().unwrap().clone();
        // Three operators, a passport, a token, a server, a suspension, evidence, a policy, a verdict.
        assert_eq!(rows.len(), 10, "{}", read.text);
        assert!(!read.text.contains("amber"), "{}", read.text);
        let about = records(&blue.party.auditor, &format!("&subject={}", red.passport)).await;
        assert_eq!(about.json()["rows"], json!([]));
        let everything = records(&world.operator, "").await.json();
        let everything = everything["rows"].as_array().unwrap().len();
        assert!(everything >= 20, "{everything}");
    })
    .await;
}

#[tokio::test]
async fn whoever_issues_in_one_tenant_issues_in_no_other() {
    on_both(async |world| {
        let red = Party::new(&world, "amber").await;
        let key = new_key();
        for tenant in ["blue", "default"] {
            let order = red.order(&world, tenant, ("agent", "x"), &key).await;
            let answer = red.post(&world, "/v1/passports", &order).await;
            answer.problem(404, "tenant-not-found");
            let token = json!({"tenant": tenant, "kind": "agent", "owner": "o", "name": "x"});
            let answer = red.post(&world, "/v1/enrolment-tokens", &token).await;
            answer.problem(404, "tenant-not-found");
        }
        // Nor has others issue there.
        let mut order = red.order(&world, "amber", ("agent", "ca"), &key).await;
        order["ca"] =
            json!({"max_path": 0, "max_level": 1, "origins": [], "tenants": ["amber", "blue"]});
        let answer = red.post(&world, "/v1/passports", &order).await;
        answer.problem(404, "tenant-not-found");
    })
    .await;
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_operators_is_two_orders() {
    on_both(async |world| {
        let (red, blue) = (
            Party::new(&world, "amber").await,
            Party::new(&world, "blue").await,
        );
        let once = [("idempotency-key", "once")];
        for party in [&red, &blue] {
            let server = json!({"tenant": party.tenant, "name": "files", "owner": "o"});
            let to = (Method::POST, "/v1/servers");
            let added = party.send(&world, to, &once, &server).await;
            assert_eq!(added.status, 201, "{}", added.text);
            let target = json!({"kind": "agent", "tenant": party.tenant, "name": "a"});
            let to = (Method::POST, "/v1/suspensions");
            let done = party
                .send(&world, to, &once, &json!({"target": target}))
                .await;
            assert_eq!(done.json()["changed"], true, "{}", done.text);
        }
    })
    .await;
}
