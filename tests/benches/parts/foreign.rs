//! Gateways of others, as `scripts/peer-gateways` installed them, each set up as its documentation says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::it::wire::{Process, Stage, eventually};

/// What MCPDome allows, and what it looks for in arguments.
const DOME: &str = r#"
[mcpdome]
version = "1"
default_effect = "deny"
[[rules]]
id = "secrets"
priority = 1
effect = "deny"
identities = "*"
tools = "*"
arguments = [{ param = "*", deny_regex = ["AKIA[A-Z0-9]{16}", "-----BEGIN.*PRIVATE KEY-----"] }]
[[rules]]
id = "rest"
priority = 100
effect = "allow"
identities = "*"
tools = "*"
"#;

/// Where they are.
pub(super) struct Foreign {
    bin: PathBuf,
    dir: PathBuf,
}

/// One that listens.
pub(super) struct Listening {
    pub(super) process: Process,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
}

impl Foreign {
    pub(super) fn new(bin: &Path, stage: &Stage) -> Self {
        Self {
            bin: bin.to_owned(),
            dir: stage.world.dir().to_owned(),
        }
    }

    /// MCPDome in front of a command, with policy, its scan of injections, and pins.
    pub(super) fn dome(&self, server: &Path, place: &str) -> Command {
        let dir = self.dir.join(place);
        fs::create_dir_all(&dir).unwrap();
        let config = dir.join("thunder-dome.toml");
        fs::write(&config, DOME).unwrap();
        let mut dome = Command::new(self.bin.join("mcpdome"));
        dome.current_dir(dir).arg("proxy");
        dome.args(["--enforce-policy", "--enable-ward", "--enable-schema-pin"]);
        dome.args(["--log-level", "error", "--config"]).arg(config);
        dome.arg("--upstream").arg(server);
        // Its ledger, a line for each message.
        dome.stderr(Stdio::null());
        dome
    }

    /// One that says much on standard output, where nobody listens: it goes to its log.
    fn chatty(&self, name: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" >&2"]);
        command.arg(self.bin.join(name));
        command
    }

    /// `mcp-proxy` in front of a command. It has no policy.
    pub(super) async fn mcp_proxy(&self, stage: &Stage, server: &Path) -> Listening {
        let port = free().await;
        let mut proxy = self.chatty("mcp-proxy");
        proxy.args(["--host", "127.0.0.1", "--log-level", "ERROR", "--port"]);
        proxy.arg(port.to_string()).arg("--").arg(server);
        let process = Process::start(&stage.world, proxy);
        connected(port).await;
        Listening {
            process,
            url: format!("http://127.0.0.1:{port}/mcp"),
            headers: HeaderMap::new(),
        }
    }

    /// ContextForge in front of a URL, with sessions, without limits on rates, on SQLite.
    pub(super) async fn context_forge(&self, stage: &Stage, server: &str) -> Listening {
        let port = free().await;
        let (secret, salt) = (Stage::session(), Stage::session());
        let password = format!("Xq9-{}", Stage::session());
        let database = format!("sqlite:///{}/forge.db", self.dir.display());
        let mut forge = self.chatty("contextforge");
        forge.current_dir(&self.dir);
        forge.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        // Its other program does not start without them either.
        let settings = [
            ("HOST", "127.0.0.1"),
            ("DATABASE_URL", &database),
            ("JWT_SECRET_KEY", &secret),
            ("AUTH_ENCRYPTION_SECRET", &salt),
            ("BASIC_AUTH_PASSWORD", &password),
            ("PLATFORM_ADMIN_EMAIL", "admin@example.com"),
            ("PLATFORM_ADMIN_PASSWORD", &password),
            ("ENVIRONMENT", "development"),
            ("LOG_LEVEL", "ERROR"),
            ("CACHE_TYPE", "memory"),
            ("MCPGATEWAY_ADMIN_API_ENABLED", "true"),
            ("RATE_LIMITING_ENABLED", "false"),
            ("TOOL_RATE_LIMIT", "1000000"),
            ("PLUGINS_ENABLED", "false"),
            ("SSRF_ALLOW_LOCALHOST", "true"),
            ("SSRF_ALLOW_PRIVATE_NETWORKS", "true"),
            ("USE_STATEFUL_SESSIONS", "true"),
        ];
        forge.envs(settings);
        let process = Process::start(&stage.world, forge);
        connected(port).await;
        let mut token = Command::new(self.bin.join("contextforge-token"));
        token.current_dir(&self.dir).envs(settings);
        token.args(["--username", "admin@example.com", "--exp", "60", "--admin"]);
        let token = token.args(["--secret", &secret]).output().unwrap();
        let token = String::from_utf8(token.stdout).unwrap();
        let token = token.lines().last().unwrap();
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        headers.insert(AUTHORIZATION, bearer);
        let base = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let known = json!({"name": "up", "url": server, "transport": "STREAMABLEHTTP"});
        eventually("ContextForge takes a server", async || {
            let asked = http.post(format!("{base}/gateways")).json(&known);
            let answer = asked.headers(headers.clone()).send().await.ok()?;
            let tools = http.get(format!("{base}/tools")).headers(headers.clone());
            let tools: Value = tools.send().await.ok()?.json().await.ok()?;
            let listed = tools.as_array().is_some_and(|tools| !tools.is_empty());
            (answer.status().is_success() || listed).then_some(())
        })
        .await;
        Listening {
            process,
            url: format!("{base}/mcp/"),
            headers,
        }
    }
}

/// A port that nobody listens at.
async fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn connected(port: u16) {
    eventually("it listens", async || {
        TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
}
