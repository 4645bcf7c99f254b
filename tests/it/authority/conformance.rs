//! The HTTP interface against the document that describes it: Schemathesis makes requests from
//! openapi/authority.json, sound ones and others, and holds every answer against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mcps_authority::hooks::adapter::Adapter;
use mcps_authority::hooks::authentication::Authentication;
use mcps_authority::hooks::signature::Verifier;
use mcps_authority::hooks::{Ceiling, Hook};
use serde_json::json;

use super::engine::Engine;
use super::world::{World, new_key};

/// How many requests for each operation, unless `MCPS_API_EXAMPLES` says otherwise (`make api-check`).
const EXAMPLES: &str = "12";

#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says where the peers are and how much is asked for"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/schemathesis")
}

/// Somebody of each kind for the requests to be about.
async fn people(world: &World) -> String {
    let mut passports = Vec::new();
    for name in ["agent-1", "agent-2", "agent-3"] {
        passports.push(world.issue(name, &new_key()).await.id().to_string());
    }
    let mut actions = Vec::new();
    for name in ["crawler", "spider"] {
        let target = json!({"kind": "agent", "tenant": "default", "name": name});
        let body = json!({"target": target, "reason": "policy"});
        let answer = world.post_as_operator("/v1/suspensions", &body).await;
        let id = answer.json()["action_id"].as_str().unwrap().to_owned();
        actions.push(id);
    }
    let mut keys = Vec::new();
    for usage in ["passport", "status"] {
        let body = json!({"use": usage});
        let answer = world.post_as_operator("/v1/authority-keys", &body).await;
        keys.push(answer.json()["kid"].as_str().unwrap().to_owned());
    }
    // As tests/peers/schemathesis/hooks.py signs.
    let soar = Hook {
        name: "soar".into(),
        adapter: Adapter::Generic,
        authentication: Authentication::Signature(Verifier::Hmac(vec![7; 32])),
        ceiling: Ceiling::Suspend,
        tenant: None,
        reach: 10,
        per_hour: 20,
        suspend_for: None,
        mapping: None,
        poll: None,
        disabled_at: None,
    };
    let db = world.database().await;
    db.set_hook(&soar, "test", world.now()).await.unwrap();
    db.close().await;
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        names.join(", ")
    };
    let config = fs::read_to_string(folder().join("schemathesis.toml")).unwrap();
    let hooks = folder().join("hooks.py");
    config
        .replace("@HOOKS@", hooks.to_str().unwrap())
        .replace("@PASSPORTS@", &list(&passports))
        .replace("@ACTIONS@", &list(&actions))
        .replace("@KEYS@", &list(&keys))
}

async fn check(world: &World) -> Output {
    let peers = environment("MCPS_TEST_PEERS")
        .expect("MCPS_TEST_PEERS is not set: run this with `make test` or under scripts/test-env");
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("schemathesis.toml");
    fs::write(&config, people(world).await).unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/authority.json");
    let examples = environment("MCPS_API_EXAMPLES").unwrap_or_else(|| EXAMPLES.to_owned());
    let mut command = Command::new(PathBuf::from(peers).join("bin/schemathesis"));
    command
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(document)
        .args(["--url", &world.running.url(), "--max-examples", &examples])
        .args(["--no-color", "--checks", "all"])
        .current_dir(place.path())
        .env("MCPS_OPERATOR_KEY", &world.operator)
        .env(
            "MCPS_API_TIME",
            (world.now().as_millis() / 1000).to_string(),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if environment("MCPS_API_EXAMPLES").is_none() {
        // The same every time: what it finds by chance is for `make api-check`.
        command.arg("--generation-deterministic");
    }
    let done = tokio::task::spawn_blocking(move || {
        let done = command.output();
        drop(place);
        done
    });
    done.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_the_answer_is_one_that_the_document_promises() {
    for engine in Engine::BOTH {
        let world = World::start(engine).await;
        let done = check(&world).await;
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success(),
            "on {engine:?}: {said}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(!said.contains(&world.operator), "the key is in the report");
        assert_eq!(world.get("/readyz").await.status, 200);
    }
}
