//! The stage of the tour: directories, an authority, identities, and the programs beside us.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mcps_client::authority::{AuthorityClient, PassportRequest};
use mcps_client::enrol;
use mcps_client::home::Home;
use mcps_core::clock::Clock;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Kind, Passport};
use mcps_core::random::{Random, hex16};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::DevOptions;

/// How long a program may take to come up.
const START: Duration = Duration::from_secs(30);
/// How often, and after which pauses, the files are removed.
const LEAVING: (u32, Duration) = (100, Duration::from_millis(20));

/// Everything that runs, and where it is.
pub(crate) struct Stage {
    dir: PathBuf,
    temporary: bool,
    bin: PathBuf,
    operator: String,
    authority: AuthorityClient,
    server: Vec<String>,
    bundled: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Ends with us: the child is killed when this is dropped.
    _authority_process: Child,
    /// Kept open: a pipe that nobody reads any more would end the authority in its first words.
    _authority_output: Lines<BufReader<ChildStdout>>,
}

impl Stage {
    pub(crate) async fn set(
        options: &DevOptions,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> anyhow::Result<Self> {
        let bin = std::env::current_exe()?
            .parent()
            .context("this program has no directory")?
            .to_owned();
        let (dir, temporary) = match &options.dir {
            Some(dir) => (dir.clone(), false),
            None => (
                std::env::temp_dir().join(format!("mcps-dev-{}", hex16(random.as_ref())?)),
                true,
            ),
        };
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(dir.join("logs"));
        made.with_context(|| format!("cannot create {}", dir.display()))?;
        let dir = fs::canonicalize(&dir)?;
        let bundled = options.command.is_empty();
        let server = if bundled {
            vec![program(&bin, "mcps-demo-server")?.display().to_string()]
        } else {
            options.command.clone()
        };
        let (process, output, url, operator) = start_authority(&bin, &dir).await?;
        let stage = Self {
            authority: AuthorityClient::new(&url)?,
            dir,
            temporary,
            bin,
            operator,
            server,
            bundled,
            clock,
            random,
            _authority_process: process,
            _authority_output: output,
        };
        stage.enrol("agent", Kind::Agent, 2, None).await?;
        stage.enrol("server", Kind::Server, 2, None).await?;
        Ok(stage)
    }

    /// Makes a key and a passport of level `level` in a home called `name`.
    pub(crate) async fn enrol(
        &self,
        name: &str,
        kind: Kind,
        level: u8,
        ttl_s: Option<u64>,
    ) -> anyhow::Result<Passport> {
        self.enrol_in("default", name, kind, level, ttl_s).await
    }

    /// The same for a member of that tenant.
    pub(crate) async fn enrol_in(
        &self,
        tenant: &str,
        name: &str,
        kind: Kind,
        level: u8,
        ttl_s: Option<u64>,
    ) -> anyhow::Result<Passport> {
        let home = self.home(name);
        if !home.path("key.pem").exists() {
            home.write_key(&SecretKey::generate(self.random.as_ref())?, false)?;
        }
        let request = PassportRequest {
            tenant: tenant.to_owned(),
            name: format!("dev-{name}"),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kind,
            owner: Some("dev@localhost".to_owned()),
            origin: None,
            capabilities: Vec::new(),
            trust_level: Some(level),
            ttl_s,
            ca: None,
        };
        let passport = enrol::request(&home, &self.authority, None, &self.operator, &request).await;
        passport.with_context(|| format!("cannot enrol {name}"))
    }

    pub(crate) async fn revoke(&self, passport: &Passport) -> anyhow::Result<()> {
        self.authority
            .revoke(&self.operator, passport.id(), "policy", Some("the tour"))
            .await?;
        Ok(())
    }

    pub(crate) fn home(&self, name: &str) -> Home {
        Home::new(self.dir.join(name))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) const fn is_temporary(&self) -> bool {
        self.temporary
    }

    pub(crate) fn url(&self) -> &str {
        self.authority.url()
    }

    /// Whether the server is the demo server, whose tools are known to be harmless.
    pub(crate) const fn is_bundled(&self) -> bool {
        self.bundled
    }

    pub(crate) fn server(&self) -> &[String] {
        &self.server
    }

    /// The command of a wrapped server, as words.
    pub(crate) fn wrapped(
        &self,
        home: &str,
        options: &[&str],
        server: &[String],
    ) -> anyhow::Result<Vec<String>> {
        let home = self.home(home).dir().display().to_string();
        let mut words = vec![
            program(&self.bin, "mcps-wrap")?.display().to_string(),
            "--home".to_owned(),
            home,
        ];
        words.extend(options.iter().map(|word| (*word).to_owned()));
        words.push("--".to_owned());
        words.extend(server.iter().cloned());
        Ok(words)
    }

    /// The command of `mcps connect` in front of `command`, as words.
    pub(crate) fn connected(&self, home: &str, command: &[String]) -> anyhow::Result<Vec<String>> {
        let home = self.home(home).dir().display().to_string();
        let own = program(&self.bin, "mcps")?.display().to_string();
        let mut words = vec![
            own,
            "--home".to_owned(),
            home,
            "connect".to_owned(),
            "--".to_owned(),
        ];
        words.extend(command.iter().cloned());
        Ok(words)
    }

    /// The command of `mcps connect` to a URL, as words.
    pub(crate) fn reached(&self, home: &str, url: &str) -> anyhow::Result<Vec<String>> {
        let home = self.home(home).dir().display().to_string();
        let own = program(&self.bin, "mcps")?.display().to_string();
        let words = [&own, "--home", &home, "connect", "--url", url];
        Ok(words.map(str::to_owned).to_vec())
    }

    /// The command of a gateway, as words.
    pub(crate) fn gateway(&self, config: &Path) -> anyhow::Result<Vec<String>> {
        let home = self.home("gateway").dir().display().to_string();
        let records = self.dir.join("logs/gateway.records");
        let own = program(&self.bin, "mcps-gateway")?.display().to_string();
        let (config, records) = (config.display().to_string(), records.display().to_string());
        let words = [
            &own,
            "--home",
            &home,
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            &config,
            "--record",
            &records,
        ];
        Ok(words.map(str::to_owned).to_vec())
    }

    /// What `mcps quarantine` says of the gateway.
    pub(crate) async fn quarantine(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let home = self.home("gateway").dir().to_owned();
        let mut command = Command::new(program(&self.bin, "mcps-gateway")?);
        command
            .arg("--home")
            .arg(home)
            .arg("quarantine")
            .args(arguments);
        let done = command.stdin(Stdio::null()).output().await?;
        if !done.status.success() {
            bail!(
                "mcps-gateway quarantine: {}",
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
        Ok(String::from_utf8(done.stdout)?)
    }

    /// The command of a server that shows another description of its first tool from the second
    /// list on.
    pub(crate) fn swapping(&self) -> anyhow::Result<Vec<String>> {
        let mut words = vec![
            program(&self.bin, "mcps")?.display().to_string(),
            "dev-swap".to_owned(),
            "--".to_owned(),
        ];
        words.extend(self.server.iter().cloned());
        Ok(words)
    }

    /// Where a program's own words go.
    pub(crate) fn log(&self, name: &str) -> anyhow::Result<File> {
        let path = self.dir.join("logs").join(name);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.temporary {
            return;
        }
        // What was started may still be writing down how far it came.
        for _ in 0..LEAVING.0 {
            match fs::remove_dir_all(&self.dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    std::thread::sleep(LEAVING.1);
                }
                _ => return,
            }
        }
    }
}

/// A program of ours, which stands beside this one.
fn program(bin: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = bin.join(name);
    if !path.is_file() {
        bail!(
            "{} is missing; build it with: cargo build --release --bins",
            path.display()
        );
    }
    Ok(path)
}

async fn start_authority(
    bin: &Path,
    dir: &Path,
) -> anyhow::Result<(Child, Lines<BufReader<ChildStdout>>, String, String)> {
    let key_file = dir.join("operator.key");
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("logs/authority.log"))?;
    let mut process = Command::new(program(bin, "mcps-authority")?)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.join("authority"))
        .arg("--operator-key-file")
        .arg(&key_file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .context("cannot start mcps-authority")?;
    let output = process
        .stdout
        .take()
        .context("mcps-authority has no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(url) = line.trim().strip_prefix("listening on ") {
                return Ok(url.to_owned());
            }
        }
        bail!(
            "mcps-authority ended; its words are in {}",
            dir.join("logs/authority.log").display()
        )
    };
    let url = tokio::time::timeout(START, listening)
        .await
        .context("mcps-authority did not come up")??;
    let operator = fs::read_to_string(&key_file);
    let operator = operator.with_context(|| format!("cannot read {}", key_file.display()))?;
    Ok((process, lines, url, operator.trim().to_owned()))
}
