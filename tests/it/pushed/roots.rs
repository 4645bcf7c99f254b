//! The authority's root key changes under those that run.

use std::path::Path;
use std::process::Command;

use mcps_client::home::Home;
use mcps_core::code::Code;

use super::{OPTIONS, has_heard, is_live};
use crate::wire::{Facing, Process, Served, Stage, call, eventually};
use crate::world::{bin, run};

/// `mcps-authority keys` on the authority's own data.
fn keys(stage: &Stage, arguments: &[&str]) -> String {
    let mut command = Command::new(bin("mcps-authority"));
    command.arg("keys").args(arguments);
    command
        .arg("--data-dir")
        .arg(stage.world.dir().join("authority"));
    run(&mut command).succeeded().trim().to_owned()
}

fn pinned(home: &Path) -> String {
    Home::new(home).authority().unwrap().root_kid
}

async fn follows(process: &Process, home: &Path, root: &str) {
    process.says("is not believed any more").await;
    eventually("the new root is pinned", async || {
        (pinned(home) == root).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_running_wrapper_follows_to_the_new_root() {
    let stage = Stage::set();
    let new = keys(&stage, &["prepare", "--use", "root"]);
    let mut served = Served::start_with(stage, &OPTIONS);
    served.open().await;
    is_live(&served.wrap).await;
    served.still_serves().await;
    assert_ne!(pinned(&served.stage.server), new);
    assert_eq!(keys(&served.stage, &["activate", "--use", "root"]), new);
    follows(&served.wrap, &served.stage.server, &new).await;
    served.still_serves().await;
    // It goes on hearing what the authority tells.
    served.stage.revoke(&served.stage.agent);
    has_heard(&served.wrap, 2).await;
    let line = served.agent.seal(&call(900));
    assert_eq!(served.refuses(&line).await, Code::PassportRevoked);
    assert_eq!(
        served.wrap.words().matches("not believed any more").count(),
        1
    );
}

#[tokio::test]
async fn a_running_connect_follows_to_the_new_root() {
    let stage = Stage::set();
    let new = keys(&stage, &["prepare", "--use", "root"]);
    let mut facing = Facing::start_with(stage, &OPTIONS);
    facing.open().await;
    is_live(&facing.connect).await;
    keys(&facing.stage, &["activate", "--use", "root"]);
    follows(&facing.connect, &facing.stage.agent, &new).await;
    facing.still_delivers().await;
    facing.stage.revoke(&facing.stage.server);
    has_heard(&facing.connect, 2).await;
    facing.connect.write(&call(900)).await;
    assert_eq!(facing.refused(900).await, Code::PassportRevoked);
}
