//! Reports of scanners as evidence: over HTTP, as they were recorded from real ones.

use std::time::Duration;

use mcps_core::digest::Digest;
use mcps_core::dsse;
use mcps_core::json::Document;
use mcps_core::key::{PublicKey, SecretKey};
use reqwest::Method;
use serde_json::{Value, json};

use super::approvals::reasons;
use super::manifests::{Publisher, publisher};
use super::trust::{DAY, SUBJECT, filed, level, told};
use super::world::{Answer, World, new_key, on_both};

const HOUR: Duration = Duration::from_secs(3600);

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../authority/src/report/testdata/", $name))
    };
}

/// The two tools that were scanned.
pub(super) async fn published(world: &World) -> (Publisher, String) {
    let server = publisher(world).await;
    let tools: Value = serde_json::from_str(TOOLS).unwrap();
    let tools: Vec<String> = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let digest = server.publish(world, "1", &tools).await.json()["digest"].clone();
    filed(world, json!({"type": "operator_decision"})).await;
    (server, digest.as_str().unwrap().to_owned())
}

pub(super) async fn submit(world: &World, query: &str, report: &str) -> Answer {
    let path = format!("{SUBJECT}/reports{query}");
    let operator = Some(world.operator.as_str());
    world
        .send(Method::POST, &path, operator, Some(report.to_owned()))
        .await
}

pub(super) const CLEAN: &str = recorded!("mcp-scanner-clean.json");
pub(super) const NOT_RUN: &str = recorded!("mcp-scanner-not-run.json");
pub(super) const FOUND: &str = recorded!("semgrep-found.sarif");
pub(super) const TOOLS: &str = recorded!("tools.json");

pub(super) async fn add_scanner(world: &World, name: &str, key: &SecretKey) -> Answer {
    let public: Value =
        serde_json::from_str(&mcps_core::signer::Signer::public_key(key).to_jwk()).unwrap();
    let body = json!({"name": name, "public_key": public, "formats": ["mcp-scanner", "sarif"]});
    world
        .post_as_operator("/v1/tenants/default/scanners", &body)
        .await
}

/// A report as a scanner signs it.
pub(super) fn seal(world: &World, report: &str, manifest: &str, key: &SecretKey) -> String {
    let at = world.now();
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"x","digest":{{"sha256":"{manifest}"}}}}],"predicateType":"https://mcps.dev/attestations/scan-report/v1","predicate":{{"scanned_at":"{at}","report":{report}}}}}"#
    );
    dsse::sign(dsse::IN_TOTO, statement.as_bytes(), key).unwrap()
}

#[tokio::test]
async fn a_clean_report_raises_and_is_given_back_as_it_came() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let query = format!("?manifest={digest}");
        let foreseen = submit(&world, &format!("{query}&dry_run=true"), CLEAN).await;
        assert_eq!((foreseen.status.as_u16(), level(&world).await), (200, 2));
        let filed = submit(&world, &query, CLEAN).await;
        assert_eq!(filed.status, 201, "{}", filed.text);
        let location = filed.location.clone().unwrap();
        let shown = filed.json();
        assert_eq!(
            (&shown["verdict"], &shown["scanner"]),
            (&json!("pass"), &json!("operator"))
        );
        assert_eq!(
            shown["report"]["digest"],
            Digest::of(CLEAN.as_bytes()).to_string()
        );
        assert_eq!(shown["report"]["findings"]["high"], 0);
        assert_eq!(level(&world).await, 3);
        let kept = world.get_as_operator(&format!("{location}/report")).await;
        assert_eq!(kept.text, CLEAN);
        assert_eq!(world.get_as_operator(&location).await.json(), shown);
        // The same again changes nothing.
        assert_eq!(submit(&world, &query, CLEAN).await.json(), shown);
        assert_eq!(told(&world).await, [2, 3]);
        // A later one that found something lowers at once, and says why.
        world.clock.advance(HOUR);
        let found = submit(&world, &query, recorded!("semgrep-found.sarif"))
            .await
            .json();
        assert_eq!(found["verdict"], "fail");
        assert_eq!(
            (level(&world).await, told(&world).await),
            (2, vec![2, 3, 2])
        );
        assert_eq!(reasons(&world).await.last().unwrap(), "evidence_against");
    })
    .await;
}

