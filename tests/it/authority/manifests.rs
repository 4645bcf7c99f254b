//! Publishing manifests, and what is refused.

use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::key::SecretKey;
use mcps_core::manifest::Manifest;
use mcps_core::passport::Passport;
use mcps_core::pin::Server;
use mcps_core::signer::Signer as _;
use mcps_core::tool::{self, ToolClaims};
use serde_json::{Value, json};

use super::world::{Answer, World, new_key, on_both};

/// A registered server with a live passport.
pub(super) struct Publisher {
    pub(super) id: String,
    pub(super) key: SecretKey,
    pub(super) passport: Passport,
}

const ORIGIN: &str = "https://notes.example";

pub(super) async fn publisher(world: &World) -> Publisher {
    let body = json!({"name": "notes", "owner": "ops@example.org", "origin": ORIGIN});
    let added = world.post_as_operator("/v1/servers", &body).await;
    let id = added.json()["server_id"].as_str().unwrap().to_owned();
    let key = new_key();
    let passport = enrol(world, &key, json!({})).await;
    Publisher { id, key, passport }
}

async fn enrol(world: &World, key: &SecretKey, more: Value) -> Passport {
    let mut own = json!({"kind": "server", "origin": ORIGIN});
    for (name, value) in more.as_object().unwrap() {
        own[name] = value.clone();
    }
    let name = own["name"].as_str().unwrap_or("notes").to_owned();
    let order = world.order_with(&name, key, own).await;
    world
        .post_as_operator("/v1/passports", &order)
        .await
        .passport()
}

fn sign_tools(definitions: &[&str], key: &SecretKey) -> Vec<String> {
    let claims = ToolClaims {
        author_origin: None,
        signed_at: Timestamp::from_millis(1_800_000_000_000),
        version: "1".to_owned(),
    };
    let sign = |text: &&str| tool::sign(Document::parse(*text).unwrap().root(), &claims, key);
    definitions.iter().map(|text| sign(text).unwrap()).collect()
}

fn sign_manifest(server: &str, version: &str, tools: &[String], key: &SecretKey) -> String {
    let signed: Vec<_> = tools
        .iter()
        .map(|text| {
            let document = Document::parse(text.as_str()).unwrap();
            tool::verify(document.root(), key.public_key()).unwrap()
        })
        .collect();
    Manifest::new(server, version, &signed)
        .unwrap()
        .sign(key)
        .unwrap()
}

async fn send(
    world: &World,
    id: &str,
    passport: &Passport,
    manifest: &str,
    tools: &[String],
) -> Answer {
    let body = format!(
        r#"{{"passport_id":"{}","manifest":{manifest},"tools":[{}]}}"#,
        passport.id(),
        tools.join(",")
    );
    world
        .send_with(&format!("/v1/servers/{id}/manifests"), &[], body)
        .await
}

impl Publisher {
    pub(super) async fn publish(&self, world: &World, version: &str, tools: &[&str]) -> Answer {
        let tools = sign_tools(tools, &self.key);
        let server = Server::of(&self.passport).to_string();
        let manifest = sign_manifest(&server, version, &tools, &self.key);
        send(world, &self.id, &self.passport, &manifest, &tools).await
    }
}

const READ: &str = r#"{"name":"read","description":"Reads."}"#;
const MAILS: &str = r#"{"name":"read","description":"Reads and mails."}"#;
const LIST: &str = r#"{"name":"list","inputSchema":{"type":"object"}}"#;

