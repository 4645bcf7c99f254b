//! A running authority, an operator, and keys to certify.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mcps_authority::access::Grants;
use mcps_authority::store::Db;
use mcps_authority::{Config, Running, add_operator, open_changing, serve};
use mcps_core::clock::{Clock as _, ManualClock, Timestamp};
use mcps_core::json::{Document, quote};
use mcps_core::key::{KeyId, SecretKey};
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ext, Passport};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use mcps_core::trust::{TrustBundle, TrustStore};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::engine::Engine;

/// Runs `test` in a world on each engine.
pub(super) async fn on_both(test: impl AsyncFn(World)) {
    for engine in Engine::BOTH {
        println!("on {engine:?}");
        test(World::start(engine).await).await;
    }
}

/// One running authority whose time the test sets.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    config: Config,
    pub(super) running: Running,
    pub(super) operator: String,
    client: reqwest::Client,
    _folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Asserts that this is a problem of that status and slug, and returns it.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.content_type, "application/problem+json");
        let problem = self.json();
        assert_eq!(
            problem["type"],
            format!("https://mcps.dev/problems/{slug}"),
            "{problem}"
        );
        assert_eq!(problem["status"], status);
        problem
    }

    /// Asserts success and returns the passport inside.
    #[track_caller]
    pub(super) fn passport(&self) -> Passport {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        let document = Document::parse(self.text.as_str()).unwrap();
        Passport::from_value(document.root().get("passport").unwrap()).unwrap()
    }
}

/// The extension without the place in a status list, which every passport has of its own.
pub(super) fn ext(passport: &Passport) -> Option<Ext> {
    let ext = passport.ext().cloned();
    ext.map(|ext| Ext {
        status: None,
        ..ext
    })
}

/// What an operator does who sets up a replica.
pub(super) fn copy_keys(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("keys")).unwrap();
    for entry in fs::read_dir(from.join("keys")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("keys").join(entry.file_name())).unwrap();
    }
}

pub(super) fn new_key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

pub(super) fn kid(key: &SecretKey) -> String {
    key.public_key().key_id().to_string()
}

impl World {
    pub(super) async fn start(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::local(folder.path().join("data"));
        Self {
            _folder: folder,
            ..Self::start_with(engine, config).await
        }
    }

    /// As [`World::start`], with a configuration whose folder the caller keeps.
    pub(super) async fn start_with(engine: Engine, config: Config) -> Self {
        let database_url = engine.fresh_url().await;
        Self::start_on(Config {
            database_url,
            ..config
        })
        .await
    }