#[tokio::test]
async fn what_scanners_call_safe_without_looking_raises_nobody() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let query = format!("?manifest={digest}");
        for report in [
            recorded!("mcp-scanner-not-run.json"),
            recorded!("snyk-inspect.json"),
            recorded!("bandit-broken.sarif"),
            recorded!("pip-audit-empty.json"),
            recorded!("cyclonedx-py-bom.json"),
        ] {
            // They were recorded later than the clock of this world stands.
            let report = report.replace("2026-11-22T", "2027-01-14T");
            let filed = submit(&world, &query, &report).await;
            assert_eq!(filed.status, 201, "{}", filed.text);
            let filed = filed.json();
            assert_eq!(filed["verdict"], "incomplete", "{filed}");
            assert!(
                filed["statement"]
                    .as_str()
                    .unwrap()
                    .contains("incomplete: "),
                "{filed}"
            );
        }
        assert_eq!(level(&world).await, 2);
        let next = world
            .get_as_operator(&format!("{SUBJECT}/trust"))
            .await
            .json()["next"]
            .clone();
        assert!(next.as_str().unwrap().contains("not complete"), "{next}");
    })
    .await;
}

#[tokio::test]
async fn a_foreign_or_tampered_report_never_raises() {
    on_both(async |world| {
        let (server, digest) = published(&world).await;
        let query = format!("?manifest={digest}");
        submit(&world, "", CLEAN)
            .await
            .problem(422, "report-not-read");
        let zeros = format!("?manifest={}", "0".repeat(64));
        submit(&world, &zeros, CLEAN)
            .await
            .problem(422, "foreign-report");
        submit(&world, "?manifest=x", CLEAN)
            .await
            .problem(422, "invalid-request");
        let other = recorded!("mcp-scanner-found.json");
        submit(&world, &query, other)
            .await
            .problem(422, "foreign-report");
        let reworded = CLEAN.replace("Reads a note", "Mails a note");
        submit(&world, &query, &reworded)
            .await
            .problem(422, "foreign-report");
        submit(&world, &query, "{}")
            .await
            .problem(422, "report-not-read");
        submit(&world, &query, "{")
            .await
            .problem(400, "malformed-json");
        let said = format!("{query}&format=sarif");
        submit(&world, &said, CLEAN)
            .await
            .problem(422, "report-not-read");
        let large = format!("{{\"runs\":[\"{}\"]}}", "x".repeat(1 << 20));
        submit(&world, &query, &large)
            .await
            .problem(413, "body-too-large");

        let (ci, stranger) = (new_key(), new_key());
        assert_eq!(add_scanner(&world, "ci", &ci).await.status, 201);
        let forged = seal(&world, CLEAN, &digest, &stranger);
        submit(&world, "", &forged)
            .await
            .problem(403, "scanner-refused");
        let foreign = seal(&world, CLEAN, &"0".repeat(64), &ci);
        submit(&world, "", &foreign)
            .await
            .problem(422, "foreign-report");
        let unlike = seal(&world, recorded!("pip-audit-empty.json"), &digest, &ci);
        submit(&world, "", &unlike)
            .await
            .problem(403, "scanner-refused");
        let good = seal(&world, CLEAN, &digest, &ci);
        let payload: Value = serde_json::from_str(&good).unwrap();
        let payload = payload["payload"].as_str().unwrap();
        let tampered = good.replace(payload, &payload.replace('A', "B"));
        submit(&world, "", &tampered)
            .await
            .problem(403, "scanner-refused");
        assert_eq!(level(&world).await, 2);

        assert_eq!(submit(&world, "", &good).await.json()["scanner"], "ci");
        assert_eq!(level(&world).await, 3);
        // What was scanned is another manifest now: the report is void, and no longer taken either.
        server.publish(&world, "2", &[r#"{"name":"read"}"#]).await;
        assert_eq!(level(&world).await, 2);
        submit(&world, "", &good)
            .await
            .problem(422, "foreign-report");
    })
    .await;
}

#[tokio::test]
async fn an_old_signed_report_does_not_undo_what_was_found_since() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let ci = new_key();
        add_scanner(&world, "ci", &ci).await;
        let good = seal(&world, CLEAN, &digest, &ci);
        submit(&world, "", &good).await;
        world.clock.advance(HOUR);
        filed(
            &world,
            json!({"type": "scan", "manifest": digest, "verdict": "fail"}),
        )
        .await;
        assert_eq!(level(&world).await, 2);
        assert_eq!(submit(&world, "", &good).await.status, 201);
        assert_eq!(level(&world).await, 2);
        let fresh = seal(&world, CLEAN, &digest, &ci);
        world.clock.advance(HOUR);
        let fresh_later = seal(&world, CLEAN, &digest, &ci);
        submit(&world, "", &fresh).await;
        submit(&world, "", &fresh_later).await;
        assert_eq!(level(&world).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_level_is_attested_as_others_read_it() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let query = format!("?manifest={digest}");
        let scan = submit(&world, &query, CLEAN).await.json()["evidence_id"].clone();
        let path = format!("{SUBJECT}/trust/attestation");
        let sealed = world.get_as_operator(&path).await;
        let document = Document::parse(sealed.text.as_str()).unwrap();
        let envelope = dsse::Envelope::parse(document.root()).unwrap();
        let jwks = world.get("/.well-known/jwks.json").await.json();
        let keys = jwks["keys"].as_array().unwrap().iter().map(|jwk| {
            let document = Document::parse(jwk.to_string()).unwrap();
            PublicKey::from_jwk(document.root()).unwrap()
        });
        assert_eq!(keys.filter(|key| envelope.verify(key).is_ok()).count(), 1);
        let payload = str::from_utf8(envelope.payload()).unwrap();
        let statement: Value = serde_json::from_str(payload).unwrap();
        assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
        let summary = &statement["predicate"];
        assert_eq!(
            summary["verifiedLevels"],
            json!(["MCPS_LEVEL_1", "MCPS_LEVEL_2", "MCPS_LEVEL_3"])
        );
        let inputs = summary["inputAttestations"].to_string();
        assert!(inputs.contains(scan.as_str().unwrap()), "{inputs}");
        assert_eq!(
            summary["https://mcps.dev/lapses_at"],
            world.now().plus(30 * DAY).to_string()
        );
        let agent = "/v1/subjects/agent/default/bot";
        world.issue("bot", &new_key()).await;
        let none = world
            .get_as_operator(&format!("{agent}/trust/attestation"))
            .await;
        none.problem(404, "manifest-not-found");
    })
    .await;
}

#[tokio::test]
async fn reports_take_no_more_room_than_there_is() {
    on_both(async |world| {
        let (_server, digest) = published(&world).await;
        let query = format!("?manifest={digest}");
        let room = 256 << 20;
        let until = world.now().plus(HOUR).as_millis();
        // One that takes all of it.
        let all = format!(
            "INSERT INTO reports (tenant, digest, body, size, keep_until, added_at) \
             VALUES ('default', 'x', '', {room}, {until}, 0)"
        );
        world.sql(&all).await;
        let taken = format!("INSERT INTO report_space (tenant, bytes) VALUES ('default', {room})");
        world.sql(&taken).await;
        submit(&world, &query, CLEAN)
            .await
            .problem(409, "reports-full");
        assert_eq!(level(&world).await, 2);
        // What has lapsed makes room.
        world.clock.advance(HOUR);
        assert_eq!(submit(&world, &query, CLEAN).await.status, 201);
        assert_eq!(level(&world).await, 3);
    })
    .await;
}
