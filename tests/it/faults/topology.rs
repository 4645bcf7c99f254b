//! What `scripts/topology` starts: the same parts as docker-compose.yml, as processes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running topology, which ends with this.
pub(super) struct Topology {
    script: Child,
    /// Both replicas: where, and which process.
    pub(super) replicas: Vec<(String, u32)>,
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
        let (mut replicas, mut server, mut gateway) = (Vec::new(), None, None);
        let mut operator = String::new();
        for line in output.lines().map_while(Result::ok) {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["authority", url, id] => replicas.push((url.to_owned(), id.parse().unwrap())),
                ["server", url, _] => server = Some(url.to_owned()),
                ["gateway", url, _] => gateway = Some(url.to_owned()),
                ["operator-key", file] => operator = std::fs::read_to_string(file).unwrap(),
                ["ready"] => {
                    return Self {
                        script,
                        replicas,
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
fn the_topology_serves_and_ends_without_a_trace() {
    let topology = Topology::start(&[]);
    assert_eq!(topology.replicas.len(), 2);
    let server = topology.server.as_deref().unwrap();
    assert!(server.ends_with("/mcp"), "{server}");
    let alive = |id: u32| std::path::Path::new(&format!("/proc/{id}")).exists();
    let ids: Vec<u32> = topology.replicas.iter().map(|(_, id)| *id).collect();
    assert!(ids.iter().all(|id| alive(*id)));
    let agent = tempfile::tempdir().unwrap();
    let key = agent.path().join("operator.key");
    std::fs::write(&key, &topology.operator).unwrap();
    // The second knows what the first was told, and the server believes both.
    let mut mcps = Command::new(crate::world::bin("mcps"));
    mcps.arg("--home")
        .arg(agent.path().join("home"))
        .args(["passport", "request", "--name", "me", "--level", "2"])
        .args(["--owner", "me@example.com"])
        .args(["--authority", &topology.replicas[1].0])
        .arg("--operator-key-file")
        .arg(&key);
    crate::world::run(&mut mcps).succeeded();
    let behind = format!("{}/demo", topology.gateway.as_deref().unwrap());
    for url in [server, &behind] {
        let mut connect = Command::new(crate::world::bin("mcps"));
        connect
            .arg("--home")
            .arg(agent.path().join("home"))
            .args(["connect", "--url", url]);
        let said = format!("{}\n", crate::wire::INITIALIZE);
        let done = crate::world::run_with_input(&mut connect, &said);
        assert!(done.stdout.contains("serverInfo"), "{url}: {done:?}");
    }
    drop(topology);
    assert!(!ids.iter().any(|id| alive(*id)), "replicas outlive it");
}