#[tokio::test]
async fn every_version_is_kept_and_found() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let first = server.publish(&world, "1.0.0", &[READ, LIST]).await;
        assert_eq!(first.status, 201, "{}", first.text);
        let first = first.json();
        assert_eq!((&first["number"], &first["tools"]), (&json!(1), &json!(2)));
        let second = server.publish(&world, "1.1.0", &[MAILS]).await.json();
        assert_eq!(second["number"], 2);

        let path = format!("/v1/servers/{}", server.id);
        let shown = world.get_as_operator(&path).await.json();
        assert_eq!(shown["current"], second);
        assert_eq!(shown["server"]["manifests"], 2);
        let listed = world
            .get_as_operator(&format!("{path}/manifests"))
            .await
            .json();
        assert_eq!(listed["manifests"], json!([second, first]));
        let older = world
            .get_as_operator(&format!("{path}/manifests?before=2"))
            .await
            .json();
        assert_eq!(older["manifests"], json!([first]));

        let one = world
            .get_as_operator(&format!("{path}/manifests/1.0.0"))
            .await
            .json();
        let digest = first["digest"].as_str().unwrap();
        // Whoever has the digest needs no key, and may keep what it gets.
        let immutable = format!("/v1/manifests/{digest}");
        assert_eq!(world.get(&immutable).await.json(), one);
        let headers = world.headers(&immutable).await;
        assert!(
            headers["cache-control"]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        // What comes back is what was signed.
        let document = Document::parse(one["manifest"].to_string()).unwrap();
        let key = server.key.public_key();
        let manifest = Manifest::verify(document.root(), ORIGIN, key).unwrap();
        assert_eq!(manifest.digest().unwrap().to_string(), digest);
        for definition in one["definitions"]["tools"].as_array().unwrap() {
            let document = Document::parse(definition.to_string()).unwrap();
            let signed = tool::verify(document.root(), key).unwrap();
            manifest.allows(signed.name(), signed.hash()).unwrap();
        }
        for unknown in ["9.9.9", "1.0.0x", "%31.0.0x", ".."] {
            let path = format!("{path}/manifests/{unknown}");
            assert_eq!(world.get_as_operator(&path).await.status, 404, "{unknown}");
        }
        world
            .get(&format!("/v1/manifests/{}", "0".repeat(64)))
            .await
            .problem(404, "manifest-not-found");
    })
    .await;
}