    /// As [`World::start_with`], on the database that the configuration names.
    pub(super) async fn start_on(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let running = serve(config.clone(), clock.clone(), Arc::new(SystemRandom))
            .await
            .unwrap();
        let operator = running.operator_key.as_ref().unwrap().reveal().to_owned();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            clock,
            config,
            running,
            operator,
            client,
            _folder: folder,
        }
    }

    /// A second process on the same database, with a copy of the keys and the same clock.
    pub(super) async fn replica(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        copy_keys(&self.config.data_dir, &data_dir);
        let config = Config {
            data_dir,
            ..self.config.clone()
        };
        let clock = self.clock.clone();
        let running = serve(config.clone(), clock.clone(), Arc::new(SystemRandom))
            .await
            .unwrap();
        let (operator, client) = (self.operator.clone(), self.client.clone());
        Self {
            clock,
            config,
            running,
            operator,
            client,
            _folder: folder,
        }
    }

    /// The same operator and clock with another process.
    pub(super) fn with(&self, running: Running) -> Self {
        Self {
            clock: self.clock.clone(),
            config: self.config.clone(),
            running,
            operator: self.operator.clone(),
            client: self.client.clone(),
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The same authority, stopped and started again.
    pub(super) async fn restart(self) -> Self {
        let config = self.config.clone();
        self.restart_with(config).await
    }

    /// The same authority, stopped and started again with another configuration.
    pub(super) async fn restart_with(self, config: Config) -> Self {
        self.running.shutdown().await;
        let clock = self.clock.clone();
        let running = serve(config.clone(), clock, Arc::new(SystemRandom)).await;
        Self {
            running: running.unwrap(),
            config,
            ..self
        }
    }

    /// The key of one more operator.
    pub(super) async fn another_operator(&self, name: &str) -> String {
        self.operator_with(name, &["owner@*"]).await
    }

    /// The key of one more operator, who holds those roles.
    pub(super) async fn operator_with(&self, name: &str, roles: &[&str]) -> String {
        let grants = Grants::new(roles.iter().map(|role| role.parse().unwrap()));
        let clock = self.clock.as_ref();
        let key = add_operator(&self.config, name, grants, None, clock, &SystemRandom).await;
        key.unwrap().reveal().to_owned()
    }

    /// A connection of its own to the authority's database, for looking into it or spoiling it.
    pub(super) async fn as_found(&self) -> Db {
        match &self.config.database_url {
            Some(url) => Db::open_postgres(url).await.unwrap(),
            None => Db::open_sqlite(&self.config.data_dir.join("authority.db"))
                .await
                .unwrap(),
        }
    }

    /// A connection of its own to the authority's database, by which things are changed.
    pub(super) async fn database(&self) -> Db {
        let opened = open_changing(&self.config, self.clock.as_ref()).await;
        opened.unwrap().0
    }

    /// Where its key files are.
    pub(super) fn keys(&self) -> std::path::PathBuf {
        self.config.data_dir.join("keys")
    }

    /// Its data directory.
    pub(super) fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// Where the database is, if it is not a file.
    pub(super) fn database_url(&self) -> Option<&str> {
        self.config.database_url.as_deref()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends one request; `operator` is the key to present.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        operator: Option<&str>,
        body: Option<String>,
    ) -> Answer {
        let mut request = self.client.request(method, self.running.url() + path);
        if let Some(operator) = operator {
            request = request.bearer_auth(operator);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        Self::read(request).await
    }

    pub(super) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        let request = self.client.request(method, self.running.url() + path);
        Self::read(request.header("content-type", content_type).body(body)).await
    }

    /// Posts JSON with headers of the caller's.
    pub(super) async fn send_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        self.send_to(Method::POST, path, headers, body).await
    }

    /// Sends JSON with headers of the caller's.
    pub(super) async fn send_to(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let url = self.running.url() + path;
        let mut request = self.client.request(method, url).body(body);
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::read(request).await
    }

    pub(super) async fn headers(&self, path: &str) -> HeaderMap {
        self.client
            .get(self.running.url() + path)
            .send()
            .await
            .unwrap()
            .headers()
            .clone()
    }

    /// Gets with headers of the caller's.
    pub(super) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(self.running.url() + path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::read(request).await
    }

    async fn read(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let header = |name| {
            let value = response.headers().get(name);
            value.map(|value: &HeaderValue| value.to_str().unwrap().to_owned())
        };
        Answer {
            status: response.status(),
            content_type: header("content-type").unwrap_or_default(),
            location: header("location"),
            etag: header("etag"),
            text: response.text().await.unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    pub(super) async fn get_as_operator(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Some(&self.operator), None)
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, None, Some(body.to_string()))
            .await
    }

    pub(super) async fn post_as_operator(&self, path: &str, body: &Value) -> Answer {
        self.send(
            Method::POST,
            path,
            Some(&self.operator),
            Some(body.to_string()),
        )
        .await
    }

    /// A challenge for `subject` of the default tenant.
    pub(super) async fn challenge(&self, subject: &str, key: &SecretKey) -> String {
        let audience = &self.running.name;
        let asked = json!({"subject": subject, "kid": kid(key), "audience": audience});
        let answer = self.post("/v1/challenges", &asked).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()["challenge"].as_str().unwrap().to_owned()
    }

    /// The proof by `key` over a challenge of the default tenant.
    pub(super) fn proof(&self, subject: &str, key: &SecretKey, challenge: &str) -> String {
        let mut json = String::from(r#"{"tenant":"default""#);
        let kid = kid(key);
        let members = [
            ("audience", self.running.name.as_str()),
            ("challenge", challenge),
            ("kid", &kid),
            ("subject", subject),
        ];
        for (name, value) in members {
            json.push_str(&format!(r#","{name}":"#));
            quote(value, &mut json);
        }
        json.push('}');
        let signed = statement::sign(statement::PROOF, &json, key).unwrap();
        let signed: Value = serde_json::from_str(&signed).unwrap();
        signed["signature"].as_str().unwrap().to_owned()
    }

    /// The body that certifies `key` as the agent `name`, with a fresh challenge.
    pub(super) async fn order(&self, name: &str, key: &SecretKey) -> Value {
        let challenge = self.challenge(name, key).await;
        let proof = self.proof(name, key, &challenge);
        let jwk: Value = serde_json::from_str(&key.public_key().to_jwk()).unwrap();
        json!({
            "name": name, "version": "1.0.0", "kind": "agent", "owner": "ops@example.org",
            "public_key": jwk, "challenge": challenge, "proof": proof,
        })
    }

    /// [`World::order`] with further members put in.
    pub(super) async fn order_with(&self, name: &str, key: &SecretKey, more: Value) -> Value {
        let mut order = self.order(name, key).await;
        for (member, value) in more.as_object().unwrap() {
            order[member] = value.clone();
        }
        order
    }

    /// Certifies `key` as the agent `name`.
    pub(super) async fn issue(&self, name: &str, key: &SecretKey) -> Passport {
        let order = self.order(name, key).await;
        self.post_as_operator("/v1/passports", &order)
            .await
            .passport()
    }

    /// Renews by the passport's own key.
    pub(super) async fn renew(&self, passport: &Passport, key: &SecretKey, more: Value) -> Answer {
        let challenge = self.challenge(passport.agent_name(), key).await;
        let proof = self.proof(passport.agent_name(), key, &challenge);
        let mut body = json!({"challenge": challenge, "proof": proof});
        for (member, value) in more.as_object().unwrap() {
            body[member] = value.clone();
        }
        self.post(&format!("/v1/passports/{}/renew", passport.id()), &body)
            .await
    }

    pub(super) async fn revoke(&self, passport: &Passport, reason: &str) -> Answer {
        let path = format!("/v1/passports/{}/revoke", passport.id());
        self.post_as_operator(&path, &json!({"reason": reason}))
            .await
    }

    /// The published key set, verified.
    pub(super) async fn bundle(&self) -> TrustBundle {
        let answer = self.get("/.well-known/mcps-trust").await;
        let bundle = TrustBundle::parse(&answer.text).unwrap();
        bundle
            .verify(&KeyId::parse(&self.running.root_kid).unwrap())
            .unwrap();
        bundle
    }

    /// A verifier that believes this authority.
    pub(super) async fn verifier(&self) -> TrustStore {
        let mut store = TrustStore::default();
        store.add_bundle(&self.bundle().await, TrustLevel::L4);
        store
    }
}
