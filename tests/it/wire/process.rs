//! One program, spoken to line by line; what it says on standard error is kept.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mcps_core::code::Code;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::world::World;

/// How long anything may take, on a busy machine, before it counts as a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something, for [`PATIENCE`].
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        tick.tick().await;
    }
}

/// The code of an error that one of our programs gave, if `line` is one.
pub(crate) fn code_of(line: &str) -> Option<Code> {
    let message: Value = serde_json::from_str(line).unwrap();
    let code = Code::from_id(message["error"]["data"]["code"].as_str()?)?;
    assert_eq!(message["error"]["code"], code.jsonrpc(), "{line}");
    assert_eq!(message["error"]["message"], code.title(), "{line}");
    Some(code)
}

/// A running program; killed when dropped.
pub(crate) struct Process {
    name: String,
    input: Option<ChildStdin>,
    output: Option<Lines<BufReader<ChildStdout>>>,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it. Its words go to a file of the world.
    pub(crate) fn start(world: &World, mut command: Command) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let program = PathBuf::from(command.get_program());
        let name = program.file_name().unwrap().to_string_lossy().into_owned();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = world.dir().join(format!("{name}-{number}.log"));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            name,
            input: child.stdin.take(),
            output: Some(BufReader::new(child.stdout.take().unwrap()).lines()),
            child,
            log,
        }
    }

    /// What it said on standard error up to now.
    pub(crate) fn words(&self) -> String {
        let words = fs::read_to_string(&self.log).unwrap();
        assert!(!words.contains("panicked"), "{}: {words}", self.name);
        words
    }

    /// Waits until it has said `text` on standard error.
    pub(crate) async fn says(&self, text: &str) {
        let what = format!("{} says `{text}`", self.name);
        eventually(&what, async || self.words().contains(text).then_some(())).await;
    }

    /// Writes bytes as they are.
    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("its input was closed");
        let written = tokio::time::timeout(PATIENCE, async {
            input.write_all(bytes).await?;
            input.flush().await
        });
        written.await.expect("it does not read").unwrap();
    }

    /// Writes one line to a program that may have ended.
    pub(crate) async fn try_write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input was closed");
        let line = format!("{line}\n");
        let written = tokio::time::timeout(PATIENCE, input.write_all(line.as_bytes()));
        drop(written.await.expect("it does not read"));
    }

    /// Writes one line.
    pub(crate) async fn write(&mut self, line: &str) {
        self.write_bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Reads one line; `None` at the end of its output.
    pub(crate) async fn read_to_end(&mut self) -> Option<String> {
        let Some(output) = &mut self.output else {
            return None;
        };
        match tokio::time::timeout(PATIENCE, output.next_line()).await {
            Ok(line) => line.unwrap(),
            Err(_) => panic!("{} hangs; it said: {}", self.name, self.words()),
        }
    }

    /// Reads one line.
    pub(crate) async fn read(&mut self) -> String {
        match self.read_to_end().await {
            Some(line) => line,
            None => panic!("{} ended; it said: {}", self.name, self.words()),
        }
    }

    /// Reads one line and returns the code that it refuses with.
    #[track_caller]
    pub(crate) fn refusal(&mut self) -> impl Future<Output = Code> {
        let caller = std::panic::Location::caller();
        async move {
            let line = self.read().await;
            code_of(&line).unwrap_or_else(|| panic!("{caller}: no refusal but {line}"))
        }
    }

    /// Writes one line and returns the code that it is refused with.
    pub(crate) async fn refuses(&mut self, line: &str) -> Code {
        self.write(line).await;
        self.refusal().await
    }

    /// Closes its standard input.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Closes its standard output.
    pub(crate) fn close_output(&mut self) {
        self.output = None;
    }

    /// Reads what it still writes and waits for its end: the exit code.
    pub(crate) async fn exit(&mut self) -> i32 {
        while self.read_to_end().await.is_some() {}
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => {
                let words = self.words();
                let code = status.unwrap().code();
                code.unwrap_or_else(|| panic!("{} was killed: {words}", self.name))
            }
            Err(_) => panic!("{} does not end; it said: {}", self.name, self.words()),
        }
    }

    /// Ends it at once, with no time for anything.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it has ended")
    }
}
