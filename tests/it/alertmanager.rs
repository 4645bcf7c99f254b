//! A real Prometheus Alertmanager.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::wire::eventually;

/// One that ends with the test.
pub(crate) struct Alertmanager {
    process: Child,
    url: String,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Alertmanager {
    /// With this configuration, in that folder.
    pub(crate) async fn start(folder: &Path, config: &str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where the test's Alertmanager is"
        )]
        let program = std::env::var("MCPS_TEST_ALERTMANAGER").expect(
            "MCPS_TEST_ALERTMANAGER is not set: run `make test`, or this under scripts/test-env",
        );
        fs::write(folder.join("alertmanager.yml"), config).unwrap();
        // Where scripts/test-env unpacked it, it looks for its templates here.
        let unpacked = Path::new(&program).ancestors().nth(2).unwrap();
        let templates = unpacked.join("share/prometheus/alertmanager");
        for name in ["default.tmpl", "email.tmpl"] {
            let template = templates.join(name);
            if template.exists() {
                fs::copy(template, folder.join(name)).unwrap();
            }
        }
        let port = {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        let process = Command::new(program)
            .current_dir(folder)
            .arg("--config.file=alertmanager.yml")
            .arg("--storage.path=alertmanager")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            // One alone, and not a cluster.
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let own = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        };
        eventually("Alertmanager is ready", async || {
            let ready = reqwest::get(format!("{}/-/ready", own.url)).await;
            ready.ok().filter(|answer| answer.status().is_success())
        })
        .await;
        own
    }

    /// Tells it of an alert.
    pub(crate) async fn tell(&self, alert: &Value) {
        let client = reqwest::Client::builder().build().unwrap();
        let url = format!("{}/api/v2/alerts", self.url);
        let answer = client.post(url).json(&json!([alert])).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
    }
}
