//! An authority that may die at any time, its database, and where it is found at the moment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcps_core::trust::TrustBundle;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Authority, bin, run};

/// A database server of this test's own, which it may stop and freeze.
pub(super) struct Postgres {
    folder: TempDir,
    pub(super) url: String,
}

impl Postgres {
    pub(super) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mcps-pg.")
            .tempdir_in("/tmp")
            .unwrap();
        let url = script("start", folder.path(), &[]);
        Self { folder, url }
    }

    pub(super) fn freeze(&self) {
        script("freeze", self.folder.path(), &[]);
    }

    pub(super) fn thaw(&self) {
        script("thaw", self.folder.path(), &[]);
    }

    /// As after a crash.
    pub(super) fn crash_and_start(&self) {
        script("stop", self.folder.path(), &["immediate"]);
        script("start", self.folder.path(), &[]);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        script("stop", self.folder.path(), &["immediate"]);
    }
}

fn script(verb: &str, folder: &Path, more: &[&str]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/postgres");
    let done = Command::new(path)
        .arg(verb)
        .arg(folder)
        .args(more)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "scripts/postgres {verb}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// One authority, over all its lives.
pub(super) struct Ground {
    folder: TempDir,
    pub(super) database: Option<String>,
    authority: Option<Authority>,
    /// Where it is now, for whoever follows it across its deaths.
    pub(super) url: Arc<Mutex<String>>,
    pub(super) operator: String,
    pub(super) http: reqwest::Client,
    pub(super) bundle: TrustBundle,
}

impl Ground {
    pub(super) async fn found(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("operator.key");
        let data = folder.path().join("data");
        let option = database.as_ref();
        let option = option.map(|url| format!("--database-url={url}"));
        let more: Vec<&str> = option.as_deref().into_iter().collect();
        let authority = Authority::start_at("127.0.0.1:0", &data, &key_file, &more);
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .build()
            .unwrap();
        let url = authority.url().to_owned();
        let trust = http.get(format!("{url}/.well-known/mcps-trust"));
        let trust = trust.send().await.unwrap().text().await.unwrap();
        let operator = std::fs::read_to_string(&key_file).unwrap();
        Self {
            folder,
            database,
            authority: Some(authority),
            url: Arc::new(Mutex::new(url)),
            operator: operator.trim().to_owned(),
            http,
            bundle: TrustBundle::parse(&trust).unwrap(),
        }
    }

    /// One that others started and end.
    pub(super) async fn of_others(url: &str, operator: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .build()
            .unwrap();
        let trust = http.get(format!("{url}/.well-known/mcps-trust"));
        let trust = trust.send().await.unwrap().text().await.unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            database: None,
            authority: None,
            url: Arc::new(Mutex::new(url.to_owned())),
            operator: operator.to_owned(),
            http,
            bundle: TrustBundle::parse(&trust).unwrap(),
        }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.authority = None;
    }

    pub(super) fn is_dead(&mut self) -> bool {
        self.authority.as_mut().is_none_or(Authority::is_dead)
    }

    /// Starts it again; ready to die at a point, or to live. `false` when it died in its start.
    pub(super) fn start(&mut self, kill_at: Option<&str>) -> bool {
        self.authority = None;
        let key_file = self.folder.path().join("operator.key");
        let on = self.database.as_ref();
        let on = on.map(|url| format!("--database-url={url}"));
        let more: Vec<&str> = on.as_deref().into_iter().collect();
        let (data, listen) = (self.data(), "127.0.0.1:0");
        self.authority = Authority::start_mortal(listen, &data, &key_file, &more, kill_at);
        let Some(authority) = &self.authority else {
            return false;
        };
        *self.url.lock().unwrap() = authority.url().to_owned();
        true
    }

    /// Lets `mcps-authority examine` look at its database; it must find nothing.
    pub(super) fn examine(&self) {
        let mut examine = Command::new(bin("mcps-authority"));
        examine.args(["examine", "--data-dir"]).arg(self.data());
        if let Some(url) = &self.database {
            examine.args(["--database-url", url]);
        }
        run(&mut examine).succeeded();
    }

    /// What it answers; `None` when it does not.
    pub(super) async fn get(&self, path: &str) -> Option<Value> {
        let request = self.http.get(format!("{}{path}", self.url()));
        let answer = request.bearer_auth(&self.operator).send().await.ok()?;
        let text = answer.text().await.ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The status of a GET; `None` when there is no answer.
    pub(super) async fn status(&self, path: &str) -> Option<u16> {
        let request = self.http.get(format!("{}{path}", self.url()));
        let answer = request.send().await.ok()?;
        Some(answer.status().as_u16())
    }
}
