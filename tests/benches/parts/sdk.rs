//! The TypeScript SDK as the client, in a process of its own: `tests/peers/clients/latency.mjs`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::it::wire::{Process, Stage};

/// It has a session of every way.
pub(super) struct Sdk(Process);

impl Sdk {
    pub(super) async fn open(stage: &Stage, bin: &Path, ways: &Value) -> Self {
        let mut process = Process::start(&stage.world, Command::new(bin.join("client-latency")));
        process.write(&ways.to_string()).await;
        assert_eq!(process.read().await, "ready", "{}", process.words());
        Self(process)
    }

    pub(super) async fn calls(&mut self, way: usize, calls: usize) -> Vec<Duration> {
        self.0.write(&format!("[{way},{calls}]")).await;
        let taken: Vec<f64> = serde_json::from_str(&self.0.read().await).unwrap();
        let micros = taken.into_iter();
        micros
            .map(|micros| Duration::from_secs_f64(micros / 1e6))
            .collect()
    }
}
