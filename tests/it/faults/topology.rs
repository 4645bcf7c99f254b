//! What `scripts/topology` starts: the same parts as docker-compose.yml, as processes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running topology, which ends with this.
pub(super) struct Topology {
    script: Child,
    /// Both replicas: where, and which process.
    pub(super) replicas: Vec<(String, u32)>,
    /// The proxy before them, if there is one.
    pub(super) proxy: Option<String>,
    /// Where the wrapped server is, if there is one.
    pub(super) server: Option<String>,
    /// And the gateway before it.
    pub(super) gateway: Option<String>,
    pub(super) operator: String,
}

impl Topology {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let bin = crate::world::bin("mcps-authority");
        let mut script = Command::new(format!("{root}/scripts/topology"))
            .args(arguments)
            .env("MCPS_BIN", bin.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(script.stdout.take().unwrap());
        let (mut replicas, mut proxy, mut server, mut gateway) = (Vec::new(), None, None, None);
        let mut operator = String::new();
        for line in output.lines().map_while(Result::ok) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["authority", url, id] => replicas.push((url.to_owned(), id.parse().unwrap())),
                ["proxy", url, _] => proxy = Some(url.to_owned()),
                ["redis", _, _] => {}
                ["server", url, _] => server = Some(url.to_owned()),
                ["gateway", url, _] => gateway = Some(url.to_owned()),
                ["operator-key", file] => operator = std::fs::read_to_string(file).unwrap(),
                ["ready"] => {
                    return Self {
                        script,
                        replicas,
                        proxy,
                        server,
                        gateway,
                        operator: operator.trim().to_owned(),
                    };
                }
                _ => panic!("scripts/topology says {line}"),
            }
        }
        panic!("scripts/topology ended: {:?}", script.wait());
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        let id = self.script.id().to_string();
        drop(Command::new("kill").args(["-s", "TERM", &id]).status());
        for _ in 0..600 {
            if matches!(self.script.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(self.script.kill());
    }
}

#[test]
fn the_topology_serves_survives_a_dead_replica_and_ends_without_a_trace() {
    let topology = Topology::start(&[]);
    assert_eq!(topology.replicas.len(), 2);
    let server = topology.server.as_deref().unwrap();
    assert!(server.ends_with("/mcp"), "{server}");
    let alive = |id: u32| std::path::Path::new(&format!("/proc/{id}")).exists();
    let ids: Vec<u32> = topology.replicas.iter().map(|(_, id)| *id).collect();
    assert!(ids.iter().all(|id| alive(*id)));
    // Whoever was enrolled at the proxy is believed by the server, and by the gateway before it.
    let (agent, behind) = (topology.agent(), topology.behind());
    let done = agent.connect(server);
    assert!(done.stdout.contains("serverInfo"), "{done:?}");
    // For a minute it does not know what others accepted before Redis was new.
    agent.hears(&behind, "serverInfo");

    let (_, first) = topology.replicas[0];
    let mut kill = Command::new("kill");
    let killed = kill.args(["-s", "KILL", &first.to_string()]);
    assert!(killed.status().unwrap().success());
    // Whoever asks the proxy does not see it.
    let revoke = ["passport", "revoke", "--reason", "policy"];
    let mut revoke = agent.mcps(&revoke);
    crate::world::run(revoke.arg("--operator-key-file").arg(&agent.key)).succeeded();
    agent.hears(&behind, "MCPS-003");
    drop(topology);
    assert!(!ids.iter().any(|id| alive(*id)), "replicas outlive it");
}

/// Somebody who was enrolled at the proxy.
struct Agent {
    folder: tempfile::TempDir,
    key: std::path::PathBuf,
}

impl Topology {
    /// Where callers reach the demo server.
    fn behind(&self) -> String {
        format!("{}/demo", self.gateway.as_deref().unwrap())
    }

    fn agent(&self) -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("operator.key");
        std::fs::write(&key, &self.operator).unwrap();
        let agent = Agent { folder, key };
        let proxy = self.proxy.as_deref().unwrap();
        let words = ["passport", "request", "--name", "me", "--level", "2"];
        let mut request = agent.mcps(&words);
        request.args(["--owner", "me@example.com", "--authority", proxy]);
        crate::world::run(request.arg("--operator-key-file").arg(&agent.key)).succeeded();
        agent
    }
}

impl Agent {
    fn mcps(&self, words: &[&str]) -> Command {
        let mut command = Command::new(crate::world::bin("mcps"));
        let home = self.folder.path().join("home");
        command.arg("--home").arg(home).args(words);
        command
    }

    /// Begins sessions until one is answered with that.
    fn hears(&self, url: &str, what: &str) {
        for _ in 0..240 {
            if self.connect(url).stdout.contains(what) {
                return;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!(
            "{url} does not come to answer {what}: {:?}",
            self.connect(url)
        );
    }

    /// Begins a session, and hears what is answered.
    fn connect(&self, url: &str) -> crate::world::Done {
        let said = format!("{}\n", crate::wire::INITIALIZE);
        crate::world::run_with_input(&mut self.mcps(&["connect", "--url", url]), &said)
    }
}
