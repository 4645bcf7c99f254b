//! Which Redis a gateway starts with, and which it does not.

use std::fs;

use super::super::redis::Redis;
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
