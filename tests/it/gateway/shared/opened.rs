//! Which Redis a gateway starts with, and which it does not.

use std::fs;

use super::super::redis::Redis;
use super::super::server::Server;
use super::super::{Gate, over_http};
use crate::certificates::Ca;
use crate::listen::caller::Caller;
use crate::wire::Stage;

#[tokio::test]
async fn what_cannot_be_opened_stops_the_start_and_says_why() {
    let (redis, stage) = (Redis::forgetful(), Stage::set());
    let dir = stage.world.dir();
    let home = stage.world.enrol("gateway", "gateway", 2);
    let table = redis.table(dir);
    let start = |table: &str, password: Option<&str>| {
        fs::write(
            dir.join("gateway.toml"),
            format!("{table}[tenant.default]\n"),
        )
        .unwrap();
        let mut program = stage.world.program("mcps-gateway");
        program.arg("--home").arg(&home).arg("serve");
        program.arg("--config").arg(dir.join("gateway.toml"));
        program.args(["--listen", "127.0.0.1:0"]);
        program.envs(password.map(|password| ("MCPS_SHARED_PASSWORD", password)));
        let done = program.output().unwrap();
        assert!(!done.status.success());
        let said = String::from_utf8(done.stderr).unwrap();
        let at = format!("the shared state at 127.0.0.1:{}", redis.port());
        assert!(said.contains(&at), "{said}");
        assert!(!said.contains(&redis.password), "{said}");
        said
    };
    let without = table.replace("password_file = \"redis-password\"\n", "");
    let said = start(&without, None);
    assert!(said.contains("asks for a password"), "{said}");
    let said = start(&without, Some("wrong-by-a-mile"));
    assert!(
        said.contains("takes neither this user name nor this password"),
        "{said}"
    );
    assert!(!said.contains("wrong-by-a-mile"), "{said}");
    redis.say("CONFIG SET maxmemory 100mb");
    redis.say("CONFIG SET maxmemory-policy allkeys-lru");
    let said = start(&table, None);
    assert!(said.contains("maxmemory-policy is allkeys-lru"), "{said}");
    redis.signal("KILL");
    let said = start(&table, None);
    assert!(said.contains("cannot be reached"), "{said}");
}

#[tokio::test]
async fn redis_is_spoken_to_over_tls_by_the_certificates_that_are_given() {
    let (redis, stage) = (Redis::encrypted(), Stage::set());
    let files = Server::with(&["look"]).await;
    let table = redis.table(stage.world.dir());
    assert!(table.contains("rediss://"), "{table}");
    let servers = over_http("files", &files);
    let mut gate = Gate::open_on(stage, &format!("{table}[tenant.default]\n{servers}")).await;
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    caller.open_session().await;
    let keys = redis.say("KEYS *");
    assert!(keys.contains("mcps:n:"), "{keys}");
    gate.process.kill().await;

    let dir = gate.stage.world.dir();
    let start = |table: &str| {
        fs::write(
            dir.join("gateway.toml"),
            format!("{table}[tenant.default]\n"),
        )
        .unwrap();
        let mut program = gate.stage.world.program("mcps-gateway");
        program.arg("--home").arg(&gate.home).arg("serve");
        program.arg("--config").arg(dir.join("gateway.toml"));
        program.args(["--listen", "127.0.0.1:0"]);
        let done = program.output().unwrap();
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    // Of another authority, of none that the machine knows, and of nobody's.
    fs::write(dir.join("redis-ca.pem"), Ca::new().pem).unwrap();
    let bare = table.replace("ca = \"redis-ca.pem\"\n", "");
    for table in [&table, &bare] {
        let said = start(table);
        assert!(said.contains("certificate is not believed"), "{said}");
        assert!(said.contains("`ca` of [shared]"), "{said}");
        assert!(!said.contains(&redis.password), "{said}");
    }
    fs::write(dir.join("redis-ca.pem"), "nothing").unwrap();
    let said = start(&table);
    assert!(
        said.contains("redis-ca.pem holds no certificates, PEM"),
        "{said}"
    );
    // Without TLS, where TLS is spoken.
    let said = start(&bare.replace("rediss:", "redis:"));
    assert!(said.contains("cannot be reached"), "{said}");
}
