//! Clocks that are ten minutes off.

use std::sync::Arc;

use mcps_authority::{Config, serve};
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::code::Code;
use mcps_core::random::SystemRandom;

use crate::wire::{Hand, INITIALIZE, Process, Puppet, Served, Stage, call, time};
use crate::world::{World, run};

const TEN_MINUTES_MS: i64 = 600_000;

#[tokio::test]
async fn a_clock_ten_minutes_off_is_told_so() {
    for off_ms in [-TEN_MINUTES_MS, TEN_MINUTES_MS] {
        let mut served = Served::start();
        served.agent.off_ms = off_ms;
        let line = served.agent.seal(INITIALIZE);
        assert_eq!(served.refuses(&line).await, Code::OutOfWindow);
        served
            .wrap
            .says("ms off; the window is 300000 ms back")
            .await;
        served
            .wrap
            .says("Set the clocks of both machines (NTP)")
            .await;
        // Once it is set right, the same connection goes on.
        served.agent.off_ms = 0;
        served.agent.shows_passport = false;
        served.still_serves().await;
        served.agent.off_ms = off_ms;
        let line = served.agent.seal(&call(900));
        assert_eq!(served.refuses(&line).await, Code::OutOfWindow);
        served.agent.off_ms = 0;
        served.still_serves().await;
    }
}

#[tokio::test]
async fn a_window_that_was_widened_holds() {
    let mut served = Served::start_with(Stage::set(), &["--window", "1h"]);
    served.agent.off_ms = -TEN_MINUTES_MS;
    served.open().await;
    let line = served.agent.seal(&call(900));
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
    assert_eq!(served.refuses(&line).await, Code::Replayed);
    served.agent.off_ms = -7 * TEN_MINUTES_MS;
    let line = served.agent.seal(&call(901));
    assert_eq!(served.refuses(&line).await, Code::OutOfWindow);
}

/// A clock that is off.
#[derive(Debug)]
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        time(self.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_whose_clock_is_ten_minutes_off_is_told_so() {
    for (off_ms, code, said) in [
        (-TEN_MINUTES_MS, Code::AuthorityUnreachable, "clocks"),
        (
            TEN_MINUTES_MS,
            Code::InvalidPassport,
            "issued in the future",
        ),
    ] {
        let world = World::start();
        let key_file = world.dir().join("off.key");
        let config = Config {
            operator_key_file: Some(key_file.clone()),
            ..Config::local(world.dir().join("off"))
        };
        let authority = serve(config, Arc::new(Off(off_ms)), Arc::new(SystemRandom));
        let authority = authority.await.unwrap();
        let enrol = |kind: &str| {
            let home = world.home(kind);
            let mut command = world.mcps(&home);
            command
                .args(["passport", "request", "--authority", &authority.url()])
                .args([
                    "--name",
                    kind,
                    "--kind",
                    kind,
                    "--owner",
                    "tests@example.com",
                ])
                .args(["--level", "2", "--operator-key-file"])
                .arg(&key_file);
            run(&mut command).succeeded();
            home
        };
        let (agent, server) = tokio::task::block_in_place(|| (enrol("agent"), enrol("server")));
        let behind = Puppet::new(&world);
        let mut agent = Hand::of(&agent).speaking_to(&server);
        let mut wrap = world.program("mcps-wrap");
        wrap.env("MCPS_SESSION", &agent.session)
            .arg("--home")
            .arg(&server)
            .arg("--")
            .args(behind.command());
        let mut wrap = Process::start(&world, wrap);
        wrap.write(&agent.seal(INITIALIZE)).await;
        assert_eq!(wrap.refusal().await, code);
        wrap.says(said).await;
        authority.shutdown().await;
    }
}