#[tokio::test]
async fn the_same_again_changes_nothing_whoever_signed_it_anew() {
    on_both(async |world| {
        let mut server = publisher(&world).await;
        let first = server.publish(&world, "1", &[READ, LIST]).await.json();
        // Signatures differ, the order too, and the passport is a renewed one.
        server.passport = world
            .renew(&server.passport, &server.key, json!({}))
            .await
            .passport();
        let again = server.publish(&world, "1", &[LIST, READ]).await;
        assert_eq!(again.status, 200, "{}", again.text);
        assert_eq!(again.json(), first);
        server.publish(&world, "2", &[READ]).await;
        server.publish(&world, "1", &[READ, LIST]).await;
        let shown = world
            .get_as_operator(&format!("/v1/servers/{}", server.id))
            .await
            .json();
        assert_eq!(shown["current"]["version"], "2");
        assert_eq!(shown["refused"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn other_content_under_an_old_version_is_refused_and_recorded() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let first = server.publish(&world, "1", &[READ]).await.json();
        for _ in 0..2 {
            let refused = server.publish(&world, "1", &[MAILS]).await;
            let problem = refused.problem(409, "version-taken");
            assert_eq!(problem["code"], "MCPS-008");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(first["digest"].as_str().unwrap()),
                "{detail}"
            );
        }
        server
            .publish(&world, "1", &[])
            .await
            .problem(409, "version-taken");
        let path = format!("/v1/servers/{}", server.id);
        let shown = world.get_as_operator(&path).await.json();
        assert_eq!(shown["current"], first);
        let refused = shown["refused"].as_array().unwrap();
        let mut times: Vec<i64> = refused
            .iter()
            .map(|one| one["times"].as_i64().unwrap())
            .collect();
        times.sort_unstable();
        assert_eq!(times, [1, 2]);
        assert_eq!(refused[0]["version"], "1");
        assert_eq!(refused[0]["passport_id"], server.passport.id().as_str());
    })
    .await;
}

#[tokio::test]
async fn of_two_who_publish_one_version_at_once_one_wins() {
    on_both(async |world| {
        let server = publisher(&world).await;
        // SQLite has no replicas.
        let replica = match world.database_url() {
            Some(_) => Some(world.replica().await),
            None => None,
        };
        let other = replica.as_ref().unwrap_or(&world);
        let (one, two) = tokio::join!(
            server.publish(&world, "1", &[READ]),
            server.publish(other, "1", &[MAILS]),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
        let same = tokio::join!(
            server.publish(&world, "2", &[READ]),
            server.publish(other, "2", &[READ]),
        );
        assert_eq!(same.0.json(), same.1.json());
    })
    .await;
}

#[tokio::test]
async fn only_the_servers_own_live_passport_publishes() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let refused = async |passport: &Passport, key: &SecretKey| {
            let tools = sign_tools(&[READ], key);
            let name = Server::of(passport).to_string();
            let manifest = sign_manifest(&name, "1", &tools, key);
            send(&world, &server.id, passport, &manifest, &tools).await
        };
        for more in [
            json!({"kind": "agent"}),
            json!({"kind": "gateway"}),
            json!({"name": "other"}),
            json!({"origin": "https://evil.example"}),
            json!({"origin": null}),
        ] {
            let key = new_key();
            let passport = enrol(&world, &key, more.clone()).await;
            let problem = refused(&passport, &key).await;
            problem.problem(403, "not-publisher");
        }
        // A passport's id is known to all; without its key it does not help.
        refused(&server.passport, &new_key())
            .await
            .problem(403, "manifest-refused");

        let suspend = json!({"target": {"kind": "server", "tenant": "default", "name": "notes"}});
        world.post_as_operator("/v1/suspensions", &suspend).await;
        refused(&server.passport, &server.key)
            .await
            .problem(403, "not-publisher");
        world.post_as_operator("/v1/reinstatements", &suspend).await;
        assert_eq!(refused(&server.passport, &server.key).await.status, 201);
        world
            .clock
            .advance(std::time::Duration::from_secs(25 * 3600));
        refused(&server.passport, &server.key)
            .await
            .problem(403, "not-publisher");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_publisher_and_a_disabled_server_publish_nothing() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let bearer = format!("Bearer {}", world.operator);
        let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
        let path = format!("/v1/servers/{}", server.id);
        let change = async |body: Value| {
            let method = reqwest::Method::PATCH;
            world
                .send_to(method, &path, &headers, body.to_string())
                .await
        };
        change(json!({"state": "disabled"})).await;
        server
            .publish(&world, "1", &[READ])
            .await
            .problem(409, "server-not-active");
        change(json!({"state": "active", "owner": "others@example.org"})).await;
        server
            .publish(&world, "1", &[READ])
            .await
            .problem(403, "not-publisher");
        change(json!({"owner": "ops@example.org"})).await;
        assert_eq!(server.publish(&world, "1", &[READ]).await.status, 201);
        world.revoke(&server.passport, "policy").await;
        server
            .publish(&world, "2", &[READ])
            .await
            .problem(403, "not-publisher");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_signed_as_it_is_sent_is_refused() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let (id, passport, key) = (&server.id, &server.passport, &server.key);
        let tools = sign_tools(&[READ, LIST], key);
        let manifest = sign_manifest(ORIGIN, "1", &tools, key);
        let changed = vec![tools[0].replace("Reads.", "Mails."), tools[1].clone()];
        let foreign = sign_tools(&[READ, LIST], &new_key());
        let unsigned = vec![READ.to_owned(), LIST.to_owned()];
        let more = [tools.clone(), sign_tools(&[r#"{"name":"x"}"#], key)].concat();
        for tools in [&changed, &foreign, &unsigned, &more] {
            let refused = send(&world, id, passport, &manifest, tools).await;
            refused.problem(403, "manifest-refused");
        }
        for fewer in [
            vec![],
            vec![tools[0].clone()],
            vec![tools[0].clone(), tools[0].clone()],
            vec![tools[0].clone(), tools[0].clone(), tools[1].clone()],
        ] {
            let refused = send(&world, id, passport, &manifest, &fewer).await;
            assert_eq!(refused.problem(422, "invalid-request")["member"], "tools");
        }
        let others = sign_manifest("https://other.example", "1", &tools, key);
        let edited = manifest.replace(r#""version":"1""#, r#""version":"2""#);
        for manifest in [&others, &edited, "{}", "7", "[]"] {
            let refused = send(&world, id, passport, manifest, &tools).await;
            refused.problem(403, "manifest-refused");
        }
        for version in ["", "a/b", "../x", "1 0", "\u{1b}[2J", &"1".repeat(65)] {
            let manifest = sign_manifest(ORIGIN, version, &tools, key);
            let refused = send(&world, id, passport, &manifest, &tools).await;
            let problem = refused.problem(422, "invalid-request");
            assert_eq!(problem["member"], "manifest.version");
        }
        let shown = world
            .get_as_operator(&format!("/v1/servers/{id}"))
            .await
            .json();
        assert_eq!(
            (&shown["current"], &shown["refused"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(
            send(&world, id, passport, &manifest, &tools).await.status,
            201
        );
    })
    .await;
}

#[tokio::test]
async fn many_large_tools_fit_and_too_much_does_not() {
    on_both(async |world| {
        let server = publisher(&world).await;
        let filler = "x".repeat(1000);
        let large: Vec<String> = (0..200)
            .map(|n| format!(r#"{{"name":"t{n}","description":"{filler}"}}"#))
            .collect();
        let large: Vec<&str> = large.iter().map(String::as_str).collect();
        let published = server.publish(&world, "1", &large).await;
        assert_eq!(published.status, 201, "{}", published.text);
        let body = format!(r#"{{"passport_id":"{}"}}"#, "x".repeat(5 << 20));
        let path = format!("/v1/servers/{}/manifests", server.id);
        world
            .send_with(&path, &[], body)
            .await
            .problem(413, "body-too-large");
        // Other routes keep their own bound.
        let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
        let bearer = format!("Bearer {}", world.operator);
        let headers = [("authorization", bearer.as_str())];
        let refused = world.send_with("/v1/servers", &headers, body).await;
        let problem = refused.problem(413, "body-too-large");
        assert!(problem["detail"].as_str().unwrap().contains("65536"));
    })
    .await;
}

#[tokio::test]
async fn a_difference_is_data_for_programs_and_text_for_people() {
    on_both(async |world| {
        let server = publisher(&world).await;
        server.publish(&world, "1", &[READ, LIST]).await;
        let spoken = "{\"name\":\"read\",\"description\":\"\\u001b[2J\u{9b}\u{202e}Reads.\"}";
        let named = "{\"name\":\"new\u{9b}2J\"}";
        server.publish(&world, "2", &[spoken, named]).await;
        let path = format!("/v1/servers/{}/diff", server.id);
        let diff = world.get_as_operator(&format!("{path}?from=1&to=2")).await;
        assert!(
            !diff.text.contains(|c: char| c.is_control()),
            "{}",
            diff.text
        );
        let diff = diff.json();
        assert_eq!(diff["added"][0]["name"], "new\u{9b}2J");
        assert_eq!(diff["removed"][0]["name"], "list");
        assert_eq!(
            diff["removed"][0]["definition"],
            serde_json::from_str::<Value>(LIST).unwrap()
        );
        let change = &diff["changed"][0]["changes"][0];
        assert_eq!(change["pointer"], "/description");
        assert_eq!(change["before"], "Reads.");
        assert_eq!(change["after"], "\u{1b}[2J\u{9b}\u{202e}Reads.");

        let text = world
            .get_as_operator(&format!("{path}?from=1&to=2&format=text"))
            .await;
        assert!(text.content_type.starts_with("text/plain"));
        let hidden = |c: char| c != '\n' && mcps_core::terminal::is_hidden(c);
        assert!(!text.text.contains(hidden), "{:?}", text.text);
        assert!(
            text.text
                .starts_with("1 -> 2: 1 added, 1 removed, 1 changed\n"),
            "{}",
            text.text
        );

        let same = world
            .get_as_operator(&format!("{path}?from=1&to=1"))
            .await
            .json();
        assert_eq!((&same["changed"], &same["added"]), (&json!([]), &json!([])));
        for query in ["from=1&to=9", "from=9&to=1"] {
            let missing = world.get_as_operator(&format!("{path}?{query}")).await;
            missing.problem(404, "manifest-not-found");
        }
        world
            .get_as_operator(&path)
            .await
            .problem(422, "invalid-request");
    })
    .await;
}
