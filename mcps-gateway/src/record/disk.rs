//! Brings records to the disk: those that came meanwhile at once, on a thread of its own. Whoever has to
//! know waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use mcps_core::clock::Clock;
use mcps_core::signer::Signer;
use tokio::sync::watch;

use super::RecordError;
use super::checkpoint::Checkpoint;
use super::log::Log;

/// How long records that nobody waits for may gather.
const GATHER: Duration = Duration::from_millis(20);
/// How often it is signed how far the records go, while there are new ones.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// How far the records are on the disk.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    synced: u64,
    /// Up to here it failed.
    failed: u64,
}

#[derive(Debug)]
struct State {
    log: Log,
    /// Something was written since it was last brought to the disk.
    dirty: bool,
    /// Somebody waits.
    urgent: bool,
    /// The last record that a checkpoint vouches for, or is one.
    signed: u64,
    closing: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    reached: watch::Sender<Reached>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The segments, and the thread that syncs them.
#[derive(Debug)]
pub(super) struct Disk {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    syncing: Option<JoinHandle<()>>,
}

impl Disk {
    pub(super) fn new(
        log: Log,
        signer: Option<Arc<dyn Signer>>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let state = State {
            signed: log.end().0,
            log,
            dirty: true,
            urgent: false,
            closing: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            reached: watch::Sender::default(),
        });
        let syncer = Syncer {
            shared: Arc::clone(&shared),
            signer,
            clock: Arc::clone(&clock),
            signed_at: None,
        };
        let builder = Builder::new().name("records".to_owned());
        let syncing = Some(builder.spawn(move || syncer.run())?);
        Ok(Self {
            shared,
            clock,
            syncing,
        })
    }

    /// Writes a record with these members, so that it is there should this process be killed. Its number
    /// and its text.
    pub(super) fn write(&self, said: &str) -> Result<(u64, String), RecordError> {
        let now = self.clock.now();
        let mut state = self.shared.state();
        let wrote = state.log.append(said, now);
        let clean = !state.dirty;
        state.dirty = true;
        drop(state);
        if clean {
            self.shared.wake.notify_one();
        }
        wrote.map_err(|error| {
            tracing::error!(error = %error, "a record cannot be written: {error}");
            RecordError::Unwritable
        })
    }

    /// Waits until a record is on the disk, so that it is there should the machine stop.
    pub(super) async fn synced(&self, seq: u64) -> Result<(), RecordError> {
        let mut reached = self.shared.reached.subscribe();
        let waits = |reached: &Reached| reached.synced < seq && reached.failed < seq;
        if waits(&reached.borrow()) {
            self.shared.state().urgent = true;
            self.shared.wake.notify_one();
        }
        let reached = reached.wait_for(|reached| !waits(reached)).await;
        match reached {
            Ok(reached) if reached.synced >= seq && reached.failed < seq => Ok(()),
            Ok(_) | Err(_) => Err(RecordError::Unsynced),
        }
    }

    /// Removes what is older than is kept.
    pub(super) fn prune(&self) {
        let now = self.clock.now();
        self.shared.state().log.prune(now);
    }

    #[cfg(test)]
    pub(super) fn replace(&self, file: std::fs::File) {
        self.shared.state().log.replace(file);
    }
}

/// What was written is on the disk before it is gone.
impl Drop for Disk {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.wake.notify_one();
        if let Some(syncing) = self.syncing.take() {
            drop(syncing.join());
        }
    }
}

/// The thread.
struct Syncer {
    shared: Arc<Shared>,
    signer: Option<Arc<dyn Signer>>,
    clock: Arc<dyn Clock>,
    signed_at: Option<Instant>,
}

impl Syncer {
    fn run(mut self) {
        loop {
            let closing = self.wait();
            if closing || self.due() == Some(Duration::ZERO) {
                self.sign();
            }
            self.sync();
            if closing {
                return;
            }
        }
    }

    /// Until there is something to do. Whether it is the last time.
    fn wait(&self) -> bool {
        let (shared, due) = (&self.shared, self.due());
        let mut state = shared.state();
        let idle = |state: &mut State| !state.dirty && !state.closing;
        state = match due {
            Some(due) => {
                let waited = shared.wake.wait_timeout_while(state, due, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = shared.wake.wait_while(state, idle);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        if state.dirty && !state.urgent && !state.closing {
            let gathering = |state: &mut State| !state.urgent && !state.closing;
            let waited = shared.wake.wait_timeout_while(state, GATHER, gathering);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.closing
    }

    /// In how long the next checkpoint is due; `None` where there is nothing new to sign.
    fn due(&self) -> Option<Duration> {
        self.signer.as_ref()?;
        let state = self.shared.state();
        let unsigned = state.log.end().0 > state.signed;
        drop(state);
        let passed = self.signed_at.map(|at| at.elapsed());
        let left = passed.map_or(Duration::ZERO, |passed| SIGN_EVERY.saturating_sub(passed));
        unsigned.then_some(left)
    }

    /// Signs how far the records go, and writes that down as one of them.
    fn sign(&mut self) {
        let Some(signer) = &self.signer else {
            return;
        };
        let (end, digest) = self.shared.state().log.end();
        if end <= self.shared.state().signed {
            return;
        }
        let at = self.clock.now();
        let signed = Checkpoint {
            seq: end,
            digest,
            at,
        }
        .sign(signer.as_ref());
        self.signed_at = Some(Instant::now());
        let mut state = self.shared.state();
        let wrote = match signed {
            Ok(said) => state
                .log
                .append(&said, at)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match wrote {
            // What came between is for the next one.
            Ok((seq, _)) => state.signed = if seq == end + 1 { seq } else { end },
            Err(error) => {
                drop(state);
                tracing::error!(error, "a checkpoint of records cannot be made: {error}");
            }
        }
    }

    fn sync(&self) {
        let mut state = self.shared.state();
        let upto = state.log.end().0;
        let files = state.log.unsynced();
        (state.dirty, state.urgent) = (false, false);
        drop(state);
        let done: std::io::Result<()> = files.iter().try_for_each(|file| file.sync_data());
        let failed = done.inspect_err(|error| {
            tracing::error!(error = %error, "records cannot be brought to the disk: {error}");
            // What the system has forgotten of this file it will not say again.
            self.shared.state().log.leave();
        });
        self.shared.reached.send_modify(|reached| match failed {
            Ok(()) => reached.synced = upto,
            Err(_) => reached.failed = upto,
        });
    }
}
